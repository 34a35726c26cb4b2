import { noncentralStudentSurvival } from '../numerics/noncentral-t.ts'
import { logNormalSurvival, normalQuantile } from '../numerics/special.ts'
import { studentUpperQuantile } from '../numerics/student.ts'
import { type Failure, invalid, type Result } from '../result.ts'
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
  tailOf,
  wholeSizes,
} from './test-design.ts'

/** Standard deviations of the values of one unit, in the unit of the difference. */
export type Spreads = { readonly stable: number; readonly candidate: number }

/**
 * The distribution of the test statistic: `normal` for large samples, `student` for the two-sample t test (noncentral t,
 * exact for normal values of one spread, and what tables show).
 */
export type MeanMethod = 'normal' | 'student'

type MeanDesign = TestDesign & { readonly spreads: Spreads; readonly method?: MeanMethod }

/**
 * Plans how many units each version needs for a test of two means to have a wanted power. The difference is candidate
 * minus stable, in the unit of the spreads; `ratio` is candidate units for each stable one.
 *
 * @use Before a test with a fixed horizon, and with `boundary` before one with scheduled looks. After an adjustment by a
 * covariate pass the remaining spreads; for ratio metrics the spread of (numerator - ratio x denominator) over the mean
 * denominator.
 * @assumes Units are independent; `student` that values are normal with one spread. Power is the probability to find the
 * difference on its own side.
 * @formula Normal: n = (z_alpha + z_power)^2 (s_s^2 + s_c^2 / r) / D^2, D the difference (plus the margin). Student: the
 * least n with P(T > t_alpha) >= power, T noncentral t with n_s + n_c - 2 degrees of freedom and shift D / (s sqrt(1/n_s +
 * 1/n_c)); a boundary b becomes the t with its tail probability.
 * @source Cohen, "Statistical power analysis for the behavioral sciences", 2nd edition, 1988, chapter 2; Chow, Shao &
 * Wang, "Sample size calculations in clinical research", section 3.2.
 * @degenerate Spreads that are not positive, no difference without a margin, and a difference on the wrong side of the
 * hypothesis are refused; a difference that takes more than 2^53 units is insufficient. At least 2 units a version.
 */
export function meanSampleSize({
  difference,
  power,
  ratio = 1,
  ...design
}: MeanDesign & { difference: number; power: number; ratio?: number }): Result<SampleSize> {
  const bad = checkMeanDesign(design) ?? checkDifference(difference) ?? checkPower(power, design) ?? checkRatio(ratio)
  if (bad !== undefined) return bad
  const distance = distanceOf(difference, design.hypothesis)
  if (!(distance > 0)) return invalid(`a difference of ${difference} is not what the test is to show, at any size`)
  const { stable, candidate } = design.spreads
  const reach = (criticalValue(design) + normalQuantile(power)) / distance
  const normal = reach * reach * (stable * stable + (candidate * candidate) / ratio)
  const sizes = wholeSizes(normal, ratio, 2)
  if (!sizes.ok || design.method !== 'student') return sizes
  const least = Math.max(2, 2 / ratio)
  const powerAt = (units: number) => powerOf(design, distance, { stable: units, candidate: units * ratio })
  let high = Math.max(least, normal)
  while (powerAt(high) < power && high < Number.MAX_SAFE_INTEGER) high *= 2
  const enough = powerAt(least) >= power ? least : leastDistance(powerAt, power, least, high)
  return wholeSizes(enough, ratio, 2)
}

/**
 * The probability that a test of two means with these sizes succeeds where the difference is that given.
 *
 * @use To see what a running or an affordable test can find.
 * @assumes As `meanSampleSize`, whose inverse it is.
 * @formula Normal: Phi(D / sqrt(s_s^2/n_s + s_c^2/n_c) - z_alpha); student: P(T > t_alpha), T noncentral.
 * @source As `meanSampleSize`.
 * @degenerate Without a difference it is the error probability of one side. Fewer than 2 units a version are refused.
 */
export function meanPower({
  difference,
  sizes,
  ...design
}: MeanDesign & { difference: number; sizes: ArmSizes }): Result<{ power: number }> {
  const bad = checkMeanDesign(design) ?? checkDifference(difference) ?? checkSizes(sizes, 2)
  if (bad !== undefined) return bad
  return { ok: true, power: powerOf(design, distanceOf(difference, design.hypothesis), sizes) }
}

/**
 * The minimum detectable effect of a test of two means: the least difference, in the `direction` sought, that a test with
 * these sizes finds with the wanted power. For non-inferiority it may be on the worse side.
 *
 * @use To decide whether the traffic at hand can show a difference that matters.
 * @assumes As `meanSampleSize`.
 * @formula Normal: (z_alpha + z_power) se, less the margin; student: the root of `meanPower` by bisection.
 * @source As `meanSampleSize`.
 * @degenerate Fewer than 2 units a version are refused.
 */
export function detectableMean({
  sizes,
  power,
  direction,
  ...design
}: MeanDesign & { sizes: ArmSizes; power: number; direction?: Better }): Result<{ difference: number }> {
  const bad = checkMeanDesign(design) ?? checkSizes(sizes, 2) ?? checkPower(power, design)
  if (bad !== undefined) return bad
  const sought = directionOf(design.hypothesis, direction)
  if (!sought.ok) return sought
  const normal = (criticalValue(design) + normalQuantile(power)) * standardErrorOf(design.spreads, sizes)
  const powerAt = (distance: number) => powerOf(design, distance, sizes)
  let high = normal
  while (powerAt(high) < power) high *= 2
  const distance = design.method === 'student' ? leastDistance(powerAt, power, 0, high) : normal
  return { ok: true, difference: differenceAt(distance, design.hypothesis, sought.direction) }
}

function powerOf(design: MeanDesign, distance: number, sizes: ArmSizes): number {
  const shift = Math.min(CERTAIN, Math.max(-CERTAIN, distance / standardErrorOf(design.spreads, sizes)))
  if (design.method !== 'student') return Math.exp(logNormalSurvival(criticalValue(design) - shift))
  const df = sizes.stable + sizes.candidate - 2
  return noncentralStudentSurvival(studentCritical(design, df), df, shift)
}

/** So many standard errors are certainty, at any size. */
const CERTAIN = 1e6

function studentCritical(design: MeanDesign, df: number): number {
  const tail = design.boundary === undefined ? tailOf(design) : Math.exp(logNormalSurvival(design.boundary))
  return tail <= 0.5 ? studentUpperQuantile(tail, df) : -studentUpperQuantile(1 - tail, df)
}

function standardErrorOf({ stable, candidate }: Spreads, sizes: ArmSizes): number {
  return Math.hypot(stable / Math.sqrt(sizes.stable), candidate / Math.sqrt(sizes.candidate))
}

function checkDifference(difference: number): Failure | undefined {
  return Number.isFinite(difference)
    ? undefined
    : invalid(`the difference is ${difference}; it must be a finite number`)
}

/** Their squares and quotients must not leave the range of a double. */
const SPREAD_MAX = 1e100

function checkMeanDesign(design: MeanDesign): Failure | undefined {
  const { spreads, method = 'normal' } = design
  const fits = (spread: number) => spread >= 1 / SPREAD_MAX && spread <= SPREAD_MAX
  if (!fits(spreads.stable) || !fits(spreads.candidate))
    return invalid(`the spreads are ${spreads.stable} and ${spreads.candidate}; both must be positive numbers`)
  if (method !== 'normal' && method !== 'student')
    return invalid(`the method is ${method}; it must be 'normal' or 'student'`)
  if (method === 'student' && spreads.stable !== spreads.candidate)
    return invalid(`the spreads are ${spreads.stable} and ${spreads.candidate}; 'student' needs them equal`)
  return checkDesign(design)
}
