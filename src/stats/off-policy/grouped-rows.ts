import { checkMeanArms } from '../bandit/arms.ts'
import { invalid, type Result } from '../result.ts'
import type { Moments } from '../summaries/moments.ts'
import { importanceWeight } from './logged-row.ts'
import { mergeOffPolicy, type OffPolicyMethod, type OffPolicyState, startOffPolicy } from './off-policy.ts'

/** Logged decisions that share both propensities, and so one importance weight: their rewards as moments. */
export type LoggedGroup = {
  /** In (0, 1]. */
  readonly loggingPropensity: number
  /** In [0, 1]. */
  readonly evaluationPropensity: number
  /** A whole number of rewards. */
  readonly rewards: Moments
  /** What a model that has not seen these rows expects of the action, and of the policy to evaluate; for dr and sndr. */
  readonly modelledReward?: number
  readonly modelledValue?: number
}

/**
 * The state after all rows of a group, as if they had been added one by one with `addToOffPolicy`.
 *
 * @use For policies that ignore the request, where the log is added up by action and propensity: a log of any length is
 * a few groups.
 * @assumes As the estimators: rows are independent and propensities true.
 * @formula With weight w and rewards (n, m, m2): terms of w r have mean w m and squares w^2 m2; weighted pairs have the
 * weights n w and n w^2.
 * @source The moments of a linear function; otherwise as the estimators.
 * @degenerate A group without rewards changes nothing. `switch` and `dros` are refused: they are not needed where weights are few.
 */
export function addGroupToOffPolicy({
  state,
  group,
}: {
  state: OffPolicyState
  group: LoggedGroup
}): Result<{ state: OffPolicyState }> {
  const { rewards } = group
  const bad = checkMeanArms([rewards])
  if (bad !== undefined) return bad
  if (rewards.n === 0) return { ok: true, state }
  const weighed = importanceWeight(group)
  if (!weighed.ok) return weighed
  const modelled = modelOf(state.method, group)
  if (!modelled.ok) return modelled
  const started = startOffPolicy({ method: state.method })
  if (!started.ok) return started
  const second = { ...started.state, ...stateOf(state.method, group, weighed.weight, modelled) }
  return mergeOffPolicy({ first: state, second })
}

function modelOf(method: OffPolicyMethod, group: LoggedGroup): Result<{ reward: number; value: number }> {
  if (method.kind === 'ips' || method.kind === 'snips') return { ok: true, reward: 0, value: 0 }
  if (method.kind === 'switch' || method.kind === 'dros') return invalid(`${method.kind} takes rows one by one`)
  const { modelledReward: reward, modelledValue: value } = group
  if (reward === undefined || value === undefined)
    return invalid(`${method.kind} needs the modelled reward and the modelled value of every group`)
  return { ok: true, reward, value }
}

function stateOf(
  method: OffPolicyMethod,
  { rewards: { n, mean, m2 } }: LoggedGroup,
  weight: number,
  model: { reward: number; value: number },
): Omit<OffPolicyState, 'method'> {
  const residual = mean - model.reward
  const overlap = { weights: { n, mean: weight, m2: 0 }, greatest: weight }
  const none = { weight: 0, first: 0, second: 0, comoment: 0 }
  if (method.kind !== 'snips' && method.kind !== 'sndr') {
    const terms = { n, mean: model.value + weight * residual, m2: weight * weight * m2 }
    return { overlap, terms, byWeight: none, bySquare: none }
  }
  const squared = weight * weight
  return {
    overlap,
    terms: { n, mean: model.value, m2: 0 },
    byWeight: { weight: n * weight, first: residual, second: model.value, comoment: 0 },
    bySquare: { weight: n * squared, first: residual, second: residual, comoment: squared * m2 },
  }
}
