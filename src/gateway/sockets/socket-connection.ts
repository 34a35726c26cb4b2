/**
 * One caller's connection: plain requests, one after the other, each answered before the next is looked at. The first that
 * is not plain takes the connection to node:http.
 */

import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { CutoverError } from '../../core/errors.ts'
import { byte, incomplete, refused } from '../../core/http/chars.ts'
import { parseRequestHead, RequestHead, unusual } from '../../core/http/request-head.ts'
import { limits } from '../../core/limits.ts'
import { attendHalfClosed } from '../half-closed.ts'
import { answerRaw, lateRequest } from '../node/node-listener.ts'
import { callerLeft } from '../request-body.ts'
import { ComingBody } from './coming-body.ts'
import { HandedOver } from './handed-over.ts'
import { type Reading, readSocket } from './read-socket.ts'
import { SocketInbound } from './socket-inbound.ts'
import { type AnswerEnd, SocketOutbound } from './socket-outbound.ts'
import type { SocketServerEvents } from './socket-server.ts'

/** Filled and used up within one call. */
const head = new RequestHead()
const nothing = Buffer.alloc(0)

/** How long a connection may be in a state, in milliseconds. */
export const patienceMs = {
  idle: limits.keepAliveMs,
  head: limits.clientHeaderTimeoutMs,
  body: limits.clientBodyTimeoutMs,
  rest: limits.lingerMs,
} as const

/** What the connection waits for; `answer` is on its way out, and after it the `rest` of a body that nobody reads. */
type Waiting = keyof typeof patienceMs | 'answer' | 'nothing'

export class SocketConnection implements AnswerEnd {
  readonly #events: SocketServerEvents
  readonly #reading: Reading
  readonly #socket: Socket
  readonly #remoteAddress: string
  readonly #onGone: () => void
  readonly #heldBodyBytes: number
  #waiting: Waiting = 'idle'
  #sinceMs = performance.now()
  /** Bytes of a request that is not whole, or sent ahead of an answer. */
  #held: Buffer = nothing
  #heldBytes = 0
  /** So many bytes make the held request whole; 0 where that is not known. */
  #wantedBytes = 0
  /** A long body or one in chunks, while some of it is to come. */
  #coming: ComingBody | null = null
  #closesAfterRest = false
  #outbound: SocketOutbound | null = null
  /** With a body that may be held. */
  #inbound: SocketInbound | null = null
  #handedOver: HandedOver | null = null
  #isDraining = false
  #isServing = false
  /** The caller sends nothing more. */
  #isHalfClosed = false

  constructor(accepted: Socket, events: SocketServerEvents, onGone: () => void) {
    this.#events = events
    this.#onGone = onGone
    this.#heldBodyBytes = events.heldBodyBytes ?? limits.wholeBodyBytesMax
    this.#remoteAddress = accepted.remoteAddress ?? 'unknown'
    this.#reading = readSocket(accepted, (bytes, end) => this.#onBytes(bytes, end))
    const { socket } = this.#reading
    this.#socket = socket
    socket.on('drain', () => this.#outbound?.onSocketDrain())
    socket.on('end', () => this.#onEnd())
    socket.on('error', ignore)
    socket.on('close', hadError => this.#onClose(hadError))
  }

  /** Ends once what is in flight has been answered; one that rests with its next answer, where it may still have one. */
  drain({ mayRest = false } = {}): void {
    this.#isDraining = true
    this.#outbound?.closeAfter()
    this.#closesAfterRest = true
    if (!mayRest && this.#waiting === 'idle') this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  checkTimes(nowMs: number): void {
    const waiting = this.#waiting === 'answer' && this.#coming !== null ? 'body' : this.#waiting
    if (waiting === 'answer' || waiting === 'nothing' || nowMs - this.#sinceMs < patienceMs[waiting]) return
    if (waiting === 'idle') this.#socket.destroy()
    else if (waiting === 'rest') this.#endOrderly()
    else this.#giveUp(new CutoverError('invalid-request', lateRequest), 408)
  }

  /** The request will never be whole. */
  #giveUp(error: CutoverError, status: number): void {
    const outbound = this.#outbound
    this.#events.onError(error)
    this.#wait('nothing')
    this.#outbound = null
    this.#coming?.fail(callerLeft())
    this.#coming = null
    this.#releaseBody()
    outbound?.callerLeft()
    // An answer that has begun breaks off, so that it cannot look whole.
    if (outbound?.hasBegun === true) this.#socket.destroy()
    else answerRaw(this.#socket, error, status)
  }

  get isFarFromNext(): boolean {
    return this.#coming !== null && this.#coming.left > limits.lingerBytesMax
  }

  onAnswered(closes: boolean): void {
    this.#outbound = null
    this.#releaseBody()
    if (this.#coming !== null) {
      // Read on within bounds: a connection that ends with bytes unread is reset, and takes the answer with it.
      this.#closesAfterRest = closes
      this.#wait('rest')
      this.#coming.drop()
      return
    }
    if (closes) {
      this.#endOrderly()
      return
    }
    this.#wait('idle')
    // Whoever answers at once is still within `#read`, which goes on by itself.
    if (!this.#isServing && this.#heldBytes > 0) this.#readHeld()
    if (this.#isHalfClosed && this.#isBetween) this.#endOrderly()
  }

  #releaseBody(): void {
    this.#inbound?.release()
    this.#inbound = null
  }

  /** No request is being answered, here or elsewhere. */
  get #isBetween(): boolean {
    return this.#outbound === null && this.#handedOver === null && this.#coming === null && !this.#isServing
  }

  #endOrderly(): void {
    this.#wait('nothing')
    this.#coming = null
    this.#socket.end(() => this.#socket.destroy())
  }

  #onBytes(bytes: Buffer, end: number): void {
    if (this.#handedOver !== null) this.#handedOver.onBytes(bytes.subarray(0, end))
    else if (this.#coming !== null) this.#takeBody(this.#coming, bytes, 0, end)
    else if (this.#waiting === 'answer') this.#hold(bytes, 0, end)
    else if (this.#waiting === 'nothing') return
    else if (this.#heldBytes === 0) this.#read(bytes, 0, end)
    else {
      this.#hold(bytes, 0, end)
      if (this.#mayBeWhole(bytes.subarray(0, end))) this.#readHeld()
    }
  }

  #takeBody(coming: ComingBody, bytes: Buffer, start: number, end: number): void {
    const after = coming.take(bytes, start, end)
    if (after === refused) {
      this.#refuse(coming)
      return
    }
    if (this.#coming !== null) {
      if (coming.droppedBytes > limits.lingerBytesMax) this.#endOrderly()
      return
    }
    if (this.#waiting === 'rest') {
      if (this.#closesAfterRest) this.#endOrderly()
      else this.#wait('idle')
    }
    if (this.#waiting === 'idle') this.#read(bytes, after, end)
    else if (this.#waiting === 'answer' && after < end) this.#hold(bytes, after, end)
  }

  /** Chunks that are none: where the next request begins is unknown. */
  #refuse({ fault }: ComingBody): void {
    // What was answered before this was read goes out, as it would have if this had come a moment later.
    this.#outbound?.flushIfDue()
    if (this.#waiting === 'rest') this.#endOrderly()
    else this.#giveUp(new CutoverError('invalid-request', `this is not HTTP/1.1: ${fault}`), 400)
  }

  /** A head is looked at again only when a line has ended: otherwise a byte at a time would cost the square of its length. */
  #mayBeWhole(newest: Buffer): boolean {
    if (this.#wantedBytes > 0) return this.#heldBytes >= this.#wantedBytes
    return newest.includes(byte.lf) || this.#heldBytes >= limits.headerBytesMax
  }

  #onEnd(): void {
    if (this.#handedOver !== null) {
      this.#handedOver.onEnd()
      return
    }
    this.#isHalfClosed = true
    if (this.#coming !== null && this.#waiting === 'answer') this.#giveUp(callerLeft(), 400)
    else if (this.#waiting === 'answer') this.#staysToRead()
    else this.#socket.destroy()
  }

  /** Its last answer ends the connection. */
  #staysToRead(): void {
    if (this.#heldBytes === 0) this.#outbound?.closeAfter()
    attendHalfClosed(this.#socket, () => this.#outbound)
  }

  #onClose(hadError: boolean): void {
    this.#wait('nothing')
    this.#held = nothing
    this.#coming?.fail(callerLeft())
    this.#coming = null
    this.#releaseBody()
    this.#outbound?.callerLeft()
    this.#outbound = null
    this.#handedOver?.onClose(hadError)
    this.#onGone()
  }

  #wait(waiting: Waiting): void {
    this.#waiting = waiting
    this.#sinceMs = performance.now()
  }

  #readHeld(): void {
    const held = this.#held
    const bytes = this.#heldBytes
    this.#held = nothing
    this.#heldBytes = 0
    this.#wantedBytes = 0
    this.#reading.resume()
    this.#read(held, 0, bytes)
  }

  /** Requests one after the other, as long as each is answered at once. */
  #read(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end) {
      const next = this.#readOne(bytes, at, end)
      if (next < 0) return
      at = next
      if (this.#waiting === 'idle') continue
      if (this.#waiting === 'answer') this.#hold(bytes, at, end)
      return
    }
  }

  /** Where the next request begins; -1 if this one is not served here or not whole. */
  #readOne(bytes: Buffer, start: number, end: number): number {
    const headEnd = parseRequestHead(bytes, start, end, head)
    if (headEnd === unusual) return this.#handOver(bytes, start, end)
    if (headEnd === incomplete) {
      if (end - start >= limits.headerBytesMax) return this.#handOver(bytes, start, end)
      return this.#holdPart(bytes, start, end, 0)
    }
    if (head.isChunked) return this.#serveChunks(bytes, headEnd, end)
    const { bodyBytes } = head
    const bodyEnd = headEnd + bodyBytes
    if (bodyEnd > end) {
      if (bodyBytes > this.#heldBodyBytes) return this.#serveLong(bytes, headEnd, end)
      return this.#holdPart(bytes, start, end, bodyEnd - start)
    }
    this.#serve(bodyBytes === 0 ? null : copyOf(bytes, headEnd, bodyEnd))
    return bodyEnd
  }

  /** The body's first bytes wait until somebody reads it. */
  #serveLong(bytes: Buffer, start: number, end: number): number {
    const coming = this.#comingBody(head.bodyBytes)
    coming.take(bytes, start, end)
    this.#serveComing(coming)
    return end
  }

  /** Where the next request begins, if the body has come with its head: then it is as any other that is whole. */
  #serveChunks(bytes: Buffer, start: number, end: number): number {
    const coming = this.#comingBody(null)
    const after = coming.take(bytes, start, end)
    if (coming.isWhole) {
      const body = coming.takeWaiting()
      this.#serve(body.length === 0 ? null : body)
      return after
    }
    this.#serveComing(coming)
    if (after === refused) this.#refuse(coming)
    return end
  }

  #comingBody(bytes: number | null): ComingBody {
    return new ComingBody(bytes, this.#reading, () => {
      this.#coming = null
    })
  }

  #serveComing(coming: ComingBody): void {
    this.#coming = coming
    // Until somebody reads it.
    coming.pause()
    // A body's time counts from the head's first byte on.
    if (this.#waiting === 'idle') this.#sinceMs = performance.now()
    this.#serve(coming)
  }

  #serve(body: Buffer | ComingBody | null): void {
    const inbound = new SocketInbound(head, body, { remoteAddress: this.#remoteAddress, memory: this.#events.bodies })
    if (body instanceof ComingBody) this.#inbound = inbound
    const request = { isHead: head.method === 'HEAD', closes: head.closes || this.#isDraining }
    const outbound = new SocketOutbound(this.#socket, this, request)
    this.#outbound = outbound
    // Whose time is not this connection's to measure: no clock is read for it.
    this.#waiting = 'answer'
    this.#isServing = true
    this.#events.visit({ inbound, outbound })
    this.#isServing = false
  }

  #holdPart(bytes: Buffer, start: number, end: number, wantedBytes: number): -1 {
    const isNew = this.#waiting === 'idle'
    this.#hold(bytes, start, end, wantedBytes)
    this.#wantedBytes = wantedBytes
    // A body's time counts from the head's first byte on, as a slow head's does.
    if (isNew || (wantedBytes > 0 && this.#waiting === 'head')) this.#wait(wantedBytes > 0 ? 'body' : 'head')
    return -1
  }

  #hold(bytes: Buffer, start: number, end: number, wantedBytes = 0): void {
    const total = this.#heldBytes + end - start
    if (total > this.#held.length) {
      const room = Buffer.allocUnsafe(Math.max(wantedBytes, total, Math.min(2 * this.#held.length, 256 * 1024)))
      this.#held.copy(room, 0, 0, this.#heldBytes)
      this.#held = room
    }
    bytes.copy(this.#held, this.#heldBytes, start, end)
    this.#heldBytes = total
    if (this.#waiting === 'answer' && total > limits.pipelinedBytesMax) this.#reading.pause()
  }

  #handOver(bytes: Buffer, start: number, end: number): -1 {
    const connection = new HandedOver(this.#reading, Buffer.from(bytes.subarray(start, end)))
    this.#handedOver = connection
    this.#wait('nothing')
    this.#events.handOver(connection)
    if (this.#isHalfClosed) connection.onEnd()
    return -1
  }
}

function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start)
  bytes.copy(copy, 0, start, end)
  return copy
}

function ignore(): void {}
