import { logNormalSurvival, normalQuantile } from '../numerics/special.ts'
import { type Failure, insufficient, invalid, type Result } from '../result.ts'
import {
  type ArmSizes,
  type Better,
  checkDesign,
  checkPower,
  checkRatio,
  checkSizes,
  criticalValue,
  differenceAt,
  directionOf,
  distanceOf,
  leastDistance,
  type SampleSize,
  type TestDesign,
  wholeSizes,
} from './test-design.ts'

/**
 * The approximation of the test of two proportions: normal with the variance of both rates (`unpooled`), with that of
 * their mean under the null hypothesis (`pooled`), the same with a continuity correction (`corrected`, close to Fisher's
 * exact test), or of the arcsine of the roots (`arcsine`, Cohen's h).
 */
export type ProportionMethod = 'unpooled' | 'pooled' | 'corrected' | 'arcsine'

/** Probabilities of an event in each version. */
export type Rates = { readonly stable: number; readonly candidate: number }

type ProportionDesign = TestDesign & { readonly method?: ProportionMethod }

/**
 * Plans how many units each version needs for a test of two proportions to have a wanted power. Rates are probabilities;
 * `ratio` is candidate units for each stable one.
 *
 * @use Before a test with a fixed horizon, and with `boundary` before one with scheduled looks. `corrected` for small
 * samples that Fisher's test will judge, `unpooled` for non-inferiority, the only one that a margin allows.
 * @assumes Units are independent; about 5 events of each kind expected in each version, or normal approximations fail.
 * Power is the probability to find the difference on its own side.
 * @formula With z = z_alpha + z_power, D the difference (plus the margin), r the ratio, n of the stable version: unpooled
 * n = z^2 (p_s q_s + p_c q_c / r) / D^2; pooled n = (z_alpha sqrt((r + 1) p q) + z_power sqrt(r p_s q_s + p_c q_c))^2 / (r
 * D^2), p = (p_s + r p_c) / (r + 1); corrected n' = n/4 (1 + sqrt(1 + 2 (r + 1) / (n r |D|)))^2; arcsine n = z^2 (1 + 1/r)
 * / h^2, h = 2 asin sqrt(p_c) - 2 asin sqrt(p_s).
 * @source Fleiss, Tytun & Ury, "A simple approximation for calculating sample sizes for comparing independent
 * proportions", Biometrics 36, 1980; Cohen, "Statistical power analysis for the behavioral sciences", 2nd edition, 1988,
 * chapter 6; unpooled: Chow, Shao & Wang, "Sample size calculations in clinical research", section 4.2.
 * @degenerate Rates outside [0, 1], equal rates without a margin and a difference on the wrong side of the hypothesis are
 * refused; a difference that takes more than 2^53 units is insufficient.
 */
export function proportionSampleSize({
  rates,
  power,
  ratio = 1,
  ...design
}: ProportionDesign & { rates: Rates; power: number; ratio?: number }): Result<SampleSize> {
  const bad = checkProportionDesign(design) ?? checkRates(rates) ?? checkPower(power, design) ?? checkRatio(ratio)
  if (bad !== undefined) return bad
  const distance = distanceOf(rates.candidate - rates.stable, design.hypothesis)
  if (!(distance > 0))
    return invalid(`rates of ${rates.stable} and ${rates.candidate} are not what the test is to show, at any size`)
  const method = design.method ?? 'unpooled'
  const unrounded = unroundedSize(rates, distance, criticalValue(design), normalQuantile(power), ratio, method)
  return wholeSizes(unrounded, ratio, 1)
}

/**
 * The probability that a test of two proportions with these sizes succeeds where the rates are those given.
 *
 * @use To see what a running or an affordable test can find.
 * @assumes As `proportionSampleSize`, whose inverse it is.
 * @formula Unpooled: Phi(D / se - z_alpha); pooled: Phi((D - z_alpha se_0) / se), se_0 with the weighted mean rate;
 * corrected: D less (1/n_s + 1/n_c) / 2; arcsine: Phi(h sqrt(n_s n_c / (n_s + n_c)) - z_alpha).
 * @source As `proportionSampleSize`.
 * @degenerate Without a difference it is the error probability of one side. Rates of 0 and 1, which leave no chance, give
 * 0 or 1.
 */
export function proportionPower({
  rates,
  sizes,
  ...design
}: ProportionDesign & { rates: Rates; sizes: ArmSizes }): Result<{ power: number }> {
  const bad = checkProportionDesign(design) ?? checkRates(rates) ?? checkSizes(sizes, 1)
  if (bad !== undefined) return bad
  const distance = distanceOf(rates.candidate - rates.stable, design.hypothesis)
  const shift = shiftOf(rates, distance, criticalValue(design), sizes, design.method ?? 'unpooled')
  return { ok: true, power: Math.exp(logNormalSurvival(-shift)) }
}

/** The least true difference that a test finds with the wanted power. */
export type DetectableProportion = {
  /** Candidate minus stable; for non-inferiority it may be on the worse side. */
  readonly difference: number
  readonly candidateRate: number
  /** difference / stable rate; missing where that rate is 0. */
  readonly relative?: number
}

/**
 * The minimum detectable effect of a test of two proportions: the least difference of rates, in the `direction` sought,
 * that a test with these sizes finds with the wanted power.
 *
 * @use To decide whether the traffic at hand can show a difference that matters.
 * @assumes As `proportionSampleSize`.
 * @formula The root of `proportionPower` in the difference, by bisection.
 * @source As `proportionSampleSize`.
 * @degenerate Insufficient where even a rate of 1 (or 0, if lower is sought) would not be found.
 */
export function detectableProportion({
  stableRate,
  sizes,
  power,
  direction,
  ...design
}: ProportionDesign & {
  stableRate: number
  sizes: ArmSizes
  power: number
  direction?: Better
}): Result<DetectableProportion> {
  const bad =
    checkProportionDesign(design) ??
    checkRates({ stable: stableRate, candidate: stableRate }) ??
    checkSizes(sizes, 1) ??
    checkPower(power, design)
  if (bad !== undefined) return bad
  const sought = directionOf(design.hypothesis, direction)
  if (!sought.ok) return sought
  const margin = design.hypothesis?.kind === 'non-inferiority' ? design.hypothesis.margin : 0
  const room = sought.direction === 'higher' ? 1 - stableRate : stableRate
  const behind = Math.max(0, margin - (1 - room))
  const differenceFor = (distance: number) => differenceAt(distance, design.hypothesis, sought.direction)
  const powerAt = (distance: number) => {
    const candidate = Math.min(1, Math.max(0, stableRate + differenceFor(distance)))
    const rates = { stable: stableRate, candidate }
    return Math.exp(
      logNormalSurvival(-shiftOf(rates, distance, criticalValue(design), sizes, design.method ?? 'unpooled')),
    )
  }
  if (powerAt(room + margin) < power)
    return insufficient(
      `${sizes.stable} and ${sizes.candidate} units find no difference from a rate of ${stableRate} with power ${power}`,
    )
  const difference = differenceFor(leastDistance(powerAt, power, behind, room + margin))
  const candidateRate = Math.min(1, Math.max(0, stableRate + difference))
  return { ok: true, difference, candidateRate, ...(stableRate === 0 ? {} : { relative: difference / stableRate }) }
}

function unroundedSize(
  { stable, candidate }: Rates,
  distance: number,
  critical: number,
  beyond: number,
  ratio: number,
  method: ProportionMethod,
): number {
  const stableVariance = stable * (1 - stable)
  const candidateVariance = candidate * (1 - candidate)
  const reach = critical + beyond
  if (method === 'unpooled') return (reach / distance) ** 2 * (stableVariance + candidateVariance / ratio)
  if (method === 'arcsine') return (reach / cohenH({ stable, candidate })) ** 2 * (1 + 1 / ratio)
  const mean = (stable + ratio * candidate) / (ratio + 1)
  const chance = critical * Math.sqrt((ratio + 1) * mean * (1 - mean))
  const spread = chance + beyond * Math.sqrt(ratio * stableVariance + candidateVariance)
  const size = (Math.max(0, spread) / distance) ** 2 / ratio
  if (method === 'pooled') return size
  // Solved for the root of the size, so that a size of 0 before the correction is no division by 0.
  const root = Math.sqrt(size)
  return ((root + Math.sqrt(size + (2 * (ratio + 1)) / (ratio * distance))) / 2) ** 2
}

/** By how many standard deviations the statistic lies beyond its critical value on average. */
function shiftOf(rates: Rates, distance: number, critical: number, sizes: ArmSizes, method: ProportionMethod): number {
  const inverse = 1 / sizes.stable + 1 / sizes.candidate
  if (method === 'arcsine') return (Math.sign(distance) * Math.abs(cohenH(rates))) / Math.sqrt(inverse) - critical
  const { stable, candidate } = rates
  const se = Math.sqrt((stable * (1 - stable)) / sizes.stable + (candidate * (1 - candidate)) / sizes.candidate)
  const mean = (stable * sizes.stable + candidate * sizes.candidate) / (sizes.stable + sizes.candidate)
  const chance = method === 'unpooled' ? se : Math.sqrt(Math.max(0, mean * (1 - mean)) * inverse)
  const beyond = distance - (method === 'corrected' ? inverse / 2 : 0) - critical * chance
  // Rates of 0 and 1 leave nothing to chance; 1e15 standard deviations are certainty on either side.
  if (se === 0) return beyond > 0 ? CERTAIN : -CERTAIN
  return Math.min(CERTAIN, Math.max(-CERTAIN, beyond / se))
}

const CERTAIN = 1e15

/** Cohen's h, 2 asin sqrt(p_c) - 2 asin sqrt(p_s), by the sine of the difference, which does not cancel. */
function cohenH({ stable, candidate }: Rates): number {
  const difference = candidate - stable
  if (difference === 0) return 0
  const sum = Math.sqrt(candidate * (1 - stable)) + Math.sqrt(stable * (1 - candidate))
  return 2 * Math.asin(Math.min(1, Math.max(-1, difference / sum)))
}

function checkRates({ stable, candidate }: Rates): Failure | undefined {
  if (stable >= 0 && stable <= 1 && candidate >= 0 && candidate <= 1) return undefined
  return invalid(`the rates are ${stable} and ${candidate}; both must be from 0 to 1`)
}

function checkProportionDesign(design: ProportionDesign): Failure | undefined {
  const { method = 'unpooled', hypothesis } = design
  if (!['unpooled', 'pooled', 'corrected', 'arcsine'].includes(method))
    return invalid(`the method is ${method}; it must be 'unpooled', 'pooled', 'corrected' or 'arcsine'`)
  const bad = checkDesign(design)
  if (bad !== undefined || hypothesis?.kind !== 'non-inferiority') return bad
  if (method !== 'unpooled')
    return invalid(`the method ${method} supposes equal rates under the null hypothesis; a margin needs 'unpooled'`)
  if (hypothesis.margin < 1) return undefined
  return invalid(`the margin is ${hypothesis.margin}; between rates it must be less than 1`)
}
