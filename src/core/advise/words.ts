/** Quantities for people. */

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

const unitsMs: readonly [string, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

/** In the largest unit of which there are two: `36 hours`, `3 days`. */
export function span(ms: number): string {
  for (const [word, size] of unitsMs) if (ms >= 2 * size) return `${Math.round(ms / size)} ${word}s`
  return plural(Math.round(ms / 1_000), 'second')
}
