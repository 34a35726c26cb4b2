import type { Socket } from 'node:net'
import type { CutoverError } from '../../../../core/errors.ts'
import { AnswerReader } from '../../../../core/http/answer-reader.ts'
import { refused } from '../../../../core/http/chars.ts'
import type { ResponseHead } from '../../../../core/http/response-head.ts'
import { TurnEnd } from '../../../../core/turn-end.ts'
import { Beginning } from './beginning.ts'
import { type Call, CallList } from './call.ts'
import { failures } from './failures.ts'
import { bodyApart, isOneText, pieceWritten, requestText } from './request-text.ts'
import { openSocket, type SocketListener } from './socket.ts'
import type { Target, TlsOptions } from './target.ts'

/** What a connection tells the pool that it is in. */
export interface ConnectionOwner {
  nowMs(): number
  /** Something becomes overdue at this time. */
  dueBy(dueMs: number): void
  /** How many requests may be under way on one connection. */
  readonly pipelining: number
  opened(connection: Connection): void
  /** It takes another call, as of now. */
  freed(connection: Connection, nowMs: number): void
  /** Its server has answered what its code threw: it may be about to close it. Whether it was used before is told too. */
  threw(connection: Connection, isUsedAgain: boolean, nowMs: number): void
  /** It was closed right after such an answer, or has outlived it. */
  closedThrown(): void
  keptThrown(): void
  /** It was used again, or has outlived the time within which servers close that keep none. */
  kept(connection: Connection, nowMs: number): void
  /** The server closed it right after an answer, without having said that it would. */
  closedUnsaid(): void
  /** The server said with its first answer that it would be the only one. */
  closedAfterOne(): void
  /** It never opened, for this reason; `lost` comes too. */
  unreachable(cause: Error): void
  lost(connection: Connection, wasOpen: boolean): void
  /** Of this call no byte was sent, or none that the server deals with. */
  unsent(call: Call): void
}

/** Nothing, or something, came behind an answer; or it ended with its connection. */
type Ending = 'clean' | 'followed' | 'by-close'

/**
 * Idle connections are closed after this time. It is shorter than what common servers use (gunicorn 2 s, uvicorn and
 * Node 5 s), because a request sent while the server closes the connection is lost.
 */
const keepAliveMs = 1_500
/** Servers that keep no connection and do not say so close it within this time after an answer. */
export const soonMs = 100
/** uvicorn, hence most model servers in Python, answers so what their code threw, and then closes the connection unsaid. */
const threwStatus = 500
/** A server, or a proxy before it, may say so when it closes an idle connection: no request came in time. */
const lateStatus = 408
const onKept = ' on a connection that it had kept open'
/** What a server says about its keeping of connections is taken with this to spare. */
const keepAliveSpareMs = 500

/**
 * One connection and the calls that were written to it, whose answers come in the same order. Whatever makes that order
 * doubtful (a malformed answer, bytes that belong to none, an end in the middle) closes it.
 */
export class Connection implements SocketListener {
  readonly #owner: ConnectionOwner
  readonly #target: Target
  readonly #socket: Socket
  readonly #reader: AnswerReader
  readonly #calls = new CallList()
  /** Calls that go out when the turn is over, together where several may be under way. */
  #gathered: CallList | null = null
  #state: 'opening' | 'open' | 'closed' = 'opening'
  /** When it is given up: as long as it opens, and while it is idle. */
  #untilMs: number
  /** It has answered. */
  wasUsed = false
  /** All that was asked of it has been answered, once at least: what it is asked from then on shows whether it is kept. */
  #hasRested = false
  /** It has answered nothing since it rested; the first call since then was sent at that time. */
  #isResting = false
  #askedMs = 0
  /** It may be used again when it is still there after a while. */
  isProving = false
  /** When the last answer ended. */
  #restsSinceMs = 0
  #isPaused = false
  #isCorked = false
  #beginning: Beginning | null = null

  constructor(owner: ConnectionOwner, target: Target, tls: TlsOptions, openByMs: number) {
    this.#owner = owner
    this.#target = target
    this.#untilMs = openByMs
    this.#reader = new AnswerReader({
      head: (head, bodyBytes) => this.#answered(head, bodyBytes),
      body: (chunk, isLast) => this.#heardBody(chunk, isLast),
    })
    this.#socket = openSocket(target, tls, this)
  }

  /** Whether a request can be written: the server may have closed without our having been told yet. */
  get isUsable(): boolean {
    const socket = this.#socket
    return this.#state === 'open' && socket.writable && !socket.destroyed && !socket.readableEnded
  }

  /** Takes a call while others are gathered in this turn. */
  get hasRoom(): boolean {
    const gathered = this.#gathered
    return gathered !== null && gathered.size > 0 && this.#load < this.#owner.pipelining && this.isUsable
  }

  get #load(): number {
    return this.#calls.size + (this.#gathered?.size ?? 0)
  }

  /** A call that is not one text has the connection to itself. */
  send(call: Call): void {
    call.connection = this
    if (isOneText(call.request)) {
      this.#gather(call)
      return
    }
    this.#calls.add(call)
    this.#listenTo(call, this.#owner.nowMs())
    this.#write(call)
  }

  get needsDrain(): boolean {
    return this.#socket.writableNeedDrain
  }

  /** False: wait for the socket to drain. */
  writePiece(call: Call, part: string | Buffer): boolean {
    if (this.#state !== 'open') return true
    this.#cork()
    const goesOn =
      typeof part === 'string' ? this.#socket.write(part, 'latin1') : this.#socket.write(part, () => pieceWritten(part))
    this.#await(call)
    return goesOn
  }

  bodyEnded(call: Call): void {
    this.#await(call)
  }

  /** The call wants more of its answer, or no more for now. */
  heed(call: Call): void {
    if (call !== this.#calls.first) return
    this.#setPaused(call.isPaused)
    this.#await(call)
  }

  /** Nobody waits for this call any more. Others on the same connection keep it open, and its answer is dropped. */
  abandon(call: Call): void {
    if (call === this.#calls.first && this.#reader.isDone) return
    if (call.list !== this.#calls) this.#gathered?.remove(call)
    else if (this.#calls.size > 1) this.#setPaused(this.#calls.first?.isPaused === true && this.#calls.first !== call)
    else this.#close(null, null)
  }

  /** Idle from now on, and not to be used within this time. */
  prove(forMs: number, nowMs: number): void {
    this.isProving = true
    this.#untilMs = nowMs + forMs
    this.#owner.dueBy(this.#untilMs)
  }

  /** Idle from now on; until when is told by what the server said. */
  rest(nowMs: number): void {
    this.#untilMs = nowMs + restMs(this.#reader.head)
    this.#owner.dueBy(this.#untilMs)
  }

  /** Fails what is overdue and returns when something is next. */
  sweep(nowMs: number): number {
    if (this.#state === 'closed') return Number.POSITIVE_INFINITY
    if (this.#load === 0 || this.#state === 'opening') {
      if (nowMs < this.#untilMs) return this.#untilMs
      // What the server did meanwhile is heard within this turn, however late the turn is.
      if (this.isProving) {
        setImmediate(proved, this)
        return Number.POSITIVE_INFINITY
      }
      this.#close(null, null)
      return Number.POSITIVE_INFINITY
    }
    let nextMs = Number.POSITIVE_INFINITY
    for (let call = this.#calls.first; call !== null; ) {
      const after = call.next
      if (call.dueMs <= nowMs) this.#overdue(call, nowMs)
      else nextMs = Math.min(nextMs, call.dueMs)
      call = after
    }
    return nextMs
  }

  /** Closes it while it is idle. */
  retire(): void {
    this.#close(null, null)
  }

  /** Cuts what is in flight. */
  destroy(error: CutoverError): void {
    for (let call = this.#calls.first; call !== null; call = call.next) call.fail(error)
    this.#close(null, null)
  }

  opened(): void {
    if (this.#state !== 'opening') return
    this.#state = 'open'
    this.#owner.opened(this)
  }

  heard(bytes: Buffer, length: number): boolean {
    let at = 0
    while (at < length && this.#state === 'open') {
      const call = this.#calls.first
      if (call === null) this.#close(null, null)
      else at = this.#readFor(call, bytes, at, length)
    }
    return !this.#isPaused
  }

  drained(): void {
    const call = this.#calls.first
    if (call === null || call.upload === null) return
    this.#await(call)
    call.upload.drained()
  }

  ended(): void {
    const call = this.#calls.first
    if (this.#state === 'open' && call !== null && this.#reader.endsByClose()) this.#complete(call, 'by-close')
    else this.gone(null)
  }

  gone(cause: Error | null): void {
    if (this.#state === 'opening' && cause !== null) this.#owner.unreachable(cause)
    if (this.#state === 'open' && this.#closedSoon())
      if (this.#hasThrown) this.#owner.closedThrown()
      else this.#owner.closedUnsaid()
    this.#close(null, cause)
  }

  proved(): void {
    if (!this.isProving) return
    this.isProving = false
    if (this.#state !== 'open') return
    if (this.#hasThrown) this.#owner.keptThrown()
    this.#owner.kept(this, this.#owner.nowMs())
  }

  get #hasThrown(): boolean {
    return this.wasUsed && this.#reader.head.status === threwStatus
  }

  #closedSoon(): boolean {
    const isBetween = this.#calls.first === null || !this.#reader.hasBegun
    return this.wasUsed && isBetween && this.#owner.nowMs() - this.#restsSinceMs <= soonMs
  }

  /** The position after what was read. */
  #readFor(call: Call, bytes: Buffer, at: number, end: number): number {
    const after = this.#reader.read(bytes, at, end)
    if (this.#beginning !== null && after !== refused) this.#tellBeginning(call)
    if (this.#state === 'closed') return end
    if (after === refused) {
      this.#close(failures.malformed(this.#target.name, this.#reader.fault), null)
      return end
    }
    if (this.#reader.isDone) this.#complete(call, after === end ? 'clean' : 'followed')
    else if (call.hasHead) this.#await(call)
    return after
  }

  #answered(head: ResponseHead, bodyBytes: number | null): void {
    const call = this.#calls.first
    if (this.#isUnasked(head)) {
      this.#closeUnasked(call)
      return
    }
    // A server that refuses does not want the rest; one that agrees may answer while it reads.
    if (head.status >= 300) call?.upload?.stop()
    if (head.isChunked) this.#beginning = new Beginning(bodyBytes)
    else call?.answered(head.status, head.fields, bodyBytes)
  }

  /**
   * Whether it had been on its way when its call was sent, and answers none (RFC 9112, 9.3): as the two cross, it comes no later
   * than a way there and back takes.
   */
  #isUnasked({ status, persists }: ResponseHead): boolean {
    return status === lateStatus && !persists && this.#isResting && this.#owner.nowMs() - this.#askedMs <= soonMs
  }

  /** Nothing that was sent has been dealt with: it goes out again, unless its body is gone. */
  #closeUnasked(call: Call | null): void {
    if (call?.upload == null) this.#closeAsSaid(true)
    else this.#close(failures.brokeOff(this.#target.name, `before it answered${onKept}`, null), null)
  }

  #heardBody(chunk: Buffer, isLast: boolean): void {
    if (this.#beginning === null) this.#calls.first?.heard(chunk, isLast)
    else this.#beginning.add(chunk, isLast)
  }

  #tellBeginning(call: Call): void {
    const beginning = this.#beginning
    this.#beginning = null
    beginning?.tell(call, this.#reader.head)
  }

  #complete(call: Call, ending: Ending): void {
    this.#calls.remove(call)
    const isUsedAgain = this.wasUsed
    this.wasUsed = true
    this.#isResting = false
    const nowMs = this.#owner.nowMs()
    this.#restsSinceMs = nowMs
    const next = this.#calls.first
    if (ending !== 'by-close' && !this.#reader.head.persists) this.#closeAsSaid(isUsedAgain)
    else if (!this.#outlives(call, next) || (next === null && ending !== 'clean')) this.#close(null, null)
    else if (next !== null) this.#listenTo(next, nowMs)
    else this.#free(this.#hasRested, nowMs)
    call.complete()
  }

  /**
   * An answer before the whole request is no sign that the server reads on. With calls behind it, what is unsent is theirs, and
   * how long the server keeps a connection that is idle is no matter yet.
   */
  #outlives(call: Call, next: Call | null): boolean {
    const { head } = this.#reader
    const isSent = call.upload === null ? next !== null || this.#socket.writableLength === 0 : call.upload.isEnded
    return head.persists && isSent && this.isUsable && (next !== null || restMs(head) > 0)
  }

  /** A server that says so deals with nothing behind that answer (RFC 9112, 9.6): it is as if it had not been sent. */
  #closeAsSaid(isUsedAgain: boolean): void {
    if (!isUsedAgain) this.#owner.closedAfterOne()
    const unsent = new CallList()
    unsent.takeAll(this.#calls)
    if (this.#gathered !== null) unsent.takeAll(this.#gathered)
    this.#gathered = unsent
    this.#close(null, null)
  }

  #free(isUsedAgain: boolean, nowMs: number): void {
    if (this.#isPaused) this.#setPaused(false)
    if (this.#load > 0) return
    this.#hasRested = this.wasUsed
    this.#isResting = this.wasUsed
    if (this.#hasThrown) this.#owner.threw(this, isUsedAgain, nowMs)
    else if (isUsedAgain) this.#owner.kept(this, nowMs)
    else this.#owner.freed(this, nowMs)
  }

  #listenTo(call: Call, nowMs: number): void {
    this.#reader.begin(call.request.method)
    this.#askedMs = nowMs
    if (this.#isPaused !== call.isPaused) this.#setPaused(call.isPaused)
    this.#await(call, nowMs)
  }

  #setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    if (isPaused) this.#socket.pause()
    else this.#socket.resume()
  }

  #write(call: Call): void {
    const { request, upload } = call
    const text = requestText(call, this.#target)
    const apart = bodyApart(request)
    if (apart !== null || upload !== null) this.#cork()
    this.#socket.write(text, 'latin1')
    if (apart !== null) this.#socket.write(apart)
    upload?.begin()
  }

  /** What is written within the turn goes out in one piece. */
  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    this.#socket.cork()
    process.nextTick(uncork, this)
  }

  uncork(): void {
    this.#isCorked = false
    this.#socket.uncork()
  }

  #gather(call: Call): void {
    this.#gathered ??= new CallList()
    if (this.#gathered.size === 0) gathering.add(this)
    this.#gathered.add(call)
  }

  flush(): void {
    if (this.#state !== 'open' || this.#gathered === null) return
    let text = ''
    for (let call = this.#gathered.shift(); call !== null; call = this.#gathered.shift()) {
      text += requestText(call, this.#target)
      this.#calls.add(call)
      if (this.#calls.size === 1) this.#listenTo(call, this.#owner.nowMs())
      else this.#queue(call)
    }
    if (text !== '') this.#socket.write(text, 'latin1')
    // All of them may have been cancelled meanwhile.
    else if (this.#load === 0) this.#free(false, this.#owner.nowMs())
  }

  /** Its time to be answered runs from when those before it are: until then only the whole of it can be late. */
  #queue(call: Call): void {
    call.deadlineMs = Number.POSITIVE_INFINITY
    this.#owner.dueBy(call.dueMs)
  }

  /** Time runs while it is the server's turn. */
  #await(call: Call, nowMs = this.#owner.nowMs()): void {
    const { firstByteMs, idleMs } = call.request.timeouts
    const isOurTurn = call.isPaused || (call.upload?.isOpen === true && !this.#socket.writableNeedDrain)
    const waitMs = call.hasHead ? idleMs : firstByteMs
    call.deadlineMs = isOurTurn ? Number.POSITIVE_INFINITY : nowMs + waitMs
    this.#owner.dueBy(call.dueMs)
  }

  #overdue(call: Call, nowMs: number): void {
    const { firstByteMs, idleMs, totalMs = 0 } = call.request.timeouts
    const { name } = this.#target
    const isFirst = call === this.#calls.first
    if (call.endMs <= nowMs) call.fail(failures.tooSlow(name, totalMs))
    else call.fail(call.hasHead ? failures.stalled(name, idleMs) : failures.noAnswer(name, firstByteMs))
    if (isFirst) this.#close(null, null)
    else this.abandon(call)
  }

  /** `error`: what to tell the call that is being answered; else that, like the others, it was broken off. */
  #close(error: CutoverError | null, cause: Error | null): void {
    if (this.#state === 'closed') return
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    this.#socket.destroy()
    this.#owner.lost(this, wasOpen)
    for (let call = this.#gathered?.shift() ?? null; call !== null; call = this.#gathered?.shift() ?? null) {
      this.#owner.unsent(call)
    }
    for (let call = this.#calls.shift(), first = error; call !== null; call = this.#calls.shift()) {
      if (!call.isDone) call.fail(first ?? this.#brokeOff(call, cause))
      first = null
    }
  }

  #brokeOff(call: Call, cause: Error | null): CutoverError {
    const { name } = this.#target
    if (call.hasHead) return failures.brokeOff(name, 'in the middle of its answer', cause)
    const isStale = this.wasUsed && !this.#reader.hasBegun
    const where = isStale ? onKept : ''
    return failures.brokeOff(name, `before it answered${where}`, cause)
  }
}

function uncork(connection: Connection): void {
  connection.uncork()
}

/** Connections, of all pools, with calls that go out at the end of the turn. */
const gathering = new TurnEnd<Connection>(setImmediate, connection => connection.flush())

function proved(connection: Connection): void {
  connection.proved()
}

function restMs({ keepAliveS }: ResponseHead): number {
  return keepAliveS === -1 ? keepAliveMs : Math.min(keepAliveMs, keepAliveS * 1_000 - keepAliveSpareMs)
}
