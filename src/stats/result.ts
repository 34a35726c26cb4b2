/** What an estimator answers: numbers, or why there are none. No NaN and no Infinity ever leaves `stats/`. */
export type Failed = { ok: false; reason: string }
export type Result<Numbers> = ({ ok: true } & Numbers) | Failed

export function failed(reason: string): Failed {
  return { ok: false, reason }
}

export function alphaFault(alpha: number): Failed | null {
  return alpha > 0 && alpha < 1 ? null : failed(`alpha is ${alpha}; it must lie between 0 and 1`)
}

export function countsFault(counts: { events: number; trials: number }): Failed | null {
  const { events, trials } = counts
  const whole = Number.isSafeInteger(events) && Number.isSafeInteger(trials)
  return whole && events >= 0 && events <= trials
    ? null
    : failed(`counts of ${events} events in ${trials} trials are impossible`)
}
