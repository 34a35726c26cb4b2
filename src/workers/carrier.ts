/** Who carries out what a gateway of a server that stands by has to be done: the server that decides, whichever that is. */
import type { Call, Reply } from './messages.ts'

/** Null where it could not be told whether it was done. */
export type Carrier = (call: Call) => Promise<Reply | null>

/** Where none will come either. */
export const nobody: Carrier = async call => unanswered(call)

export function unanswered(call: Call): Reply {
  if (call.kind === 'recall') return { kind: 'recalled', answered: null }
  const message =
    'no server decides at the moment: the other one is gone, and this one waits to follow it. Send it again'
  return { kind: 'failed', error: { code: 'store-failed', message } }
}
