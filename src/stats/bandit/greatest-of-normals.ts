import { type Failure, invalid, type Result } from '../result.ts'
import { allocationOf, checkAtLeastZero, noArms } from './arms.ts'
import { type Belief, bestOfBeliefs } from './gaussian-posterior.ts'

/** Nodes reach so many deviations from a mean; farther out the density sums up to less than 1e-6. */
const REACH = 5
/** Steps of the trapezoidal rule in deviations of an arm, and at most this part of the narrowest arm's deviation. */
const STEP = 0.5
/** Arms whose deviations differ by more than this are integrated on the panels of `bestOfBeliefs`. */
const RATIO_MAX = 16
/** An arm so many deviations of the difference behind another one is never the greatest. */
const HOPELESS = 6

/**
 * The probability that each of several independent normal values is the greatest, fast enough for every request.
 *
 * @use Where probabilities of being the best are needed for each request (`linearThompson` is exact to 12 digits, and over ten
 * times slower).
 * @assumes Independent normal distributions; a deviation of 0 is a value that is known.
 * @formula Two: Phi((m_1 - m_2) / sqrt(s_1^2 + s_2^2)). More: integral of f_k prod_{j != k} F_j by the trapezoidal rule of
 * fixed nodes, which converges exponentially for such integrands, and Phi to 7.5e-8; absolute error below 1e-5.
 * @source Trefethen & Weideman, "The exponentially convergent trapezoidal rule", SIAM Review 56 (2014), section 5; Abramowitz & Stegun 26.2.17.
 * @degenerate Values that are known and tie share evenly.
 */
export function greatestOfNormals({
  means,
  deviations,
}: {
  means: readonly number[]
  deviations: readonly number[]
}): Result<{ probabilities: readonly number[] }> {
  const bad = check(means, deviations)
  if (bad !== undefined) return bad
  const beliefs = means.map((mean, index) => ({ mean, deviation: deviations[index] ?? 0 }))
  const [first, second] = beliefs
  if (beliefs.length === 2 && first !== undefined && second !== undefined) return allocationOf(ofTwo(first, second))
  const least = Math.min(...deviations)
  if (least === 0 || Math.max(...deviations) > RATIO_MAX * least) return allocationOf(bestOfBeliefs(beliefs))
  return allocationOf(ofMany(beliefs, least))
}

function check(means: readonly number[], deviations: readonly number[]): Failure | undefined {
  if (means.length === 0) return noArms()
  if (means.length !== deviations.length)
    return invalid(`there are ${deviations.length} deviations for ${means.length} means`)
  const bad = means.findIndex(value => !Number.isFinite(value))
  if (bad >= 0) return invalid(`mean ${bad} is ${means[bad]}; it must be a finite number`)
  return deviations.map(value => checkAtLeastZero('a deviation', value)).find(failure => failure !== undefined)
}

function ofTwo(first: Belief, second: Belief): number[] {
  const spread = Math.hypot(first.deviation, second.deviation)
  if (spread === 0) return bestOfBeliefs([first, second])
  const probability = below((first.mean - second.mean) / spread)
  return [probability, 1 - probability]
}

function ofMany(beliefs: readonly Belief[], least: number): number[] {
  const greatest = beliefs.reduce((best, one) => (one.mean > best.mean ? one : best))
  const racing = beliefs.map(
    one => greatest.mean - one.mean <= HOPELESS * Math.hypot(greatest.deviation, one.deviation),
  )
  const masses = beliefs.map((belief, index) => (racing[index] ? massOf(belief, index, { beliefs, racing, least }) : 0))
  const total = masses.reduce((sum, mass) => sum + mass, 0)
  return masses.map(mass => mass / total)
}

function massOf(
  { mean, deviation }: Belief,
  arm: number,
  { beliefs, racing, least }: { beliefs: readonly Belief[]; racing: readonly boolean[]; least: number },
): number {
  const half = Math.ceil(REACH / Math.min(STEP, least / deviation))
  const step = REACH / half
  let mass = 0
  for (let node = -half; node <= half; node += 1) {
    const z = node * step
    let product = Math.exp(-0.5 * z * z) * step
    for (let other = 0; other < beliefs.length && product > 1e-12; other += 1) {
      const rival = beliefs[other]
      if (other === arm || !racing[other] || rival === undefined) continue
      product *= below((mean + z * deviation - rival.mean) / rival.deviation)
    }
    mass += product
  }
  return mass
}

/** P(standard normal <= z), absolute error below 7.5e-8 (Abramowitz & Stegun 26.2.17): a tenth of the time of `erfc`. */
function below(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  const tail = 0.3989422804014327 * Math.exp(-0.5 * z * z) * series
  return z > 0 ? 1 - tail : tail
}
