import { checkAlpha, type Failure, invalid, type Result } from '../result.ts'
import { logLearningLoss } from '../sequential/bernoulli-mixture.ts'
import { DEFAULT_TUNED_FOR, meanBoundary } from '../sequential/compare-means.ts'
import type { Rates } from './proportion-power.ts'
import { type ArmSizes, checkSizes, type SampleSize } from './test-design.ts'

/**
 * The sequential comparison that a test will really run: `means` is `compareMeans`, `rates` is `compareProportions`, whose
 * price of learning the rates depends on them. Both in one stratum. `sizes` tunes it for the sizes that are planned.
 */
export type SequentialDesign =
  | { readonly kind: 'means'; readonly tunedFor?: number | 'sizes' }
  | { readonly kind: 'rates'; readonly rates: Rates }

/**
 * By how many standard errors a difference must exceed the margin for a sequential comparison to be decided at these
 * sizes: what stands in for the normal quantile when a sequential test is planned.
 *
 * @use Before a test that is looked at all the time, as `boundary` of the sample sizes. `sequentialSampleSize` finds the
 * sizes themselves, on which the boundary depends.
 * @assumes One stratum. A sequential test may also be decided before its planned size, so that its true power is a little
 * more than planned.
 * @formula Means: the z at which the one-sided normal mixture reaches log(1/alpha). Rates: sqrt(2 (log(1/alpha) + log 2 -
 * L)), L the learning loss (a logarithm below 0) at the expected counts, since the divergence grows like z^2 / 2.
 * @source As `compareMeans` and `compareProportions`; the use in planning: GrowthBook's "power technical", 2024.
 * @degenerate Fewer than 2 units a version, and an alpha outside (0, 1), are refused.
 */
export function sequentialBoundary({
  design,
  sizes,
  alpha,
}: {
  design: SequentialDesign
  sizes: ArmSizes
  alpha: number
}): Result<{ boundary: number }> {
  const bad = checkAlpha(alpha) ?? checkSizes(sizes, 2) ?? checkDesign(design)
  if (bad !== undefined) return bad
  if (design.kind === 'means') {
    const clusters = balancedClusters(sizes)
    const { tunedFor = DEFAULT_TUNED_FOR } = design
    return {
      ok: true,
      boundary: meanBoundary({ clusters, alpha, tunedFor: tunedFor === 'sizes' ? clusters : tunedFor }),
    }
  }
  const outcomes = (arm: keyof ArmSizes) => {
    const trials = Math.round(sizes[arm])
    return { trials, events: Math.round(trials * design.rates[arm]) }
  }
  const loss = logLearningLoss([outcomes('candidate')], [outcomes('stable')])
  return { ok: true, boundary: Math.sqrt(2 * (-Math.log(alpha) + Math.LN2 - loss)) }
}

/**
 * The clusters of a comparison of two equal arms that is as precise as one of these sizes: what `compareMeans` is tuned for.
 *
 * @use To tune `compareMeans` for a sample that was planned before it began.
 * @assumes Units of both versions vary alike.
 * @formula 4 n_c n_s / (n_c + n_s).
 * @source As `compareMeans`.
 */
export function balancedClusters({ candidate, stable }: ArmSizes): number {
  return 4 * candidate * (stable / (candidate + stable))
}

/** More standard errors than any plan takes. */
const BOUNDARY_MAX = 30
/** Doublings that lead from one unit beyond every number of units. */
const DOUBLINGS_MAX = 60

/**
 * Plans how many units each version needs for a sequential comparison to have a wanted power: the least sizes whose
 * boundary they overcome. `sizeAt` gives the sizes for a boundary, such as `meanSampleSize` or `proportionSampleSize`.
 *
 * @use Before a test that is looked at all the time.
 * @assumes As `sequentialBoundary`.
 * @formula The least n with n >= sizeAt(boundary(n)), by bisection: the boundary rises far more slowly than the root of n.
 * @source As `sequentialBoundary`.
 * @degenerate As `sizeAt`.
 */
export function sequentialSampleSize({
  design,
  alpha,
  ratio = 1,
  sizeAt,
}: {
  design: SequentialDesign
  alpha: number
  ratio?: number
  sizeAt: (boundary: number | undefined) => Result<SampleSize>
}): Result<SampleSize> {
  const atOneLook = sizeAt(undefined)
  if (!atOneLook.ok) return atOneLook
  const neededAt = (units: number): Result<SampleSize> => {
    const sizes = { stable: Math.max(2, units), candidate: Math.max(2, units * ratio) }
    const found = sequentialBoundary({ design, sizes, alpha })
    return found.ok ? sizeAt(Math.min(BOUNDARY_MAX, found.boundary)) : found
  }
  let low = atOneLook.unrounded
  let high = low
  let best = neededAt(high)
  for (let step = 0; best.ok && best.unrounded > high && step < DOUBLINGS_MAX; step += 1) {
    low = high
    high *= 2
    best = neededAt(high)
  }
  while (best.ok && high - low > 0.5) {
    const middle = (low + high) / 2
    const needed = neededAt(middle)
    if (!needed.ok) return needed
    if (needed.unrounded > middle) low = middle
    else {
      high = middle
      best = needed
    }
  }
  return best.ok ? wholeAt(high, ratio) : best
}

function wholeAt(unrounded: number, ratio: number): Result<SampleSize> {
  const [stable, candidate] = [Math.ceil(unrounded), Math.ceil(unrounded * ratio)]
  return { ok: true, stable, candidate, total: stable + candidate, unrounded }
}

function checkDesign(design: SequentialDesign): Failure | undefined {
  if (design.kind === 'means') return checkTuning(design.tunedFor)
  const { stable, candidate } = design.rates
  if (stable >= 0 && stable <= 1 && candidate >= 0 && candidate <= 1) return undefined
  return invalid(`the rates are ${stable} and ${candidate}; both must be from 0 to 1`)
}

function checkTuning(tunedFor: number | 'sizes' | undefined): Failure | undefined {
  if (tunedFor === undefined || tunedFor === 'sizes') return undefined
  if (tunedFor >= 1 && tunedFor <= Number.MAX_SAFE_INTEGER) return undefined
  return invalid(`tunedFor is ${tunedFor}; it must be a number of clusters from 1 to ${Number.MAX_SAFE_INTEGER}`)
}
