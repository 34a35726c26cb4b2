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
 * The integral runs over the narrower variable, so that no step has to be resolved; if they are alike, over the one that
 * keeps the argument of the other away from the end, 0 or 1, that the rates are near and the density may be infinite at.
 */
export function logAtMost(first: Beta, second: Beta, d: number): number {
  const ratio = widthOf(first) / widthOf(second)
  const nearZero = meanOf(first) + meanOf(second) <= 1
  const alike = ratio < NARROWER && ratio > 1 / NARROWER
  const overSecond = alike ? nearZero === d >= 0 : ratio >= NARROWER
  const rounding = roundingOf(first, second)
  if (overSecond) return logMean(second, u => logBelowRate(first, shifted(u, d)), 1, rounding)
  return logMean(first, u => logAboveRate(second, shifted(u, -d)), -1, rounding)
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

/** log of the mean of a probability under `beta`; where that is 0 at the peak it is positive on the side of `upward`. */
function logMean(beta: Beta, logProbability: (u: number) => number, upward: 1 | -1, rounding: number): number {
  const logIntegrand = (u: number) => {
    const value = logProbability(u)
    return value === Number.NEGATIVE_INFINITY ? value : value + logDensity(beta, u)
  }
  let guess = peakOf(beta)
  for (let step = 1e-3; logIntegrand(guess) === Number.NEGATIVE_INFINITY; step *= 2)
    guess = peakOf(beta) + upward * step
  return logIntegral({ logIntegrand, guess, scale: widthOf(beta), rounding })
}

/** A rate and its complement; outside (0, 1) one of them is not positive. */
type Rate = { readonly x: number; readonly y: number }

function shifted(u: number, d: number): Rate {
  const { x, y } = rateAt(u)
  return { x: x + d, y: y - d }
}

function logBelowRate(beta: Beta, { x, y }: Rate): number {
  if (x <= 0) return Number.NEGATIVE_INFINITY
  return y <= 0 ? 0 : logBelow(beta, Math.log(x / y))
}

function logAboveRate(beta: Beta, { x, y }: Rate): number {
  if (y <= 0) return Number.NEGATIVE_INFINITY
  return x <= 0 ? 0 : logAbove(beta, Math.log(x / y))
}

/** The standard deviation of the logit at its peak, at most 1: beyond, bends are on the scale of the logit itself. */
function widthOf({ a, b }: Beta): number {
  return Math.min(1, Math.sqrt(1 / a + 1 / b))
}

/** A logit is rounded to 1e-16, and a density changes by its own size within a standard deviation of it. */
function roundingOf(first: Beta, second: Beta): number {
  return 2e-16 * Math.sqrt(first.a + first.b + second.a + second.b)
}
