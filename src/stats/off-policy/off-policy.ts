import { normalQuantile } from '../numerics/special.ts'
import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { emptyMoments, type Moments, mergeMoments } from '../summaries/moments.ts'
import { checkReward, type LoggedRow } from './logged-row.ts'
import {
  addToOverlap,
  emptyOverlap,
  estimateOverlap,
  mergeOverlap,
  type Overlap,
  type OverlapState,
  refusePoorOverlap,
} from './overlap.ts'
import { emptyPair, mergePairs, type WeightedPair } from './weighted-pair.ts'

/** Which estimator; `estimators.ts` says what each is. */
export type OffPolicyMethod =
  | { readonly kind: 'ips' | 'snips' | 'dr' | 'sndr' }
  | { readonly kind: 'switch' | 'dros'; readonly lambda: number }

/** All that one estimator needs of the rows so far; plain JSON of constant size. */
export type OffPolicyState = {
  readonly method: OffPolicyMethod
  readonly overlap: OverlapState
  /** The terms whose mean is the estimate; for the self-normalised methods the modelled values alone. */
  readonly terms: Moments
  /** Self-normalised methods: residual and modelled value, weighted by w. */
  readonly byWeight: WeightedPair
  /** Self-normalised methods: the residual with itself, weighted by w^2. */
  readonly bySquare: WeightedPair
}

/** The value of a policy, in units of the reward, with a normal interval for one look. */
export type OffPolicyEstimate = {
  readonly method: OffPolicyMethod
  readonly estimate: number
  readonly standardError: number
  readonly lower: number
  readonly upper: number
  readonly overlap: Overlap
}

/** The estimate of one method from all rows at once: the same additions as one by one, so the same digits. */
export function evaluateOffPolicy({
  rows,
  method,
  alpha,
}: {
  rows: readonly LoggedRow[]
  method: OffPolicyMethod
  alpha: number
}): Result<OffPolicyEstimate> {
  const started = startOffPolicy({ method })
  if (!started.ok) return started
  let state = started.state
  for (const [index, row] of rows.entries()) {
    const next = addToOffPolicy({ state, row })
    if (!next.ok) return invalid(`row ${index}: ${next.reason}`)
    state = next.state
  }
  return estimateOffPolicy({ state, alpha })
}

/** The state of a method without rows; refuses a lambda that is not a positive number. */
export function startOffPolicy({ method }: { method: OffPolicyMethod }): Result<{ state: OffPolicyState }> {
  if ('lambda' in method && !(method.lambda > 0 && Number.isFinite(method.lambda)))
    return invalid(`lambda is ${method.lambda}; it must be a positive number`)
  const state = { method, overlap: emptyOverlap, terms: emptyMoments, byWeight: emptyPair, bySquare: emptyPair }
  return { ok: true, state }
}

/** The state after one more row, in constant time. */
export function addToOffPolicy({
  state,
  row,
}: {
  state: OffPolicyState
  row: LoggedRow
}): Result<{ state: OffPolicyState }> {
  const model = modelOf(state.method, row)
  if (!model.ok) return model
  const counted = addToOverlap({ state: state.overlap, row })
  if (!counted.ok) return counted
  const residual = row.reward - model.reward
  const one = stateOfOne(state.method, counted.weight, residual, model.value)
  return combine(state, { ...one, overlap: counted.state })
}

/** The state of the rows of both; refuses states of different methods. */
export function mergeOffPolicy({
  first,
  second,
}: {
  first: OffPolicyState
  second: OffPolicyState
}): Result<{ state: OffPolicyState }> {
  if (nameOf(first.method) !== nameOf(second.method))
    return invalid(`${nameOf(first.method)} and ${nameOf(second.method)} cannot be merged`)
  const overlap = mergeOverlap({ first: first.overlap, second: second.overlap })
  if (!overlap.ok) return overlap
  return combine(first, { ...second, overlap: overlap.state })
}

/**
 * The estimate of the rows so far with a normal interval of level 1 - alpha, valid for one look planned beforehand.
 * Refuses where the overlap is not good enough, and where the terms do not vary, which shows no uncertainty.
 */
export function estimateOffPolicy({
  state,
  alpha,
}: {
  state: OffPolicyState
  alpha: number
}): Result<OffPolicyEstimate> {
  const bad = checkAlpha(alpha)
  if (bad !== undefined) return bad
  const overlap = estimateOverlap(state.overlap)
  if (!overlap.ok) return overlap
  const poor = refusePoorOverlap(overlap)
  if (poor !== undefined) return poor
  const { estimate, squares } = isSelfNormalized(state.method) ? ratioOf(state) : meanOf(state)
  const standardError = Math.sqrt(squares / overlap.rows / (overlap.rows - 1))
  if (!(standardError > 0)) return insufficient(`the ${overlap.rows} rows do not vary; they show no uncertainty`)
  const halfWidth = -normalQuantile(alpha / 2) * standardError
  if (!Number.isFinite(estimate) || !Number.isFinite(halfWidth))
    return invalid('the rewards are too large for a double')
  const interval = { estimate, standardError, lower: estimate - halfWidth, upper: estimate + halfWidth }
  return { ok: true, method: state.method, ...interval, overlap }
}

function isSelfNormalized(method: OffPolicyMethod): boolean {
  return method.kind === 'snips' || method.kind === 'sndr'
}

function meanOf({ terms }: OffPolicyState): { estimate: number; squares: number } {
  return { estimate: terms.mean, squares: terms.m2 }
}

/**
 * The sum of the squared influences dm_i - mean dm + (n / sum w) w_i (e_i - d), with d the weighted mean of the
 * residuals e. Because sum w (e - d) = 0, its cross product is the weighted co-moment of e and dm.
 */
function ratioOf({ terms, byWeight, bySquare }: OffPolicyState): { estimate: number; squares: number } {
  const scale = terms.n / byWeight.weight
  const residuals = bySquare.comoment + bySquare.weight * (bySquare.first - byWeight.first) ** 2
  const squares = terms.m2 + scale * scale * residuals + 2 * scale * byWeight.comoment
  return { estimate: terms.mean + byWeight.first, squares: Math.max(0, squares) }
}

/** The model's part of a row; 0 for the methods without a model. */
function modelOf(method: OffPolicyMethod, row: LoggedRow): Result<{ reward: number; value: number }> {
  const bad = checkReward('the reward', row.reward)
  if (bad !== undefined) return bad
  if (method.kind === 'ips' || method.kind === 'snips') return { ok: true, reward: 0, value: 0 }
  const { modelledReward: reward, modelledValue: value } = row
  if (reward === undefined || value === undefined)
    return invalid(`${nameOf(method)} needs the modelled reward and the modelled value of every row`)
  const badModel = checkReward('the modelled reward', reward) ?? checkReward('the modelled value', value)
  return badModel ?? { ok: true, reward, value }
}

function stateOfOne(
  method: OffPolicyMethod,
  weight: number,
  residual: number,
  value: number,
): Omit<OffPolicyState, 'method' | 'overlap'> {
  const term = (mean: number): Moments => ({ n: 1, mean, m2: 0 })
  if (!isSelfNormalized(method))
    return { terms: term(value + usedWeight(method, weight) * residual), byWeight: emptyPair, bySquare: emptyPair }
  return {
    terms: term(value),
    byWeight: { weight, first: residual, second: value, comoment: 0 },
    bySquare: { weight: weight * weight, first: residual, second: residual, comoment: 0 },
  }
}

function usedWeight(method: OffPolicyMethod, weight: number): number {
  if (method.kind === 'switch') return weight <= method.lambda ? weight : 0
  if (method.kind === 'dros') return (method.lambda * weight) / (weight * weight + method.lambda)
  return weight
}

/** The sums of both, with the overlap of `second`, which the caller has merged already. */
function combine(first: OffPolicyState, second: Omit<OffPolicyState, 'method'>): Result<{ state: OffPolicyState }> {
  const terms = mergeMoments(first.terms, second.terms)
  if (!terms.ok) return terms
  const byWeight = mergePairs(first.byWeight, second.byWeight)
  const bySquare = mergePairs(first.bySquare, second.bySquare)
  const bad = checkPair(byWeight) ?? checkPair(bySquare)
  if (bad !== undefined) return bad
  const state = { method: first.method, overlap: second.overlap, terms: terms.moments, byWeight, bySquare }
  return { ok: true, state }
}

function checkPair({ weight, first, second, comoment }: WeightedPair): Failure | undefined {
  if ([weight, first, second, comoment].every(Number.isFinite)) return undefined
  return invalid('the rewards and weights are too large for a double')
}

function nameOf(method: OffPolicyMethod): string {
  return 'lambda' in method ? `${method.kind}(${method.lambda})` : method.kind
}
