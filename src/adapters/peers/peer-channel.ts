/** Messages between two servers that share a database: one frame each, a length and what structured clone makes of it. */
import type { Duplex } from 'node:stream'
import { deserialize, serialize } from 'node:v8'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'

const lengthBytes = 4

export type PeerEvents<Heard> = {
  hear(message: Heard): void
  /** Once, however it ends; nothing is heard after it. */
  closed(detail: string): void
}

export class PeerChannel<Said, Heard> {
  readonly #socket: Duplex
  readonly #reader = new FrameReader()
  #events: PeerEvents<Heard> | null = null
  #detail = 'the other server closed the connection'
  #isClosed = false

  /** Whoever is at the other end has shown that it knows the key, so that it is believed what it says. */
  constructor(socket: Duplex) {
    this.#socket = socket
    socket.on('error', error => {
      this.#detail = error.message
    })
    socket.on('close', () => this.#close())
    socket.on('end', () => socket.end())
  }

  /** Nothing is read before. One that is closed by then says so, but not before this returns. */
  open(events: PeerEvents<Heard>): void {
    this.#events = events
    if (this.#isClosed) queueMicrotask(() => events.closed(this.#detail))
    this.#socket.on('data', (bytes: Buffer) => this.#read(bytes))
  }

  /** Nothing once it is closed. */
  say(message: Said): void {
    if (this.#isClosed || !this.#socket.writable) return
    const body = serialize(message)
    const head = Buffer.allocUnsafe(lengthBytes)
    head.writeUInt32BE(body.length)
    this.#socket.cork()
    this.#socket.write(head)
    this.#socket.write(body)
    this.#socket.uncork()
  }

  /** What was said before still goes out. */
  end(): void {
    this.#socket.end()
  }

  /** At once, and why where it is told. */
  cut(detail = this.#detail): void {
    this.#detail = detail
    this.#socket.destroy()
    this.#close()
  }

  #read(bytes: Buffer): void {
    try {
      for (const body of this.#reader.take(bytes)) {
        if (this.#isClosed) return
        this.#events?.hear(deserialize(body) as Heard)
      }
    } catch (error) {
      this.cut(error instanceof Error ? error.message : String(error))
    }
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events?.closed(this.#detail)
  }
}

/** Parts of a stream as they come, put together. */
class FrameReader {
  #parts: Buffer[] = []
  #held = 0

  /** The frames that these bytes complete. */
  take(bytes: Buffer): Buffer[] {
    this.#parts.push(bytes)
    this.#held += bytes.length
    const frames: Buffer[] = []
    for (let length = this.#nextLength(); this.#held >= lengthBytes + length; length = this.#nextLength()) {
      // A long frame comes in many parts, which are put together once.
      const all = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
      const end = lengthBytes + length
      frames.push(all.subarray(lengthBytes, end))
      this.#parts = [all.subarray(end)]
      this.#held = all.length - end
    }
    return frames
  }

  /** Infinite where even the length is not there yet. */
  #nextLength(): number {
    if (this.#held < lengthBytes) return Number.POSITIVE_INFINITY
    if ((this.#parts[0]?.length ?? 0) < lengthBytes) this.#parts = [Buffer.concat(this.#parts)]
    const length = this.#parts[0]?.readUInt32BE(0) ?? 0
    if (length <= limits.peerFrameBytesMax) return length
    const bound = limits.peerFrameBytesMax
    throw new CutoverError('internal', `a message of ${length} bytes is longer than the ${bound} that may come`)
  }
}
