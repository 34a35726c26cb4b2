/** One metric of one version in one epoch, row by row: what is added may be taken back, and leaves no trace. */
import { assertNever } from '../core/errors.ts'
import { type MetricEvidence, scoreBins } from '../core/evidence.ts'
import type { Observation } from '../core/metrics/observe.ts'
import { dimensionsOf, formOf, type MetricSpec } from '../core/metrics/spec.ts'
import { DDSketch } from '../stats/summaries/ddsketch.ts'
import { ExactMoments } from '../stats/summaries/exact-moments.ts'

export interface RowMetric {
  add(observation: Observation): void
  remove(observation: Observation): void
  read(): MetricEvidence
}

export function createRowMetric(spec: MetricSpec): RowMetric {
  const form = formOf(spec)
  switch (form) {
    case 'counts':
      return counts()
    case 'moments':
      return moments(dimensionsOf(spec))
    case 'sketch':
      return sketch()
    case 'scores':
      return scores()
    case 'confusion':
      return confusion(spec.type === 'f1-macro' ? spec.classes.length : 0)
    default:
      return assertNever(form)
  }
}

function counts(): RowMetric {
  let trials = 0
  let events = 0
  const apply = ([event = 0]: Observation, sign: number): void => {
    trials += sign
    events += sign * event
  }
  return {
    add: one => apply(one, 1),
    remove: one => apply(one, -1),
    read: () => ({ form: 'counts', trials, events }),
  }
}

function moments(dimensions: number): RowMetric {
  const sums = new ExactMoments(dimensions)
  return {
    add: one => sums.add(one),
    remove: one => sums.remove(one),
    read: () => ({ form: 'moments', moments: sums.read(), shared: [] }),
  }
}

function sketch(): RowMetric {
  const values = new DDSketch()
  return {
    add: ([value = 0]) => values.add(value),
    remove: ([value = 0]) => values.remove(value),
    read: () => ({ form: 'sketch', sketch: values }),
  }
}

function scores(): RowMetric {
  const [positives, negatives] = [new Float64Array(scoreBins), new Float64Array(scoreBins)]
  const apply = ([score = 0, positive]: Observation, sign: number): void => {
    const bins = positive === 1 ? positives : negatives
    const bin = Math.max(0, Math.min(scoreBins - 1, Math.floor(score * scoreBins)))
    bins[bin] = (bins[bin] ?? 0) + sign
  }
  return {
    add: one => apply(one, 1),
    remove: one => apply(one, -1),
    read: () => ({ form: 'scores', positives: [...positives], negatives: [...negatives] }),
  }
}

function confusion(classes: number): RowMetric {
  const cells = Array.from({ length: classes }, () => new Float64Array(classes))
  const apply = ([truth = 0, predicted = 0]: Observation, sign: number): void => {
    const row = cells[truth]
    if (row !== undefined) row[predicted] = (row[predicted] ?? 0) + sign
  }
  return {
    add: one => apply(one, 1),
    remove: one => apply(one, -1),
    read: () => ({ form: 'confusion', matrix: cells.map(row => [...row]) }),
  }
}
