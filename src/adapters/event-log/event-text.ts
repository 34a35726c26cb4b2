/** Events as they are kept: JSON text, which every later version can read. */
import { CutoverError } from '../../core/errors.ts'
import type { ControlEvent } from '../../core/event.ts'

export function encodeEvent(event: ControlEvent): string {
  return JSON.stringify(event)
}

/**
 * Appending gives back the event as it will be read, decoded from its text, so that a state folded live and one folded
 * from the log cannot differ. Throws `store-failed` naming the event if the text is damaged.
 */
export function decodeEvent(seq: number, text: string): ControlEvent {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CutoverError('store-failed', `event ${seq} of the log cannot be read: it is not JSON`, [], error)
  }
}
