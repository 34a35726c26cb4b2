import { disagreement, prefixFault } from '../compare-requests.ts'
import type { Fuzzer } from '../fuzzer.ts'
import { requestBytes } from '../request-bytes.ts'

/** A request that our parser takes and llhttp does not, or takes for another one. */
export const requests: Fuzzer = {
  name: 'requests',
  make: draw => requestBytes(draw.below, draw.below(5)),
  check: async input => prefixFault(input) ?? (await disagreement(input)),
}
