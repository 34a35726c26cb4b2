/** Numbers as documents write them. */

const unitsMs: readonly [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
]

/** In the largest unit that needs no fraction; seconds are rounded up. */
export function durationText(ms: number): string {
  const whole = Math.ceil(ms / 1_000) * 1_000
  const [name, size] = unitsMs.find(([, unit]) => whole > 0 && whole % unit === 0) ?? ['s', 1_000]
  return `${whole / size}${name}`
}

/** Of a whole, in steps of one part per million, rounded down. */
export function percentText(share: number): string {
  return `${Math.floor(share * 1_000_000 + 1e-6) / 10_000}%`
}

/** A difference of rates in percentage points, in steps of a thousandth of one. */
export function pointsText(difference: number): string {
  return `${Math.max(1, Math.round(difference * 100_000)) / 1_000}pp`
}
