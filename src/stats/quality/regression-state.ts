import { checkCount, type Failure, invalid, type Result } from '../result.ts'
import { emptyMoments, type Moments, mergeMoments } from '../summaries/moments.ts'

/**
 * What the quality of a numeric prediction is judged from, as plain JSON: of each row the truth y and the squared error
 * s = (prediction - y)^2, as sums about their means, the truth counted from that of the first row, so that a mean of
 * 1e9 costs no digits.
 */
export type RegressionState = {
  readonly rows: number
  /** The truth of the first row. */
  readonly truthOrigin: number
  /** The mean of y - truthOrigin. */
  readonly truthOffset: number
  readonly squareMean: number
  /** Sums of powers of y less its mean. */
  readonly truthPower2: number
  readonly truthPower3: number
  readonly truthPower4: number
  /** The sum of (s - squareMean)^2. */
  readonly squarePower2: number
  /** Sums of (s - squareMean) (y - mean) and of (s - squareMean) (y - mean)^2. */
  readonly joint1: number
  readonly joint2: number
  /** Of |prediction - y|. */
  readonly absolute: Moments
  /** Of |prediction - y| / |y|, over rows where that is below 1e100. */
  readonly relative: Moments
  /** The smallest |y|; 0 without rows. */
  readonly truthLeast: number
}

/** Squares of larger ratios overflow in sums. Such rows have a truth of about 0, which no percentage is taken of. */
const RELATIVE_MAX = 1e100

/** The state of no rows. */
export const emptyRegressionQuality: RegressionState = {
  rows: 0,
  truthOrigin: 0,
  truthOffset: 0,
  squareMean: 0,
  truthPower2: 0,
  truthPower3: 0,
  truthPower4: 0,
  squarePower2: 0,
  joint1: 0,
  joint2: 0,
  absolute: emptyMoments,
  relative: emptyMoments,
  truthLeast: 0,
}

/**
 * The state after one more row: what was true and what was predicted, in the same unit.
 *
 * @use For every labelled row of a stream, in O(1).
 * @assumes Nothing.
 * @formula The merge of the state with that of the row alone.
 * @source Pébay, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
 *   moments", Sandia report SAND2008-6212 (2008).
 * @degenerate Values that are not finite, or whose fourth powers overflow (from about 1e77), are invalid.
 */
export function addToRegressionQuality({
  state,
  truth,
  prediction,
}: {
  state: RegressionState
  truth: number
  prediction: number
}): Result<{ readonly state: RegressionState }> {
  const error = Math.abs(prediction - truth)
  if (!Number.isFinite(truth) || !Number.isFinite(error))
    return invalid(`the truth is ${truth} and the prediction ${prediction}; both must be finite and not too far apart`)
  const relative = error / Math.abs(truth)
  const one = (value: number) => ({ n: 1, mean: value, m2: 0 })
  const row = {
    ...emptyRegressionQuality,
    rows: 1,
    truthOrigin: truth,
    squareMean: error * error,
    absolute: one(error),
    relative: relative < RELATIVE_MAX ? one(relative) : emptyMoments,
    truthLeast: Math.abs(truth),
  }
  return mergeRegressionQuality({ first: state, second: row })
}

/**
 * The state of the rows of both states together.
 *
 * @use For windows, workers and epochs.
 * @assumes No row is in both.
 * @formula Both states' sums moved to the common means, then added.
 * @source As `addToRegressionQuality`.
 * @degenerate States that no rows have are invalid.
 */
export function mergeRegressionQuality({
  first,
  second,
}: {
  first: RegressionState
  second: RegressionState
}): Result<{ readonly state: RegressionState }> {
  const bad = checkRegression(first) ?? checkRegression(second)
  if (bad !== undefined) return bad
  if (first.rows === 0) return { ok: true, state: second }
  if (second.rows === 0) return { ok: true, state: first }
  const absolute = mergeMoments(first.absolute, second.absolute)
  if (!absolute.ok) return absolute
  const relative = mergeMoments(first.relative, second.relative)
  if (!relative.ok) return relative
  const state = {
    ...mergedSums(first, second),
    absolute: absolute.moments,
    relative: relative.moments,
    truthLeast: Math.min(first.truthLeast, second.truthLeast),
  }
  return checkRegression(state) ?? { ok: true, state }
}

/** Refuses a state that no rows have. */
export function checkRegression(state: RegressionState): Failure | undefined {
  const bad = checkCount('the number of rows', state.rows)
  if (bad !== undefined) return bad
  const { absolute, relative, ...sums } = state
  const finite = Object.values(sums).every(Number.isFinite)
  const positive = Math.min(state.squareMean, state.truthPower2, state.truthPower4, state.squarePower2) >= 0
  if (finite && positive && absolute.n === state.rows && relative.n <= state.rows) return undefined
  return invalid('the state of the regression is that of no rows, or its values are too large for a double')
}

type Sums = Omit<RegressionState, 'absolute' | 'relative' | 'truthLeast'>

function mergedSums(first: RegressionState, second: RegressionState): Sums {
  const rows = first.rows + second.rows
  const share = second.rows / rows
  const truth = second.truthOrigin - first.truthOrigin + second.truthOffset - first.truthOffset
  const square = second.squareMean - first.squareMean
  const a = movedBy(first, -truth * share, -square * share)
  const b = movedBy(second, truth * (1 - share), square * (1 - share))
  return {
    rows,
    truthOrigin: first.truthOrigin,
    truthOffset: first.truthOffset + truth * share,
    squareMean: first.squareMean + square * share,
    truthPower2: a.truthPower2 + b.truthPower2,
    truthPower3: a.truthPower3 + b.truthPower3,
    truthPower4: a.truthPower4 + b.truthPower4,
    squarePower2: a.squarePower2 + b.squarePower2,
    joint1: a.joint1 + b.joint1,
    joint2: a.joint2 + b.joint2,
  }
}

type PowerSums = Omit<Sums, 'rows' | 'truthOrigin' | 'truthOffset' | 'squareMean'>

/** The sums of a state about points that its means exceed by `y` and `s`. */
function movedBy(state: RegressionState, y: number, s: number): PowerSums {
  const { rows, truthPower2, truthPower3, truthPower4, joint1, joint2 } = state
  return {
    truthPower2: truthPower2 + rows * y * y,
    truthPower3: truthPower3 + 3 * y * truthPower2 + rows * y ** 3,
    truthPower4: truthPower4 + 4 * y * truthPower3 + 6 * y * y * truthPower2 + rows * y ** 4,
    squarePower2: state.squarePower2 + rows * s * s,
    joint1: joint1 + rows * s * y,
    joint2: joint2 + 2 * y * joint1 + s * truthPower2 + rows * s * y * y,
  }
}
