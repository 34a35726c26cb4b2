/** The difference of two independent Beta variables, by quadrature on the logit scale. */
import { type Beta, logAbove, logBelow, logDensity, peakOf, rateAt } from './beta-logit.ts'
import { logIntegral } from './log-integral.ts'

/** The mean of a rate. */
export function meanOf({ a, b }: Beta): number {
  return a / (a + b)
}

/** The variance of a rate. */
export function varianceOf({ a, b }: Beta): number {
  const n = a + b
  return (a / n) * (b / n / (n + 1))
}

/** mean(first) - mean(second), without the rounding of either mean. */
export function meanDifference(first: Beta, second: Beta): number {
  const [n, m] = [first.a + first.b, second.a + second.b]
  return (first.a / n) * (second.b / m) - (second.a / m) * (first.b / n)
}

/** From this ratio of widths on, the wider one is a slowly varying factor and the narrower one sets the scale. */
const NARROWER = 4

/**
 * log P(first - second <= d) for -1 < d < 1; finite also where the probability underflows.
 *
 * The integral runs along the line first - second = d, on which the lower of both rates goes from 0 to 1 - |d| and the
 * higher one from |d| to 1, on the logit scale of that range: both ends are far away there, and 1 - higher rate keeps its
 * digits. It takes the density of the narrower variable, so that no step has to be resolved.
 */
export function logAtMost(first: Beta, second: Beta, d: number): number {
  const [low, high] = d >= 0 ? [second, first] : [first, second]
  const distance = Math.abs(d)
  const overLow = widthOf(low) <= NARROWER * widthOf(high)
  const logIntegrand = (t: number) => {
    const at = rateAt(t)
    const line = { below: (1 - distance) * at.x, above: (1 - distance) * at.y }
    const [u, v] = [Math.log(line.below / (distance + line.above)), Math.log((distance + line.below) / line.above)]
    if (overLow) {
      const stretch = Math.log(at.y / (distance + line.above))
      return logDensity(low, u) + stretch + (d >= 0 ? logBelow(high, v) : logAbove(high, v))
    }
    const stretch = Math.log(at.x / (distance + line.below))
    return logDensity(high, v) + stretch + (d >= 0 ? logAbove(low, u) : logBelow(low, u))
  }
  const narrower = overLow ? low : high
  const scale = widthOf(narrower)
  const guess = guessOnLine(meanOf(low), meanOf({ a: high.b, b: high.a }), 1 - distance, overLow)
  const onLine = logIntegral({ logIntegrand, guess, scale, rounding: roundingOf(first, second) })
  if (d <= 0) return onLine
  // Where the line has ended the difference is at most d for certain.
  const end = Math.log1p(-distance) - Math.log(distance)
  return logSum(onLine, overLow ? logAbove(low, end) : logBelow(high, -end))
}

/** Where on the line the variable of the integral has its mean, or as near as the line goes. */
function guessOnLine(low: number, beyondHigh: number, length: number, overLow: boolean): number {
  const share = overLow ? low / length : 1 - beyondHigh / length
  const rest = overLow ? 1 - low / length : beyondHigh / length
  return share > 0 && rest > 0 ? Math.log(share / rest) : 0
}

function logSum(one: number, other: number): number {
  const greater = Math.max(one, other)
  return greater + Math.log1p(Math.exp(Math.min(one, other) - greater))
}

/** The mean of what `first` exceeds `second` by, 0 where it does not: the integral of P(first > x, second <= x). */
export function meanExcess(first: Beta, second: Beta): number {
  const [p, q] = [peakOf(first), peakOf(second)]
  const logProduct = (u: number) => {
    const { x, y } = rateAt(u)
    return logAbove(first, u) + logBelow(second, u) + Math.log(x) + Math.log(y)
  }
  const scale = Math.min(widthOf(first), widthOf(second))
  const rounding = roundingOf(first, second)
  return Math.exp(logIntegral({ logIntegrand: logProduct, guess: (p + q) / 2, scale, rounding }))
}

/** The standard deviation of the logit at its peak, at most 1: beyond, bends are on the scale of the logit itself. */
function widthOf({ a, b }: Beta): number {
  return Math.min(1, Math.sqrt(1 / a + 1 / b))
}

/** A logit is rounded to 1e-16, and a density changes by its own size within a standard deviation of it. */
function roundingOf(first: Beta, second: Beta): number {
  return 2e-16 * Math.sqrt(first.a + first.b + second.a + second.b)
}
