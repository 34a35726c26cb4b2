/** What may be wrong with a caller's body, whichever way it comes. */
import { CutoverError } from '../core/errors.ts'
import type { Inbound } from './inbound.ts'

/** Refuses a body by its stated length, before any of it is read. */
export function refuseStatedLength(inbound: Inbound, bytesMax: number): void {
  if (inbound.statedBytes !== null && inbound.statedBytes > bytesMax) throw tooLarge(bytesMax)
}

export function tooLarge(bytesMax: number): CutoverError {
  return new CutoverError('body-too-large', `the body is longer than ${bytesMax} bytes, the most that is taken here`)
}

export function callerLeft(): CutoverError {
  return new CutoverError('client-closed', 'the caller closed the connection before its request was complete')
}
