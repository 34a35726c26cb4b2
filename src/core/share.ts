/** What one of several gateway workers gets of a bound that is declared for all of them together. Pure. */
import type { ApiKey, Keys } from './access/api-key.ts'
import type { EndpointSpec } from './endpoint.ts'
import type { TrafficTable } from './traffic.ts'

/** `index` counts from 0. */
export type Share = { index: number; of: number }

export const wholeShare: Share = { index: 0, of: 1 }

/** Whole parts that sum to the total, none of them more than one greater than another. */
export function shareOf(total: number, { index, of }: Share): number {
  return Math.floor(total / of) + (index < total % of ? 1 : 0)
}

/** Of a bound that would shut out everybody at 0: where there are fewer places than workers, each has one. */
export function someOf(total: number, share: Share): number {
  return Math.max(1, shareOf(total, share))
}

/** The same endpoint and table, with bounds of one worker in place of those of all. Weights are by unit and stay. */
export function sharedRoute<Route extends { spec: EndpointSpec; table: TrafficTable }>(
  route: Route,
  share: Share,
): Route {
  if (share.of === 1) return route
  const { spec, table } = route
  const { concurrency } = spec
  const { mirrors } = table
  return {
    ...route,
    spec: { ...spec, ...(concurrency !== undefined && { concurrency: ofConcurrency(concurrency, share) }) },
    table: { ...table, ...(mirrors !== undefined && { mirrors: mirrors.map(mirror => ofMirror(mirror, share)) }) },
  }
}

/** A key's rate and its requests at once. */
export function sharedKeys(keys: Keys, share: Share): Keys {
  return Object.fromEntries(Object.entries(keys).map(([id, key]) => [id, ofKey(key, share)]))
}

function ofKey(key: ApiKey, share: Share): ApiKey {
  const { rate, concurrencyMax } = key
  return {
    ...key,
    rate: rate === null ? null : { perSecond: rate.perSecond / share.of, burst: someOf(rate.burst, share) },
    concurrencyMax: concurrencyMax === null ? null : someOf(concurrencyMax, share),
  }
}

/** None where none are declared; else one at least, or callers would be refused at once by the worker that they happened to meet. */
function placesOf(queueMax: number, share: Share): number {
  return queueMax === 0 ? 0 : someOf(queueMax, share)
}

type Concurrency = NonNullable<EndpointSpec['concurrency']>
type Mirror = NonNullable<TrafficTable['mirrors']>[number]

function ofConcurrency({ perVersionMax, queueMax, waitMs }: Concurrency, share: Share): Concurrency {
  return { perVersionMax: someOf(perVersionMax, share), queueMax: placesOf(queueMax, share), waitMs }
}

function ofMirror(mirror: Mirror, share: Share): Mirror {
  const { ratePerSecondMax, concurrencyMax, queueMax, ...rest } = mirror.budget
  return {
    ...mirror,
    budget: {
      ratePerSecondMax: ratePerSecondMax === null ? null : ratePerSecondMax / share.of,
      concurrencyMax: someOf(concurrencyMax, share),
      queueMax: someOf(queueMax, share),
      ...rest,
    },
  }
}
