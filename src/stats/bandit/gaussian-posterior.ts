import { shareEvenly } from './even-split.ts'
import {
  bestProbabilities,
  expectedLosses,
  type Posterior,
  type PosteriorGrid,
  posteriorGrid,
} from './posterior-grid.ts'

/** What is believed of one arm's value: a normal distribution, possibly of no width. */
export type Belief = { readonly mean: number; readonly deviation: number }

/** In standard deviations; farther out, where the density falls faster, the panels are narrower. */
const EDGES = [0, 1.3, 2.6, 3.9, 5.2, 6.5, 7.73, 8.77, 9.68, 10.51, 11.27, 11.98, 12.65, 13.28]
const STANDARD_EDGES = [
  ...EDGES.slice(1)
    .map(edge => -edge)
    .toReversed(),
  ...EDGES,
]

/** A double cannot hold a grid narrower than this against its distance from the origin. */
const LEAST_RELATIVE_DEVIATION = 1e-12

/** P(arm k has the greatest value) for independent normal beliefs; arms known exactly that tie share evenly. */
export function bestOfBeliefs(beliefs: readonly Belief[]): number[] {
  if (beliefs.every(({ deviation }) => deviation === 0)) return shareEvenly(beliefs.map(({ mean }) => mean))
  return bestProbabilities(beliefGrid(beliefs))
}

/** What each arm is expected to fall short of the best other arm, in the unit of the means. */
export function lossesOfBeliefs(beliefs: readonly Belief[]): number[] {
  const greatest = Math.max(...beliefs.map(({ mean }) => mean))
  if (beliefs.every(({ deviation }) => deviation === 0)) return beliefs.map(({ mean }) => greatest - mean)
  return expectedLosses(beliefGrid(beliefs), () => 1)
}

/** The origin is the mean of the narrowest belief, because a double is finest around 0. */
function beliefGrid(beliefs: readonly Belief[]): PosteriorGrid {
  const narrowest = beliefs.reduce((left, right) => (right.deviation < left.deviation ? right : left))
  const widest = Math.max(...beliefs.map(({ deviation }) => deviation))
  return posteriorGrid(
    beliefs.map(({ mean, deviation }) => {
      const offset = mean - narrowest.mean
      const least = LEAST_RELATIVE_DEVIATION * Math.max(Math.abs(offset), widest)
      return gaussianPosterior(offset, Math.max(deviation, least))
    }),
  )
}

function gaussianPosterior(mean: number, deviation: number): Posterior {
  const logDensity = (position: number): number => {
    const z = (position - mean) / deviation
    return -0.5 * z * z
  }
  return { edges: STANDARD_EDGES.map(edge => mean + edge * deviation), logDensity }
}
