/** Recorded evidence out of the prediction log, added up by the same code as that of a release that runs. */
import { regressionOf } from '../core/bandit/regression.ts'
import { limits } from '../core/limits.ts'
import { unitMetricsOf } from '../core/metrics/by-unit.ts'
import { pairingOf } from '../core/pairing.ts'
import { answeredAtMs } from '../core/prediction.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { RecordedEvidence } from '../ports/recorded-evidence.ts'
import { createAccumulator } from './accumulator.ts'
import { compileDefinitions } from './metric-book.ts'

type Ports = { log: Pick<PredictionLog, 'replay'>; expressions: Expressions }

/** Time between two looks grows by this share of the age of the period of constant weights. */
const paceShare = 0.05

export function createRecordedEvidence({ log, expressions }: Ports): RecordedEvidence {
  return {
    async replay({ spec, release, stages, momentsMs }, look) {
      const definitions = compileDefinitions(spec, expressions, unitMetricsOf([...release.plan.stages, ...stages]))
      const evidence = createAccumulator({
        definitions: () => definitions,
        learnedWindowMs: () => release.plan.labelWindowMs ?? null,
        pairing: ({ epoch }) => pairingOf(release, epoch),
        regression: ({ epoch }) => regressionOf(release, epoch),
        restarts: () => release.restarts ?? [],
      })
      const read = (epochs: readonly number[]) => evidence.read({ endpoint: spec.name, epochs })
      const looks = createPace(release.epochs, momentsMs)
      const reach = (atMs: number): void => {
        for (const dueMs of looks.until(atMs)) look(dueMs, read)
      }
      let predictions = 0
      const fromEpoch = release.epochs[0]?.epoch
      if (fromEpoch === undefined) return { predictions, isWhole: true }
      const { isWhole } = await log.replay({ tails: [{ endpoint: spec.name, fromEpoch }] }, batch => {
        for (const one of batch.predictions) {
          if (one.release !== release.id) continue
          reach(answeredAtMs(one))
          predictions += 1
          evidence.add({ fresh: [one], joined: [] })
        }
        for (const one of batch.joined) {
          if (one.release !== release.id) continue
          reach(one.outcome.atMs)
          evidence.add({ fresh: [], joined: [one] })
        }
      })
      reach(Number.POSITIVE_INFINITY)
      return { predictions, isWhole }
    },
  }
}

/** Moments to look at, in order: those that are given, and between them ever fewer as a period grows old. */
function createPace(epochs: readonly { sinceMs: number }[], momentsMs: readonly number[]) {
  const moments = [...new Set(momentsMs)].sort((a, b) => a - b)
  const starts = epochs.map(({ sinceMs }) => sinceMs)
  let lastMs = starts[0] ?? 0
  const nextMs = (beforeMs: number): number => {
    const sinceMs = starts.findLast(one => one <= lastMs) ?? lastMs
    const paced = lastMs + Math.max(limits.tickIntervalMs, (lastMs - sinceMs) * paceShare)
    const given = moments.find(one => one > lastMs) ?? Number.POSITIVE_INFINITY
    const next = Math.min(paced, given)
    // What is left after the newest record is the moments that were given.
    return beforeMs === Number.POSITIVE_INFINITY ? given : next
  }
  return {
    *until(atMs: number): Generator<number> {
      for (let next = nextMs(atMs); next < atMs; next = nextMs(atMs)) {
        lastMs = next
        yield next
      }
    },
  }
}
