import { deviance, logGamma } from '../numerics/special.ts'
import { checkAlpha, checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { logGammaExcess } from './bernoulli-mixture.ts'

/**
 * The strength of the prior around the intended weights. 100 finds an arm of 1 % that gets nothing after 920 requests
 * and 48 % instead of 50 % after some 12 000, at alpha 0.001; 10 and 1000 are better at one of these and worse at the
 * other.
 */
const CONCENTRATION = 100

/** A smaller share than this is a mistake rather than an intention. */
const LEAST_SHARE = 1e-12

/** The arms of one epoch: the weights intended, in any unit, and the requests counted, in the same order. */
export type RatioStratum = { readonly weights: readonly number[]; readonly counts: readonly number[] }

/** Whether traffic was split as intended. */
export type SampleRatio = {
  /** The logarithm of the e-value against the intended split; Number.MAX_VALUE where the counts are impossible. */
  readonly logEvidence: number
  /** log(1/alpha): what the evidence must reach. */
  readonly threshold: number
  /** The split is not the intended one: no comparison of the arms can be trusted. */
  readonly alarm: boolean
  /** The least alpha at which this alarms, valid at any time; 0 where it underflows. */
  readonly pValueAlwaysValid: number
  /** Its logarithm, which does not underflow. */
  readonly logPValue: number
  /** Requests that each arm should have got, given those of each stratum. */
  readonly expected: readonly number[]
  /** Requests that each arm got. */
  readonly observed: readonly number[]
  /** Arms, by position, that got requests while their weight was 0. */
  readonly impossibleArms: readonly number[]
}

/**
 * An always-valid test for a sample ratio mismatch: whether arms got requests in proportion to their weights, which may
 * differ from epoch to epoch. A mismatch means that requests were lost or misrouted in a way that depends on the arm.
 *
 * In each stratum the e-value is the multinomial likelihood averaged over a Dirichlet(100 w) distribution of the shares
 * against that of the intended shares w: log E = log B(100 w + n) - log B(100 w) - sum n_i log w_i; strata multiply
 * (Lindon & Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022). If all requests are assigned
 * independently with the intended weights, the probability that `alarm` is ever true is at most alpha. Counts may
 * arrive late and out of order.
 *
 * An arm of weight 0 without requests is left out; a single request for it is impossible and alarms at once. A
 * stratum without requests, or with one arm only, is no evidence. Refuses weights and counts of different lengths.
 *
 * @use While a comparison runs: are the arms as large as their weights say? For one look at the end `sampleRatioFixed`.
 * @source Lindon & Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022 (arXiv 2011.03567).
 */
export function sampleRatio({
  strata,
  alpha,
}: {
  strata: readonly RatioStratum[]
  alpha: number
}): Result<SampleRatio> {
  const first = strata[0]
  const bad = checkAlpha(alpha) ?? checkStrata(strata)
  if (bad !== undefined) return bad
  if (first === undefined) return insufficient('a sample ratio needs at least 1 stratum; there is none')
  const arms = [...first.weights.keys()]
  const impossibleArms = arms.filter(arm => strata.some(s => s.weights[arm] === 0 && (s.counts[arm] ?? 0) > 0))
  const evidence = strata.reduce((sum, stratum) => sum + logEvidenceOf(stratum), 0)
  const logEvidence = impossibleArms.length > 0 ? Number.MAX_VALUE : evidence
  const threshold = -Math.log(alpha)
  return {
    ok: true,
    logEvidence,
    threshold,
    alarm: logEvidence >= threshold,
    pValueAlwaysValid: Math.min(1, Math.exp(-logEvidence)),
    logPValue: Math.min(0, -logEvidence),
    expected: arms.map(arm => strata.reduce((sum, stratum) => sum + expectedOf(stratum, arm), 0)),
    observed: arms.map(arm => strata.reduce((sum, { counts }) => sum + (counts[arm] ?? 0), 0)),
    impossibleArms,
  }
}

function logEvidenceOf({ weights, counts }: RatioStratum): number {
  const total = sumOf(counts)
  const weight = sumOf(weights)
  let evidence = logGamma(CONCENTRATION) - logGammaExcess(total, CONCENTRATION)
  for (const [arm, count] of counts.entries()) {
    const share = (weights[arm] ?? 0) / weight
    if (share === 0) continue
    const prior = CONCENTRATION * share
    evidence += logGammaExcess(count, prior) - logGamma(prior) + deviance(count, total * share)
  }
  return evidence
}

function expectedOf({ weights, counts }: RatioStratum, arm: number): number {
  return sumOf(counts) * ((weights[arm] ?? 0) / sumOf(weights))
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function checkStrata(strata: readonly RatioStratum[]): Failure | undefined {
  const arms = strata[0]?.weights.length
  for (const [index, { weights, counts }] of strata.entries()) {
    if (weights.length !== arms || counts.length !== arms)
      return invalid(
        `stratum ${index} has ${weights.length} weights and ${counts.length} counts; all need ${arms} arms`,
      )
    const total = sumOf(weights)
    if (!weights.every(weight => weight >= 0) || !(total > 0 && total < Number.POSITIVE_INFINITY))
      return invalid(`the weights of stratum ${index} are ${weights}; they must be at least 0 and their sum positive`)
    if (weights.some(weight => weight > 0 && weight / total < LEAST_SHARE))
      return invalid(`the weights of stratum ${index} are ${weights}; a share must be 0 or at least ${LEAST_SHARE}`)
    for (const [arm, count] of counts.entries()) {
      const bad = checkCount(`the count of arm ${arm} in stratum ${index}`, count)
      if (bad !== undefined) return bad
    }
  }
  return undefined
}
