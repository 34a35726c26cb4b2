/** The rate of traffic from counters that only rise: looked at now and then, the oldest look kept is what is compared with. */
import { limits } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TrafficRate } from '../../ports/traffic-rate.ts'

/** Requests by endpoint, since the counters began. */
type Counts = ReadonlyMap<string, number>
type Look = { atMs: number; counts: Counts }

export interface RateMeter extends TrafficRate {
  stop(): void
}

export function createTrafficRate({ uptime, read }: { uptime: Clock; read: () => Counts }): RateMeter {
  const looks: Look[] = []
  const look = (): void => {
    looks.push({ atMs: uptime.nowMs(), counts: read() })
    if (looks.length > limits.rateLooksMax) looks.shift()
  }
  look()
  const stop = uptime.every(limits.rateLookMs, look)
  return {
    stop,
    perSecond(endpoint) {
      const first = looks.find(({ counts }) => counts.has(endpoint))
      const elapsedMs = first === undefined ? 0 : uptime.nowMs() - first.atMs
      if (first === undefined || elapsedMs < limits.rateLookMs) return null
      const before = first.counts.get(endpoint) ?? 0
      // An endpoint that was deleted and made again counts from 0.
      const now = Math.max(before, read().get(endpoint) ?? 0)
      return ((now - before) * 1_000) / elapsedMs
    },
  }
}
