import { limits } from '../../core/limits.ts'
import {
  type JoinedOutcome,
  joinOutcome,
  type Label,
  type Outcome,
  type OutcomeReceipt,
  type Prediction,
} from '../../core/prediction.ts'
import type { PredictionLog } from '../../ports/prediction-log.ts'

/** A prediction log that lives as long as the process. */
export function createMemoryPredictionLog(): PredictionLog {
  const predictions = new Map<string, Prediction>()
  const outcomes = new Map<string, Outcome>()
  const byPrediction = new Map<string, Outcome[]>()

  const join = (outcome: Outcome, prediction: Prediction): JoinedOutcome => {
    const earlier = byPrediction.get(outcome.prediction) ?? []
    const until = earlier.indexOf(outcome)
    return joinOutcome(outcome, prediction, lastLabel(earlier.slice(0, until), outcome.row))
  }

  const accept = (outcome: Outcome): { receipt: OutcomeReceipt; joined: JoinedOutcome[] } => {
    if (outcomes.has(outcome.id)) return { receipt: { status: 'duplicate' }, joined: [] }
    outcomes.set(outcome.id, outcome)
    const siblings = byPrediction.get(outcome.prediction)
    if (siblings === undefined) byPrediction.set(outcome.prediction, [outcome])
    else siblings.push(outcome)
    const prediction = predictions.get(outcome.prediction)
    if (prediction === undefined) return { receipt: { status: 'pending' }, joined: [] }
    return { receipt: { status: 'joined' }, joined: [join(outcome, prediction)] }
  }

  const outcomesOf = (id: string): readonly Outcome[] => byPrediction.get(id) ?? []

  return {
    async appendPredictions(batch) {
      const fresh: Prediction[] = []
      for (const prediction of batch) {
        if (predictions.has(prediction.id)) continue
        predictions.set(prediction.id, prediction)
        fresh.push(prediction)
      }
      return {
        fresh,
        joined: fresh.flatMap(prediction => outcomesOf(prediction.id).map(outcome => join(outcome, prediction))),
      }
    },
    async appendOutcomes(batch) {
      const accepted = batch.map(accept)
      return { receipts: accepted.map(one => one.receipt), joined: accepted.flatMap(one => one.joined) }
    },
    async find({ id, endpoint, version, limit }) {
      const found = [...predictions.values()]
        .filter(
          one =>
            (id ?? one.id) === one.id &&
            (endpoint ?? one.endpoint) === one.endpoint &&
            (version ?? one.version) === one.version,
        )
        .slice(-Math.min(limit, limits.pageMax))
      return found.reverse().map(prediction => ({ prediction, outcomes: outcomesOf(prediction.id) }))
    },
    async replay({ endpoint, fromEpoch }, each) {
      const chosen = [...predictions.values()].filter(one => one.endpoint === endpoint && one.epoch >= fromEpoch)
      each({ predictions: chosen, joined: [] })
      const ids = new Map(chosen.map(prediction => [prediction.id, prediction]))
      const joined = [...outcomes.values()].flatMap(outcome => {
        const prediction = ids.get(outcome.prediction)
        return prediction === undefined ? [] : [join(outcome, prediction)]
      })
      each({ predictions: [], joined })
    },
    async close() {},
  }
}

function lastLabel(outcomes: readonly Outcome[], row: number): Label | null {
  return outcomes.findLast(outcome => outcome.row === row && outcome.label !== null)?.label ?? null
}
