/** What is kept of each endpoint and version to treat its model servers with care. Nothing is kept of one that declares nothing. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import { limits } from '../../core/limits.ts'
import { loadShares } from '../../core/resilience.ts'
import { type Share, someOf, wholeShare } from '../../core/share.ts'
import type { Weights } from '../../core/traffic.ts'
import type { Clock } from '../../ports/clock.ts'
import { Breaker } from './breakers.ts'
import { RetryBudget } from './retry-budget.ts'
import { VersionGate } from './version-gate.ts'

export type GuardStats = {
  breakers: readonly { endpoint: string; version: string; isOpen: boolean; openings: number }[]
  gates: readonly { endpoint: string; version: string; inside: number; queued: number }[]
  retries: readonly { endpoint: string; count: number }[]
}

type Guarded = {
  budget: RetryBudget
  retries: number
  breakers: Map<string, Breaker>
  gates: Map<string, VersionGate>
}

export class Guards {
  readonly #uptime: Clock
  readonly #share: Share
  readonly #inFlightMax: number
  readonly #endpoints = new Map<string, Guarded>()
  #inFlight = 0

  constructor(uptime: Clock, share: Share = wholeShare) {
    this.#uptime = uptime
    this.#share = share
    this.#inFlightMax = someOf(limits.requestsInFlightMax, share)
  }

  /**
   * Keeps what belongs to the endpoint's present versions, and to a control that has traffic, by its present rules. Requests
   * inside a gate leave it whether it is kept or not.
   */
  sync({ name, versions, concurrency }: EndpointSpec, weights: Weights = {}): void {
    const known = this.#endpoints.get(name)
    if (known === undefined) return
    for (const kept of [known.breakers, known.gates])
      for (const version of kept.keys())
        if (!Object.hasOwn(versions, version) && !Object.hasOwn(weights, version)) kept.delete(version)
    for (const gate of known.gates.values()) gate.follow(concurrency)
  }

  forget(endpoint: string): void {
    this.#endpoints.delete(endpoint)
  }

  /** False where the process is too full for one more of this kind: what matters least is refused first. */
  begin(kind: keyof typeof loadShares): boolean {
    if (this.#inFlight >= loadShares[kind] * this.#inFlightMax) return false
    this.#inFlight += 1
    return true
  }

  end(): void {
    this.#inFlight -= 1
  }

  hasRoomForCopies(): boolean {
    return this.#inFlight < loadShares.copy * this.#inFlightMax
  }

  lets({ name, breaker }: EndpointSpec, version: string): boolean {
    return breaker === undefined || this.#breaker(name, version).lets(breaker)
  }

  /** A call is being made. What it returns belongs to what is `heard` of it. */
  begins({ name, breaker }: EndpointSpec, version: string): number {
    return breaker === undefined ? 0 : this.#breaker(name, version).begins(breaker)
  }

  heard({ name, breaker }: EndpointSpec, version: string, ok: boolean, trial: number): void {
    if (breaker !== undefined) this.#breaker(name, version).heard(breaker, ok, trial)
  }

  gate(endpoint: string, version: string): VersionGate {
    const { gates } = this.#of(endpoint)
    const known = gates.get(version)
    if (known !== undefined) return known
    const gate = new VersionGate()
    gates.set(version, gate)
    return gate
  }

  onRequest(endpoint: string, budgetPpm: number): void {
    this.#of(endpoint).budget.onRequest(budgetPpm)
  }

  mayRetry(endpoint: string): boolean {
    const guarded = this.#of(endpoint)
    if (!guarded.budget.take()) return false
    guarded.retries += 1
    return true
  }

  stats(): GuardStats {
    const endpoints = [...this.#endpoints]
    return {
      breakers: endpoints.flatMap(([endpoint, { breakers }]) =>
        [...breakers].map(([version, { isOpen, openings }]) => ({ endpoint, version, isOpen, openings })),
      ),
      gates: endpoints.flatMap(([endpoint, { gates }]) =>
        [...gates].map(([version, { inside, queued }]) => ({ endpoint, version, inside, queued })),
      ),
      retries: endpoints.map(([endpoint, { retries }]) => ({ endpoint, count: retries })),
    }
  }

  #breaker(endpoint: string, version: string): Breaker {
    const { breakers } = this.#of(endpoint)
    const known = breakers.get(version)
    if (known !== undefined) return known
    const breaker = new Breaker(this.#uptime)
    breakers.set(version, breaker)
    return breaker
  }

  #of(endpoint: string): Guarded {
    const known = this.#endpoints.get(endpoint)
    if (known !== undefined) return known
    const guarded = { budget: new RetryBudget(this.#share), retries: 0, breakers: new Map(), gates: new Map() }
    this.#endpoints.set(endpoint, guarded)
    return guarded
  }
}
