/** Aborts when the time is over, and when `until` does. */
export function within(timeoutMs: number, until?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs)
  return until === undefined ? timeout : AbortSignal.any([timeout, until])
}
