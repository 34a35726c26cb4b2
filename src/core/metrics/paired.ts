/**
 * What a metric says of two answers to one request. Callers have met the champion's answer alone, so that only what
 * follows from an answer and the truth is known of the challenger's: rewards and reported values are not.
 */
import type { VectorMoments } from '../../stats/summaries/exact-moments.ts'
import { assertNever } from '../errors.ts'
import { type Expression, type Observation, observe, type Row } from './observe.ts'
import { dimensionsOf, isMeasured, type MetricSpec } from './spec.ts'

/** Why pairs cannot tell the metric, as a clause; null if they can. */
export function unpairedReason(spec: MetricSpec): string | null {
  switch (spec.type) {
    case 'accuracy':
    case 'precision':
    case 'recall':
    case 'f1':
    case 'log-loss':
    case 'brier':
    case 'calibration':
    case 'mae':
    case 'rmse':
    case 'r2':
    case 'mape':
    case 'ndcg':
    case 'mrr':
      return null
    case 'mean':
      return spec.of.from === 'latency' || isMeasured(spec.of) ? null : metOne
    case 'expression':
      return /\boutcome\b[\s.["']*(reward|metrics)/.test(spec.expression) ? metOne : null
    case 'count':
    case 'rate':
    case 'quantile':
    case 'ratio':
      return metOne
    case 'auc':
    case 'f1-macro':
      return `${spec.type} is not kept for pairs`
    default:
      return assertNever(spec)
  }
}

const metOne = 'callers met the answer of one version alone'

/** Parts of one side of a pair: a share is kept as what is in it and what it is of. */
export function pairedParts(spec: MetricSpec): number {
  return isShare(spec) ? 2 : dimensionsOf(spec)
}

function isShare({ type }: MetricSpec): boolean {
  return type === 'precision' || type === 'recall' || type === 'f1'
}

/** The champion's parts, then the challenger's; null where the two cannot be set side by side. */
export function observePair(
  spec: MetricSpec,
  rows: { champion: Row; challenger: Row },
  expression: Expression | null,
): Observation | null {
  const champion = parts(spec, observe(spec, rows.champion, expression))
  const challenger = parts(spec, observe(spec, rows.challenger, expression))
  if (champion === null && challenger === null) return null
  const missing = missingParts(spec)
  const [ours, theirs] = [champion ?? missing, challenger ?? missing]
  return ours === null || theirs === null ? null : [...ours, ...theirs]
}

/** Harmful or not becomes hits and trials. */
function parts({ type }: MetricSpec, observed: Observation | null): Observation | null {
  if (observed === null || (type !== 'precision' && type !== 'recall')) return observed
  return [1 - (observed[0] ?? 0), 1]
}

/** Of a version that says nothing where the other does: it is not right, and adds nothing to a share. */
function missingParts(spec: MetricSpec): Observation | null {
  if (isShare(spec)) return [0, 0]
  return spec.type === 'accuracy' ? [0] : null
}

/** Both sides' moments as one of two samples taken together (Chan, Golub & LeVeque, The American Statistician 37, 1983). */
export function mergedMoments(a: VectorMoments, b: VectorMoments): VectorMoments {
  if (a.n === 0) return b
  if (b.n === 0) return a
  const n = a.n + b.n
  const shift = a.mean.map((mean, i) => (b.mean[i] ?? 0) - mean)
  const mean = a.mean.map((value, i) => value + (shift[i] ?? 0) * (b.n / n))
  const covariance = a.covariance.map((row, i) =>
    row.map((value, j) => {
      const between = (shift[i] ?? 0) * (shift[j] ?? 0) * (a.n / n) * b.n
      return ((a.n - 1) * value + (b.n - 1) * (b.covariance[i]?.[j] ?? 0) + between) / (n - 1)
    }),
  )
  return { n, mean, covariance }
}
