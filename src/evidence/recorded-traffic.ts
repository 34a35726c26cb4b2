/** The newest part of the prediction log, added up as a running release would add it up, with its hours and its units. */
import { limits } from '../core/limits.ts'
import type { JoinedOutcome, Prediction } from '../core/prediction.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { RecordedTraffics } from '../ports/recorded-traffic.ts'
import { createAccumulator } from './accumulator.ts'
import { compileDefinitions } from './metric-book.ts'

type Ports = { log: Pick<PredictionLog, 'replay'>; expressions: Expressions }

/** All that was recorded as one epoch of one release. */
const place = { epoch: 1, release: 'recorded' }
const hourMs = 3_600_000

export function createRecordedTraffics({ log, expressions }: Ports): RecordedTraffics {
  return {
    async measure(spec) {
      const definitions = compileDefinitions(spec, expressions)
      const evidence = createAccumulator({ definitions: () => definitions })
      const seen = { requests: 0, firstMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY }
      const hourly = Array.from({ length: 24 }, () => 0)
      const units = new Map<string, number>()
      const query = { tails: [{ endpoint: spec.name, fromEpoch: 0 }], newest: limits.baselineCommitsMax }
      await log.replay(query, ({ predictions, joined }) => {
        for (const { atMs, unit, shadowOf } of predictions) {
          if (shadowOf !== undefined) continue
          seen.requests += 1
          seen.firstMs = Math.min(seen.firstMs, atMs)
          seen.lastMs = Math.max(seen.lastMs, atMs)
          const hour = Math.floor(atMs / hourMs) % 24
          hourly[hour] = (hourly[hour] ?? 0) + 1
          units.set(unit, (units.get(unit) ?? 0) + 1)
        }
        evidence.add({ fresh: predictions.map(here), joined: joined.map(here) })
      })
      if (seen.requests === 0) return null
      const [all] = evidence.read({ endpoint: spec.name, epochs: [place.epoch] })
      const again = [...units.values()].filter(count => count > 1)
      return {
        ...seen,
        hourly,
        units: { regulars: again.length, ofRegulars: again.reduce((sum, count) => sum + count, 0) },
        versions: all?.versions ?? {},
      }
    },
  }
}

function here<Recorded extends Prediction | JoinedOutcome>(recorded: Recorded): Recorded {
  return { ...recorded, ...place }
}
