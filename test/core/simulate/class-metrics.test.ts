/** Metrics of classes and scores: drawn by the batch they are worth what the scenario says, and releases are judged by them. */
import { describe, expect, it } from 'vitest'
import { armOf } from '../../../src/core/judge/arms.ts'
import type { MetricSpec } from '../../../src/core/metrics/spec.ts'
import { createMetricSums } from '../../../src/core/simulate/metric-sums.ts'
import type { MetricDraw } from '../../../src/core/simulate/scenario.ts'
import { trueHarm } from '../../../src/core/simulate/truth.ts'
import { randomFrom } from '../../../src/stats/numerics/random.ts'
import { type Asked, jobOf, runsOf, studied } from '../../support/simulations.ts'

const shares = { kind: 'shares', positives: 0.1, precision: 0.8, recall: 0.6 } as const
const matrix = [
  [0.5, 0.05, 0.05],
  [0.02, 0.2, 0.03],
  [0.01, 0.04, 0.1],
]

/** Drawn in batches of a few and of many rows. */
function drawn(spec: MetricSpec, draw: MetricDraw, seed = 3) {
  const random = randomFrom(seed)
  const sums = createMetricSums(spec, draw)
  for (let batch = 0; batch < 400; batch += 1) sums.add(random, batch % 2 === 0 ? 7 : 1_000)
  return sums.read()
}

const rows = 200 * 1_007
const f1Truth = (2 * 0.06) / (2 * 0.06 + 0.015 + 0.04)

describe('a drawn metric of classes', () => {
  it.each<[string, MetricSpec, MetricDraw, number, number]>([
    ['f1', { type: 'f1', class: 1 }, shares, f1Truth, rows * 0.115],
    ['auc', { type: 'auc', positive: 1, classes: null }, { kind: 'scores', positives: 0.2, auc: 0.85 }, 0.85, rows],
    [
      'f1-macro',
      { type: 'f1-macro', classes: ['a', 'b', 'c'] },
      { kind: 'confusion', shares: matrix },
      (2 * (0.5 / (0.6 + 0.53)) + 2 * (0.2 / (0.25 + 0.29)) + 2 * (0.1 / (0.15 + 0.18))) / 3,
      rows,
    ],
    ['precision', { type: 'precision', class: 1 }, shares, 0.8, rows * 0.075],
    ['recall', { type: 'recall', class: 1 }, shares, 0.6, rows * 0.1],
  ])('%s has the value and the number of rows that were said', (_, spec, draw, truth, n) => {
    const seen = armOf(spec, drawn(spec, draw))
    if (!seen.ok) throw new Error(seen.reason)
    const error = Math.sqrt(seen.arm.variance / seen.arm.n)
    expect(Math.abs(seen.arm.mean - truth)).toBeLessThan(5 * error)
    expect(Math.abs(seen.arm.n / n - 1)).toBeLessThan(0.05)
  })

  it('is worse in truth by the difference of what is said', () => {
    const spec: MetricSpec = { type: 'auc', positive: 1, classes: null }
    const measure = { kind: 'metric', spec, scale: 'absolute' } as const
    const check = { metric: 'auc', measure, margin: 0.01, alpha: 0.01, minEvents: 50 }
    const own = (auc: number) => ({
      ...{ readyAfterMs: 0, errorRate: 0, latency: { median: 20, sigma: 0 }, accuracy: null, agreement: null },
      feedbackShare: null,
      metrics: { auc: { kind: 'scores', positives: 0.2, auc } as const },
    })
    expect(trueHarm(check, own(0.8), own(0.85))).toBeCloseTo(0.05, 10)
  })
})

const canary = { canary: { steps: [{ weight: '50%', for: '10m', 'at-most': '12h' }] } }
const endpoint = {
  prediction: { output: 'label', scores: 'probabilities' },
  metrics: {
    found: { type: 'f1', class: 1 },
    caught: { type: 'recall', class: 1 },
    ranks: { type: 'auc', positive: 1 },
    classes: { type: 'f1-macro', classes: ['a', 'b', 'c'] },
  },
}
const fraud = { positives: '10%', precision: '80%', recall: '60%' }
const table = [
  [50, 5, 5],
  [2, 20, 3],
  [1, 4, 10],
]
const stable = {
  metrics: { found: fraud, caught: fraud, ranks: { positives: '10%', auc: 0.9 }, classes: { confusion: table } },
}
const asked = (metric: string, worse: Readonly<Record<string, unknown>>, over: Asked['release'] = {}): Asked => ({
  stages: [canary],
  endpoint,
  release: { guardrails: { [metric]: { margin: '5pp', 'min-events': 500 } }, ...over },
  scenario: {
    horizon: '1d',
    versions: { v1: stable, v2: { like: 'v1', metrics: { [metric]: worse } } },
  },
})

describe('a simulated release is judged by', () => {
  it.each<[string, string, Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>]>([
    ['F1', 'found', fraud, { ...fraud, recall: '30%' }],
    ['recall', 'caught', fraud, { ...fraud, recall: '40%' }],
    ['AUC', 'ranks', { positives: '10%', auc: 0.9 }, { positives: '10%', auc: 0.75 }],
    [
      'macro F1',
      'classes',
      { confusion: table },
      {
        confusion: [
          [40, 10, 10],
          [9, 10, 6],
          [5, 5, 5],
        ],
      },
    ],
  ])('%s: equal candidates pass, worse ones go back', async (_, metric, equal, worse) => {
    const [good, bad] = [await studied(asked(metric, equal), 12), await studied(asked(metric, worse), 12)]
    expect([good.truths, bad.truths]).toEqual([{ v2: 'fine' }, { v2: 'worse' }])
    expect(good.ends.promoted.runs).toBeGreaterThanOrEqual(11)
    expect(bad.ends['rolled-back'].runs).toBe(12)
    expect(bad.reasons[0]?.cause).toBe(`guardrail ${metric}`)
  })

  it('the same for the same seed', async () => {
    const job = await jobOf(asked('ranks', { positives: '10%', auc: 0.88 }))
    expect(runsOf(job, 2)).toEqual(runsOf(job, 2))
  })

  it.each<[string, Asked, RegExp]>([
    ['a rate for an F1', asked('found', { rate: '60%' }), /f1 is described by precision, recall and positives/],
    ['F1 in pairs', { ...asked('found', fraud), stages: [{ shadow: {} }, canary] }, /not drawn for pairs/],
  ])('no %s', async (_, wrong, words) => {
    await expect(jobOf(wrong)).rejects.toThrow(words)
  })
})
