/**
 * Several gateways on one port, each in a thread of its own, as one: a table is in force once all of them have it, counters
 * are sums, and one that ends is started again. Weights are exact in each and over all, since assignment is by unit.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { after } from '../adapters/clock/after.ts'
import { SharedFleets } from '../adapters/deployer/threads/shared-fleets.ts'
import type { SpanSettings } from '../adapters/tracing/open-spans.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { CutoverError } from '../core/errors.ts'
import { type FlagsState, noFlags, withoutHistory } from '../core/flags/flags-state.ts'
import { limits } from '../core/limits.ts'
import { type Share, sharedRoute } from '../core/share.ts'
import type { GatewayLogger } from '../gateway/context.ts'
import { Conversations, type Remembered } from '../gateway/conversations.ts'
import type { GatewayStats } from '../gateway/stats.ts'
import type { Clock } from '../ports/clock.ts'
import type { FlagSink } from '../ports/flag-sink.ts'
import type { RecorderStats } from '../ports/recorder.ts'
import type { Route, TrafficSink } from '../ports/traffic-sink.ts'
import { countsWithout, endedCounts, mergeCounts, noCounts } from './counts.ts'
import { type FailingFor, Guests, type Visitor } from './guests.ts'
import type {
  Address,
  AskResult,
  Call,
  Common,
  Counts,
  FromWorker,
  ListenerPlan,
  Reply,
  StoreCall,
  WorkerPlan,
} from './messages.ts'
import { thrownError } from './plain-error.ts'
import { WorkerLink, type WorkerThread } from './worker-link.ts'

export type StartThread = (
  plan: WorkerPlan,
  events: { message(message: FromWorker): void; ended(detail: string): void },
) => WorkerThread

export type GatewayPoolOptions = {
  workers: number
  version: string
  logLevel: string
  listener: ListenerPlan
  tracing: SpanSettings | null
  uptime: Clock
  logger: GatewayLogger
  start: StartThread
  /** Rejects if somebody else has the port. */
  probe(address: Address): Promise<void>
  /** What workers record: into the one log. Never rejects. */
  call(call: StoreCall): Promise<Reply>
}

type Slot = { index: number; link: WorkerLink; isLive: boolean; ends: readonly number[]; cancelStart: () => void }

export class GatewayPool implements TrafficSink, FlagSink {
  /** For whoever keeps fleets: workers call instances too. */
  readonly fleets = new SharedFleets()
  readonly #options: GatewayPoolOptions
  readonly #routes = new Map<string, Route>()
  readonly #slots: Slot[]
  /** Of other servers. */
  readonly #guests: Guests
  #common: Common = { isReady: false, keys: {}, flags: noFlags }
  /** What workers have learnt, for those that are started again. */
  readonly #conversations = new Conversations()
  /** Flags that workers have not been told of yet. */
  #flags: FlagsState | null = null
  /** In this turn of the event loop. */
  #flagsTold = 0
  /** What ended workers had counted. */
  #past: Counts = noCounts
  #restarts = 0
  #address: Address | null = null
  #grpcAddress: Address | null = null
  #closing: Promise<void> | null = null
  readonly #stopLooking: () => void

  constructor(options: GatewayPoolOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.workers }, (_, index) => ({
      index,
      link: this.#newLink(),
      isLive: false,
      ends: [],
      cancelStart: () => {},
    }))
    this.#guests = new Guests({
      ...{ uptime: options.uptime, logger: options.logger, fleets: this.fleets },
      newLink: () => this.#newLink(),
      planOf: link => ({ share: this.#share(link), common: this.#common, remembered: this.#conversations.all() }),
      specs: () => [...this.#routes.values()].map(({ spec }) => spec),
      changed: () => this.#shareOut(),
      keep: counts => {
        this.#past = mergeCounts([this.#past, counts])
      },
    })
    for (const slot of this.#slots) this.#start(slot)
    this.#stopLooking = options.uptime.every(limits.workerLookMs, () => this.#lookAfterAll())
  }

  /** Resolves once it is in force in all workers that live. Rejects if one of them cannot take it. */
  async apply(route: Route): Promise<void> {
    const { name, versions } = route.spec
    const current = this.#routes.get(name)
    if (current !== undefined && current.table.epoch > route.table.epoch) return
    this.#routes.set(name, route)
    this.#tellFlags()
    this.#past = countsWithout(this.#past, name, Object.keys(versions))
    this.#guests.dismiss(route.spec)
    const results = await Promise.all(this.#thatCall(route.spec).map(link => this.#give(link, route)))
    await this.#guests.strays(route.spec)
    for (const result of results) if (result?.ok === false) throw thrownError(result.error)
  }

  remove(endpoint: string): void {
    this.#routes.delete(endpoint)
    this.#past = countsWithout(this.#past, endpoint)
    for (const link of this.#links()) link.post({ kind: 'remove', endpoint })
  }

  /** At once. A file of thousands of flags is as many changes in one turn, and each is told with all flags: after so many the last one tells. */
  applyFlags(flags: FlagsState): void {
    this.#flags = flags
    if (this.#flagsTold === 0)
      setImmediate(() => {
        this.#flagsTold = 0
        this.#tellFlags()
      })
    const isMany = this.#flagsTold > limits.flagsToldPerTurn
    this.#flagsTold += 1 + Object.keys(flags.flags).length
    if (!isMany) this.#tellFlags()
  }

  #tellFlags(): void {
    if (this.#flags === null) return
    const flags = withoutHistory(this.#flags)
    this.#flags = null
    this.tellAll({ flags })
  }

  tellAll(change: Partial<Common>): void {
    this.#tellFlags()
    this.#common = { ...this.#common, ...change }
    for (const link of this.#links()) link.post({ kind: 'common', change })
  }

  /** A gateway of another server from now on answers callers as workers do. Null, or why not for now. */
  admit(visitor: Visitor): string | null {
    if (!this.#common.isReady || this.#closing !== null) return 'it is not serving'
    this.#tellFlags()
    return this.#guests.admit(visitor)
  }

  /** What a gateway has this thread do. Rejects only where it is no call. */
  async call(call: Call): Promise<Reply> {
    return call.kind === 'recall' ? this.#recall(call) : this.#options.call(call)
  }

  /** Of conversations that gateways under another server have answered. */
  learn(remembered: readonly Remembered[]): void {
    this.#passOn(null, remembered)
  }

  /** Whether gateways of other servers may answer callers. */
  get hasGuests(): boolean {
    return this.#guests.hasAny
  }

  /** Gateways of other servers may still go by tables of a server before this one. */
  expectStrays(): void {
    this.#guests.expectStrays()
  }

  /** The first worker takes the port, the others listen on the same one. Rejects with port-in-use. */
  async listen(address: Address): Promise<Address> {
    await this.#options.probe(address)
    this.#tellFlags()
    const [first, ...others] = this.#slots
    const bound = await listening(first, address)
    this.#address = bound
    await Promise.all(others.map(slot => listening(slot, bound)))
    return bound
  }

  /** By the first worker alone: its server has no way to share a port. */
  async listenGrpc(address: Address): Promise<Address> {
    const bound = await listening(this.#slots[0], address, 'listen-grpc')
    this.#grpcAddress = bound
    return bound
  }

  /** As far as workers have told. */
  stats(): GatewayStats {
    return this.#counts().gateway
  }

  recorderStats(): RecorderStats {
    return this.#counts().recorder
  }

  /** As of now, unless a worker does not answer. */
  async read(): Promise<Counts & { live: number; restarts: number; failing: readonly FailingFor[] }> {
    const { uptime } = this.#options
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = after(uptime, limits.workerAnswerMs, resolve)
    await Promise.race([Promise.all(this.#links().map(link => link.ask({ kind: 'count' }))), late])
    cancel()
    const failing = this.#guests.failing()
    return { ...this.#counts(), live: this.#links().length, restarts: this.#restarts, failing }
  }

  /** Lets requests in flight finish for `drainMs`, and what they recorded reach the log. */
  close({ drainMs }: { drainMs: number }): Promise<void> {
    this.#closing ??= this.#close(drainMs)
    return this.#closing
  }

  async #close(drainMs: number): Promise<void> {
    this.#stopLooking()
    for (const { cancelStart } of this.#slots) cancelStart()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = after(this.#options.uptime, drainMs + limits.workerLastWordsMs, resolve)
    await Promise.race([Promise.all(this.#live().map(({ link }) => link.ask({ kind: 'close', drainMs }))), late])
    cancel()
    await Promise.all(this.#links().map(link => link.end()))
    this.#guests.close()
  }

  /**
   * What was told before the question was asked came another way, and is heard in this turn of the event loop or in the next one:
   * a turn hears its ways in order, and may have passed that one when the word came.
   */
  async #recall({ endpoint, id }: { endpoint: string; id: string }): Promise<Reply> {
    await nextTurn()
    await nextTurn()
    return { kind: 'recalled', answered: this.#conversations.find(endpoint, id) }
  }

  #live(): Slot[] {
    return this.#slots.filter(({ isLive }) => isLive)
  }

  #counts(): Counts {
    return mergeCounts([this.#past, ...this.#links().map(link => link.counts)])
  }

  #newLink(): WorkerLink {
    return new WorkerLink({
      fleets: (link, told) => this.fleets.hear(link, told),
      call: call => this.call(call),
      remembered: (from, remembered) => this.#passOn(from, remembered),
    })
  }

  #passOn(from: WorkerLink | null, remembered: readonly Remembered[]): void {
    this.#conversations.learnAll(remembered)
    for (const link of this.#links()) if (link !== from) link.post({ kind: 'remembered', remembered })
  }

  #links(): WorkerLink[] {
    return [...this.#live().map(({ link }) => link), ...this.#guests.links()]
  }

  /** Without those of other servers that were asked to leave, since they could not call a version of it. */
  #thatCall(spec: EndpointSpec): WorkerLink[] {
    return [...this.#live().map(({ link }) => link), ...this.#guests.thatCall(spec)]
  }

  /** Of what is bounded for all gateways together. */
  #share(link: WorkerLink): Share {
    const all = [...this.#slots.map(slot => slot.link), ...this.#guests.links()]
    return { index: Math.max(0, all.indexOf(link)), of: all.length }
  }

  #give(link: WorkerLink, route: Route): Promise<AskResult | null> {
    return link.ask({ kind: 'apply', route: sharedRoute(route, this.#share(link)) })
  }

  /** Anew, after a gateway of another server has come or gone. */
  #shareOut(): void {
    if (this.#closing !== null) return
    for (const link of this.#links()) link.post({ kind: 'share', share: this.#share(link) })
    for (const route of this.#routes.values())
      for (const link of this.#thatCall(route.spec)) void this.#give(link, route)
  }

  /** Fleets and tables first: a worker listens once it knows whom to ask. */
  #start(slot: Slot): void {
    const { version, logLevel, listener, tracing, start, logger } = this.#options
    const link = this.#newLink()
    slot.link = link
    slot.isLive = true
    const remembered = this.#conversations.all()
    const share = { index: slot.index, of: this.#options.workers }
    const plan = { share, version, logLevel, listener, tracing, isGuest: false, common: this.#common, remembered }
    link.begin(
      start(plan, { message: message => link.hear(message), ended: detail => this.#ended(slot, link, detail) }),
    )
    this.fleets.welcome(link)
    if (this.#guests.links().length > 0) link.post({ kind: 'share', share: this.#share(link) })
    for (const route of this.#routes.values()) void this.#give(link, route)
    void this.#listenAgain(slot).catch((error: unknown) => {
      logger.error({ err: error, worker: slot.index }, 'a gateway worker cannot listen')
      void link.end()
    })
  }

  async #listenAgain(slot: Slot): Promise<void> {
    if (this.#address !== null) await listening(slot, this.#address)
    if (this.#grpcAddress !== null && slot.index === 0) await listening(slot, this.#grpcAddress, 'listen-grpc')
  }

  /** One that hangs would keep its callers waiting, and every release: a table is in force once all workers have it. */
  #lookAfterAll(): void {
    for (const slot of this.#live()) {
      const { link } = slot
      if (link.look() < limits.workerSilentLooksMax) continue
      // Where gRPC calls wait in it unread, Node 26 aborts the process here (an assertion of its HTTP/2). That is better than a
      // server of which nobody gets an answer over gRPC, and which holds its releases up, until somebody looks.
      void link.end()
      // Not once its thread is gone: what hangs outside JavaScript cannot be ended.
      this.#ended(slot, link, `it hangs: it was looked after ${limits.workerSilentLooksMax} times without a word of it`)
    }
    for (const link of this.#guests.links()) if (link.look() >= limits.workerSilentLooksMax) void link.end()
  }

  #ended(slot: Slot, link: WorkerLink, detail: string): void {
    if (slot.link !== link || !slot.isLive) return
    slot.isLive = false
    this.#past = mergeCounts([this.#past, endedCounts(link.counts)])
    link.ended()
    this.fleets.farewell(link)
    if (this.#closing !== null) return
    this.#restarts += 1
    const delayMs = this.#delayMs(slot)
    const why = link.failure ?? detail
    this.#options.logger.error(
      { worker: slot.index, delayMs, detail: why },
      'a gateway worker ended; it is started again',
    )
    slot.cancelStart = after(this.#options.uptime, delayMs, () => this.#start(slot))
  }

  /** Longer each time within a window, up to a bound: the others serve meanwhile. */
  #delayMs(slot: Slot): number {
    const { restartWindowMs, restartBackoffMinMs, restartBackoffMaxMs } = limits
    const nowMs = this.#options.uptime.nowMs()
    slot.ends = [...slot.ends.filter(atMs => atMs > nowMs - restartWindowMs), nowMs].slice(-limits.restartsMax - 1)
    return Math.min(restartBackoffMinMs * 2 ** (slot.ends.length - 1), restartBackoffMaxMs)
  }
}

async function listening(
  slot: Slot | undefined,
  address: Address,
  kind: 'listen' | 'listen-grpc' = 'listen',
): Promise<Address> {
  const result = (await slot?.link.ask({ kind, address })) ?? null
  if (result === null) throw new CutoverError('internal', 'a gateway worker ended before it listened')
  if (!result.ok) throw thrownError(result.error)
  return result.address ?? address
}
