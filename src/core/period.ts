/** Periods of time, oldest first; `toMs` is null while the last one goes on, and belongs to what comes after. */
export type Period = { fromMs: number; toMs: number | null }

type Periods = readonly Period[]

export function isOpen(periods: Periods = []): boolean {
  return periods.at(-1)?.toMs === null
}

/** One that is open goes on. */
export function withBegun(periods: Periods = [], atMs: number): Periods {
  return isOpen(periods) ? periods : [...periods, { fromMs: atMs, toMs: null }]
}

/** One that took no time is none. */
export function withEnded(periods: Periods, atMs: number): Periods {
  return periods.flatMap(one => (one.toMs !== null ? one : one.fromMs === atMs ? [] : { ...one, toMs: atMs }))
}

export function isWithin(periods: Periods, atMs: number): boolean {
  return periods.some(({ fromMs, toMs }) => atMs >= fromMs && (toMs === null || atMs < toMs))
}
