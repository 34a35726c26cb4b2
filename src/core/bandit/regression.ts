/** In which epochs rewards are regressed on features, and how: what evidence has to know of a contextual bandit. */
import type { Observation } from '../metrics/observe.ts'
import { formOf, isHigherBetter, type MetricSpec } from '../metrics/spec.ts'
import type { ReleaseState } from '../state.ts'
import { type ContextFeature, columnsOf, type FeatureValues } from './context.ts'

export type Regression = {
  features: readonly ContextFeature[]
  metric: string
  spec: MetricSpec
  /** Under which it is counted: the stage's first one where all of the past counts alike, so that there is one sum to read. */
  epoch: number
}

/** Evidence of what was chosen by features, of whatever arms, stands under this name: names of versions have no `~`. */
export const chosenByContext = '~context'

/** Null outside of a contextual bandit's stage. */
export function regressionOf(release: ReleaseState | undefined, epoch: number): Regression | null {
  const noted = release?.epochs.findLast(one => one.epoch === epoch)
  const stage = noted === undefined ? undefined : release?.plan.stages[noted.stageIndex ?? 0]
  if (stage?.kind !== 'bandit' || stage.context === undefined || stage.reward.spec === null) return null
  const { context, reward, memory } = stage
  const isOne = memory.kind === 'all'
  const first = isOne ? release?.epochs.find(one => (one.stageIndex ?? 0) === (noted?.stageIndex ?? 0)) : undefined
  return { features: context.features, metric: reward.metric, spec: stage.reward.spec, epoch: first?.epoch ?? epoch }
}

/** Columns of the features, then the reward of the row, turned as people read it: counts are of what is harmful. */
export function regressionRow(
  { features, spec }: Regression,
  values: FeatureValues,
  [seen = 0]: Observation,
): number[] {
  const reward = formOf(spec) === 'counts' && isHigherBetter(spec) ? 1 - seen : seen
  return [...columnsOf(features, values), reward]
}
