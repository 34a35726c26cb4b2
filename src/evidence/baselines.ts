/** Baselines from the newest part of the prediction log, added up as a running release would add it up. */
import type { BaselineAnswer } from '../core/hypothesis.ts'
import { baselineArm } from '../core/judge/baseline-arm.ts'
import { limits } from '../core/limits.ts'
import type { GoalCheck } from '../core/metric-check.ts'
import type { JoinedOutcome, Prediction } from '../core/prediction.ts'
import type { Baselines } from '../ports/baselines.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import { createAccumulator } from './accumulator.ts'
import type { MetricDefinitions } from './metric-book.ts'

/** Below this what is counted in a day cannot be told from so short a time. */
const spanMinMs = 1_000
const dayMs = 86_400_000

/** All that was recorded as one epoch of one release. */
const place = { epoch: 1, release: 'baseline' }

export function createBaselines({ log, expressions }: { log: PredictionLog; expressions: Expressions }): Baselines {
  return {
    async read({ endpoint, version, goal }) {
      const definitions = definitionsOf(goal, expressions)
      const evidence = createAccumulator({ definitions: () => definitions })
      const span = { firstMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY }
      const query = { tails: [{ endpoint, fromEpoch: 0 }], newest: limits.baselineCommitsMax }
      await log.replay(query, ({ predictions, joined }) => {
        for (const { atMs } of predictions) {
          span.firstMs = Math.min(span.firstMs, atMs)
          span.lastMs = Math.max(span.lastMs, atMs)
        }
        evidence.add({ fresh: predictions.map(here), joined: joined.map(here) })
      })
      const [all] = evidence.read({ endpoint, epochs: [place.epoch] })
      const arms = Object.entries(all?.versions ?? {}).map(([name, one]) => ({ name, arm: baselineArm(goal, one) }))
      return answerOf({ version, goal, arms, spanMs: span.lastMs - span.firstMs })
    },
  }
}

function here<Recorded extends Prediction | JoinedOutcome>(recorded: Recorded): Recorded {
  return { ...recorded, ...place }
}

function definitionsOf({ metric, measure }: GoalCheck, expressions: Expressions): MetricDefinitions {
  if (measure.kind !== 'metric') return { metrics: [], labelWindowMs: null }
  const { spec, evidence = metric } = measure
  const expression = spec.type === 'expression' ? expressions.compile(spec.expression) : null
  return { metrics: [{ name: evidence, spec, expression }], labelWindowMs: null }
}

type Named = { name: string; arm: ReturnType<typeof baselineArm> }

function answerOf(seen: { version: string; goal: GoalCheck; arms: readonly Named[]; spanMs: number }): BaselineAnswer {
  const { version, goal, arms, spanMs } = seen
  const arm = arms.find(({ name }) => name === version)?.arm ?? null
  if (arm === null || arm.n < goal.minEvents) {
    const reason = `${version} has ${arm?.n ?? 0} recorded values of ${goal.metric}; ${goal.minEvents} are needed to plan with`
    return { known: false, reason }
  }
  const counted = arms.reduce((sum, one) => sum + (one.arm?.n ?? 0), 0)
  const perDay = spanMs >= spanMinMs ? (counted * dayMs) / spanMs : null
  return { known: true, baseline: { ...arm, perDay } }
}
