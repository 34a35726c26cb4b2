import { type Failure, insufficient, invalid, type Result } from '../result.ts'
import { type Moments, variance } from '../summaries/moments.ts'
import { checkRegression, type RegressionState } from './regression-state.ts'

/** A statistic and the variance of its estimate, already divided by the rows. */
export type Estimate = { readonly estimate: number; readonly variance: number }

/**
 * The mean absolute error, in the unit of the truth.
 *
 * @use For errors that cost in proportion to their size.
 * @assumes Rows are independent, for the variance.
 * @formula mean |e|; variance = var(|e|) / n.
 * @source Willmott & Matsuura, Climate Research 30 (2005) 10.3354/cr030079.
 * @degenerate Fewer than 2 rows are insufficient. If all errors are equal the variance is 0: unknown rather than nothing.
 */
export function meanAbsoluteError(state: RegressionState): Result<Estimate> {
  return checkRows(state) ?? meanOf(state.absolute)
}

/**
 * The root of the mean squared error, in the unit of the truth.
 *
 * @use For errors that cost more the larger they are; a few large ones decide it.
 * @assumes Rows are independent, and errors have a finite fourth moment, for the variance (delta method).
 * @formula sqrt(S), S = mean e^2; variance = var(e^2) / (4 S n).
 * @source Delta method: van der Vaart, "Asymptotic Statistics" (1998), theorem 3.1.
 * @degenerate Fewer than 2 rows are insufficient. Without any error, or with errors of one size, the variance is 0:
 *   unknown rather than nothing.
 */
export function rootMeanSquaredError(state: RegressionState): Result<Estimate> {
  const bad = checkRows(state)
  if (bad !== undefined) return bad
  const { rows, squareMean, squarePower2 } = state
  const ofMean = squarePower2 / (rows - 1) / rows
  return { ok: true, estimate: Math.sqrt(squareMean), variance: squareMean === 0 ? 0 : ofMean / (4 * squareMean) }
}

/**
 * The coefficient of determination R2: how much smaller the mean squared error is than the variance of the truth; 1 for
 * perfect predictions, 0 for those as good as the mean of the truth, below 0 for worse.
 *
 * @use To describe predictions of one population. It grows with the spread of the truth: do not compare it across
 *   populations; compare mean squared errors.
 * @assumes Rows are independent, and truth and errors have finite fourth moments, for the variance (delta method).
 * @formula R2 = 1 - S / V, S = mean e^2, V = mean (y - mean y)^2; variance = sum_i (e_i^2 - S - (1 - R2)((y_i - mean y)^2
 *   - V))^2 / (V^2 n (n - 1)).
 * @source Delta method: van der Vaart, "Asymptotic Statistics" (1998), theorem 3.1.
 * @degenerate Fewer than 2 rows, and a constant truth, are insufficient. Without any error the variance is 0: unknown
 *   rather than nothing.
 */
export function rSquared(state: RegressionState): Result<Estimate> {
  const bad = checkRows(state)
  if (bad !== undefined) return bad
  const { rows, squareMean, truthPower2, truthPower4, squarePower2, joint2 } = state
  const spread = truthPower2 / rows
  if (spread === 0) return insufficient('the truth is constant, so that R2 is undefined')
  const ratio = squareMean / spread
  const squares = squarePower2 - 2 * ratio * joint2 + ratio * ratio * (truthPower4 - truthPower2 * spread)
  const ofMean = Math.max(0, squares) / spread / spread / rows / (rows - 1)
  return finite({ estimate: 1 - ratio, variance: ofMean })
}

/**
 * The mean absolute error relative to the truth, 0.1 for 10 %.
 *
 * @use Where the truth is a quantity far from 0 everywhere, such as a price. It favours predictions that are too small.
 * @assumes Rows are independent, for the variance.
 * @formula mean |e| / |y|; variance = var(|e| / |y|) / n.
 * @source Hyndman & Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting 22
 *   (2006) 10.1016/j.ijforecast.2006.03.001.
 * @degenerate Fewer than 2 rows are insufficient. Invalid if any |truth| is below `truthMin` (above 0, in the unit of the
 *   truth): a few such rows would decide it.
 */
export function meanAbsolutePercentageError({
  state,
  truthMin,
}: {
  state: RegressionState
  truthMin: number
}): Result<Estimate> {
  const bad = checkRows(state)
  if (bad !== undefined) return bad
  if (!(truthMin > 0 && truthMin < Number.POSITIVE_INFINITY))
    return invalid(`truthMin is ${truthMin}; it must be greater than 0 and finite`)
  if (state.truthLeast < truthMin)
    return invalid(`a truth is as small as ${state.truthLeast}; errors relative to less than ${truthMin} mean nothing`)
  if (state.relative.n < state.rows) return invalid('an error is too large against its truth for a double')
  return meanOf(state.relative)
}

function meanOf(moments: Moments): Result<Estimate> {
  const spread = variance(moments)
  return spread.ok ? { ok: true, estimate: moments.mean, variance: spread.variance / moments.n } : spread
}

function finite(estimate: Estimate): Result<Estimate> {
  if (Number.isFinite(estimate.estimate) && Number.isFinite(estimate.variance)) return { ok: true, ...estimate }
  return invalid('the truth varies too little against the errors for a double')
}

function checkRows(state: RegressionState): Failure | undefined {
  const bad = checkRegression(state)
  if (bad !== undefined) return bad
  if (state.rows >= 2) return undefined
  return insufficient(`the error of a statistic needs at least 2 rows; there are ${state.rows}`)
}
