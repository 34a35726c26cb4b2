import { refused } from '../../../src/core/http/chars.ts'
import { ChunkedDecoder } from '../../../src/core/http/chunked.ts'
import { drawChunks } from '../chunk-bytes.ts'
import { cutAt, cutsOf, type Fuzzer } from '../fuzzer.ts'
import { understoodByLlhttp } from '../llhttp-requests.ts'

const head = Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', 'latin1')

/** A body in chunks that depends on where it was cut, or that llhttp refuses or reads otherwise. */
export const chunked: Fuzzer = {
  name: 'chunked',
  make: draw => Buffer.from(drawChunks(draw, draw.of([0, 0, 0.1, 0.4])), 'latin1'),
  check: async input => {
    const whole = decode([input])
    const everywhere = decode(cutAt(input, cutsOf(input, 8)))
    const byBytes = decode(cutAt(input, [...input.keys()]))
    const expected = JSON.stringify(whole)
    if (JSON.stringify(everywhere) !== expected || JSON.stringify(byBytes) !== expected)
      return `whole ${expected}, in parts ${JSON.stringify(everywhere)}, by bytes ${JSON.stringify(byBytes)}`
    if (whole.end !== 'done') return null
    const theirs = await understoodByLlhttp(Buffer.concat([head, input.subarray(0, whole.used)]))
    return theirs?.body === whole.data ? null : `we read ${JSON.stringify(whole.data)}, llhttp ${theirs?.body}`
  },
}

function decode(portions: readonly Buffer[]) {
  const decoder = new ChunkedDecoder()
  let data = ''
  let used = 0
  for (const portion of portions) {
    let at = 0
    while (at < portion.length && !decoder.isDone) {
      if (decoder.dataLeft > 0) {
        const count = Math.min(decoder.dataLeft, portion.length - at)
        data += portion.toString('latin1', at, at + count)
        decoder.took(count)
        at += count
        continue
      }
      const after = decoder.read(portion, at, portion.length)
      if (after === refused) return { data, used: -1, end: decoder.fault }
      at = after
    }
    used += at
  }
  return { data, used, end: decoder.isDone ? 'done' : 'open' }
}
