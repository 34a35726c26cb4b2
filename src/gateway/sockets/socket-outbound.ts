/** The answer to a plain request, on its socket. */
import { Buffer } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Blocks } from '../../core/blocks.ts'
import { lastOf } from '../../core/last-of.ts'
import { limits } from '../../core/limits.ts'
import { TurnEnd } from '../../core/turn-end.ts'
import { interimAnswer } from '../half-closed.ts'
import type { Outbound, OutboundWatcher } from '../inbound.ts'
import { takenBytes } from '../taken-bytes.ts'

const nothing = Buffer.alloc(0)

/** What the connection has to know of its answer. */
export type AnswerEnd = {
  /** All of it has been handed to the network. `closes`: the connection ends with it. */
  onAnswered(closes: boolean): void
  /** So much of the request is still to come that the connection is not worth keeping for another one. */
  readonly isFarFromNext: boolean
}

/** Up to this a piece is written as text beside what goes before it, in one system call; a longer one by itself. */
const textBytesMax = 16 * 1024

const blocks = new Blocks({ blockBytes: 64 * 1024, freeMax: 64 })

export class SocketOutbound implements Outbound {
  hasBegun = false
  isClosed = false
  readonly #socket: Socket
  readonly #end: AnswerEnd
  readonly #isHead: boolean
  #closes: boolean
  #watcher: OutboundWatcher | null = null
  /** Latin-1, not written yet. */
  #text = ''
  #isFlushDue = false
  #isChunked = false
  #hasNoBody = false
  #hasEnded = false

  constructor(socket: Socket, end: AnswerEnd, request: { isHead: boolean; closes: boolean }) {
    this.#socket = socket
    this.#end = end
    this.#isHead = request.isHead
    this.#closes = request.closes
  }

  get takenBytes(): number {
    return takenBytes(this.#socket)
  }

  watch(watcher: OutboundWatcher): void {
    this.#watcher = watcher
  }

  /** The connection is to end with this answer, if that can still be told. */
  closeAfter(): void {
    this.#closes = true
  }

  sendInterim(): void {
    if (!this.hasBegun && !this.isClosed && this.#text === '') this.#socket.write(interimAnswer, 'latin1')
  }

  begin(status: number, lines: string, bodyBytes: number | null, ownLines = ''): void {
    if (this.isClosed) return
    this.#hasNoBody = this.#isHead || status === 204 || status === 304
    this.#isChunked = bodyBytes === null && !this.#hasNoBody
    let head = statusLine(status) + lines + ownLines
    if (bodyBytes !== null) head += lengthLine(bodyBytes)
    else if (this.#isChunked) head += 'transfer-encoding: chunked\r\n'
    if (!hasDate(lines)) head += `date: ${httpDate()}\r\n`
    if (this.#closes) head += 'connection: close\r\n'
    this.#text = `${head}\r\n`
    this.#flushSoon()
  }

  write(chunk: Uint8Array): boolean {
    if (this.isClosed || this.#hasNoBody || chunk.length === 0) return true
    if (this.#isChunked) this.#text += `${chunk.length.toString(16)}\r\n`
    if (chunk.length <= textBytesMax) this.#text += asBuffer(chunk).toString('latin1')
    else {
      this.#flush()
      const copy = blocks.copy(chunk)
      this.#socket.write(copy, () => blocks.release(copy))
    }
    if (this.#isChunked) this.#text += '\r\n'
    if (this.#text.length > textBytesMax) this.#flush()
    else this.#flushSoon()
    if (this.#socket.writableLength + this.#text.length <= limits.answerBufferBytesMax) return true
    // The socket tells of its draining where it holds too much by itself: of text beside it, it knows nothing.
    this.#flush()
    return !this.#socket.writableNeedDrain
  }

  end(): void {
    if (this.isClosed || this.#hasEnded) return
    this.#hasEnded = true
    if (this.#isChunked) this.#text += '0\r\n\r\n'
    this.#flushSoon()
  }

  answer(status: number, lines: string, body: Buffer, closes: boolean): void {
    if (closes || this.#end.isFarFromNext) this.#closes = true
    this.begin(status, lines, body.length)
    this.write(body)
    this.end()
    this.flushIfDue()
  }

  cut(): void {
    if (this.isClosed) return
    this.#socket.destroy()
    this.callerLeft()
  }

  /** The socket has taken all that was held. */
  onSocketDrain(): void {
    if (this.isClosed) return
    if (!this.#hasEnded) this.#watcher?.onAnswerDrain()
    // Its last bytes may not have been given to the socket yet.
    else if (!this.#isFlushDue) this.#answered()
  }

  callerLeft(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#text = ''
    this.#watcher?.onAnswerClosed(false)
  }

  #answered(): void {
    this.isClosed = true
    this.#watcher?.onAnswerClosed(true)
    this.#end.onAnswered(this.#closes)
  }

  /** What comes in this turn goes out together; a stream of events may be long in coming. */
  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    answers.add(this)
  }

  flushIfDue(): void {
    if (!this.#isFlushDue) return
    this.#isFlushDue = false
    if (this.isClosed) return
    this.#flush()
    if (this.#hasEnded) this.#leave()
  }

  #leave(): void {
    if (this.#socket.writableLength === 0) this.#answered()
    // What is held may be too little for the socket to tell of its leaving: of TLS, whose bytes leave later, it always is.
    else this.#socket.write(nothing, error => error ?? this.onSocketDrain())
  }

  #flush(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    this.hasBegun = true
    this.#socket.write(text, 'latin1')
  }
}

/** Of all connections. */
const answers = new TurnEnd<SocketOutbound>(setImmediate, outbound => outbound.flushIfDue())

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** A model server's fields change once a second, with their date. */
const hasDate = lastOf(
  (lines: string) => lines.startsWith('Date: ') || lines.includes('\nDate: ') || /^date:/im.test(lines),
)

const lengthLine = lastOf((bytes: number) => `content-length: ${bytes}\r\n`)

const ok = statusLineOf(200)

function statusLine(status: number): string {
  return status === 200 ? ok : statusLineOf(status)
}

function statusLineOf(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
}

let dateText = ''
let dateSecond = 0

/** Made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1_000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1_000).toUTCString()
  }
  return dateText
}
