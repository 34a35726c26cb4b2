/** Quantities as people write them: `10m`, `5%`, `0.5pp`. The parsers answer null for anything else. */

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export const durationPattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
export const percentPattern = /^(\d+(?:\.\d+)?)%$/
export const pointsPattern = /^(\d+(?:\.\d+)?)pp$/

/** `2.5/1M`: so much for so many; K, M and B are thousand, million and thousand million. */
export const pricePattern = /^(\d+(?:\.\d+)?)\/(\d+)([KMB]?)$/

const multiples: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, B: 1e9 }

/** The price of one. */
export function parsePrice(text: string): number | null {
  const match = pricePattern.exec(text)
  if (match === null) return null
  const price = Number(match[1]) / (Number(match[2]) * (multiples[match[3] ?? ''] ?? Number.NaN))
  return Number.isFinite(price) ? price : null
}

/** Milliseconds of `500ms`, `30s`, `10m`, `1.5h`, `14d`. */
export function parseDurationMs(text: string): number | null {
  const match = durationPattern.exec(text)
  if (match === null) return null
  const ms = Number(match[1]) * (durationUnits[match[2] ?? ''] ?? Number.NaN)
  return Number.isFinite(ms) ? Math.round(ms) : null
}

/** Parts per million of `0.01%` … `100%`; null if finer than one part per million or over the whole. */
export function parsePercentPpm(text: string): number | null {
  const match = percentPattern.exec(text)
  if (match === null) return null
  const ppm = Number(match[1]) * 10_000
  const whole = Math.round(ppm)
  return Math.abs(ppm - whole) < 1e-6 && whole <= 1_000_000 ? whole : null
}

/** The fraction that `20%` is: 0.2. */
export function parsePercentFraction(text: string): number | null {
  const match = percentPattern.exec(text)
  return match === null ? null : Number(match[1]) / 100
}

/** The difference of rates that `0.5pp` (percentage points) is: 0.005. */
export function parsePointsFraction(text: string): number | null {
  const match = pointsPattern.exec(text)
  return match === null ? null : Number(match[1]) / 100
}
