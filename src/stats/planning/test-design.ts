import { normalQuantile } from '../numerics/special.ts'
import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'

/** Which direction of the metric is the good one. */
export type Better = 'higher' | 'lower'

/** What the planned test is to show about candidate minus stable; the two one-sided ones spend alpha on one side. */
export type Hypothesis =
  | { readonly kind: 'difference' }
  | { readonly kind: 'superiority'; readonly better: Better }
  | { readonly kind: 'non-inferiority'; readonly better: Better; readonly margin: number }

/**
 * The test that is planned. `boundary` replaces the normal quantile of alpha: the last boundary of a group sequential
 * design, or the half-width of a confidence sequence at the planned size in standard errors.
 */
export type TestDesign = {
  readonly alpha: number
  /** A two-sided test of any difference unless given. */
  readonly hypothesis?: Hypothesis | undefined
  readonly boundary?: number | undefined
}

/** Units of each version. */
export type ArmSizes = { readonly stable: number; readonly candidate: number }

/** Units needed, rounded up. */
export type SampleSize = ArmSizes & {
  readonly total: number
  /** Units of the stable version before rounding. */
  readonly unrounded: number
}

/** How far the true difference is from what the test must exclude; above 0 if the test can succeed. */
export function distanceOf(difference: number, hypothesis: Hypothesis | undefined): number {
  if (hypothesis === undefined || hypothesis.kind === 'difference') return Math.abs(difference)
  const gain = hypothesis.better === 'higher' ? difference : -difference
  return hypothesis.kind === 'superiority' ? gain : hypothesis.margin + gain
}

/** The true difference, for the better or (`difference`) in the wanted direction, that is at this distance. */
export function differenceAt(distance: number, hypothesis: Hypothesis | undefined, direction: Better): number {
  const gain = hypothesis?.kind === 'non-inferiority' ? distance - hypothesis.margin : distance
  return direction === 'higher' ? gain : -gain
}

/** The probability that the test statistic exceeds its critical value by chance, on the side of success. */
export function tailOf({ alpha, hypothesis }: TestDesign): number {
  return hypothesis === undefined || hypothesis.kind === 'difference' ? alpha / 2 : alpha
}

/** The critical value in standard errors. */
export function criticalValue(design: TestDesign): number {
  return design.boundary ?? -normalQuantile(tailOf(design))
}

/** Beyond this a normal tail underflows. */
const BOUNDARY_MAX = 30

/** Refuses a design that no test has. */
export function checkDesign({ alpha, hypothesis, boundary }: TestDesign): Failure | undefined {
  const bad = checkAlpha(alpha) ?? (hypothesis === undefined ? undefined : checkHypothesis(hypothesis))
  if (bad !== undefined) return bad
  if (boundary === undefined || (boundary > 0 && boundary <= BOUNDARY_MAX)) return undefined
  return invalid(`the boundary is ${boundary}; it must be greater than 0 and at most ${BOUNDARY_MAX} standard errors`)
}

function checkHypothesis(hypothesis: Hypothesis): Failure | undefined {
  const { kind } = hypothesis
  if (kind === 'difference') return undefined
  if (kind !== 'superiority' && kind !== 'non-inferiority')
    return invalid(`the hypothesis is ${kind}; it must be 'difference', 'superiority' or 'non-inferiority'`)
  if (hypothesis.better !== 'higher' && hypothesis.better !== 'lower')
    return invalid(`better is ${hypothesis.better}; it must be 'higher' or 'lower'`)
  if (hypothesis.kind === 'superiority' || (hypothesis.margin > 0 && Number.isFinite(hypothesis.margin)))
    return undefined
  return invalid(`the margin is ${hypothesis.margin}; it must be a positive number`)
}

/** Refuses a power outside (0, 1), or one that the test has even where nothing is there to find. */
export function checkPower(power: number, design: TestDesign): Failure | undefined {
  if (!(power > 0 && power < 1)) return invalid(`the power is ${power}; it must be greater than 0 and less than 1`)
  if (criticalValue(design) + normalQuantile(power) > 0) return undefined
  return invalid(`the power is ${power}; a test at alpha ${design.alpha} has as much without any difference`)
}

/** Candidate units for each stable unit; beyond these it is a mistake rather than an intention. */
const RATIO_MAX = 1e6

/** Refuses a ratio of sizes outside [1e-6, 1e6]. */
export function checkRatio(ratio: number): Failure | undefined {
  if (ratio >= 1 / RATIO_MAX && ratio <= RATIO_MAX) return undefined
  return invalid(
    `the ratio of sizes is ${ratio}; it must be from ${1 / RATIO_MAX} to ${RATIO_MAX} candidate units a stable one`,
  )
}

/** Refuses sizes below `least`; they need not be whole. */
export function checkSizes({ stable, candidate }: ArmSizes, least: number): Failure | undefined {
  const fits = (units: number) => units >= least && units <= Number.MAX_SAFE_INTEGER
  if (fits(stable) && fits(candidate)) return undefined
  return invalid(
    `the sizes are ${stable} and ${candidate}; both must be from ${least} to ${Number.MAX_SAFE_INTEGER} units`,
  )
}

/** The direction in which a detectable difference is sought: the better one, if the hypothesis has one. */
export function directionOf(
  hypothesis: Hypothesis | undefined,
  direction: Better | undefined,
): Result<{ direction: Better }> {
  if (direction !== undefined && direction !== 'higher' && direction !== 'lower')
    return invalid(`the direction is ${direction}; it must be 'higher' or 'lower'`)
  if (hypothesis === undefined || hypothesis.kind === 'difference')
    return { ok: true, direction: direction ?? 'higher' }
  if (direction === undefined || direction === hypothesis.better) return { ok: true, direction: hypothesis.better }
  return invalid(`the direction is ${direction}, but the hypothesis calls ${hypothesis.better} values better`)
}

/** Rounds up, but not for the sake of a rounding error, and to `least` at least. */
export function wholeSizes(unrounded: number, ratio: number, least: number): Result<SampleSize> {
  const up = (units: number) => Math.max(least, Math.ceil(units * (1 - 1e-12)))
  const stable = up(unrounded)
  const candidate = up(unrounded * ratio)
  if (stable + candidate <= Number.MAX_SAFE_INTEGER)
    return { ok: true, stable, candidate, total: stable + candidate, unrounded }
  return insufficient(`the difference is too small: it takes some ${unrounded} units a version`)
}

/** The least distance in (low, high] at which a power that rises with it reaches `power`; it does at `high`. */
export function leastDistance(powerAt: (distance: number) => number, power: number, low: number, high: number): number {
  let left = low
  let right = high
  for (let step = 0; step < 1100; step += 1) {
    const middle = left + (right - left) / 2
    if (middle === left || middle === right || right - left < 1e-13 * right) break
    if (powerAt(middle) < power) left = middle
    else right = middle
  }
  return right
}
