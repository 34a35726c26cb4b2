import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { tightestRatio } from './normal-mixture.ts'
import type { TriangularRegression } from './triangular-regression.ts'

/** The effect of the treatment, adjusted for covariates, in units of the outcome. */
export type RegressionEffect = {
  readonly estimate: number
  /** The confidence sequence at level alpha, both limits together. */
  readonly lower: number
  readonly upper: number
  /** The log e-value against "the effect is the margin". */
  readonly logEvidence: number
  /** log(1/alpha): what the evidence must reach. */
  readonly threshold: number
  readonly rejected: boolean
  /** 1/E, at most 1; 0 where it underflows; and its logarithm, which does not. */
  readonly pValue: number
  readonly logPValue: number
  readonly standardError: number
  /** Student's t of the estimate less the margin. */
  readonly t: number
  readonly df: number
}

const DEFAULT_TUNED_FOR = 5000
const TIGHTEST = tightestRatio(0.05)
/** A diagonal entry this small against its column is rounding: the column is a combination of those before it. */
const RANK_TOLERANCE = 1e-12

/**
 * The sequential t-test of the effect of a treatment in a linear model with covariates, two-sided, with its confidence
 * sequence: what joins covariate adjustment (CUPED) and looking at any time.
 *
 * @use Where something known before the treatment predicts the outcome, such as last week's value: the limits narrow by
 *   sqrt(1 - R^2). Without covariates it is the sequential two-sample t-test, exact from the third row on.
 * @assumes outcome = b0 + b'covariates + effect treatment + error; errors independent, normal, of one variance; rows
 *   (covariates and treatment) do not depend on earlier outcomes. Exact then at any n. With other errors the level is
 *   asymptotic; with arms of unequal variances it also needs about as many units in each, else use `compareMeans`.
 * @formula E = sqrt(f / (f + z)) ((1 + t^2 / df) / (1 + (f / (f + z)) t^2 / df))^((df + 1) / 2), z the residual sum of
 *   squares of the treatment given the covariates, df = n - covariates - 2, f = tunedFor / (4 * 7.94): effects are mixed
 *   over N(0, sigma^2 / f), f the z / 7.94 of `tunedFor` units, half of them treated.
 * @source Lindon, Ham, Tingley & Bojinov, "Anytime-valid linear models and regression adjusted causal inference in
 *   randomized experiments", 2022 (arXiv 2210.08589); for t alone: Lai, Annals of Statistics 4, 1976.
 * @degenerate Insufficient while there are fewer rows than parameters plus one, where the covariates determine the
 *   treatment or each other, where the residuals are all 0, and while no finite limits exist (a handful of rows).
 */
export function anytimeRegression({
  state,
  margin = 0,
  alpha,
  tunedFor = DEFAULT_TUNED_FOR,
}: {
  state: TriangularRegression
  margin?: number
  alpha: number
  tunedFor?: number
}): Result<RegressionEffect> {
  const bad = checkAlpha(alpha) ?? checkNumbers(margin, tunedFor)
  if (bad !== undefined) return bad
  const fit = fitOf(state)
  if (!fit.ok) return fit
  const { estimate, treated, standardError, df } = fit
  const threshold = -Math.log(alpha)
  const prior = tunedFor / (4 * TIGHTEST)
  const kept = prior / (prior + treated)
  const t = (estimate - margin) / standardError
  const halfWidth = standardError * boundaryOf(threshold, prior, treated, df)
  if (halfWidth === Number.POSITIVE_INFINITY)
    return insufficient(`${state.n} rows exclude no effect yet at alpha ${alpha}, however great`)
  if (![t, (t * t) / df, estimate - halfWidth, estimate + halfWidth].every(Number.isFinite))
    return invalid('the outcomes, the covariates or the margin are too large for a double')
  const square = (t * t) / df
  const logEvidence = 0.5 * Math.log(kept) + 0.5 * (df + 1) * (Math.log1p(square) - Math.log1p(kept * square))
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
    standardError,
    t,
    df,
  }
}

/** The t at which E is 1/alpha; Infinity while E stays below it for every t. */
function boundaryOf(threshold: number, prior: number, treated: number, df: number): number {
  const kept = prior / (prior + treated)
  const growth = Math.expm1((2 * (threshold - 0.5 * Math.log(kept))) / (df + 1))
  const room = treated / (prior + treated) - kept * growth
  return room > 0 ? Math.sqrt((df * growth) / room) : Number.POSITIVE_INFINITY
}

type Fit = { readonly estimate: number; readonly treated: number; readonly standardError: number; readonly df: number }

/** Read off the triangle: its last two rows are the treatment given the covariates, and the residuals. */
function fitOf({ n, covariates, triangle }: TriangularRegression): Result<Fit> {
  const df = n - covariates - 2
  if (triangle.length !== covariates + 3 || triangle.some((row, index) => row.length !== covariates + 3 - index))
    return invalid('the state is none that startRegression and addToRegression make')
  if (df < 1)
    return insufficient(`a regression on ${covariates} covariates needs ${covariates + 3} rows; there are ${n}`)
  const dependent = dependentColumn(triangle)
  if (dependent !== undefined) return insufficient(dependent)
  const [treated = 0, product = 0] = triangle[covariates + 1] ?? []
  const residual = Math.abs(triangle[covariates + 2]?.[0] ?? 0)
  const outcome = Math.hypot(...triangle.map(row => row.at(-1) ?? 0))
  if (residual <= RANK_TOLERANCE * outcome)
    return insufficient('the model fits every outcome: there is no variance left')
  const standardError = residual / Math.sqrt(df) / Math.abs(treated)
  return { ok: true, estimate: product / treated, treated: treated * treated, standardError, df }
}

/** What stands in the way of a unique fit, in words. */
function dependentColumn(triangle: readonly (readonly number[])[]): string | undefined {
  for (let column = 0; column < triangle.length - 1; column += 1) {
    const entries = triangle.slice(0, column + 1).map((row, index) => row[column - index] ?? 0)
    if (Math.abs(entries.at(-1) ?? 0) > RANK_TOLERANCE * Math.hypot(...entries)) continue
    const name = column === triangle.length - 2 ? 'the treatment' : `covariate ${column - 1}`
    return `${name} is determined by the covariates before it, or constant`
  }
  return undefined
}

function checkNumbers(margin: number, tunedFor: number): Failure | undefined {
  if (!Number.isFinite(margin)) return invalid(`the margin is ${margin}; it must be a finite number`)
  if (tunedFor >= 1 && tunedFor <= Number.MAX_SAFE_INTEGER) return undefined
  return invalid(`tunedFor is ${tunedFor}; it must be a number of units from 1 to ${Number.MAX_SAFE_INTEGER}`)
}
