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

/** Of what is remembered of an arm. */
const leastRows = 2

/** Null while an arm has fewer rewards than the plan asks for, or all features are alike in all of them. */
export function fitContext(
  { policy, context, minRewards, reward }: Pick<BanditPlan, 'policy' | 'context' | 'minRewards' | 'reward'>,
  race: readonly string[],
  strata: readonly ContextStratum[],
): ContextFit | null {
  if (context === undefined || race.length < 2 || (policy.kind !== 'lin-ts' && policy.kind !== 'lin-ucb')) return null
  const rewards = race.map((_, arm) => strata.reduce((sum, { arms }) => sum + (arms[arm]?.n ?? 0), 0))
  if (rewards.some(count => count < minRewards)) return null
  const names = columnNames(context.features).length
  const arms = race.map((_, arm) => merged(partsOf(strata, arm), names + 1))
  if (arms.some(({ n }) => n < leastRows)) return null
  const isNumber = context.features.flatMap(({ categories }) =>
    categories === null ? [true, false] : categories.map(() => false),
  )
  const columns = isNumber.map((is, column) => (is ? scaleOf(arms, column) : null))
  const turned = { columns, origin: meanOf(arms, names), sign: reward.better === 'lower' ? -1 : 1 }
  return solved(race, policy, { columns, sums: arms.map(arm => armSums(arm, turned)) })
}

type Weighed = { one: VectorMoments; weight: number }

function partsOf(strata: readonly ContextStratum[], arm: number): Weighed[] {
  return strata.flatMap(({ arms, weight }) => {
    const one = arms[arm]
    return one === undefined || one.n === 0 || weight < weightLeast ? [] : [{ one, weight }]
  })
}

/** Below this an epoch has been forgotten. */
const weightLeast = 1e-3

/** Rows, their mean and the sums of products around it, within and between the parts. */
type Merged = { n: number; mean: readonly number[]; squares: readonly (readonly number[])[] }

function merged(parts: readonly Weighed[], size: number): Merged {
  const n = parts.reduce((sum, { one, weight }) => sum + weight * one.n, 0)
  const mean = new Array<number>(size).fill(0)
  const squares = Array.from({ length: size }, () => new Array<number>(size).fill(0))
  for (const { one, weight } of parts)
    for (let i = 0; i < size; i += 1) mean[i] = (mean[i] ?? 0) + ((weight * one.n) / n) * (one.mean[i] ?? 0)
  for (const { one, weight } of parts) {
    const apart = one.mean.map((value, i) => value - (mean[i] ?? 0))
    const [within, between] = [weight * Math.max(0, one.n - 1), weight * one.n]
    for (const [i, row] of squares.entries()) {
      const [covariances = [], left = 0] = [one.covariance[i], apart[i]]
      for (let j = 0; j < size; j += 1)
        row[j] = (row[j] ?? 0) + within * (covariances[j] ?? 0) + between * left * (apart[j] ?? 0)
    }
  }
  return { n, mean, squares }
}

function meanOf(arms: readonly Merged[], column: number): number {
  const n = arms.reduce((sum, arm) => sum + arm.n, 0)
  return arms.reduce((sum, arm) => sum + (arm.n / n) * (arm.mean[column] ?? 0), 0)
}

/** Mean and deviation of a number over all arms where it is not missing: there its column is 0 and the next one 1. */
function scaleOf(arms: readonly Merged[], column: number): ColumnScale {
  const n = arms.reduce((sum, arm) => sum + arm.n, 0)
  const [missing, mean] = [meanOf(arms, column + 1), meanOf(arms, column)]
  if (missing >= 1) return { centre: 0, scale: 1 }
  const centre = mean / (1 - missing)
  const squares = arms.reduce(
    (sum, arm) => sum + (arm.squares[column]?.[column] ?? 0) + arm.n * ((arm.mean[column] ?? 0) - mean) ** 2,
    0,
  )
  // Of all squares, those between the missing ones, at 0, and the others.
  const between = n * missing * (1 - missing) * centre ** 2
  const variance = (squares - between) / (n * (1 - missing))
  return { centre, scale: variance > 0 ? Math.sqrt(variance) : 1 }
}

type Turned = { columns: readonly ColumnScale[]; origin: number; sign: number }

/** Sums of products of a model's row with itself and with the reward, and of the reward with itself. */
type ArmSums = { n: number; a: readonly (readonly number[])[]; b: readonly number[]; c: number }

/**
 * From the moments of raw columns to the sums of model rows: around the mean by the linear part of `modelRow`, so that a
 * number far from 0 keeps its digits.
 */
function armSums({ n, mean, squares }: Merged, { columns, origin, sign }: Turned): ArmSums {
  const last = columns.length
  const centre = meanRow(columns, mean)
  const middle = sign * ((mean[last] ?? 0) - origin)
  const around = linearPart(columns, squares)
  // The constant has no spread.
  const spread = (i: number, j: number) => (i === 0 || j === 0 ? 0 : (around[i - 1]?.[j - 1] ?? 0))
  return {
    n,
    a: centre.map((left, i) => centre.map((right, j) => spread(i, j) + n * left * right)),
    b: centre.map((left, i) => sign * spread(i, last + 1) + n * left * middle),
    c: spread(last + 1, last + 1) + n * middle ** 2,
  }
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

/** Sums of products after (value + centre * mark) / scale, for every number; marks and the reward stay as they are. */
function linearPart(columns: readonly ColumnScale[], squares: readonly (readonly number[])[]): number[][] {
  const across = (row: readonly number[]) =>
    row.map((value, index) => {
      const column = columns[index] ?? null
      return column === null ? value : (value + column.centre * (row[index + 1] ?? 0)) / column.scale
    })
  const half = squares.map(across)
  return half.map((row, index) => {
    const column = columns[index] ?? null
    if (column === null) return row
    return row.map((value, j) => (value + column.centre * (half[index + 1]?.[j] ?? 0)) / column.scale)
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
