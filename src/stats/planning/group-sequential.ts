import { rootOfDecreasing } from '../numerics/monotone-root.ts'
import { normalQuantile } from '../numerics/special.ts'
import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { type Continuing, continueFrom, probabilityAbove, probabilityBelow, start } from './crossing.ts'

/** One side (stop above the boundary) or both (also below its negative). */
export type Sides = 1 | 2

/** A plan of looks: information fractions in (0, 1], ascending, and the boundary at each in standard errors. */
export type LookPlan = {
  readonly fractions: readonly number[]
  readonly boundaries: readonly number[]
  readonly sides: Sides
}

/** What happens at one look. */
export type Exit = {
  /** The probability to stop here above the boundary. */
  readonly above: number
  /** The probability to stop here below the negative boundary; 0 in a one-sided plan. */
  readonly below: number
  /** The probability to have stopped here or before, on either side. */
  readonly cumulative: number
}

/** The course of a plan of looks. */
export type Exits = {
  readonly looks: readonly Exit[]
  /** The probability to stop above a boundary at some look: the power, or without drift the error probability. */
  readonly power: number
  /** The information fraction at the end, on average: where it stops, or the last look. */
  readonly expectedFraction: number
}

/**
 * The probabilities with which a statistic that is looked at on a schedule crosses given boundaries, under a drift: the
 * mean of the statistic, in standard errors, at information fraction 1.
 *
 * @use For the power and the average length of a group sequential plan (drift = effect / standard error at full size), and
 * for the error probability of any rule that looks repeatedly (drift 0).
 * @assumes Statistics are normal sums of independent increments: means, rates and covariate-adjusted differences at some
 * hundred units a look.
 * @formula f_1(z) = phi(z - drift sqrt(t_1)); f_k(z) = integral over the continuation region of f_{k-1}(u) sqrt(t_k/d)
 * phi((z sqrt(t_k) - u sqrt(t_{k-1}) - drift d) / sqrt(d)) du, d = t_k - t_{k-1}; 32-point Gauss-Legendre panels.
 * @source Armitage, McPherson & Rowe, "Repeated significance tests on accumulating data", JRSS A 132, 1969; Jennison &
 * Turnbull, "Group sequential methods with applications to clinical trials", 2000, chapter 19.
 * @degenerate No looks, fractions that do not ascend or are closer than 1 in 1000, more than 100 looks and, on both
 * sides, boundaries that are not positive are refused.
 */
export function exitProbabilities({
  fractions,
  boundaries,
  sides,
  drift,
}: LookPlan & { drift: number }): Result<Exits> {
  const bad = checkFractions(fractions) ?? checkSides(sides) ?? checkBoundaries(fractions, boundaries, sides)
  if (bad !== undefined) return bad
  if (!(Math.abs(drift) <= DRIFT_MAX))
    return invalid(`the drift is ${drift}; it must be from -${DRIFT_MAX} to ${DRIFT_MAX}`)
  return { ok: true, ...exitsOf({ fractions, boundaries, sides }, drift) }
}

/** A drift found for a wanted power. */
export type DriftForPower = {
  /** The mean of the statistic at information fraction 1. */
  readonly drift: number
  /** The greatest size over that of a test with one look of the same alpha and power. */
  readonly inflation: number
  /** The average size over that of a test with one look, if the drift is there. */
  readonly expectedInflation: number
}

/**
 * The drift that a group sequential plan finds with a wanted power, and by what factor its size must exceed that of a
 * test with a single look: plan the single test, multiply by `inflation`.
 *
 * @use To size a test with scheduled looks. Exact, where the last boundary in place of the normal quantile is slightly
 * too small.
 * @assumes As `exitProbabilities`.
 * @formula The root of power(drift) - power; inflation = (drift / (z_alpha + z_power))^2, z_alpha of alpha / sides.
 * @source Jennison & Turnbull, "Group sequential methods with applications to clinical trials", 2000, section 2.2.
 * @degenerate As `exitProbabilities`; a power that the plan has without drift is refused.
 */
export function driftForPower({
  fractions,
  boundaries,
  sides,
  alpha,
  power,
}: LookPlan & { alpha: number; power: number }): Result<DriftForPower> {
  const bad =
    checkAlpha(alpha) ?? checkFractions(fractions) ?? checkSides(sides) ?? checkBoundaries(fractions, boundaries, sides)
  if (bad !== undefined) return bad
  const plan = { fractions, boundaries, sides }
  const powerAt = (drift: number) => exitsOf(plan, drift).power
  const inside = power > 0 && power < 1 && powerAt(0) < power
  const fixed = inside ? normalQuantile(power) - normalQuantile(alpha / sides) : 0
  if (!(fixed > 0))
    return invalid(`the power is ${power}; it must be less than 1 and more than the plan has without drift`)
  let [low, high] = [0, fixed]
  while (high <= DRIFT_MAX && powerAt(high) < power) [low, high] = [high, high * 1.5]
  if (high > DRIFT_MAX) return insufficient(`no drift up to ${DRIFT_MAX} has power ${power}`)
  // The probit of the power rises with the drift by nearly 1 for 1.
  const probit = (share: number) => normalQuantile(Math.min(Math.max(share, 1e-300), 1 - 1e-16))
  const drift = rootOfDecreasing(x => ({ value: probit(power) - probit(powerAt(x)), slope: -1 }), low, high)
  const inflation = (drift / fixed) ** 2
  return { ok: true, drift, inflation, expectedInflation: inflation * exitsOf(plan, drift).expectedFraction }
}

function exitsOf({ fractions, boundaries, sides }: LookPlan, drift: number): Exits {
  let before: Continuing = start
  let cumulative = 0
  let power = 0
  let expectedFraction = 0
  const looks: Exit[] = []
  for (const [index, fraction] of fractions.entries()) {
    const upper = boundaries[index] ?? Number.MAX_VALUE
    const above = probabilityAbove(before, fraction, upper, drift)
    const below = sides === 2 ? probabilityBelow(before, fraction, -upper, drift) : 0
    const next = fractions[index + 1]
    expectedFraction += fraction * (next === undefined ? 1 - cumulative : above + below)
    cumulative = Math.min(1, cumulative + above + below)
    power = Math.min(1, power + above)
    looks.push({ above, below, cumulative })
    const lower = sides === 2 ? -upper : Number.NEGATIVE_INFINITY
    if (next !== undefined) before = continueFrom(before, { fraction, next }, { lower, upper }, drift)
  }
  return { looks, power, expectedFraction }
}

/** More standard errors than this are found at any look. */
const DRIFT_MAX = 1000
const LOOKS_MAX = 100
const LEAST_GAIN = 1e-3
const BOUNDARY_MAX = 38

/** Refuses information fractions that do not ascend within (0, 1], or so closely that the recursion takes too long. */
export function checkFractions(fractions: readonly number[]): Failure | undefined {
  if (fractions.length === 0 || fractions.length > LOOKS_MAX)
    return invalid(`the plan has ${fractions.length} looks; it must have from 1 to ${LOOKS_MAX}`)
  let before = 0
  for (const fraction of fractions) {
    if (!(fraction > 0 && fraction <= 1) || fraction - before < LEAST_GAIN * fraction)
      return invalid(
        `the information fractions are ${fractions}; they must ascend within (0, 1], each by at least ${LEAST_GAIN} of itself`,
      )
    before = fraction
  }
  return undefined
}

/** Refuses anything but one side or two. */
export function checkSides(sides: number): Failure | undefined {
  return sides === 1 || sides === 2 ? undefined : invalid(`sides is ${sides}; it must be 1 or 2`)
}

function checkBoundaries(
  fractions: readonly number[],
  boundaries: readonly number[],
  sides: Sides,
): Failure | undefined {
  if (boundaries.length !== fractions.length)
    return invalid(`the plan has ${fractions.length} looks and ${boundaries.length} boundaries`)
  const fits = (boundary: number) => Math.abs(boundary) <= BOUNDARY_MAX && (sides === 1 || boundary > 0)
  if (boundaries.every(fits)) return undefined
  return invalid(
    `the boundaries are ${boundaries}; they must be up to ${BOUNDARY_MAX}, and positive in a plan of both sides`,
  )
}
