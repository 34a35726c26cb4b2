/** Reads external metrics at their intervals for as long as somebody asks for them; the newest readings are kept in memory. */
import { type ExternalMetric, type Reading, type Readings, readingsKept } from '../../core/external-metric.ts'
import { limits } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { MetricSources, ReadingsQuery } from '../../ports/metric-sources.ts'
import { ask, type Place } from './ask.ts'

export type PollerOptions = {
  /** Dates the readings. */
  clock: Clock
  uptime: Clock
  ask?: (metric: ExternalMetric, place: Place, until: AbortSignal) => Promise<Pick<Reading, 'value' | 'detail'>>
}

type Watched = {
  metric: ExternalMetric
  place: Place
  readings: Reading[]
  wantedAtMs: number
  nextAtMs: number
  isAsking: boolean
}

export interface Poller extends MetricSources {
  close(): void
}

/** Due readings are looked for this often. */
const pollIntervalMs = 250

export function createPoller({ clock, uptime, ask: askOne = ask }: PollerOptions): Poller {
  const watched = new Map<string, Watched>()
  const closing = new AbortController()

  const readOne = async (one: Watched): Promise<void> => {
    one.isAsking = true
    one.nextAtMs = uptime.nowMs() + one.metric.everyMs
    const { value, detail } = await askOne(one.metric, one.place, closing.signal)
    one.readings = [...one.readings, { atMs: clock.nowMs(), value, detail }].slice(-readingsKept)
    one.isAsking = false
  }

  const poll = (): void => {
    const nowMs = uptime.nowMs()
    for (const [key, one] of watched) {
      if (nowMs - one.wantedAtMs > limits.externalForgetMs) watched.delete(key)
      else if (!one.isAsking && nowMs >= one.nextAtMs) void readOne(one)
    }
  }

  const watch = (name: string, metric: ExternalMetric, place: Place): Watched | null => {
    const key = JSON.stringify([place, name, metric])
    const nowMs = uptime.nowMs()
    const known = watched.get(key)
    if (known !== undefined) {
      known.wantedAtMs = nowMs
      return known
    }
    if (watched.size >= limits.externalMetricsMax) return null
    const made = { metric, place, readings: [], wantedAtMs: nowMs, nextAtMs: nowMs, isAsking: false }
    watched.set(key, made)
    return made
  }

  const stop = uptime.every(pollIntervalMs, poll)
  return {
    read: query => readingsOf(query, watch),
    close: () => {
      stop()
      watched.clear()
      // A question that is open would keep the process alive.
      closing.abort(new Error('the server ends'))
    },
  }
}

function readingsOf(
  { endpoint, versions, metrics, sinceMs }: ReadingsQuery,
  watch: (name: string, metric: ExternalMetric, place: Place) => Watched | null,
): Readings {
  const of = (name: string, metric: ExternalMetric) =>
    versions.map(version => {
      const readings = watch(name, metric, { endpoint, version })?.readings ?? []
      return [version, readings.filter(({ atMs }) => atMs >= sinceMs)] as const
    })
  return Object.fromEntries(
    Object.entries(metrics).map(([name, metric]) => [name, Object.fromEntries(of(name, metric))]),
  )
}
