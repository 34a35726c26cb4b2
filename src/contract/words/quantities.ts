/** Quantities of the wire as people read them, in a terminal and on a page alike. */

export function percent(ppm: number): string {
  return `${ppm / 10_000}%`
}

/** For a column of a story: three digits tell a weight, as long as they do not make it all or nothing. */
export function shortPercent(ppm: number): string {
  const short = Number((ppm / 10_000).toPrecision(3))
  return short === 100 ? percent(ppm) : `${short}%`
}

/** `1:02:03` or `2:03`. */
export function offset(fromIso: string, toIso: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(toIso) - Date.parse(fromIso)) / 1000))
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const tail = `${String(rest).padStart(2, '0')}`
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(1))} s`
  return ms < 2 * 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${Number((ms / 3_600_000).toFixed(1))} h`
}

/** Tests take days, which `duration` tells in hours. */
export function longDuration(ms: number): string {
  const dayMs = 86_400_000
  return ms >= 2 * dayMs ? `${Number((ms / dayMs).toFixed(1))} days` : duration(ms)
}

/** What a candidate met until it was taken back or promoted. */
export function exposureText(met: { requests: number; units: number; durationMs: number }): string {
  return `${met.requests} requests of ${met.units} units met the candidate within ${duration(met.durationMs)}`
}

export function rounded(value: number): string {
  return String(Number(value.toPrecision(4)))
}
