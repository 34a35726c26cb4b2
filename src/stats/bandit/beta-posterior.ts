import { deviance } from '../numerics/special.ts'
import type { Posterior } from './posterior-grid.ts'

/** Where the logarithm of the density has dropped by this much, 13 standard deviations of a normal one, the rest is nothing. */
const DROP = 84.5
const PANEL_DEVIATIONS = 1.6
const PANEL_DROP = 10

/** exp(-700) is the last safe double; with parameters of at least `LEAST_PARAMETER` less than 1e-15 lies beyond. */
const FARTHEST = 700

/** Smaller parameters of a Beta prior put nearly all of it on 0 and 1 themselves. */
export const LEAST_PARAMETER = 0.05

/** Odds and rates at one place of the line. */
type Place = { readonly rate: number; readonly complement: number }

/**
 * A Beta(a, b) posterior of a rate, on the line of its log odds log(x / (1 - x)). There the density is x^a (1 - x)^b,
 * smooth and log-concave whatever a, b > 0 are, though on (0, 1) it may be infinite at an end.
 */
export function betaPosterior(a: number, b: number): Posterior {
  const total = a + b
  const logDensity = (logOdds: number): number => {
    const { rate, complement } = placeOf(logOdds)
    return -(deviance(a, total * rate) + deviance(b, total * complement))
  }
  const mode = Math.log(a / b)
  const march = (direction: 1 | -1): number[] => {
    const edges: number[] = []
    for (let at = mode; Math.abs(at) < FARTHEST && -logDensity(at) < DROP; ) {
      at = Math.max(-FARTHEST, Math.min(FARTHEST, at + direction * panelWidth(a, b, at)))
      edges.push(at)
    }
    return edges
  }
  return { edges: [...march(-1).toReversed(), mode, ...march(1)], logDensity }
}

/** The derivative of the rate by its log odds. */
export function rateSlope(logOdds: number): number {
  const { rate, complement } = placeOf(logOdds)
  return rate * complement
}

function placeOf(logOdds: number): Place {
  const odds = Math.exp(-Math.abs(logOdds))
  const small = odds / (1 + odds)
  const large = 1 / (1 + odds)
  return logOdds < 0 ? { rate: small, complement: large } : { rate: large, complement: small }
}

/** Narrow enough for the curve and the fall of the density there, and for the poles of the logistic function at +-i pi. */
function panelWidth(a: number, b: number, logOdds: number): number {
  const { rate, complement } = placeOf(logOdds)
  const curvature = (a + b) * rate * complement
  const slope = Math.abs(a * complement - b * rate)
  return Math.min(PANEL_DEVIATIONS / Math.sqrt(curvature), PANEL_DROP / slope, Math.max(2, 0.7 * Math.abs(logOdds)))
}
