/**
 * Sequential check of the sample ratio: do units arrive at the versions as the weights say?
 *
 * Method: a Dirichlet-multinomial mixture against the fixed weights (Lindon & Malek, "Anytime-valid inference for
 * multinomial count data", NeurIPS 2022, arXiv 2011.03567), one factor per stratum (an epoch with weights of its own):
 * log E = Σ_strata [ log B(α + n) - log B(α) - Σ n_i log w_i ], α = concentration × weights. P(ever E >= 1/alpha) <= alpha.
 * Assumptions: each unit is counted once, when it is first met, and was assigned independently. Units: counts.
 * Degenerate cases: a version with weight 0 is left out unless it was met, which is an alarm at once; nothing counted yet
 * gives log E = 0.
 */
import { alphaFault, failed, type Result } from './result.ts'
import { logGamma, xlogy } from './special.ts'

/** How strongly the alternative is believed to lie near the weights: about this many units' worth. */
const concentration = 100

export type RatioStratum = { weights: readonly number[]; counts: readonly number[] }

export type SampleRatio = {
  logEvidence: number
  alarm: boolean
  /** Always-valid p-value, min(1, 1/E), by its logarithm. */
  logPValue: number
  observed: readonly number[]
  expected: readonly number[]
}

export function sampleRatio(input: { strata: readonly RatioStratum[]; alpha: number }): Result<SampleRatio> {
  const { strata, alpha } = input
  const fault = alphaFault(alpha)
  if (fault !== null) return fault
  for (const stratum of strata) {
    const reason = stratumFault(stratum)
    if (reason !== null) return failed(reason)
  }
  const arms = strata[0]?.weights.length ?? 0
  const observed = sumBy(arms, strata, (stratum, arm) => stratum.counts[arm] ?? 0)
  const expected = sumBy(arms, strata, (stratum, arm) => (stratum.weights[arm] ?? 0) * total(stratum.counts))
  const impossible = strata.some(({ weights, counts }) =>
    weights.some((weight, arm) => weight === 0 && (counts[arm] ?? 0) > 0),
  )
  // A count that cannot be is evidence without bound; a large finite number stands for it.
  const logEvidence = impossible ? Number.MAX_VALUE : strata.reduce((sum, stratum) => sum + logStratum(stratum), 0)
  const alarm = logEvidence >= Math.log(1 / alpha)
  return { ok: true, logEvidence, alarm, logPValue: Math.min(0, -logEvidence), observed, expected }
}

function stratumFault({ weights, counts }: RatioStratum): string | null {
  if (weights.length !== counts.length) return `${weights.length} weights for ${counts.length} counts`
  if (weights.some(weight => !(weight >= 0 && weight <= 1)))
    return `weights ${weights.join(', ')} must lie between 0 and 1`
  if (Math.abs(total(weights) - 1) > 1e-9) return `weights sum to ${total(weights)}, not 1`
  return counts.every(count => Number.isSafeInteger(count) && count >= 0)
    ? null
    : `counts ${counts.join(', ')} must be whole and not negative`
}

function logStratum({ weights, counts }: RatioStratum): number {
  const units = total(counts)
  let log = logGamma(concentration) - logGamma(concentration + units)
  weights.forEach((weight, arm) => {
    const count = counts[arm] ?? 0
    if (weight === 0 || count === 0) return
    const prior = concentration * weight
    log += logGamma(prior + count) - logGamma(prior) - xlogy(count, weight)
  })
  return log
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function sumBy(
  arms: number,
  strata: readonly RatioStratum[],
  of: (stratum: RatioStratum, arm: number) => number,
): number[] {
  return Array.from({ length: arms }, (_, arm) => strata.reduce((sum, stratum) => sum + of(stratum, arm), 0))
}
