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

/** So many at most: those that lie closest to each other are one, with what lay between them; the newest stays as it is. */
export function atMost(periods: Periods, countMax: number): Periods {
  if (periods.length <= countMax) return periods
  const closest = closestTo(periods.slice(0, -1))
  const merged = periods.flatMap((one, index) => {
    if (index === closest) return []
    return index === closest + 1 ? spanOf(periods[closest] ?? one, one) : one
  })
  return atMost(merged, countMax)
}

/** The place of the one after which the next begins soonest. */
function closestTo(periods: Periods): number {
  let found = { index: 0, apartMs: Number.POSITIVE_INFINITY }
  for (const [index, { toMs }] of periods.slice(0, -1).entries()) {
    const apartMs = (periods[index + 1]?.fromMs ?? 0) - (toMs ?? 0)
    if (apartMs < found.apartMs) found = { index, apartMs }
  }
  return found.index
}

/** A clock may have been put back between them. */
function spanOf(before: Period, after: Period): Period {
  const toMs = after.toMs === null || before.toMs === null ? null : Math.max(before.toMs, after.toMs)
  return { fromMs: Math.min(before.fromMs, after.fromMs), toMs }
}
