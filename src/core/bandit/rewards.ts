/** What an arm earned in an epoch, as a number of rewards, their mean and the variance of one; from evidence of any form. */
import type { Moments } from '../../stats/summaries/moments.ts'
import type { VersionEvidence } from '../evidence.ts'
import { armOf } from '../judge/arms.ts'
import { formOf, isHigherBetter, isKnownAtOnce, type MetricSpec } from '../metrics/spec.ts'
import type { BanditReward } from '../stage-plans.ts'

const noRewards: Moments = { n: 0, mean: 0, m2: 0 }

/** Only what came counts: a prediction without its reward yet is in no number. */
export function rewardsOf({ metric, spec }: BanditReward, evidence: VersionEvidence | undefined): Moments {
  if (evidence === undefined || spec === null) return noRewards
  // Accuracy by row is counted for every endpoint anyway.
  if (spec.type === 'accuracy' && spec.unitLevel !== true)
    return rate(evidence.labelled, evidence.labelled - evidence.wrong)
  const seen = evidence.metrics[metric]
  if (seen === undefined) return noRewards
  if (seen.form === 'counts') return rate(seen.trials, isHigherBetter(spec) ? seen.trials - seen.events : seen.events)
  const arm = armOf(spec, seen)
  if (!arm.ok) return noRewards
  const { n, mean, variance } = arm.arm
  return { n, mean, m2: variance * Math.max(0, n - 1) }
}

function rate(trials: number, events: number): Moments {
  if (trials === 0) return noRewards
  const mean = events / trials
  return { n: trials, mean, m2: trials * mean * (1 - mean) }
}

/** Metrics that are a mean per row or unit; an AUC of an epoch, or a quantile, cannot be shared out. */
export function canReward(spec: MetricSpec): boolean {
  const form = formOf(spec)
  return form === 'counts' || form === 'moments'
}

/** Whether callers report it after the answer, not as a label: then its coming is watched by version. */
export function isReported(spec: MetricSpec): boolean {
  switch (spec.type) {
    case 'mean':
    case 'count':
    case 'rate':
    case 'ratio':
      return !isKnownAtOnce(spec)
    default:
      return false
  }
}

/** Between which values a reward lies; not for `gaussian`. */
export function rangeOf({ family, lower, upper }: BanditReward): readonly [number, number] {
  return family === 'bounded' ? [lower, upper] : [0, 1]
}
