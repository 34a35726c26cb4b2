/**
 * Gateways of servers that stand by, as the server that decides knows them. One whose connection is lost may go on for a
 * while by the table that it has: until it certainly does not, no later table is in force, and nothing that it may call is let go.
 */
import { after } from '../adapters/clock/after.ts'
import type { FailingInstance, SharedFleets } from '../adapters/deployer/threads/shared-fleets.ts'
import { isLocalName } from '../core/access/origins.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { limits } from '../core/limits.ts'
import type { GatewayLogger } from '../gateway/context.ts'
import type { Clock } from '../ports/clock.ts'
import { endedCounts, lostCounts } from './counts.ts'
import type { Counts } from './messages.ts'
import type { RemotePlan } from './remote-messages.ts'
import { closePorts, type WorkerLink, type WorkerThread } from './worker-link.ts'

export interface GuestThread extends WorkerThread {
  /** It has been told all it needs, and may answer callers. */
  open(): void
  /** Asks it to answer nobody any more; it says so by its end. */
  leave(): void
}

export type Visitor = {
  /** Of its server, in words. */
  name: string
  /** On the same machine, where loopback addresses are the same servers. */
  isNear: boolean
  begin(plan: RemotePlan, link: WorkerLink, ended: (end: GuestEnd) => void): GuestThread
}

/** `isSure`: it answers nobody any more. Else it may go on, for `limits.peerGoneMs` at most. */
export type GuestEnd = { detail: string; isSure: boolean }

export type GuestsOptions = {
  uptime: Clock
  logger: GatewayLogger
  fleets: Pick<SharedFleets, 'welcome' | 'farewell' | 'failingFor'>
  newLink(): WorkerLink
  planOf(link: WorkerLink): RemotePlan
  /** Of all endpoints. */
  specs(): readonly EndpointSpec[]
  /** One has come or gone: bounds are shared out anew, and with them all tables. */
  changed(): void
  /** What one that serves no more has counted, without what nobody can know of. */
  keep(counts: Counts): void
}

type Guest = {
  visitor: Pick<Visitor, 'name' | 'isNear'>
  link: WorkerLink
  thread: GuestThread | null
  over: PromiseWithResolvers<void>
  /** When it was told last that it gets no answers of an instance. */
  toldMs: Map<string, number>
}

/** Of one server, which may have several gateways. */
export type FailingFor = { server: string; endpoint: string; version: string; count: number }

export class Guests {
  readonly #options: GuestsOptions
  readonly #here = new Set<Guest>()
  /** Lost, and perhaps not gone. */
  readonly #strays = new Map<Guest, () => void>()

  constructor(options: GuestsOptions) {
    this.#options = options
  }

  links(): WorkerLink[] {
    return [...this.#here].map(({ link }) => link)
  }

  /** Or may have, of which nothing is known. */
  get hasAny(): boolean {
    return this.#here.size + this.#strays.size > 0
  }

  /** Instances that answer no calls of another server, which may be all that its callers get. */
  failing(): FailingFor[] {
    const instances = new Map<string, FailingInstance & { server: string }>()
    for (const { visitor, link } of this.#here)
      for (const at of this.#options.fleets.failingFor(link))
        instances.set(`${visitor.name} ${at.instance}`, { ...at, server: visitor.name })
    const counts = new Map<string, FailingFor>()
    for (const { server, endpoint, version } of instances.values()) {
      const key = `${server} ${endpoint} ${version}`
      counts.set(key, { server, endpoint, version, count: (counts.get(key)?.count ?? 0) + 1 })
    }
    return [...counts.values()]
  }

  thatCall(spec: EndpointSpec): WorkerLink[] {
    return [...this.#here].filter(({ visitor }) => canCall(visitor, spec)).map(({ link }) => link)
  }

  /** Null, or why not for now: it could not call all that callers may be sent to. */
  admit(visitor: Visitor): string | null {
    const { specs, newLink, planOf, fleets, changed } = this.#options
    const others = specs().filter(spec => !canCall(visitor, spec))
    if (others.length > 0)
      return `versions of ${others.map(({ name }) => name).join(', ')} can be called by the server that decides alone`
    const link = newLink()
    const guest: Guest = { visitor, link, ...fresh() }
    this.#here.add(guest)
    const thread = visitor.begin(planOf(link), link, end => this.#ended(guest, end))
    guest.thread = thread
    link.begin(thread)
    fleets.welcome(link, { failing: (at, detail) => this.#tellFailing(guest, at, detail) })
    changed()
    thread.open()
    return null
  }

  /** Asks those to leave that cannot call what the endpoint has. */
  dismiss(spec: EndpointSpec): void {
    for (const { visitor, thread } of this.#here) if (!canCall(visitor, spec)) thread?.leave()
  }

  /** Resolves once nobody answers by an older table of the endpoint, but those that were told of this one. */
  async strays(spec: EndpointSpec): Promise<void> {
    const unfit = [...this.#here].filter(({ visitor }) => !canCall(visitor, spec))
    await Promise.all([...unfit, ...this.#strays.keys()].map(({ over }) => over.promise))
  }

  /** Nothing is known of them: they may call all that there is. */
  expectStrays(): void {
    const { newLink, fleets } = this.#options
    const link = newLink()
    link.begin({
      post: (_, transfer) => closePorts(transfer),
      end: async () => {},
    })
    fleets.welcome(link)
    this.#lose({ visitor: { name: 'a server', isNear: true }, link, ...fresh() })
  }

  close(): void {
    for (const cancel of this.#strays.values()) cancel()
    for (const guest of [...this.#here, ...this.#strays.keys()]) this.#forget(guest)
  }

  #ended(guest: Guest, { detail, isSure }: GuestEnd): void {
    if (!this.#here.delete(guest)) return
    const { keep, changed, logger } = this.#options
    keep(isSure ? endedCounts(guest.link.counts) : lostCounts(guest.link.counts))
    logger.warn({ server: guest.visitor.name, detail }, 'a gateway of another server serves by this one no more')
    if (isSure) this.#forget(guest)
    else this.#lose(guest)
    changed()
  }

  #tellFailing({ visitor, toldMs }: Guest, at: FailingInstance, detail: string): void {
    const nowMs = this.#options.uptime.nowMs()
    if (nowMs - (toldMs.get(at.instance) ?? Number.NEGATIVE_INFINITY) < limits.peerFailingAgainMs) return
    toldMs.set(at.instance, nowMs)
    this.#options.logger.warn(
      { server: visitor.name, ...at, detail },
      'an instance answers no calls of another server, whose callers may get failures',
    )
  }

  #lose(guest: Guest): void {
    this.#strays.set(
      guest,
      after(this.#options.uptime, limits.peerGoneMs, () => this.#forget(guest)),
    )
  }

  #forget(guest: Guest): void {
    this.#here.delete(guest)
    this.#strays.delete(guest)
    guest.link.ended()
    this.#options.fleets.farewell(guest.link)
    guest.over.resolve()
  }
}

function fresh(): Pick<Guest, 'thread' | 'over' | 'toldMs'> {
  return { thread: null, over: Promise.withResolvers(), toldMs: new Map() }
}

/** Models and processes of a server are its own; and a loopback address is another server on another machine. */
function canCall({ isNear }: Pick<Visitor, 'isNear'>, { versions }: EndpointSpec): boolean {
  return Object.values(versions).every(
    ({ backend }) =>
      backend.kind === 'url' && (isNear || !backend.addresses.some(address => isLocalName(new URL(address).hostname))),
  )
}
