/**
 * What every judgement of this package returns: the numbers, or why there are none. No NaN and no Infinity is ever
 * among the numbers.
 */
export type Result<T> = ({ readonly ok: true } & T) | Failure

/**
 * A refusal. `invalid` is a mistake of the caller (a negative count, a level outside (0, 1)) and stays one whatever
 * data arrive; `insufficient` says that the data cannot answer yet.
 */
export type Failure = {
  readonly ok: false
  readonly kind: 'invalid' | 'insufficient'
  /** For a reader: what is wrong, what was given and what is allowed. */
  readonly reason: string
}

/** A refusal because the caller passed something that can never be answered. */
export function invalid(reason: string): Failure {
  return { ok: false, kind: 'invalid', reason }
}

/** A refusal because there are too few data so far. */
export function insufficient(reason: string): Failure {
  return { ok: false, kind: 'insufficient', reason }
}

/** Refuses an error probability outside the open interval (0, 1), and the one that has no half for either side. */
export function checkAlpha(alpha: number): Failure | undefined {
  if (alpha / 2 > 0 && alpha < 1) return undefined
  return invalid(`alpha is ${alpha}; it must be greater than 0 and less than 1`)
}

/** Refuses a count that is not a whole number from 0 to 2^53 - 1, the range that a double holds exactly. */
export function checkCount(name: string, count: number): Failure | undefined {
  if (Number.isSafeInteger(count) && count >= 0) return undefined
  return invalid(`${name} is ${count}; it must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`)
}

/** Refuses counts of a yes-or-no outcome unless 0 <= successes <= trials and both are whole numbers. */
export function checkProportion(name: string, successes: number, trials: number): Failure | undefined {
  const bad = checkCount(`the number of trials of ${name}`, trials)
  if (bad !== undefined) return bad
  const badSuccesses = checkCount(`the number of events of ${name}`, successes)
  if (badSuccesses !== undefined) return badSuccesses
  if (successes <= trials) return undefined
  return invalid(`${name} counts ${successes} events in ${trials} trials; events cannot exceed trials`)
}
