import { checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { addToMoments, emptyMoments, type Moments, mergeMoments } from '../summaries/moments.ts'
import { importanceWeight, type LoggedRow } from './logged-row.ts'

/** The mean weight may be this many of its standard errors away from 1. */
const STANDARD_ERRORS_MAX = 3
/** Weights of one policy against itself are 1 up to rounding, with a standard error of 0. */
const ROUNDING = 1e-9
const EFFECTIVE_ROWS_MIN = 100
const EFFECTIVE_SHARE_MIN = 0.01
const GREATEST_SHARE_MAX = 0.1

/** What the weights of logged rows have been so far; plain JSON. */
export type OverlapState = {
  readonly weights: Moments
  /** The greatest single weight; 0 without rows. */
  readonly greatest: number
}

/** One way in which the logs say too little about the policy. */
export type OverlapAlarm = {
  readonly rule: 'mean-weight' | 'effective-rows' | 'effective-share' | 'greatest-share'
  readonly reason: string
}

/** Whether logs can say anything about a policy. */
export type Overlap = {
  /** `fail` if there is any alarm: no estimate is made from such rows. */
  readonly verdict: 'pass' | 'fail'
  readonly alarms: readonly OverlapAlarm[]
  readonly rows: number
  /** (sum w)^2 / sum w^2: how many rows of equal weight would be as good; 0 if every weight is 0. */
  readonly effectiveRows: number
  /** The mean weight; its expectation is 1 if the propensities are true and the support is complete. */
  readonly meanWeight: number
  readonly meanWeightError: number
  /** The share of the greatest weight in the sum of all; 0 if every weight is 0. */
  readonly greatestShare: number
}

/** The weights of no rows. */
export const emptyOverlap: OverlapState = { weights: emptyMoments, greatest: 0 }

/**
 * Judges whether rows logged under one policy can evaluate another: the effective number of rows, the mean weight, and
 * the greatest weight's share, from the weights w = evaluationPropensity / loggingPropensity alone.
 *
 * @use Before any off-policy estimate, which all refuse when this fails. Not a proof of good propensities: propensities
 * wrong by the same factor for both policies pass.
 * @assumes Propensities were logged with the decision, never estimated afterwards from the same rows.
 * @formula ESS = (sum w)^2 / sum w^2. Alarms: |mean w - 1| > 3 standard errors; ESS < 1 % of the rows; ESS < 100;
 * max w / sum w > 10 %.
 * @source Kish, Survey Sampling, 1965, section 11.7 (effective size); Owen, Monte Carlo theory, methods and examples,
 * 2013, section 9.3 (diagnostics of importance weights).
 * @degenerate An evaluation propensity above 0 where the logging propensity is 0 is invalid, and so is a row logged with
 * probability 0. Fewer than 2 rows are insufficient. Weights that are all 0 fail.
 */
export function overlap({ rows }: { rows: readonly LoggedRow[] }): Result<Overlap> {
  let state = emptyOverlap
  for (const [index, row] of rows.entries()) {
    const next = addToOverlap({ state, row })
    if (!next.ok) return invalid(`row ${index}: ${next.reason}`)
    state = next.state
  }
  return estimateOverlap(state)
}

/** The state after one more row. */
export function addToOverlap({
  state,
  row,
}: {
  state: OverlapState
  row: LoggedRow
}): Result<{ state: OverlapState; weight: number }> {
  const weighed = importanceWeight(row)
  if (!weighed.ok) return weighed
  const added = addToMoments(state.weights, weighed.weight)
  if (!added.ok) return added
  const greatest = Math.max(state.greatest, weighed.weight)
  return { ok: true, state: { weights: added.moments, greatest }, weight: weighed.weight }
}

/** The state of the rows of both. */
export function mergeOverlap({
  first,
  second,
}: {
  first: OverlapState
  second: OverlapState
}): Result<{ state: OverlapState }> {
  const bad = checkState(first) ?? checkState(second)
  if (bad !== undefined) return bad
  const merged = mergeMoments(first.weights, second.weights)
  if (!merged.ok) return merged
  const greatest = Math.max(first.greatest, second.greatest)
  return { ok: true, state: { weights: merged.moments, greatest } }
}

/** The judgement of `overlap` on the rows counted so far. */
export function estimateOverlap(state: OverlapState): Result<Overlap> {
  const bad = checkState(state)
  if (bad !== undefined) return bad
  const { n, mean, m2 } = state.weights
  if (n < 2) return insufficient(`an overlap needs at least 2 rows; there are ${n}`)
  const numbers = {
    rows: n,
    // n / (1 + squared coefficient of variation), which keeps its digits where the sums of squares would not.
    effectiveRows: mean === 0 ? 0 : n / (1 + m2 / n / mean / mean),
    meanWeight: mean,
    meanWeightError: Math.sqrt(m2 / (n - 1) / n),
    greatestShare: mean === 0 ? 0 : state.greatest / (n * mean),
  }
  const alarms = alarmsOf(numbers)
  return { ok: true, verdict: alarms.length === 0 ? 'pass' : 'fail', alarms, ...numbers }
}

/** Refuses, with the numbers, when the overlap is not good enough for an estimate. */
export function refusePoorOverlap({ verdict, alarms }: Overlap): Failure | undefined {
  if (verdict === 'pass') return undefined
  return insufficient(`the overlap is not good enough: ${alarms.map(({ reason }) => reason).join('; ')}`)
}

function alarmsOf(numbers: Omit<Overlap, 'verdict' | 'alarms'>): readonly OverlapAlarm[] {
  const { rows, effectiveRows, meanWeight, meanWeightError, greatestShare } = numbers
  const alarms: OverlapAlarm[] = []
  if (Math.abs(meanWeight - 1) > STANDARD_ERRORS_MAX * meanWeightError + ROUNDING)
    alarms.push({
      rule: 'mean-weight',
      reason: `the mean weight is ${meanWeight} with standard error ${meanWeightError}, more than ${STANDARD_ERRORS_MAX} of them away from 1`,
    })
  if (effectiveRows < EFFECTIVE_ROWS_MIN)
    alarms.push({
      rule: 'effective-rows',
      reason: `the ${rows} rows are worth ${effectiveRows}; at least ${EFFECTIVE_ROWS_MIN} are needed`,
    })
  if (effectiveRows < EFFECTIVE_SHARE_MIN * rows)
    alarms.push({
      rule: 'effective-share',
      reason: `the ${rows} rows are worth ${effectiveRows}, less than ${EFFECTIVE_SHARE_MIN} of them`,
    })
  if (greatestShare > GREATEST_SHARE_MAX)
    alarms.push({
      rule: 'greatest-share',
      reason: `one row carries ${greatestShare} of all weight; at most ${GREATEST_SHARE_MAX} is allowed`,
    })
  return alarms
}

function checkState({ weights, greatest }: OverlapState): Failure | undefined {
  const bad = checkCount('the number of rows', weights.n)
  if (bad !== undefined) return bad
  const possible = weights.mean >= 0 && weights.m2 >= 0 && greatest >= weights.mean * (1 - ROUNDING)
  if (possible && Number.isFinite(weights.m2) && Number.isFinite(greatest)) return undefined
  return invalid(`weights with mean ${weights.mean}, m2 ${weights.m2} and greatest ${greatest} cannot be`)
}
