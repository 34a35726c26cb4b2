/** Strata of two versions as one arm each: what tests for one look are made for. Weights are those of the sequential comparison. */

import type { MeanArm, MeanStratum } from '../../stats/sequential/compare-means.ts'
import type { Moments } from '../../stats/summaries/moments.ts'
import type { RateStratum } from './methods.ts'

/**
 * Weighted means over strata, equally for both versions, so that neither drift nor weights that changed look like an effect;
 * with as many units as there are, and the variance that gives the weighted mean its own. Of one stratum, that stratum.
 */
export function collapse(strata: readonly MeanStratum[]): { candidate: Moments; stable: Moments } {
  const weights = strata.map(({ candidate, stable }) => candidate.n * (stable.n / (candidate.n + stable.n)))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const shares = weights.map(weight => weight / total)
  const arm = (of: (stratum: MeanStratum) => MeanArm) => momentsOf(strata.map(of), shares)
  return { candidate: arm(stratum => stratum.candidate), stable: arm(stratum => stratum.stable) }
}

function momentsOf(arms: readonly MeanArm[], shares: readonly number[]): Moments {
  let [n, mean, variance] = [0, 0, 0]
  for (const [index, arm] of arms.entries()) {
    const share = shares[index] ?? 0
    n += arm.n
    mean += share * arm.mean
    variance += share * share * (arm.variance / arm.n)
  }
  return { n, mean, m2: variance * n * Math.max(0, n - 1) }
}

/** Shares of events as means of zeros and ones. */
export function asMeans(strata: readonly RateStratum[]): MeanStratum[] {
  return strata.flatMap(({ candidate, stable }) =>
    candidate.trials > 1 && stable.trials > 1
      ? [{ candidate: armOfCounts(candidate), stable: armOfCounts(stable) }]
      : [],
  )
}

export function armOfCounts({ trials, events }: { trials: number; events: number }): MeanArm {
  const mean = events / trials
  return { n: trials, mean, variance: trials < 2 ? 0 : (mean * (1 - mean) * trials) / (trials - 1) }
}
