/**
 * The recursion of Armitage, McPherson & Rowe for a sum of independent normal increments that is looked at several times
 * (JRSS A 132, 1969; Jennison & Turnbull, "Group sequential methods", 2000, chapter 19), with Gauss-Legendre panels in
 * place of Simpson's rule. Looks are at information fractions t_1 < t_2 < ...; the statistic at look k is standard normal
 * around drift sqrt(t_k).
 */
import { gaussLegendre } from '../numerics/quadrature.ts'
import { logNormalSurvival } from '../numerics/special.ts'

/** Where the statistic may be when a look did not stop: its values, and the probability at each. */
export type Continuing = {
  readonly fraction: number
  readonly values: Float64Array
  readonly masses: Float64Array
}

/** Between these the look does not stop, in standard errors. */
export type Region = { readonly lower: number; readonly upper: number }

/** At this distance from its mean a density is below 1e-22 of its peak. */
const REACH = 10

/** Before the first look: certainly at 0, without information. */
export const start: Continuing = { fraction: 0, values: new Float64Array(1), masses: Float64Array.of(1) }

/** The probability that the statistic at the next look exceeds `boundary`; relative precision also where it is tiny. */
export function probabilityAbove(before: Continuing, fraction: number, boundary: number, drift: number): number {
  const { target, step } = incrementTo(before, fraction, boundary, drift)
  let sum = 0
  for (const [index, value] of before.values.entries())
    sum += (before.masses[index] ?? 0) * Math.exp(logNormalSurvival(target - step * value))
  return sum
}

/** The probability that it is below. */
export function probabilityBelow(before: Continuing, fraction: number, boundary: number, drift: number): number {
  const { target, step } = incrementTo(before, fraction, boundary, drift)
  let sum = 0
  for (const [index, value] of before.values.entries())
    sum += (before.masses[index] ?? 0) * Math.exp(logNormalSurvival(step * value - target))
  return sum
}

/** Beyond this the exponential of minus half the square underflows. */
const UNDERFLOW = 39

/** The density of the statistic at the next look. */
export function densityAt(before: Continuing, fraction: number, value: number, drift: number): number {
  const { target, step } = incrementTo(before, fraction, value, drift)
  const { values, masses } = before
  let sum = 0
  for (let index = firstFrom(values, (target - UNDERFLOW) / step); index < values.length; index += 1) {
    const z = target - step * (values[index] ?? 0)
    if (z < -UNDERFLOW) break
    sum += (masses[index] ?? 0) * Math.exp(-0.5 * z * z)
  }
  return sum * Math.sqrt(fraction / (fraction - before.fraction) / (2 * Math.PI))
}

/** From a value u before, the increment that leads to `value` is target - step u in its own standard deviations. */
function incrementTo({ fraction: from }: Continuing, fraction: number, value: number, drift: number) {
  const inverse = 1 / Math.sqrt(fraction - from)
  const target = (value * Math.sqrt(fraction) - drift * (fraction - from)) * inverse
  return { target, step: Math.sqrt(from) * inverse }
}

/** The position of the first value that is at least `least`; all of them where that is no number. */
function firstFrom(values: Float64Array, least: number): number {
  let left = 0
  let right = values.length
  while (left < right) {
    const middle = (left + right) >> 1
    if ((values[middle] ?? 0) < least) left = middle + 1
    else right = middle
  }
  return left
}

/**
 * Where the statistic may be after the look at `fraction` did not stop. `next` is the fraction of the look that follows,
 * whose increment decides, with that of this look, how fine the panels must be.
 */
export function continueFrom(
  before: Continuing,
  { fraction, next }: { readonly fraction: number; readonly next: number },
  region: Region,
  drift: number,
): Continuing {
  const centre = drift * Math.sqrt(fraction)
  const reach = Math.max(REACH, Math.min(region.upper - centre, REACH_MAX))
  const low = Math.max(region.lower, centre - reach)
  const high = Math.min(region.upper, centre + reach)
  if (!(low < high)) return { fraction, values: new Float64Array(0), masses: new Float64Array(0) }
  const finest = Math.sqrt(Math.min(fraction - before.fraction, next - fraction, fraction) / fraction)
  const panels = Math.ceil((high - low) / (PANEL_WIDTH * finest))
  const { nodes, weights } = gaussLegendre(low, high, panels)
  return {
    fraction,
    values: nodes,
    masses: weights.map((weight, index) => weight * densityAt(before, fraction, nodes[index] ?? 0, drift)),
  }
}

/** Tails this far out are followed, so that the boundaries of early looks that spend next to nothing are exact too. */
const REACH_MAX = 40

/** In standard deviations of the smaller increment; 32 nodes then leave errors below 1e-14. */
const PANEL_WIDTH = 5
