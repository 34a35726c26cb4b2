import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { logNormalMixture, normalMixtureBoundary, type Sides, tightestRatio } from './normal-mixture.ts'

/** A test of "the true value is 0" with the interval of the values it does not reject. */
export type NormalSequence = {
  readonly estimate: number
  readonly lower: number
  readonly upper: number
  /** The log e-value against 0; with one side, against "at most 0". */
  readonly logEvidence: number
  /** log(1/alpha): what the evidence must reach. */
  readonly threshold: number
  readonly rejected: boolean
  /** 1/E, at most 1; 0 where it underflows. The least of all looks so far is valid too, and what mSPRT reports. */
  readonly pValue: number
  /** Its logarithm, which does not underflow. */
  readonly logPValue: number
}

/**
 * The mixture sequential probability ratio test of "the true effect is 0", for an estimate that is normal with a known
 * or well estimated variance, with its confidence sequence at level alpha, two-sided.
 *
 * @use To reproduce the always-valid p values of commercial experimentation, or where a prior sd of effects, the root of
 *   `tau2`, is known. `asymptoticSequence` is the same test with tau2 set by a sample size; `compareMeans` has margins.
 * @assumes At every look the estimate is that of all data so far, normal around the effect with that variance, and its
 *   increments are independent. Asymptotic: no look before the central limit theorem holds.
 * @formula Lambda = sqrt(V / (V + tau2)) exp(tau2 d^2 / (2 V (V + tau2))), d the estimate and V its variance; tau2 the
 *   variance of effects over which the likelihood is averaged, in squared units of the estimate.
 * @source Johari, Koomen, Pekelis & Walsh, "Always valid inference", Operations Research 70, 2022 (arXiv 1512.04922).
 * @degenerate Without variance the data are insufficient.
 */
export function msprt({
  estimate,
  variance,
  tau2,
  alpha,
}: {
  estimate: number
  variance: number
  tau2: number
  alpha: number
}): Result<NormalSequence> {
  const bad = checkAlpha(alpha) ?? checkEstimate(estimate, variance)
  if (bad !== undefined) return bad
  if (!(tau2 > 0 && tau2 < Number.POSITIVE_INFINITY)) return invalid(`tau2 is ${tau2}; it must be finite and above 0`)
  return sequenceOf(estimate, variance, variance / tau2, alpha, 2)
}

/**
 * The asymptotic confidence sequence for the value that `estimate` estimates, tightest near `tunedFor` observations.
 *
 * With one side each limit alone fails with probability at most alpha, and the evidence is against "at most 0"; with
 * two sides both together.
 *
 * @use For any estimate with a standard error that all data so far went into: a mean, a difference, a regression
 *   coefficient, a relative lift. Not before 100 observations an arm.
 * @assumes As `msprt`. That the variance `n` times `variance` of one observation settles down.
 * @formula rho^2 = (-2 ln a + ln(1 - 2 ln a)) / tunedFor with a = alpha, or 2 alpha for one side. Half width
 *   sqrt(variance n) sqrt(2 (n rho^2 + 1) / (n rho)^2 ln(sqrt(n rho^2 + 1) / alpha)): `msprt` with tau2 = rho^2 n variance.
 *   One-sided, the limit of the half-normal mixture itself; the closed form with ln(1 + sqrt(n rho^2 + 1) / (2 alpha)) in
 *   use elsewhere bounds it and is up to a few per cent wider.
 * @source Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, Annals of Statistics 52, 2024 (arXiv 2103.06476);
 *   GrowthBook documentation, "Sequential testing".
 * @degenerate Without variance the data are insufficient. One side needs alpha below 1/2.
 */
export function asymptoticSequence({
  estimate,
  variance,
  n,
  alpha,
  tunedFor = 5000,
  sides = 2,
}: {
  estimate: number
  variance: number
  n: number
  alpha: number
  tunedFor?: number
  sides?: Sides
}): Result<NormalSequence> {
  const bad =
    checkAlpha(alpha) ?? checkEstimate(estimate, variance) ?? checkSize('n', n) ?? checkSize('tunedFor', tunedFor)
  if (bad !== undefined) return bad
  const tuned = sides === 1 ? 2 * alpha : alpha
  if (tuned >= 1) return invalid(`alpha is ${alpha}; for one side it must be less than 0.5`)
  return sequenceOf(estimate, variance, tunedFor / n / tightestRatio(tuned), alpha, sides)
}

function sequenceOf(
  estimate: number,
  variance: number,
  ratio: number,
  alpha: number,
  sides: Sides,
): Result<NormalSequence> {
  const threshold = -Math.log(alpha)
  const standardError = Math.sqrt(variance)
  const z = estimate / standardError
  const boundary = normalMixtureBoundary(threshold, ratio, sides)
  const halfWidth = boundary * standardError
  if (![z, ratio, estimate - halfWidth, estimate + halfWidth].every(Number.isFinite) || ratio === 0)
    return invalid(`estimate ${estimate} with variance ${variance} is too extreme for a double`)
  const logEvidence = logNormalMixture(z, ratio, sides).value
  return {
    ok: true,
    estimate,
    lower: estimate - halfWidth,
    upper: estimate + halfWidth,
    logEvidence,
    threshold,
    rejected: logEvidence >= threshold,
    pValue: Math.min(1, Math.exp(-logEvidence)),
    logPValue: Math.min(0, -logEvidence),
  }
}

function checkEstimate(estimate: number, variance: number): Failure | undefined {
  if (!Number.isFinite(estimate)) return invalid(`the estimate is ${estimate}; it must be a finite number`)
  if (variance === 0) return insufficient('the variance of the estimate is 0, as when all values are alike')
  if (variance > 0 && Number.isFinite(variance)) return undefined
  return invalid(`the variance is ${variance}; it must be finite and above 0`)
}

function checkSize(name: string, size: number): Failure | undefined {
  if (size >= 1 && size <= Number.MAX_SAFE_INTEGER) return undefined
  return invalid(`${name} is ${size}; it must be from 1 to ${Number.MAX_SAFE_INTEGER}`)
}
