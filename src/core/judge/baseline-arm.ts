/** The values of one version's goal as one arm: what a sample is planned from. */
import type { MeanArm } from '../../stats/sequential/compare-means.ts'
import type { VersionEvidence } from '../evidence.ts'
import { isOfCounts } from '../hypothesis.ts'
import type { GoalCheck } from '../metric-check.ts'
import { adjusted } from './adjust.ts'
import { armOf } from './arms.ts'
import { armOfCounts } from './collapse.ts'

/** Null where there is none; of counts the share of the harmful rows. */
export function baselineArm(goal: GoalCheck, version: VersionEvidence): MeanArm | null {
  const { measure, metric } = goal
  if (measure.kind === 'error-rate') return shareOf(version.requests, version.errors)
  if (measure.kind === 'accuracy') return shareOf(version.labelled, version.wrong)
  if (measure.kind !== 'metric') return null
  const evidence = version.metrics[measure.evidence ?? metric]
  if (evidence === undefined) return null
  if (isOfCounts(goal)) return evidence.form === 'counts' ? shareOf(evidence.trials, evidence.events) : null
  // What a covariate explains of the values need not be shown by units.
  const [pair] = measure.spec.covariate === undefined ? [] : adjusted(0, { candidate: evidence, stable: evidence })
  if (pair !== undefined) return plain(pair.stable)
  const arm = armOf(measure.spec, evidence)
  return arm.ok ? plain(arm.arm) : null
}

function shareOf(trials: number, events: number): MeanArm | null {
  return trials === 0 ? null : armOfCounts({ trials, events })
}

function plain({ n, mean, variance }: MeanArm): MeanArm {
  return { n, mean, variance }
}
