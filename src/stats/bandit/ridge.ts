import { type Cholesky, choleskyFactor, dot, inverseQuadraticForm, solveFactored } from '../numerics/linear-algebra.ts'
import { type Failure, invalid, type Result } from '../result.ts'
import { checkPositive, noArms } from './arms.ts'

/**
 * The ridge regression of one arm's rewards on the features of a request (the disjoint linear model): A = l2 I + X'X and
 * b = X'y as plain arrays, to be stored as they are.
 */
export type RidgeState = {
  readonly l2: number
  readonly a: readonly (readonly number[])[]
  readonly b: readonly number[]
}

/** A solved regression, to score many requests with. */
export type RidgeModel = { readonly coefficients: readonly number[]; readonly factor: Cholesky }

/** Cubic time in the number of features is meant for small ones. */
const MOST_FEATURES = 500

/** So that differences of scores stay finite too. */
const GREATEST_SCORE = 1e300

/**
 * The state of an arm without observations.
 *
 * @use Once for every new arm of `linearThompson` or `linearUcb`; the other arms keep theirs.
 * @assumes Features of about unit size: `l2` shrinks all coefficients alike. A constant feature 1 is an intercept.
 * @formula A = l2 I, b = 0.
 * @source Li, Chu, Langford & Schapire, "A contextual-bandit approach to personalized news article recommendation", WWW
 * 2010, algorithm 1.
 * @degenerate Refuses no features, more than 500, and an l2 that is not positive.
 */
export function emptyRidge({ features, l2 = 1 }: { features: number; l2?: number }): Result<{ state: RidgeState }> {
  const bad = checkPositive('l2', l2)
  if (bad !== undefined) return bad
  if (!(Number.isInteger(features) && features >= 1 && features <= MOST_FEATURES))
    return invalid(`the number of features is ${features}; it must be a whole number from 1 to ${MOST_FEATURES}`)
  const indices = Array.from({ length: features }, (_, index) => index)
  const a = indices.map(row => indices.map(column => (row === column ? l2 : 0)))
  return { ok: true, state: { l2, a, b: indices.map(() => 0) } }
}

/**
 * The state of an arm after one more observed reward, at the features of its request.
 *
 * @use For the arm that was chosen, when its reward is known; the order of observations does not matter.
 * @assumes The reward is linear in the features, with noise of about unit deviation (else scale `exploration`).
 * @formula A + x x', b + y x.
 * @source Li et al., WWW 2010, algorithm 1, lines 12 and 13.
 * @degenerate Refuses features of another number, and numbers that are not finite or whose squares overflow.
 */
export function observeRidge({
  state,
  features,
  reward,
}: {
  state: RidgeState
  features: readonly number[]
  reward: number
}): Result<{ state: RidgeState }> {
  const bad = checkState(state, 0) ?? checkFeatures(features, state.b.length)
  if (bad !== undefined) return bad
  if (!Number.isFinite(reward)) return invalid(`the reward is ${reward}; it must be a finite number`)
  const a = state.a.map((row, i) => row.map((value, j) => value + (features[i] ?? 0) * (features[j] ?? 0)))
  const b = state.b.map((value, i) => value + reward * (features[i] ?? 0))
  if (a.flat().every(Number.isFinite) && b.every(Number.isFinite)) return { ok: true, state: { l2: state.l2, a, b } }
  return invalid('the features or the reward are too large: their products overflow')
}

/**
 * The state of an arm whose observations count for less: forgetting, for rewards that change with time.
 *
 * @use For every arm, chosen or not, before each batch of observations, with the factor of `discountFactor`.
 * @assumes Old observations are worth less at the same rate in every arm.
 * @formula factor A + (1 - factor) l2 I, factor b: the penalty itself is not forgotten.
 * @source Russac, Vernade & Cappe, "Weighted linear bandits for non-stationary environments", NeurIPS 2019 (D-LinUCB,
 * of which the second matrix of squared weights is left out, which makes the arms a little more explored).
 * @degenerate Factor 1 changes nothing, factor 0 forgets everything.
 */
export function discountRidge({ state, factor }: { state: RidgeState; factor: number }): Result<{ state: RidgeState }> {
  const bad = checkState(state, 0)
  if (bad !== undefined) return bad
  if (!(factor >= 0 && factor <= 1)) return invalid(`the discount factor is ${factor}; it must be from 0 to 1`)
  const penalty = (1 - factor) * state.l2
  const a = state.a.map((row, i) => row.map((value, j) => factor * value + (i === j ? penalty : 0)))
  return { ok: true, state: { l2: state.l2, a, b: state.b.map(value => factor * value) } }
}

/**
 * Solves the regressions of all arms, to score requests with until enough new observations have come.
 *
 * @use Every so often rather than after every observation: a direct solve keeps all digits, where updating the inverse
 * by Sherman & Morrison's formula drifts.
 * @assumes States of the same number of features.
 * @formula theta = A^-1 b by Cholesky's factorisation A = L L'.
 * @source Golub & Van Loan, Matrix Computations, 4th edition (2013), section 4.2.
 * @degenerate Refuses a matrix that is not positive definite in doubles: features far greater than 1/sqrt(l2) that
 * depend on each other.
 */
export function solveRidge({ states }: { states: readonly RidgeState[] }): Result<{ models: readonly RidgeModel[] }> {
  if (states.length === 0) return noArms()
  const models: RidgeModel[] = []
  for (const [arm, state] of states.entries()) {
    const bad = checkState(state, arm, states[0]?.b.length)
    if (bad !== undefined) return bad
    const factor = choleskyFactor(state.a)
    if (factor === undefined)
      return invalid(`the matrix of arm ${arm} is not positive definite; scale the features or raise l2`)
    models.push({ coefficients: solveFactored(factor, state.b), factor })
  }
  return { ok: true, models }
}

/** The reward that each arm promises at the given features, x'theta, and its deviation sqrt(x' A^-1 x). */
export function scoreRidge(
  models: readonly RidgeModel[],
  features: readonly number[],
): Result<{ means: readonly number[]; deviations: readonly number[] }> {
  if (models.length === 0) return noArms()
  const bad = models
    .map(({ coefficients }) => checkFeatures(features, coefficients.length))
    .find(failure => failure !== undefined)
  if (bad !== undefined) return bad
  const means = models.map(({ coefficients }) => dot(coefficients, features))
  const deviations = models.map(({ factor }) => Math.sqrt(inverseQuadraticForm(factor, features)))
  if ([...means, ...deviations].every(score => Math.abs(score) < GREATEST_SCORE)) return { ok: true, means, deviations }
  return invalid('the features are too large: a score overflows')
}

function checkFeatures(features: readonly number[], length: number): Failure | undefined {
  if (features.length !== length) return invalid(`there are ${features.length} features; this arm has ${length}`)
  const bad = features.findIndex(value => !Number.isFinite(value))
  return bad < 0 ? undefined : invalid(`feature ${bad} is ${features[bad]}; it must be a finite number`)
}

function checkState({ a, b, l2 }: RidgeState, arm: number, length = b.length): Failure | undefined {
  if (b.length !== length || a.length !== length || a.some(row => row.length !== length))
    return invalid(`the state of arm ${arm} is not that of ${length} features`)
  if (b.every(Number.isFinite) && a.every(row => row.every(Number.isFinite)) && l2 > 0) return undefined
  return invalid(`the state of arm ${arm} holds numbers that are not finite, or an l2 that is not positive`)
}
