import type { CutoverError } from '../../../../core/errors.ts'
import { limits } from '../../../../core/limits.ts'
import type { AnswerSink, BackendCall, Sending } from '../../../../ports/backend.ts'
import type { Clock } from '../../../../ports/clock.ts'
import { uptimeClock } from '../../../clock/uptime.ts'
import { Alarm } from './alarm.ts'
import { Call, CallList, type CallObserver } from './call.ts'
import { Connection, type ConnectionOwner, soonMs } from './connection.ts'
import { failures } from './failures.ts'
import { faultOf, isOneText } from './request-text.ts'
import { type Target, type TlsOptions, targetOf } from './target.ts'

export type PoolOptions = {
  /** Asked for every new connection, since the files behind it may change. */
  tls?: () => TlsOptions
  /**
   * Requests that may be under way on one connection. Above 1, calls of one turn go out in one write, and a slow answer
   * holds up those behind it.
   */
  pipelining?: number
  connectionsMax?: number
  /** Measures durations, so it must not jump. */
  clock?: Clock
}

/**
 * The connections to one address. A call takes the connection that was used last, else a new one, else waits for the
 * first that becomes free. Nothing is ever sent twice. Some servers close a connection after each answer and do not say so;
 * from these it learns to use none twice.
 */
export class ConnectionPool implements ConnectionOwner {
  readonly pipeliningMax: number
  readonly connectionsMax: number
  readonly #target: Target
  readonly #tls: () => TlsOptions
  readonly #observer: CallObserver
  readonly #clock: Clock
  readonly #alarm: Alarm
  readonly #connections = new Set<Connection>()
  /** The one used last is at the end. */
  readonly #idle: Connection[] = []
  readonly #waiting = new CallList()
  #gathering: Connection | null = null
  #openingCount = 0
  /** Whether the server keeps connections, by what became of those that answered. */
  #keeps: 'unknown' | 'yes' | 'no' = 'unknown'
  /** The same of those on which it answered what its code threw. */
  #keepsThrown: 'unknown' | 'yes' | 'no' = 'unknown'
  /** By what it said last the server answers one request on a connection: what went out behind it would go out again. */
  #answersOne = false
  /** For so long a connection has to outlive its first answer before it is used again: the longer the more often it was wrong. */
  #proofMs = 5
  #isClosed = false

  /** `name`: as callers know the server. */
  constructor(server: { address: string; name: string }, observer: CallObserver, options: PoolOptions = {}) {
    this.#target = targetOf(server.address, server.name)
    this.#observer = observer
    this.#tls = options.tls ?? (() => ({}))
    this.pipeliningMax = options.pipelining ?? 1
    this.connectionsMax = options.connectionsMax ?? limits.upstreamConnections
    this.#clock = options.clock ?? uptimeClock
    this.#alarm = new Alarm(this.#clock, nowMs => this.#sweep(nowMs))
  }

  get name(): string {
    return this.#target.name
  }

  get pipelining(): number {
    return this.#answersOne ? 1 : this.pipeliningMax
  }

  /** Calls that found every connection busy. */
  get waiting(): number {
    return this.#isFull ? this.#waiting.size : 0
  }

  get #isFull(): boolean {
    return this.#openingCount === 0 && this.#connections.size >= this.connectionsMax
  }

  dispatch(request: BackendCall, sink: AnswerSink): Sending {
    const call = new Call(request, sink, this.#observer)
    const fault = faultOf(request, this.#target)
    if (fault !== null) return this.#refuse(call, failures.invalid(fault))
    if (this.#isClosed) return this.#refuse(call, failures.stoppedUnsent(this.name))
    const { totalMs } = request.timeouts
    if (totalMs !== undefined) call.endMs = this.nowMs() + totalMs
    this.#give(call)
    return call
  }

  /** Answers a call without any server, once `dispatch` has returned. */
  refuse(request: BackendCall, sink: AnswerSink, error: CutoverError): Sending {
    return this.#refuse(new Call(request, sink, this.#observer), error)
  }

  /** Cuts what is in flight. */
  close(): void {
    this.#isClosed = true
    this.#alarm.stop()
    const { name } = this
    for (let call = this.#waiting.shift(); call !== null; call = this.#waiting.shift()) {
      call.fail(failures.stoppedUnsent(name))
    }
    for (const connection of [...this.#connections]) connection.destroy(failures.stopped(name))
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  dueBy(dueMs: number): void {
    this.#alarm.by(dueMs)
  }

  opened(connection: Connection): void {
    this.#openingCount -= 1
    this.freed(connection, this.nowMs())
  }

  /** Until a connection has been seen to outlive an answer none is used twice: what is sent into its closing is lost. */
  freed(connection: Connection, nowMs: number): void {
    if (this.#keeps === 'yes' || !connection.wasUsed) this.#use(connection, nowMs)
    else connection.prove(this.#proofMs, nowMs)
  }

  /**
   * Until one has been seen to outlive such an answer, and for good once one has not, it is used no sooner than a server would
   * have closed it. Where no other may be opened it is closed instead, so that nobody waits for what becomes of it.
   */
  threw(connection: Connection, isUsedAgain: boolean, nowMs: number): void {
    if (this.#keepsThrown === 'yes') {
      if (isUsedAgain) this.kept(connection, nowMs)
      else this.freed(connection, nowMs)
    } else if (this.#connections.size >= this.connectionsMax) connection.retire()
    else connection.prove(soonMs, nowMs)
  }

  keptThrown(): void {
    if (this.#keepsThrown === 'unknown') this.#keepsThrown = 'yes'
  }

  closedThrown(): void {
    this.#keepsThrown = 'no'
  }

  kept(connection: Connection, nowMs: number): void {
    this.#keeps = 'yes'
    this.#answersOne = false
    this.#use(connection, nowMs)
  }

  closedUnsaid(): void {
    if (this.#keeps !== 'no') this.#proofMs = Math.min(this.#proofMs * 5, proofMsMax)
    this.#keeps = 'no'
  }

  closedAfterOne(): void {
    this.#answersOne = true
  }

  #use(connection: Connection, nowMs: number): void {
    const call = this.#waiting.shift()
    if (call === null) {
      this.#idle.push(connection)
      connection.rest(nowMs)
      return
    }
    connection.send(call)
    for (let more = this.#waiting.first; more !== null && sharing(connection, more); more = this.#waiting.first) {
      this.#waiting.remove(more)
      connection.send(more)
    }
  }

  unreachable(cause: Error): void {
    this.#waiting.shift()?.fail(failures.cannotConnect(this.name, cause))
  }

  lost(connection: Connection, wasOpen: boolean): void {
    this.#connections.delete(connection)
    if (!wasOpen) this.#openingCount -= 1
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    if (this.#gathering === connection) this.#gathering = null
    this.#open()
  }

  unsent(call: Call): void {
    call.connection = null
    if (this.#isClosed) call.fail(failures.stoppedUnsent(this.name))
    else if (!call.isDone) this.#give(call)
  }

  #give(call: Call): void {
    const connection = this.#take(call)
    if (connection === null) this.#wait(call)
    else connection.send(call)
  }

  #refuse(call: Call, error: CutoverError): Sending {
    process.nextTick(fail, call, error)
    return call
  }

  #take(call: Call): Connection | null {
    if (this.#gathering !== null && sharing(this.#gathering, call)) return this.#gathering
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (!connection.isUsable) continue
      if (this.pipelining > 1 && isOneText(call.request)) this.#gathering = connection
      return connection
    }
    return null
  }

  #wait(call: Call): void {
    call.deadlineMs = this.nowMs() + call.request.timeouts.connectMs
    this.#waiting.add(call)
    this.dueBy(call.dueMs)
    this.#open()
  }

  /** As many connections open as calls wait, within the limit. At first a call waits for what becomes of those that answered. */
  #open(): void {
    const proving = this.#keeps === 'unknown' ? [...this.#connections].filter(({ isProving }) => isProving).length : 0
    while (this.#waiting.size > this.#openingCount + proving && this.#connections.size < this.connectionsMax) {
      const openByMs = Math.max(this.#waiting.first?.deadlineMs ?? 0, this.nowMs() + leastOpenMs)
      this.#openingCount += 1
      this.#connections.add(new Connection(this, this.#target, this.#tls(), openByMs))
      this.dueBy(openByMs)
    }
  }

  #sweep(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (let call = this.#waiting.first; call !== null; ) {
      const after = call.next
      if (call.dueMs <= nowMs) this.#giveUp(call, nowMs)
      else nextMs = Math.min(nextMs, call.dueMs)
      call = after
    }
    for (const connection of [...this.#connections]) nextMs = Math.min(nextMs, connection.sweep(nowMs))
    return nextMs
  }

  #giveUp(call: Call, nowMs: number): void {
    const { connectMs, totalMs = 0 } = call.request.timeouts
    this.#waiting.remove(call)
    if (call.endMs <= nowMs) call.fail(failures.tooSlow(this.name, totalMs))
    else if (this.#isFull) call.fail(failures.allBusy(this.name, this.connectionsMax, connectMs))
    else call.fail(failures.noConnection(this.name, connectMs))
  }
}

/** Less than what is kept idle. */
const proofMsMax = 625

/** An attempt to connect that another call began is not cut short by a hasty one. */
const leastOpenMs = 1_000

/** Whether the call goes out with others that go out at the end of this turn. */
function sharing(connection: Connection, call: Call): boolean {
  return connection.hasRoom && isOneText(call.request)
}

function fail(call: Call, error: CutoverError): void {
  call.fail(error)
}
