import { choleskyFactor, solveFactored } from '../numerics/linear-algebra.ts'
import { invalid, type Result } from '../result.ts'
import type { Moments } from '../summaries/moments.ts'
import { checkAtLeastZero, checkMeanArms, noArms } from './arms.ts'

/** One period of constant weights: what each arm earned in it, in the order of the arms, and what it still counts for. */
export type ArmStratum = {
  readonly arms: readonly Moments[]
  /** 1 for all of it, less for what is to be forgotten, 0 for what is forgotten. */
  readonly weight: number
}

/** Keeps arms that never served in one period comparable: they differ by an unknown amount, of nearly no evidence. */
const RIDGE = 1e-9

/**
 * The moments of each arm as if all had been observed in one period: what allocations take, without the paradox that
 * pooling brings when base rates drift while weights change.
 *
 * @use Before any allocation or summary of this folder, where weights have changed and the level of rewards may have.
 * An arm that comes later, or leaves, changes nothing about the comparison of the others.
 * @assumes The differences between arms are constant (if not, give old strata less weight); the level may be another in
 * every stratum. Values of one arm vary alike in all strata.
 * @formula Least squares of value = level of the stratum + effect of the arm, weights n: L x = b with L = sum over strata
 * of diag(n) - n n'/N, b = sum n_k (m_k - m). The variances of the differences of effects, R_jk s^2, are those of
 * independent arms of 1/r_k values each, r fitted to r_j + r_k = R_jk by least squares (exact up to three arms) and at
 * least 1/n_k. The level is that at which the mean over all values stays. One stratum gives the counts as they are.
 * @source Searle, Linear Models (1971), section 7.1 (two-way layout without interaction, unequal numbers); effective
 * resistances as variances of differences: Bollobas, Modern Graph Theory (1998), section IX.2 (star-mesh transformation).
 * @degenerate An arm without values has n 0. Arms that share no stratum, not even through others, have nearly n 0.
 */
export function stratifiedArms({ strata }: { strata: readonly ArmStratum[] }): Result<{ arms: readonly Moments[] }> {
  const size = strata[0]?.arms.length ?? 0
  const bad = checkStrata(strata, size)
  if (bad !== undefined) return bad
  const sums = totals(strata, size)
  const present = [...sums.n.keys()].filter(arm => (sums.n[arm] ?? 0) > 0)
  const fitted = leastSquares(strata, present, sums)
  const arms = sums.n.map((_, arm): Moments => {
    const place = present.indexOf(arm)
    if (place < 0) return { n: 0, mean: 0, m2: 0 }
    const n = 1 / (fitted.scatter[place] ?? 1)
    return { n, mean: fitted.means[place] ?? 0, m2: withinVariance(sums, arm) * Math.max(0, n - 1) }
  })
  return { ok: true, arms }
}

type Sums = {
  /** Weighted counts, their sums of values, and the squares within strata with their degrees of freedom. */
  readonly n: number[]
  readonly level: number[]
  readonly squares: number[]
  readonly freedom: number[]
}

function totals(strata: readonly ArmStratum[], size: number): Sums {
  const zeros = () => Array.from({ length: size }, () => 0)
  const sums = { n: zeros(), level: zeros(), squares: zeros(), freedom: zeros() }
  for (const { arms, weight } of strata) {
    for (const [arm, { n, mean, m2 }] of arms.entries()) {
      if (n === 0 || weight === 0) continue
      const before = sums.n[arm] ?? 0
      const after = before + weight * n
      sums.n[arm] = after
      // The running mean, for a sum would lose the digits of values far from 0.
      sums.level[arm] = (sums.level[arm] ?? 0) + (mean - (sums.level[arm] ?? 0)) * ((weight * n) / after)
      sums.squares[arm] = (sums.squares[arm] ?? 0) + weight * m2
      sums.freedom[arm] = (sums.freedom[arm] ?? 0) + weight * Math.max(0, n - 1)
    }
  }
  return sums
}

function withinVariance({ squares, freedom }: Sums, arm: number): number {
  const degrees = freedom[arm] ?? 0
  return degrees > 0 ? (squares[arm] ?? 0) / degrees : 0
}

/** Means and 1/n of the arms that have values. */
function leastSquares(
  strata: readonly ArmStratum[],
  present: readonly number[],
  sums: Sums,
): { means: readonly number[]; scatter: readonly number[] } {
  const counts = present.map(arm => sums.n[arm] ?? 0)
  const levels = present.map(arm => sums.level[arm] ?? 0)
  if (present.length < 2) return { means: levels, scatter: counts.map(n => 1 / n) }
  const { laplacian, right } = equations(strata, present)
  const { effects, resistances } = solve(laplacian, right, counts)
  const all = counts.reduce((sum, n) => sum + n, 0)
  const shift = counts.reduce((sum, n, arm) => sum + (n / all) * ((levels[arm] ?? 0) - (effects[arm] ?? 0)), 0)
  const scatter = asStar(resistances, counts).map((one, arm) => Math.max(one, 1 / (counts[arm] ?? 1)))
  return { means: effects.map(effect => effect + shift), scatter }
}

function equations(strata: readonly ArmStratum[], present: readonly number[]) {
  const laplacian = present.map(() => present.map(() => 0))
  const right = present.map(() => 0)
  for (const { arms, weight } of strata) {
    const n = present.map(arm => weight * (arms[arm]?.n ?? 0))
    const all = n.reduce((sum, one) => sum + one, 0)
    if (all === 0) continue
    const mean = present.reduce((sum, arm, place) => sum + ((n[place] ?? 0) / all) * (arms[arm]?.mean ?? 0), 0)
    for (const [row, arm] of present.entries()) {
      const here = n[row] ?? 0
      if (here === 0) continue
      right[row] = (right[row] ?? 0) + here * ((arms[arm]?.mean ?? 0) - mean)
      const cells = laplacian[row] ?? []
      for (const [column, there] of n.entries())
        cells[column] = (cells[column] ?? 0) + (row === column ? here * ((all - here) / all) : -here * (there / all))
    }
  }
  return { laplacian, right }
}

/** Effects against the first arm, and for every two arms the variance of their difference in units of one value's. */
function solve(laplacian: readonly (readonly number[])[], right: readonly number[], counts: readonly number[]) {
  const grounded = laplacian.slice(1).map((row, index) => {
    const cells = row.slice(1)
    cells[index] = (cells[index] ?? 0) + RIDGE * (counts[index + 1] ?? 0)
    return cells
  })
  const factor = choleskyFactor(grounded)
  if (factor === undefined) throw new Error('a Laplacian with a ridge is positive definite')
  const effects = [0, ...solveFactored(factor, right.slice(1))]
  const inverse = grounded.map((_, column) =>
    solveFactored(
      factor,
      grounded.map((_row, row) => (row === column ? 1 : 0)),
    ),
  )
  const covariance = (a: number, b: number) => (a === 0 || b === 0 ? 0 : (inverse[a - 1]?.[b - 1] ?? 0))
  const resistances = counts.map((_, a) =>
    counts.map((__, b) => covariance(a, a) + covariance(b, b) - 2 * covariance(a, b)),
  )
  return { effects, resistances }
}

/** r with r_j + r_k nearest to the resistances; two arms share theirs in proportion to the other's count, as one stratum would. */
function asStar(resistances: readonly (readonly number[])[], counts: readonly number[]): number[] {
  const [first = 0, second = 0] = counts
  if (counts.length === 2) {
    const between = resistances[0]?.[1] ?? 0
    return [(between * second) / (first + second), (between * first) / (first + second)]
  }
  const sums = resistances.map(row => row.reduce((sum, one) => sum + one, 0))
  const all = sums.reduce((sum, one) => sum + one, 0) / 2
  return sums.map(sum => (sum - all / (counts.length - 1)) / (counts.length - 2))
}

function checkStrata(strata: readonly ArmStratum[], size: number) {
  if (size === 0) return noArms()
  const odd = strata.findIndex(({ arms }) => arms.length !== size)
  if (odd >= 0) return invalid(`stratum ${odd} has ${strata[odd]?.arms.length} arms; the first has ${size}`)
  for (const { arms, weight } of strata) {
    const bad = checkMeanArms(arms) ?? checkAtLeastZero('the weight of a stratum', weight)
    if (bad !== undefined) return bad
  }
  return undefined
}
