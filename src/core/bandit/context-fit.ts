/** Each arm's regression of rewards on features, from the evidence of a stage's epochs. Pure: the same evidence, the same digits. */

import { solveRidge } from '../../stats/bandit/ridge.ts'
import { dot } from '../../stats/numerics/linear-algebra.ts'
import type { VectorMoments } from '../../stats/summaries/exact-moments.ts'
import type { BanditPlan, LinearPolicy } from '../stage-plans.ts'
import { columnNames } from './context.ts'
import type { ColumnScale, ContextFit } from './context-policy.ts'

/** What came in one epoch, by arm, and what it still counts for. */
export type ContextStratum = { arms: readonly (VectorMoments | undefined)[]; weight: number }

/** A penalty of one row: columns are of about unit size, and rewards are taken from their mean. */
const l2 = 1

/** Null while an arm has fewer rewards than the plan asks for, or all features are alike in all of them. */
export function fitContext(
  { policy, context, minRewards, reward }: Pick<BanditPlan, 'policy' | 'context' | 'minRewards' | 'reward'>,
  race: readonly string[],
  strata: readonly ContextStratum[],
): ContextFit | null {
  if (context === undefined || race.length < 2 || (policy.kind !== 'lin-ts' && policy.kind !== 'lin-ucb')) return null
  const rewards = race.map((_, arm) => strata.reduce((sum, { arms }) => sum + (arms[arm]?.n ?? 0), 0))
  if (rewards.some(count => count < minRewards)) return null
  const size = columnNames(context.features).length
  const together = merged(
    strata.flatMap(({ arms, weight }) => arms.flatMap(one => (one === undefined ? [] : [{ one, weight }]))),
    size + 1,
  )
  const isNumber = context.features.flatMap(({ categories }) =>
    categories === null ? [true, false] : categories.map(() => false),
  )
  const columns = isNumber.map((is, column) => (is ? scaleOf(together, column) : null))
  const turned = { columns, origin: together.mean[size] ?? 0, sign: reward.better === 'lower' ? -1 : 1 }
  const sums = race.map((_, arm) =>
    armSums(
      strata.flatMap(({ arms, weight }) => pick(arms[arm], weight)),
      turned,
    ),
  )
  return solved(race, policy, { columns, sums })
}

type Weighed = { one: VectorMoments; weight: number }

function pick(one: VectorMoments | undefined, weight: number): Weighed[] {
  return one === undefined || one.n === 0 || weight === 0 ? [] : [{ one, weight }]
}

type Merged = { n: number; mean: readonly number[]; squares: readonly (readonly number[])[] }

/** Moments of all rows: sums of products around the mean, within and between the parts. */
function merged(parts: readonly Weighed[], size: number): Merged {
  const places = Array.from({ length: size }, (_, index) => index)
  const n = parts.reduce((sum, { one, weight }) => sum + weight * one.n, 0)
  const mean = places.map(i =>
    parts.reduce((sum, { one, weight }) => sum + (weight * one.n * (one.mean[i] ?? 0)) / (n || 1), 0),
  )
  const apart = ({ one }: Weighed, i: number) => (one.mean[i] ?? 0) - (mean[i] ?? 0)
  const squares = places.map(i =>
    places.map(j =>
      parts.reduce(
        (sum, part) =>
          sum +
          part.weight *
            (Math.max(0, part.one.n - 1) * (part.one.covariance[i]?.[j] ?? 0) +
              part.one.n * apart(part, i) * apart(part, j)),
        0,
      ),
    ),
  )
  return { n, mean, squares }
}

/** Mean and deviation of a number where it is not missing: there its column is 0 and the next one 1. */
function scaleOf({ n, mean, squares }: Merged, column: number): ColumnScale {
  const missing = mean[column + 1] ?? 0
  if (missing >= 1) return { centre: 0, scale: 1 }
  const centre = (mean[column] ?? 0) / (1 - missing)
  // Of all squares, those between the missing ones, at 0, and the others.
  const between = n * missing * (1 - missing) * centre ** 2
  const variance = ((squares[column]?.[column] ?? 0) - between) / (n * (1 - missing))
  return { centre, scale: variance > 0 ? Math.sqrt(variance) : 1 }
}

type Turned = { columns: readonly ColumnScale[]; origin: number; sign: number }

/** Sums of products of a model's row with itself and with the reward, and of the reward with itself. */
type ArmSums = { n: number; a: number[][]; b: number[]; c: number }

/**
 * From the moments of raw columns to those of model rows: within an epoch by the linear part of `modelRow`, around its
 * mean, so that a number far from 0 keeps its digits.
 */
function armSums(parts: readonly Weighed[], { columns, origin, sign }: Turned): ArmSums {
  const size = columns.length + 1
  const sums: ArmSums = {
    n: 0,
    a: Array.from({ length: size }, () => new Array<number>(size).fill(0)),
    b: new Array<number>(size).fill(0),
    c: 0,
  }
  for (const { one, weight } of parts) {
    const centre = meanRow(columns, one.mean)
    const middle = sign * ((one.mean[columns.length] ?? 0) - origin)
    const spread = linearPart(columns, one)
    const freedom = Math.max(0, one.n - 1)
    sums.n += weight * one.n
    sums.c += weight * (freedom * (spread[columns.length]?.[columns.length] ?? 0) + one.n * middle ** 2)
    for (let i = 0; i < size; i += 1) {
      const left = centre[i] ?? 0
      const within = i === 0 ? 0 : freedom * sign * (spread[i - 1]?.[columns.length] ?? 0)
      sums.b[i] = (sums.b[i] ?? 0) + weight * (within + one.n * left * middle)
      const row = sums.a[i] ?? []
      for (let j = 0; j < size; j += 1) {
        const inside = i === 0 || j === 0 ? 0 : freedom * (spread[i - 1]?.[j - 1] ?? 0)
        row[j] = (row[j] ?? 0) + weight * (inside + one.n * left * (centre[j] ?? 0))
      }
    }
  }
  return sums
}

/** The mean of model rows: a missing number is 0 in them, and its mark is a part of their mean. */
function meanRow(columns: readonly ColumnScale[], mean: readonly number[]): number[] {
  const row = [1]
  for (const [index, column] of columns.entries()) {
    const value = mean[index] ?? 0
    row.push(column === null ? value : (value - column.centre * (1 - (mean[index + 1] ?? 0))) / column.scale)
  }
  return row
}

/** Covariances after (value + centre * mark) / scale, for every number; marks and the reward stay as they are. */
function linearPart(columns: readonly ColumnScale[], { covariance }: VectorMoments): number[][] {
  const across = (row: readonly number[]) =>
    row.map((value, index) => {
      const column = columns[index] ?? null
      return column === null ? value : (value + column.centre * (row[index + 1] ?? 0)) / column.scale
    })
  const half = covariance.map(across)
  return half.map((row, index) => {
    const column = columns[index] ?? null
    return column === null
      ? row
      : row.map((value, j) => (value + column.centre * (half[index + 1]?.[j] ?? 0)) / column.scale)
  })
}

function solved(
  race: readonly string[],
  policy: LinearPolicy,
  { columns, sums }: { columns: readonly ColumnScale[]; sums: readonly ArmSums[] },
): ContextFit | null {
  const states = sums.map(({ a, b }) => ({
    l2,
    a: a.map((row, i) => row.map((value, j) => (i === j ? value + l2 : value))),
    b,
  }))
  const result = solveRidge({ states })
  if (!result.ok) return null
  const { models } = result
  const arms = race.flatMap((version, arm) => {
    const model = models[arm]
    return model === undefined ? [] : [{ version, ...model }]
  })
  const width = policy.scale * noise(sums, arms)
  const rule =
    policy.kind === 'lin-ts' ? { kind: policy.kind, width } : { kind: policy.kind, width, epsilon: policy.epsilon }
  return { rule, columns, arms }
}

/** The standard deviation of a reward around what its arm's model says, over all arms. */
function noise(sums: readonly ArmSums[], models: readonly { coefficients: readonly number[] }[]): number {
  let squares = 0
  let freedom = 0
  for (const [arm, { n, a, b, c }] of sums.entries()) {
    const coefficients = models[arm]?.coefficients ?? []
    const predicted = a.map(row => dot(row, coefficients))
    squares += Math.max(0, c - 2 * dot(coefficients, b) + dot(coefficients, predicted))
    freedom += n - coefficients.length
  }
  return freedom > 0 ? Math.sqrt(squares / freedom) : Math.sqrt(squares)
}
