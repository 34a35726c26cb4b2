import { insufficient, invalid, type Result } from '../result.ts'
import { addToMoments, emptyMoments, type Moments, variance } from '../summaries/moments.ts'
import { type CountPair, occupiedBins } from './paired-counts.ts'

/** How far mass must be moved to turn one distribution into the other. */
export type Wasserstein = {
  /** In units of the values. */
  readonly distance: number
  /** In standard deviations (n - 1) of the reference. */
  readonly normalizedDistance: number
}

/**
 * The Wasserstein distance of order 1 between two samples of numbers, also in standard deviations of the reference.
 *
 * @use As a size of drift in the unit of the feature; unlike KS and PSI it says how far values moved. Not a test.
 * @assumes Values on a scale where differences mean something; outliers weigh in full.
 * @formula integral of |F(x) - G(x)| dx; divided by the sample standard deviation (n - 1) of the reference.
 * @source Vallender, Calculation of the Wasserstein distance between probability distributions on the line, Theory of
 * Probability and its Applications 18, 1974.
 * @degenerate A reference of fewer than 2 values or of standard deviation 0, and an empty sample, are insufficient;
 * values that are not finite, or too far apart for a double, are invalid.
 */
export function wasserstein({
  reference,
  current,
}: {
  reference: readonly number[]
  current: readonly number[]
}): Result<Wasserstein> {
  let moments = emptyMoments
  for (const value of reference) {
    const next = addToMoments(moments, value)
    if (!next.ok) return next
    moments = next.moments
  }
  if (!current.every(Number.isFinite)) return invalid('a current value is not a finite number; leave missing ones out')
  if (current.length === 0) return insufficient('the current sample has no values')
  const distance = area(Float64Array.from(reference).sort(), Float64Array.from(current).sort())
  return normalize(distance, moments)
}

/**
 * The same distance between binned samples, every row counted at the position of its bin.
 *
 * @use When only histograms were kept. Off by at most the mean distance of values from the position of their bin.
 * @assumes One position a bin, ascending; bins without missing values; `moments` of the values of the reference.
 * @formula sum over neighbouring positions of |F - G| times their distance, over the standard deviation (n - 1).
 * @source As `wasserstein`.
 * @degenerate As `wasserstein`; positions that are not ascending, or not as many as bins, are invalid.
 */
export function binnedWasserstein({
  reference,
  current,
  positions,
  moments,
}: CountPair & { positions: readonly number[]; moments: Moments }): Result<Wasserstein> {
  const occupied = occupiedBins({ reference, current })
  if (!occupied.ok) return occupied
  if (positions.length !== reference.length || !ascending(positions))
    return invalid(`the positions of ${reference.length} bins must be as many finite numbers in ascending order`)
  let distance = 0
  let below = 0
  let belowCurrent = 0
  for (let bin = 0; bin + 1 < positions.length; bin += 1) {
    below += reference[bin] ?? 0
    belowCurrent += current[bin] ?? 0
    const gap = (positions[bin + 1] ?? 0) - (positions[bin] ?? 0)
    distance += Math.abs(below / occupied.referenceRows - belowCurrent / occupied.currentRows) * gap
  }
  return normalize(distance, moments)
}

/** The area between both distribution functions. */
function area(first: Float64Array, second: Float64Array): number {
  let i = 0
  let j = 0
  let sum = 0
  let before = Math.min(first[0] ?? 0, second[0] ?? 0)
  while (i < first.length || j < second.length) {
    const value = Math.min(first[i] ?? Number.POSITIVE_INFINITY, second[j] ?? Number.POSITIVE_INFINITY)
    sum += Math.abs(i / first.length - j / second.length) * (value - before)
    while (i < first.length && first[i] === value) i += 1
    while (j < second.length && second[j] === value) j += 1
    before = value
  }
  return sum
}

function normalize(distance: number, moments: Moments): Result<Wasserstein> {
  const spread = variance(moments)
  if (!spread.ok) return spread
  if (spread.variance === 0)
    return insufficient('the reference has standard deviation 0; there is no unit to measure a distance in')
  const normalizedDistance = distance / Math.sqrt(spread.variance)
  if (Number.isFinite(distance) && Number.isFinite(normalizedDistance))
    return { ok: true, distance, normalizedDistance }
  return invalid('the values are too far apart for a double')
}

function ascending(positions: readonly number[]): boolean {
  return positions.every((position, bin) => Number.isFinite(position) && position >= (positions[bin - 1] ?? position))
}
