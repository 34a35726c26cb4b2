/** One metric of one version in one epoch, drawn by the batch; read in the form in which the judge takes it. */
import { drawBinomial } from '../../stats/numerics/draws.ts'
import { DDSketch } from '../../stats/summaries/ddsketch.ts'
import { formOf, isHigherBetter, isKnownAtOnce, type MetricSpec, signalsOf } from '../metrics/spec.ts'
import { confusionSums, scoresSums, sharesSums } from './class-sums.ts'
import type { Behaviour, MetricDraw } from './scenario.ts'
import type { MetricSums } from './sums.ts'
import { addLognormal, lognormalDeviation, lognormalMean } from './values.ts'
import { explainedLaw, pairLaw, type RowLaw, VectorSums, valueLaw, yesLaw } from './vector-sums.ts'

/** What is kept beside a metric's definition: its name in the evidence, and when its values come; null at once. */
export type Measured = { name: string; metric: string; spec: MetricSpec; signal: string | null; byUnit: boolean }

export function measuredAs(name: string, metric: string, spec: MetricSpec): Measured {
  const signal = isKnownAtOnce(spec) ? null : (signalsOf(spec)[0] ?? null)
  return { name, metric, spec, signal, byUnit: spec.unitLevel === true && formOf(spec) === 'moments' }
}

/** Why a metric cannot be drawn by the batch, as a clause; null if it can. */
export function undrawnReason(spec: MetricSpec): string | null {
  switch (spec.type) {
    case 'r2':
      return `${spec.type} is a value of many rows together, and these are not drawn one by one`
    default:
      return null
  }
}

/** Why a distribution cannot be of such a metric, as a clause; null if it can. */
export function unfitReason({ type }: MetricSpec, { kind }: MetricDraw): string | null {
  const words = `${type} is described by ${describedBy[type === 'f1-macro' || type === 'auc' ? type : 'f1']}`
  switch (type) {
    case 'auc':
      return kind === 'scores' ? null : words
    case 'f1-macro':
      return kind === 'confusion' ? null : words
    case 'f1':
      return kind === 'shares' ? null : words
    case 'precision':
    case 'recall':
      return kind === 'shares' || kind === 'rate' ? null : words
    default:
      return kind === 'shares' || kind === 'scores' || kind === 'confusion' ? `is no distribution of ${type}` : null
  }
}

const describedBy = {
  auc: 'auc and positives',
  'f1-macro': 'confusion',
  f1: 'precision, recall and positives',
}

/** How the metric is drawn for a version; null where the scenario does not say. */
export function drawOf({ metric, spec }: Pick<Measured, 'metric' | 'spec'>, own: Behaviour): MetricDraw | null {
  const said = own.metrics[metric]
  if (said !== undefined) return said
  if (spec.type === 'accuracy') return own.accuracy === null ? null : { kind: 'rate', rate: own.accuracy }
  if (spec.type !== 'mean' && spec.type !== 'count' && spec.type !== 'rate' && spec.type !== 'quantile') return null
  if (spec.of.from === 'error') return { kind: 'rate', rate: own.errorRate }
  if (spec.of.from !== 'latency' || spec.type === 'rate') return null
  if (spec.type === 'quantile') return { kind: 'quantile', values: own.latency }
  const [mean, deviation] = [lognormalMean(own.latency), lognormalDeviation(own.latency)]
  return { kind: 'value', mean, deviation, shape: 'gamma', explained: 0 }
}

export function createMetricSums(spec: MetricSpec, draw: MetricDraw): MetricSums {
  if (draw.kind === 'shares') return sharesSums(spec, draw)
  if (draw.kind === 'scores') return scoresSums(draw)
  if (draw.kind === 'confusion') return confusionSums(draw.shares)
  const form = formOf(spec)
  if (form === 'counts') return counts(spec, draw.kind === 'rate' ? draw.rate : 0)
  if (form === 'sketch') return sketched(draw)
  return moments(spec, draw)
}

/** What one row says by itself. */
type PlainDraw = Exclude<MetricDraw, { kind: 'shares' | 'scores' | 'confusion' }>

/** Counts are of harmful rows. */
function counts(spec: MetricSpec, rate: number): MetricSums {
  const harmful = isHigherBetter(spec) ? 1 - rate : rate
  let trials = 0
  let events = 0
  return {
    add(random, n) {
      trials += n
      events += drawBinomial(random, n, harmful)
    },
    meet() {},
    read: () => ({ form: 'counts', trials, events }),
  }
}

function sketched(draw: PlainDraw): MetricSums {
  const sketch = new DDSketch()
  return {
    add(random, n) {
      if (draw.kind === 'quantile') addLognormal(sketch, random, draw.values, n)
    },
    meet() {},
    read: () => ({ form: 'sketch', sketch }),
  }
}

function moments(spec: MetricSpec, draw: PlainDraw): MetricSums {
  const law = lawOf(spec, draw)
  const known = new VectorSums()
  const isTotal = spec.unitLevel === true && (spec.type === 'count' || spec.type === 'rate')
  let open = 0
  return {
    add(random, n) {
      known.add(random, law, n)
      open -= n
    },
    meet(n) {
      if (isTotal) open += n
    },
    read() {
      const zeros = Math.max(0, isTotal ? open : 0)
      return { form: 'moments', moments: withZeros(known.read(), zeros, law.mean.length), shared: [] }
    },
  }
}

function lawOf(spec: MetricSpec, draw: PlainDraw): RowLaw {
  const law = plainLaw(draw)
  if (spec.covariate === undefined) return law
  return explainedLaw(law, draw.kind === 'value' ? draw.explained : 0)
}

function plainLaw(draw: PlainDraw): RowLaw {
  switch (draw.kind) {
    case 'rate':
      return yesLaw(draw.rate)
    case 'value':
      return valueLaw(draw)
    case 'quantile':
      return valueLaw({ mean: lognormalMean(draw.values), deviation: lognormalDeviation(draw.values), shape: 'gamma' })
    case 'ratio':
      return pairLaw(valueLaw({ ...draw.of, shape: 'gamma' }), valueLaw({ ...draw.per, shape: 'gamma' }))
  }
}

/** Units without a value yet are units with a total of zero. */
function withZeros(seen: ReturnType<VectorSums['read']>, zeros: number, parts: number): ReturnType<VectorSums['read']> {
  if (zeros === 0) return seen.n > 0 ? seen : emptyMoments(parts)
  const all = seen.n + zeros
  const before = seen.n > 0 ? seen : emptyMoments(parts)
  const weight = (seen.n * zeros) / all
  const covariance = before.covariance.map((row, i) =>
    row.map(
      (value, j) =>
        (value * Math.max(0, seen.n - 1) + (before.mean[i] ?? 0) * (before.mean[j] ?? 0) * weight) /
        Math.max(1, all - 1),
    ),
  )
  return { n: all, mean: before.mean.map(value => value * (seen.n / all)), covariance }
}

function emptyMoments(parts: number): ReturnType<VectorSums['read']> {
  const zeros = Array.from({ length: parts }, () => 0)
  return { n: 0, mean: zeros, covariance: zeros.map(() => [...zeros]) }
}
