/**
 * The version for one request by its features: what the table carries of a contextual bandit, and what it says. Immutable
 * and plain; swapped with the table. The probability that it names is the one that is logged.
 */
import { greatestOfNormals } from '../../stats/bandit/greatest-of-normals.ts'
import { type RidgeModel, scoreRidge } from '../../stats/bandit/ridge.ts'
import { limits } from '../limits.ts'
import { type ContextFeature, columnsOf, type FeatureValues } from './context.ts'
import { partsFrom } from './weights.ts'

export type ContextPolicy = {
  features: readonly ContextFeature[]
  /** The share of units whose version is chosen by the weights, whatever their features: the sample that is compared. */
  explorePpm: number
  floorPpm: number
  /** Null while an arm has too few rewards: then weights choose for everybody. */
  fit: ContextFit | null
}

export type ContextFit = {
  rule: ContextRule
  /** How each column is brought to about unit size. */
  columns: readonly ColumnScale[]
  /** Greater scores are better; in the order of the plan. */
  arms: readonly ({ version: string } & RidgeModel)[]
}

/** A number is taken from its centre by its scale, and is 0 where it is missing; a mark stays what it is: null. */
export type ColumnScale = { centre: number; scale: number } | null

/** `width`: deviations of an arm's score, in the unit of the reward by the root of x' A^-1 x. */
export type ContextRule = { kind: 'lin-ts'; width: number } | { kind: 'lin-ucb'; width: number; epsilon: number }

/** Probabilities are whole parts of so many, so that a log has few distinct ones. */
const partsTotal = 1_000

/** The version at this bucket, and the probability over all buckets with which it is chosen for these features. */
export function chooseAt(
  policy: ContextPolicy & { fit: ContextFit },
  values: FeatureValues,
  bucket: number,
): { version: string; propensity: number } {
  const parts = partsAt(policy, values)
  const { arms } = policy.fit
  // Whole numbers throughout: the bucket is below the whole exactly as the part of it is.
  let rest = bucket
  for (const [index, { version }] of arms.entries()) {
    const ppm = (parts[index] ?? 0) * (limits.ppmTotal / partsTotal)
    if (rest < ppm) return { version, propensity: ppm / limits.ppmTotal }
    rest -= ppm
  }
  throw new Error('the parts of a contextual policy do not sum to the whole')
}

/** In the order of the arms; their sum is `partsTotal`, and each has the floor. */
export function partsAt(
  { fit, features, floorPpm }: ContextPolicy & { fit: ContextFit },
  values: FeatureValues,
): number[] {
  const floor = Math.ceil((floorPpm * partsTotal) / limits.ppmTotal)
  return partsFrom(probabilities(fit, modelRow(fit, columnsOf(features, values))), { floor, total: partsTotal })
}

/** Constant first. The mark of a missing number stands behind it. */
export function modelRow({ columns }: Pick<ContextFit, 'columns'>, values: readonly number[]): number[] {
  const row = [1]
  for (const [index, column] of columns.entries()) {
    const value = values[index] ?? 0
    row.push(column === null ? value : values[index + 1] === 1 ? 0 : (value - column.centre) / column.scale)
  }
  return row
}

function probabilities({ rule, arms }: ContextFit, row: readonly number[]): readonly number[] {
  const scores = scoreRidge(arms, row)
  // What cannot be scored, such as a number far from all that was seen, tells nothing of the arms.
  if (!scores.ok) return arms.map(() => 1)
  const { means } = scores
  const deviations = scores.deviations.map(deviation => deviation * rule.width)
  if (rule.kind === 'lin-ucb')
    return greedyShares(
      means.map((mean, arm) => mean + (deviations[arm] ?? 0)),
      rule.epsilon,
    )
  const greatest = greatestOfNormals({ means, deviations })
  return greatest.ok ? greatest.probabilities : arms.map(() => 1)
}

function greedyShares(indices: readonly number[], epsilon: number): number[] {
  const greatest = Math.max(...indices)
  const ties = indices.filter(index => index === greatest).length
  return indices.map(index => epsilon / indices.length + (index === greatest ? (1 - epsilon) / ties : 0))
}

/** Without the arms that have left: the models of the others stand by themselves. */
export function policyAmong(policy: ContextPolicy, stays: (version: string) => boolean): ContextPolicy {
  if (policy.fit === null || policy.fit.arms.every(({ version }) => stays(version))) return policy
  const arms = policy.fit.arms.filter(({ version }) => stays(version))
  return { ...policy, fit: arms.length < 2 ? null : { ...policy.fit, arms } }
}
