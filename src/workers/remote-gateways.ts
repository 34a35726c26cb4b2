/**
 * The gateways of a server that stands by: each is a worker of the server that decides, over the network. Where that is gone
 * they go on, and follow the next one once that is there. Where they may not serve, callers are handed on as connections.
 */
import { limits } from '../core/limits.ts'
import { Conversations, type Remembered } from '../gateway/conversations.ts'
import type { Clock } from '../ports/clock.ts'
import { type Carrier, nobody } from './carrier.ts'
import { RemoteGateway, type RemoteGatewayOptions } from './remote-gateway.ts'
import type { LeaderChannel } from './remote-leader.ts'

/** Where the server that decides lets others in, and by what; servers of other versions are not asked. */
export type Decider<Place> = { place: Place; version: string }

type Heir = (remembered: readonly Remembered[]) => void

export type RemoteGatewaysOptions<Place> = Omit<RemoteGatewayOptions, 'uptime' | 'local' | 'conversations'> & {
  workers: number
  local: Omit<RemoteGatewayOptions['local'], 'share'>
  uptime: Clock
  /** Rejects where nobody is there. */
  reach(place: Place): Promise<LeaderChannel>
  /** Hands callers on as connections, where no gateway of this server answers them. */
  relay: { listen(): Promise<void>; stopListening(): void }
  logger: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
}

type Seat = {
  index: number
  current: RemoteGateway | null
  /** On its way to be the current one. */
  next: RemoteGateway | null
  isReaching: boolean
  /** Not before. */
  againAtMs: number
  lastWhy: string | null
}

export class RemoteGateways<Place> {
  readonly #options: RemoteGatewaysOptions<Place>
  readonly #seats: Seat[]
  /** They answer nobody new, and may have something to hand over. */
  readonly #leaving = new Set<RemoteGateway>()
  readonly #conversations = new Conversations()
  readonly #stopLooking: () => void
  /** Of this server itself, once it is about to decide. */
  #heir: Heir | null = null
  #decider: Decider<Place> | null = null
  #term = 0
  #isRelaying = true
  #isClosed = false
  #isFit = true

  constructor(options: RemoteGatewaysOptions<Place>) {
    this.#options = options
    this.#seats = Array.from({ length: options.workers }, (_, index) => ({
      ...{ index, current: null, next: null, isReaching: false, againAtMs: 0, lastWhy: null },
    }))
    this.#stopLooking = options.uptime.every(limits.peerLookMs, () => this.#look())
  }

  /** Whether callers are answered by this server itself. */
  get isServing(): boolean {
    return this.#seats.some(({ current }) => current?.isServing === true)
  }

  /** False where a version's servers want of their callers what this machine lacks. */
  get isFit(): boolean {
    return this.#isFit
  }

  /**
   * Null changes nothing: whoever served last may be gone for a moment. Another term is another server that decides, and the one
   * before may not know of it yet: no word of it counts any more.
   */
  sees(decider: Decider<Place> | null, term: number): void {
    if (term !== this.#term) this.#forsake()
    this.#term = term
    if (decider !== null) this.#decider = decider
  }

  /** This server is about to decide itself: its gateways go on as they are, and follow nobody else. */
  stay(): void {
    this.#forsake()
  }

  #forsake(): void {
    this.#decider = null
    for (const seat of this.#seats) {
      // What the one before had against it says nothing of the next one.
      seat.againAtMs = 0
      for (const one of [seat.current, seat.next]) one?.forsake()
    }
  }

  /** What is known of conversations, and what becomes known until all gateways here have ended. */
  bequeath(heir: Heir): void {
    this.#heir = heir
    heir(this.#conversations.all())
  }

  /** This server decides itself from now on, and answers callers: what is left to hand over goes to `carrier`. */
  async giveOver(carrier: Carrier): Promise<void> {
    this.#isClosed = true
    this.#stopLooking()
    await Promise.all(this.#leaveAll().map(one => one.retire(carrier)))
  }

  /** Lets requests finish; what they recorded is handed over, unless nobody is there: this server hears of nobody who comes later. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopLooking()
    const all = this.#leaveAll()
    const links = all.filter(({ isRefused, isOrphan }) => isRefused && !isOrphan)
    const heir = (links[0] ?? all.find(({ isOrphan }) => !isOrphan))?.carrier ?? nobody
    const gateways = all.filter(one => !links.includes(one))
    await Promise.all(gateways.map(one => one.retire(one.isOrphan ? heir : null, limits.shutdownTimeoutMs)))
    await Promise.all(links.map(one => one.retire(null)))
  }

  #leaveAll(): RemoteGateway[] {
    for (const one of this.#all()) this.#leaving.add(one)
    return [...this.#leaving]
  }

  #all(): RemoteGateway[] {
    const seated = this.#seats.flatMap(({ current, next }) => [current, next])
    return [...seated.filter(one => one !== null), ...this.#leaving]
  }

  /** Nobody passes it on whose own server is gone. */
  #passOn(from: RemoteGateway, remembered: readonly Remembered[]): void {
    this.#heir?.(remembered)
    for (const one of this.#all()) if (one !== from) one.learn(remembered)
  }

  #look(): void {
    for (const seat of this.#seats) {
      const { current } = seat
      if (current?.isTooOld === true) void this.#letGo(seat, current)
      if (seat.next?.isRefused === true && !this.#hasOrphans(seat)) void seat.next.retire(null)
      if (seat.next === null && (current === null || current.isOrphan)) void this.#reach(seat)
    }
  }

  async #reach(seat: Seat): Promise<void> {
    const { reach, leader } = this.#options
    const [decider, term] = [this.#decider, this.#term]
    if (decider === null || seat.isReaching || this.#nowMs() < seat.againAtMs) return
    if (decider.version !== leader.version && !this.#hasOrphans(seat)) {
      this.#refused(seat, `the server that decides is version ${decider.version}, and this one is ${leader.version}`)
      return
    }
    seat.isReaching = true
    const channel = await reach(decider.place).catch((error: unknown) => this.#unreached(seat, error))
    seat.isReaching = false
    if (channel === null) return
    if (this.#isClosed || this.#term !== term || this.#decider === null) channel.cut()
    else seat.next = this.#begin(seat, channel)
  }

  /** Said where callers are handed on for it; one that serves alone waits for the next one to decide. */
  #unreached(seat: Seat, error: unknown): null {
    const why = `it cannot be reached: ${error instanceof Error ? error.message : String(error)}`
    if (seat.current === null && !this.#isClosed) this.#refused(seat, why, 0)
    return null
  }

  #begin(seat: Seat, channel: LeaderChannel): RemoteGateway {
    const { uptime, start, local, address, leader, lacks, workers } = this.#options
    const share = { index: seat.index, of: workers }
    const gateway: RemoteGateway = new RemoteGateway(
      channel,
      { uptime, start, address, leader, lacks, local: { ...local, share }, conversations: this.#conversations },
      {
        serving: () => this.#serving(seat, gateway),
        asksToLeave: () => {
          this.#refused(seat, 'it has versions that only it can call')
          void this.#letGo(seat, gateway)
        },
        unfit: why => this.#unfit(seat, gateway, why),
        refused: why => this.#turnedAway(seat, gateway, why),
        remembered: remembered => this.#passOn(gateway, remembered),
        ended: detail => this.#ended(seat, gateway, detail),
      },
    )
    return gateway
  }

  #serving(seat: Seat, gateway: RemoteGateway): void {
    // It was asked to leave in the very moment.
    if (this.#leaving.has(gateway)) return
    const before = seat.current
    seat.current = gateway
    seat.next = null
    seat.lastWhy = null
    this.#isFit = true
    this.#options.logger.info({ worker: seat.index }, 'this server serves too, by the table of the one that decides')
    if (before !== null) this.#leaving.add(before)
    for (const one of this.#leaving) void one.retire(gateway.carrier)
    if (!this.#isRelaying) return
    this.#isRelaying = false
    this.#options.relay.stopListening()
  }

  /** Whoever decides takes what was recorded under the one before, though nobody here may serve by it. */
  #turnedAway(seat: Seat, gateway: RemoteGateway, why: string): void {
    this.#refused(seat, why)
    if (!this.#orphansCarriedBy(seat, gateway)) void gateway.retire(null)
  }

  #unfit(seat: Seat, gateway: RemoteGateway, why: string): void {
    this.#isFit = false
    this.#refused(seat, why, limits.peerUnfitAgainMs)
    if (gateway !== seat.current && this.#orphansCarriedBy(seat, gateway)) void gateway.stepAside()
    else void this.#letGo(seat, gateway)
  }

  #orphansCarriedBy(seat: Seat, gateway: RemoteGateway): boolean {
    const orphans = this.#orphans(seat)
    for (const one of orphans) one.carryBy(gateway.carrier)
    return orphans.length > 0
  }

  #hasOrphans(seat: Seat): boolean {
    return this.#orphans(seat).length > 0
  }

  #orphans({ current }: Seat): RemoteGateway[] {
    return [current, ...this.#leaving].filter((one): one is RemoteGateway => one?.isOrphan === true)
  }

  async #letGo(seat: Seat, gateway: RemoteGateway): Promise<void> {
    if (seat.current === gateway) seat.current = null
    if (seat.next === gateway) seat.next = null
    this.#leaving.add(gateway)
    await this.#relayIfNobodyServes()
    await gateway.retire(null)
  }

  #ended(seat: Seat, gateway: RemoteGateway, detail: string): void {
    const wasSeated = seat.current === gateway || seat.next === gateway
    if (seat.current === gateway) seat.current = null
    if (seat.next === gateway) seat.next = null
    this.#leaving.delete(gateway)
    if (this.#isClosed || !wasSeated) return
    if (seat.againAtMs <= this.#nowMs()) this.#refused(seat, detail)
    void this.#relayIfNobodyServes()
  }

  /** Before the last gateway stops listening: callers find somebody at any time. */
  async #relayIfNobodyServes(): Promise<void> {
    if (this.#isRelaying || this.#isClosed || this.isServing) return
    this.#isRelaying = true
    await this.#options.relay.listen().catch((error: unknown) => {
      this.#isRelaying = false
      this.#options.logger.warn({ err: error }, 'callers cannot be handed on')
    })
  }

  #refused(seat: Seat, why: string, againMs: number = limits.peerAgainMs): void {
    seat.againAtMs = this.#nowMs() + againMs
    if (seat.lastWhy === why) return
    seat.lastWhy = why
    this.#options.logger.info({ worker: seat.index, why }, 'this server hands callers on to the one that decides')
  }

  #nowMs(): number {
    return this.#options.uptime.nowMs()
  }
}
