/**
 * Server-sent events (WHATWG HTML, 9.2) as bytes that pass by: cut into whole events whatever the network did to them,
 * each with all of its bytes, so that what is not wanted can be left out and everything else goes on unchanged.
 */
import { joinBytes } from '../bytes.ts'
import { limits } from '../limits.ts'

export type SsePiece = {
  bytes: Uint8Array
  /** False for a part of an event that was too long to be kept whole, and for what a stream that ended left over. */
  isWhole: boolean
  /** An event ends with it. */
  ends: boolean
  /** The LF of an event that ended with a CR and has gone already: it goes the way of that event. */
  endsBefore?: true
}

const [lf, cr] = [0x0a, 0x0d]

export class SseSplitter {
  #held: Uint8Array[] = []
  #heldBytes = 0
  /** The line that is being read has no byte yet: if it ends so, the event ends. */
  #isLineEmpty = true
  /** The last byte was a CR: an LF would belong to it. */
  #afterCr = false
  /** Parts of this event have gone already. */
  #isCut = false
  /** The last event ended with a CR that was the last byte of its chunk. */
  #endedAtCr = false

  /**
   * The events, and parts of long ones, that end in this chunk. An event that ends with a CR waits for no LF, since none may
   * come; one that is there goes with it, so that who cuts at blank lines has the event when it came.
   */
  push(chunk: Uint8Array): SsePiece[] {
    const pieces: SsePiece[] = []
    let from = 0
    if (this.#endedAtCr && chunk[0] === lf) {
      pieces.push({ bytes: chunk.subarray(0, 1), isWhole: false, ends: false, endsBefore: true })
      from = 1
    }
    for (let at = 0; at < chunk.length; at += 1) {
      if (!this.#endsEvent(chunk[at] ?? 0)) continue
      const end = chunk[at] === cr && chunk[at + 1] === lf ? at + 2 : at + 1
      pieces.push(this.#release(chunk.subarray(from, end), true))
      this.#isCut = false
      from = end
    }
    if (chunk.length > 0) this.#endedAtCr = from === chunk.length && chunk[from - 1] === cr
    if (from < chunk.length) this.#hold(chunk.subarray(from))
    if (this.#heldBytes > limits.sseEventBytesMax) {
      this.#isCut = true
      pieces.push(this.#release(empty, false))
    }
    return pieces
  }

  /** What the stream left behind without an end. */
  end(): SsePiece[] {
    if (this.#heldBytes === 0) return []
    this.#isCut = true
    return [this.#release(empty, false)]
  }

  #endsEvent(byte: number): boolean {
    if (byte === lf && this.#afterCr) {
      this.#afterCr = false
      return false
    }
    this.#afterCr = byte === cr
    if (byte !== lf && byte !== cr) {
      this.#isLineEmpty = false
      return false
    }
    const ends = this.#isLineEmpty
    this.#isLineEmpty = true
    return ends
  }

  #hold(bytes: Uint8Array): void {
    // A chunk is a view of a read buffer, which is written again. Of a Buffer `slice` would be a view too.
    this.#held.push(new Uint8Array(bytes))
    this.#heldBytes += bytes.length
  }

  #release(last: Uint8Array, ends: boolean): SsePiece {
    const bytes = this.#held.length === 0 ? last : joinBytes([...this.#held, last])
    this.#held = []
    this.#heldBytes = 0
    return { bytes, isWhole: !this.#isCut, ends }
  }
}

const empty = new Uint8Array(0)
const utf8 = new TextDecoder()

export type SseEvent = {
  /** Null for the usual one. */
  name: string | null
  /** Its `data` lines, joined; null without any. */
  data: string | null
}

export function sseEvent(bytes: Uint8Array): SseEvent {
  const data: string[] = []
  let name: string | null = null
  for (const line of utf8.decode(bytes).split(/\r\n|\r|\n/)) {
    if (isField(line, 'data')) data.push(fieldValue(line, 'data'))
    else if (isField(line, 'event')) name = fieldValue(line, 'event')
  }
  return { name, data: data.length === 0 ? null : data.join('\n') }
}

function isField(line: string, name: string): boolean {
  return line.startsWith(name) && (line.length === name.length || line[name.length] === ':')
}

function fieldValue(line: string, name: string): string {
  return line.slice(name.length + 1).replace(/^ /, '')
}
