import { type Failure, invalid, type Result } from '../result.ts'

/**
 * One logged decision: an action was drawn with a known probability and its reward was observed. The policy to evaluate
 * says with which probability it would have taken that action in the same context.
 */
export type LoggedRow = {
  /** The probability with which the logged action was chosen when it was chosen, in (0, 1]. */
  readonly loggingPropensity: number
  /** The probability of the same action in the same context under the policy to evaluate, in [0, 1]. */
  readonly evaluationPropensity: number
  /** What the logged action earned, in any unit. */
  readonly reward: number
  /** What a model expects the logged action to earn in this context; the model must not have seen this row. */
  readonly modelledReward?: number
  /** What the same model expects of the evaluation policy: its mean over the actions that policy takes here. */
  readonly modelledValue?: number
}

/** Beyond this weight squares and their sums would leave the range of a double, and no estimate can rest on one row. */
const GREATEST_WEIGHT = 1e100

/** evaluationPropensity / loggingPropensity; refuses propensities that cannot be, and rows without support. */
export function importanceWeight({
  loggingPropensity,
  evaluationPropensity,
}: {
  loggingPropensity: number
  evaluationPropensity: number
}): Result<{ weight: number }> {
  const bad =
    checkPropensity('the logging propensity', loggingPropensity) ??
    checkPropensity('the evaluation propensity', evaluationPropensity)
  if (bad !== undefined) return bad
  if (loggingPropensity === 0) return withoutSupport(evaluationPropensity)
  const weight = evaluationPropensity / loggingPropensity
  if (weight <= GREATEST_WEIGHT) return { ok: true, weight }
  return invalid(`the weight ${evaluationPropensity} / ${loggingPropensity} exceeds ${GREATEST_WEIGHT}`)
}

/** Refuses a reward or a modelled reward that is not finite. */
export function checkReward(name: string, value: number): Failure | undefined {
  if (Number.isFinite(value)) return undefined
  return invalid(`${name} is ${value}; it must be a finite number`)
}

function withoutSupport(evaluationPropensity: number): Failure {
  if (evaluationPropensity > 0)
    return invalid(
      `the evaluation policy takes the action with probability ${evaluationPropensity} where the logging policy never does; there is no support`,
    )
  return invalid('an action of logging propensity 0 cannot have been logged')
}

function checkPropensity(name: string, value: number): Failure | undefined {
  if (value >= 0 && value <= 1) return undefined
  return invalid(`${name} is ${value}; it must be a probability from 0 to 1`)
}
