/**
 * One gateway of a server that stands by: a thread that does what a worker does, under one server that decides. When that is
 * gone it goes on by what it knows; what it records is handed to whoever carries it out next.
 */

import { after } from '../adapters/clock/after.ts'
import type { ServerPlan } from '../adapters/deployer/http/open-server.ts'
import { assertNever } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Conversations, Remembered } from '../gateway/conversations.ts'
import type { Clock } from '../ports/clock.ts'
import { CarriedCalls } from './carried-calls.ts'
import type { Carrier } from './carrier.ts'
import type { StartThread } from './gateway-pool.ts'
import type { Address, Asked, AskResult, FromWorker, WorkerPlan } from './messages.ts'
import { type LeaderChannel, type LeaderEvents, type LeaderOptions, RemoteLeader, type Told } from './remote-leader.ts'
import type { RemotePlan } from './remote-messages.ts'
import type { WorkerThread } from './worker-link.ts'

export type RemoteGatewayOptions = {
  uptime: Clock
  start: StartThread
  /** How its own server has it listen and log; `share` of what one machine has. */
  local: Omit<WorkerPlan, 'common' | 'remembered'>
  /** What all gateways of its server know, and whoever decides next may not. */
  conversations: Conversations
  address: Address
  leader: LeaderOptions
  /** What of a server's secrets is not on this machine, in words; null where it has all. */
  lacks(plan: ServerPlan): string | null
}

export type RemoteGatewayEvents = {
  /** It answers callers. */
  serving(): void
  /** The server that decides asks it to stop. */
  asksToLeave(): void
  /** It could not call what callers may be sent to, and is not to serve. */
  unfit(why: string): void
  refused(why: string): void
  /** What it remembers and nobody passes on any more. */
  remembered(remembered: readonly Remembered[]): void
  /** Its thread is gone, or could not listen, and nobody is answered by it. */
  ended(detail: string): void
}

export class RemoteGateway {
  readonly #options: RemoteGatewayOptions
  readonly #events: RemoteGatewayEvents
  readonly #leader: RemoteLeader
  readonly #asked = new Map<number, (result: AskResult | null) => void>()
  readonly #calls: CarriedCalls
  #thread: WorkerThread | null = null
  #lastId = 0
  #isServing = false
  #isUnfit = false
  #isRefused = false
  #hasEnded = false
  #retiring: Promise<void> | null = null
  #quitting: Promise<void> | null = null

  constructor(channel: LeaderChannel, options: RemoteGatewayOptions, events: RemoteGatewayEvents) {
    this.#options = options
    this.#events = events
    this.#leader = new RemoteLeader(channel, options.leader, this.#leaderEvents())
    this.#calls = new CarriedCalls(this.carrier, (id, reply, transfer) =>
      this.#thread?.post({ kind: 'replied', id, reply }, transfer),
    )
  }

  /** It is a connection and nothing more: what others recorded may be handed over. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  get isServing(): boolean {
    return this.#isServing
  }

  /** Its server is gone: it goes on alone, until it is too old. */
  get isOrphan(): boolean {
    return this.#leader.isLost
  }

  /** Nobody may be answered by it any longer: another server may have decided otherwise meanwhile. */
  get isTooOld(): boolean {
    return this.#options.uptime.nowMs() - this.#leader.freshAtMs > limits.peerSilentMs
  }

  /** The one under the next server, once that is there. */
  get carrier(): Carrier {
    return call => this.#leader.call(call)
  }

  /** Another server decides by now: this one goes on by what it knows, and hears no more of its own. */
  forsake(): void {
    this.#leader.cut()
  }

  /** Takes no new connections, lets requests finish, and hands over what they recorded, to `next` where its own server is gone. */
  retire(next: Carrier | null, drainMsMax = Number.POSITIVE_INFINITY): Promise<void> {
    if (next !== null) this.carryBy(next)
    this.#retiring ??= this.#retire(drainMsMax)
    return this.#retiring
  }

  /** Answers nobody, and stays as a connection and nothing more. */
  async stepAside(): Promise<void> {
    this.#isRefused = true
    await this.#quit(limits.shutdownTimeoutMs)
    this.#leader.ended('it lacks what a version needs')
  }

  /** What another gateway of this server remembers, whose own server is gone. */
  learn(remembered: readonly Remembered[]): void {
    // One that never let it in may be of another version, to which it means something else.
    if (this.#thread === null) return
    this.#thread.post({ kind: 'remembered', remembered }, [])
    this.#leader.tell({ kind: 'remembered', remembered })
  }

  carryBy(carrier: Carrier): void {
    this.#calls.carryBy(carrier)
  }

  async #retire(drainMsMax: number): Promise<void> {
    await this.#quit(drainMsMax)
    this.#end('it was told to end')
  }

  #quit(drainMsMax: number): Promise<void> {
    this.#quitting ??= this.#endThread(drainMsMax)
    return this.#quitting
  }

  async #endThread(drainMsMax: number): Promise<void> {
    this.#isServing = false
    const drainMs = Math.min(this.#drainMs(), drainMsMax)
    // What it recorded waits for whoever carries it out.
    const lastWordsMs = this.isOrphan ? limits.databaseAwayMs : limits.workerLastWordsMs
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = after(this.#options.uptime, drainMs + lastWordsMs, resolve)
    await Promise.race([this.#ask({ kind: 'close', drainMs, restMs: limits.peerRestMs }), late])
    cancel()
    await this.#thread?.end()
  }

  /** Under a server that waits for its end as any gateway has; else until nobody may be answered by its table. */
  #drainMs(): number {
    if (!this.isOrphan) return limits.shutdownTimeoutMs
    const ageMs = this.#options.uptime.nowMs() - this.#leader.freshAtMs
    return Math.max(0, limits.peerSilentMs + limits.peerDrainMs - ageMs)
  }

  #leaderEvents(): LeaderEvents {
    return {
      planned: plan => this.#begin(plan),
      told: message => this.#told(message),
      opened: () => void this.#open(),
      asksToLeave: () => this.#events.asksToLeave(),
      refused: why => {
        this.#isRefused = true
        this.#events.refused(why)
      },
      lost: detail => {
        if (!this.#isServing && this.#retiring === null) void this.#stop(detail)
      },
    }
  }

  #begin({ share, common, remembered }: RemotePlan): void {
    const { start, local, conversations } = this.#options
    const unheard = conversations.allBut(remembered)
    if (unheard.length > 0) this.#leader.tell({ kind: 'remembered', remembered: unheard })
    conversations.learnAll(remembered)
    this.#thread = start(
      { ...local, common, remembered: conversations.all() },
      { message: message => this.#hear(message), ended: detail => this.#threadEnded(detail) },
    )
    this.#thread.post({ kind: 'share', share }, [])
  }

  /** Once it lacks something its end is the answer to every table: until then it goes on by the one before. */
  #told(message: Told): void {
    const lacking = this.#isUnfit ? null : this.#lackingFor(message)
    if (lacking !== null) {
      this.#isUnfit = true
      // Whoever makes this one may not have it yet.
      queueMicrotask(() => this.#events.unfit(lacking))
    }
    if (message.kind === 'remembered') this.#options.conversations.learnAll(message.remembered)
    const isOfTables = message.kind === 'fleets' || (message.kind === 'ask' && message.ask.kind === 'apply')
    if (!this.#isUnfit || !isOfTables) this.#thread?.post(message, [])
  }

  #lackingFor(message: Told): string | null {
    if (message.kind !== 'fleets' || message.news.kind !== 'fleet') return null
    for (const { reach } of message.news.instances) {
      const lacking = reach?.kind === 'server' ? this.#options.lacks(reach.plan) : null
      if (lacking !== null) return `${message.news.version} of ${message.news.endpoint}: ${lacking}`
    }
    return null
  }

  async #open(): Promise<void> {
    if (this.#quitting !== null || this.#isUnfit) return
    const result = await this.#ask({ kind: 'listen', address: this.#options.address })
    // Who told it to end meanwhile does not count on it any more.
    if (this.#quitting !== null) return
    if (result?.ok !== true) {
      void this.#stop(result?.error.message ?? 'it ended before it listened')
      return
    }
    this.#isServing = true
    this.#events.serving()
  }

  /** At once: nobody is answered by it. */
  async #stop(detail: string): Promise<void> {
    await this.#thread?.end()
    this.#end(detail)
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'call':
        void this.#calls.carry(message.id, message.call)
        return
      case 'done':
        if (this.#asked.has(message.id)) this.#answered(message.id, message.result)
        else this.#leader.tell(message)
        return
      case 'remembered':
        this.#options.conversations.learnAll(message.remembered)
        if (this.isOrphan) this.#events.remembered(message.remembered)
        else this.#leader.tell(message)
        return
      case 'counts':
      case 'fleets':
      case 'failing':
        this.#leader.tell(message)
        return
      default:
        assertNever(message)
    }
  }

  /** Of its own accord, and by numbers that the server that decides never gives. */
  #ask(ask: Asked): Promise<AskResult | null> {
    if (this.#thread === null || this.#hasEnded) return Promise.resolve(null)
    this.#lastId -= 1
    const id = this.#lastId
    return new Promise(resolve => {
      this.#asked.set(id, resolve)
      this.#thread?.post({ kind: 'ask', id, ask }, [])
    })
  }

  #answered(id: number, result: AskResult | null): void {
    this.#asked.get(id)?.(result)
    this.#asked.delete(id)
  }

  /** Of its own accord, or else whoever has it ended says what follows. */
  #threadEnded(detail: string): void {
    if (this.#quitting === null) this.#end(detail)
    else for (const id of [...this.#asked.keys()]) this.#answered(id, null)
  }

  #end(detail: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#isServing = false
    for (const id of [...this.#asked.keys()]) this.#answered(id, null)
    this.#calls.end()
    this.#leader.end(detail)
    this.#events.ended(detail)
  }
}
