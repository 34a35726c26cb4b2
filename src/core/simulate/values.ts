/** Times and other values with a long tail, drawn by the batch into a sketch. */
import { drawBinomial } from '../../stats/numerics/draws.ts'
import { drawNormal, type Random } from '../../stats/numerics/random.ts'
import { normalQuantile } from '../../stats/numerics/special.ts'
import type { DDSketch } from '../../stats/summaries/ddsketch.ts'
import type { Lognormal } from './scenario.ts'

/** Up to so many values are drawn one by one. */
const drawnSingly = 100

/** Shares of values above each edge, falling: even steps in the body, ever finer ones in the tail. */
const edges: readonly number[] = [...body(), ...tail()]

function body(): number[] {
  return Array.from({ length: 41 }, (_, step) => 1 - (step * 0.9) / 40)
}

function tail(): number[] {
  const shares: number[] = []
  for (let share = 0.1 / 1.2; share > 1e-7; share /= 1.2) shares.push(share)
  return [...shares, 0]
}

export function addLognormal(sketch: DDSketch, random: Random, { median, sigma }: Lognormal, n: number): void {
  if (n <= drawnSingly) {
    for (let one = 0; one < n; one += 1) sketch.add(median * Math.exp(sigma * drawNormal(random)))
    return
  }
  let left = n
  for (let bin = 0; bin + 1 < edges.length && left > 0; bin += 1) {
    const [from = 1, to = 0] = [edges[bin], edges[bin + 1]]
    const count = to === 0 ? left : drawBinomial(random, left, (from - to) / from)
    left -= count
    // Somewhere in the bin, anew each time: over many batches its values spread over all of it.
    const above = to + (from - to) * (1 - random.next())
    if (count > 0) sketch.add(median * Math.exp(-sigma * normalQuantile(Math.min(above, 1 - 1e-9))), count)
  }
}

/** Of the values of a law, the one that a share is below. */
export function lognormalQuantile({ median, sigma }: Lognormal, share: number): number {
  return median * Math.exp(sigma * normalQuantile(share))
}

export function lognormalMean({ median, sigma }: Lognormal): number {
  return median * Math.exp((sigma * sigma) / 2)
}

export function lognormalDeviation(law: Lognormal): number {
  return lognormalMean(law) * Math.sqrt(Math.expm1(law.sigma * law.sigma))
}

/** Standard deviations above the mean that a share of a normal distribution is beyond. */
export function normalQuantileOfTail(share: number): number {
  return -normalQuantile(share)
}
