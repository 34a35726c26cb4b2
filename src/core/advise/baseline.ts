/** What is known of the goal on the stable version, in the form that a test of it counts in. */
import { type BaselineAnswer, hypothesisOf, isOfCounts } from '../hypothesis.ts'
import type { GoalCheck } from '../metric-check.ts'
import { isHigherBetter } from '../metrics/spec.ts'
import type { ReleasePlan } from '../plan.ts'
import type { Baseline } from '../stage-plans.ts'
import type { Situation } from './situation.ts'

/** Tests of shares count what is harmful, people what is good: from one to the other, and back. */
export function turned(goal: GoalCheck, baseline: Baseline): Baseline {
  const { measure } = goal
  const isGood = measure.kind === 'accuracy' || (measure.kind === 'metric' && isHigherBetter(measure.spec))
  return isGood && isOfCounts(goal) ? { ...baseline, mean: 1 - baseline.mean } : baseline
}

/** The tests of a plan with their hypotheses, as admission would write them. */
export function withHypotheses({ stable, baseline }: Situation, plan: ReleasePlan): ReleasePlan {
  const stages = plan.stages.map(stage => {
    if (stage.kind !== 'abTest') return stage
    const known: BaselineAnswer =
      baseline.value === null
        ? { known: false, reason: baseline.note }
        : { known: true, baseline: turned(stage.goal, baseline.value) }
    return { ...stage, hypothesis: hypothesisOf(stage, stable, known) }
  })
  return { ...plan, stages }
}
