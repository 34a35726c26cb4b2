import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import type { EpochEvidence, MetricEvidence } from '../../src/core/evidence.ts'
import type { MeasureName } from '../../src/core/measures.ts'
import { observe } from '../../src/core/metrics/observe.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import type { Outcome, Prediction } from '../../src/core/prediction.ts'
import { createAccumulator } from '../../src/evidence/accumulator.ts'
import type { MetricDefinitions } from '../../src/evidence/metric-book.ts'
import { UnitMetric } from '../../src/evidence/unit-metric.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { anOutcome, aPrediction, aShadow } from '../contract/samples.ts'

const measured = (name: MeasureName) => ({ from: 'measured', name }) as const
const reported = (name: string) => ({ from: 'reported', name }) as const

const specs: Readonly<Record<string, MetricSpec>> = {
  precision: { type: 'precision', class: 1 },
  f1: { type: 'f1', class: 1 },
  macro: { type: 'f1-macro', classes: [0, 1] },
  auc: { type: 'auc', positive: 1, classes: null },
  'log-loss': { type: 'log-loss', classes: null },
  calibration: { type: 'calibration', classes: null },
  r2: { type: 'r2' },
  spent: { type: 'mean', of: reported('spent'), winsorise: 5 },
  'spent-by-unit': { type: 'mean', of: reported('spent'), unitLevel: true, covariate: 'before' },
  visits: { type: 'count', of: reported('spent'), unitLevel: true },
  converted: { type: 'rate', of: reported('spent'), unitLevel: true },
  'per-reward': { type: 'ratio', of: reported('spent'), per: { from: 'reward' }, unitLevel: true },
  slow: { type: 'quantile', of: { from: 'latency' }, quantile: 0.9 },
  cost: { type: 'mean', of: measured('cost'), better: 'lower' },
  'first-token': { type: 'quantile', of: measured('time-to-first-token-ms'), quantile: 0.95 },
  'cost-by-token': { type: 'ratio', of: measured('cost'), per: measured('tokens') },
  'cost-by-reward': { type: 'ratio', of: measured('cost'), per: { from: 'reward' } },
  profit: { type: 'expression', expression: 'outcome.reward * 2 - prediction.latencyMs / 1000' },
}

const expressions = createExpressions()
const definitions: MetricDefinitions = {
  labelWindowMs: 60_000,
  metrics: Object.entries(specs).map(([name, spec]) => ({
    name,
    spec,
    expression: spec.type === 'expression' ? expressions.compile(spec.expression) : null,
  })),
}

const epochs = [1, 2, 3]

function readAll(accumulator: ReturnType<typeof createAccumulator>): unknown {
  return plain(accumulator.read({ endpoint: 'digits', epochs }))
}

/** Sketches as their numbers. */
function plain(evidence: readonly EpochEvidence[]): unknown {
  return evidence.map(({ epoch, versions }) => ({
    epoch,
    versions: Object.entries(versions).map(([version, { latencyMs, metrics, ...counts }]) => ({
      version,
      counts,
      latency: latencyMs.toJSON(),
      metrics: Object.entries(metrics)
        .map(([name, one]) => [name, one.form === 'sketch' ? one.sketch.toJSON() : one])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    })),
  }))
}

type Step = { predictions: Prediction[] } | { outcomes: Outcome[] }

async function live(log: PredictionLog, steps: readonly Step[]) {
  const accumulator = createAccumulator({ definitions: () => definitions })
  for (const step of steps) {
    if ('predictions' in step) accumulator.add(await log.appendPredictions(step.predictions))
    else accumulator.add({ fresh: [], joined: (await log.appendOutcomes(step.outcomes)).joined })
  }
  return accumulator
}

async function rebuilt(log: PredictionLog) {
  const accumulator = createAccumulator({ definitions: () => definitions })
  await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 1 }] }, ({ predictions, joined }) =>
    accumulator.add({ fresh: predictions, joined }),
  )
  return accumulator
}

const aStep: fc.Arbitrary<Step> = fc.oneof(
  fc.array(fc.nat(30), { maxLength: 8 }).map(numbers => ({ predictions: numbers.map(predictionNumbered) })),
  fc
    .array(
      fc.record({
        number: fc.nat(30),
        id: fc.nat(60),
        label: fc.option(fc.constantFrom(0, 1), { nil: null }),
        reward: fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { nil: null }),
        spent: fc.option(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { nil: null }),
        before: fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { nil: null }),
      }),
      { maxLength: 8 },
    )
    .map(items => ({
      outcomes: items.map(({ number, id, label, reward, spent, before }) =>
        anOutcome({
          id: `o${id}`,
          prediction: `p${number}`,
          label,
          reward,
          metrics: { ...(spent !== null && { spent }), ...(before !== null && { before }) },
          atMs: 1_700_000_000_000 + id * 1_000,
        }),
      ),
    })),
)

/** A prediction's fields follow from its id, so that a repeated id brings the same one. */
function predictionNumbered(number: number): Prediction {
  const version = number % 3 === 0 ? 'v2' : 'v1'
  return aPrediction({
    id: `p${number}`,
    epoch: 1 + Math.floor(number / 11),
    release: 'digits-1',
    unit: `u${number % 7}`,
    assigned: version,
    version: number % 13 === 0 ? 'v1' : version,
    pinned: number % 17 === 0,
    answer: [number % 2],
    scores: [[0.25 + (number % 3) / 4, 0.75 - (number % 3) / 4]],
    latencyMs: 1 + number,
    ...(number % 5 !== 0 && { measures: { tokens: number, cost: number / 1e6, 'time-to-first-token-ms': 1 + number } }),
    atMs: 1_700_000_000_000 + number * 10_000,
  })
}

/** By a version of its own and by the one that takes part in the release. */
function shadowOf({ id, epoch, release, unit, atMs }: Prediction): Prediction {
  const challenger = id.endsWith('1') ? 'v9' : 'v2'
  return aShadow(challenger, { id: `${id}~${challenger}`, shadowOf: id, epoch, release, unit: `${unit}!`, atMs })
}

const newLog = () => createMemoryPredictionLog({ clock: createManualClock() })

describe('the evidence of metrics', () => {
  it('is the same to the last digit when it is rebuilt, whatever came late, early, twice or corrected', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { maxLength: 25 }), async steps => {
        const log = newLog()
        const accumulator = await live(log, steps)
        expect(readAll(await rebuilt(log))).toEqual(readAll(accumulator))
      }),
      { numRuns: 60 },
    )
  })

  it('of a restart in between goes on to the same numbers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(aStep, { maxLength: 12 }),
        fc.array(aStep, { maxLength: 12 }),
        async (before, after) => {
          const log = newLog()
          await live(log, before)
          const restarted = await rebuilt(log)
          for (const step of after) {
            if ('predictions' in step) restarted.add(await log.appendPredictions(step.predictions))
            else restarted.add({ fresh: [], joined: (await log.appendOutcomes(step.outcomes)).joined })
          }
          expect(readAll(await rebuilt(log))).toEqual(readAll(restarted))
        },
      ),
      { numRuns: 30 },
    )
  })

  it('is the same with shadows beside the traffic as without them', async () => {
    const withShadows = (step: Step): Step =>
      'outcomes' in step ? step : { predictions: step.predictions.flatMap(one => [shadowOf(one), one]) }
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { maxLength: 25 }), async steps => {
        const [log, plainLog] = [newLog(), newLog()]
        const accumulator = await live(log, steps.map(withShadows))
        const expected = readAll(await live(plainLog, steps))
        expect(readAll(accumulator)).toEqual(expected)
        expect(readAll(await rebuilt(log))).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })

  it('does not depend on the order of labels, early or late', async () => {
    const predictions = Array.from({ length: 31 }, (_, number) => predictionNumbered(number))
    const outcomes = predictions.map(({ id }, number) =>
      anOutcome({
        id: `o${number}`,
        prediction: id,
        label: number % 2,
        reward: number / 7,
        metrics: { spent: number / 3 },
      }),
    )
    const inOrder = await live(newLog(), [{ predictions }, { outcomes }])
    const early = await live(newLog(), [{ outcomes: outcomes.toReversed() }, { predictions }])
    const metrics = (one: typeof inOrder) =>
      one.read({ endpoint: 'digits', epochs }).map(({ versions }) => ({
        v1: { ...versions['v1']?.metrics, slow: null },
        v2: { ...versions['v2']?.metrics, slow: null },
      }))
    expect(metrics(early)).toEqual(metrics(inOrder))
  })

  it('of a correction is that of the corrected label alone', async () => {
    const predictions = [predictionNumbered(1), predictionNumbered(2)]
    const wrongFirst = [
      anOutcome({ id: 'a', prediction: 'p1', label: 0, reward: 0.1, metrics: { spent: 1e9 } }),
      anOutcome({ id: 'b', prediction: 'p1', label: 1, reward: 0.3, metrics: { spent: 0.1 } }),
    ]
    const rightAtOnce = [anOutcome({ id: 'a', prediction: 'p1', label: 1, reward: 0.3, metrics: { spent: 0.1 } })]
    const read = async (outcomes: Outcome[]) =>
      (await live(newLog(), [{ predictions }, { outcomes }])).read({ endpoint: 'digits', epochs: [1] })[0]?.versions[
        'v1'
      ]?.metrics
    const rows = (metrics: Readonly<Record<string, MetricEvidence>> = {}) => ({
      ...metrics,
      slow: null,
      'spent-by-unit': null,
      visits: null,
      'per-reward': null,
    })
    expect(rows(await read(wrongFirst))).toEqual(rows(await read(rightAtOnce)))
  })
})

describe('a metric by unit', () => {
  const place = (unit: string, epoch = 1, version = 'v1') => ({ epoch, version, unit })
  const mean: MetricSpec = { type: 'mean', of: { from: 'reward' }, unitLevel: true }
  const momentsOf = (metric: UnitMetric, epoch = 1, version = 'v1') => {
    const evidence = metric.read({ epoch, version })
    if (evidence?.form !== 'moments') throw new Error('no moments')
    return evidence
  }

  it('counts every unit once, whatever the number of its rows', () => {
    const metric = new UnitMetric(mean, 100)
    for (const value of [1, 1, 1, 1]) metric.add(place('often'), [value])
    metric.add(place('once'), [0])
    expect(momentsOf(metric).moments).toEqual({ n: 2, mean: [0.5], covariance: [[0.5]] })
  })

  it('counts units without a value where a total is counted, and not where a mean is', () => {
    const [count, average] = [new UnitMetric({ ...mean, type: 'count' }, 100), new UnitMetric(mean, 100)]
    for (const metric of [count, average]) {
      metric.meet(place('quiet'))
      metric.add(place('loud'), [3])
    }
    expect(momentsOf(count).moments).toMatchObject({ n: 2, mean: [1.5] })
    expect(momentsOf(average).moments).toMatchObject({ n: 1, mean: [3] })
  })

  it('keeps what units have in common between epochs', () => {
    const metric = new UnitMetric(mean, 100)
    for (const [index, value] of [1, 2, 3, 4].entries()) {
      metric.add(place(`u${index}`), [value])
      metric.add(place(`u${index}`, 2), [2 * value])
    }
    // The sum of (x - 2.5)(2x - 5) over 1, 2, 3, 4.
    expect(momentsOf(metric, 2).shared).toEqual([{ epoch: 1, version: 'v1', units: 4, products: [[10]] }])
  })

  it('counts a unit as one that met an error however many it met, without waiting for outcomes', async () => {
    const spec: MetricSpec = { type: 'rate', of: { from: 'error' }, better: 'lower', unitLevel: true }
    const erring = { labelWindowMs: null, metrics: [{ name: 'failed', spec, expression: null }] }
    const accumulator = createAccumulator({ definitions: () => erring })
    const of = (id: string, unit: string, status: number) =>
      aPrediction({ id, unit, status, failed: status >= 500, release: 'digits-1' })
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    const sent = [of('a', 'ada', 500), of('b', 'ada', 500), of('c', 'ada', 200), of('d', 'bob', 200)]
    accumulator.add(await log.appendPredictions(sent))
    const [epoch] = accumulator.read({ endpoint: 'digits', epochs: [1] })
    expect(epoch?.versions['v1']?.metrics['failed']).toMatchObject({ form: 'moments', moments: { n: 2, mean: [0.5] } })
  })

  it('goes on over a random half of the units when there are too many', () => {
    const metric = new UnitMetric(mean, 1_000)
    for (let unit = 0; unit < 10_000; unit += 1) metric.add(place(`u${unit}`), [unit % 10])
    const { n, mean: means } = momentsOf(metric).moments
    expect(metric.share).toBeLessThanOrEqual(1 / 8)
    expect(n).toBeLessThanOrEqual(1_000)
    expect(n).toBeGreaterThan(10_000 * metric.share * 0.8)
    expect(Math.abs((means[0] ?? 0) - 4.5)).toBeLessThan(0.5)
  })

  it('is the same over the sample as if only those units had come', () => {
    const [sampled, whole] = [new UnitMetric(mean, 50), new UnitMetric(mean, 100_000)]
    const units = Array.from({ length: 400 }, (_, index) => `u${index}`)
    for (const [index, unit] of units.entries()) sampled.add(place(unit), [index])
    const kept = new UnitMetric(mean, 1)
    expect(kept.share).toBe(1)
    // Units that a fresh sample of the same size would take: those whose value still can be taken back.
    for (const [index, unit] of units.entries()) {
      const before = momentsOf(sampled).moments.n
      sampled.remove(place(unit), [index])
      const isKept = momentsOf(sampled).moments.n < before
      if (isKept) sampled.add(place(unit), [index])
      if (isKept) whole.add(place(unit), [index])
    }
    expect(momentsOf(sampled).moments).toEqual(momentsOf(whole).moments)
  })
})

describe('one row of a prediction', () => {
  const row = {
    latencyMs: 12.5,
    status: 200,
    predicted: 1,
    scores: [0.2, 0.8],
    measures: { cost: 0.25 },
    values: { label: 1, reward: 2, metrics: { clicks: 3 } },
  }
  test.each<[MetricSpec, readonly number[] | null]>([
    [{ type: 'accuracy' }, [0]],
    [{ type: 'accuracy', unitLevel: true }, [1]],
    [{ type: 'precision', class: 0 }, null],
    [{ type: 'recall', class: '1' }, [0]],
    [{ type: 'f1', class: 1 }, [2, 2]],
    [{ type: 'f1', class: 0 }, null],
    [{ type: 'f1-macro', classes: [1, 0] }, [0, 0]],
    [{ type: 'auc', positive: 1, classes: null }, [0.8, 1]],
    [{ type: 'auc', positive: 'b', classes: ['a', 'b'] }, [0.8, 0]],
    [{ type: 'log-loss', classes: null }, [-Math.log(0.8)]],
    [{ type: 'brier', classes: null }, [0.2 ** 2 + (0.8 - 1) ** 2]],
    [{ type: 'calibration', classes: null }, [0.8 - 1]],
    [{ type: 'mape' }, [0]],
    [{ type: 'r2' }, [1, 1, 0]],
    [{ type: 'mean', of: { from: 'reported', name: 'clicks' }, winsorise: 2 }, [2]],
    [{ type: 'rate', of: { from: 'reported', name: 'clicks' } }, [0]],
    [{ type: 'rate', of: { from: 'reported', name: 'clicks' }, better: 'lower' }, [1]],
    [{ type: 'mean', of: { from: 'reported', name: 'nothing' } }, null],
    [{ type: 'ratio', of: { from: 'reward' }, per: { from: 'latency' } }, [2, 12.5]],
    [{ type: 'mean', of: { from: 'measured', name: 'cost' } }, [0.25]],
    [{ type: 'mean', of: { from: 'measured', name: 'output-tokens' } }, null],
  ])('contributes to %j: %j', (spec, expected) => {
    expect(observe(spec, row, null)).toEqual(expected)
  })

  test.each([
    ['an answer', { status: 200 }, [0]],
    ['a refusal', { status: 422 }, [1]],
    ['an answer that was cut', { status: 200, failed: true }, [1]],
    ['a caller who left', { status: 0 }, null],
  ])('is an error or not: %s', (_, over, expected) => {
    expect(observe({ type: 'mean', of: { from: 'error' } }, { ...row, ...over }, null)).toEqual(expected)
  })

  test.each([
    [[-1.2, 3.4], null],
    [[20, 80], null],
    [[0.2, Number.NaN], null],
    [
      [-0.0004, 1.0004],
      [1.0004, 1],
    ],
  ])('contributes no scores that are no probabilities: %j', (scores, expected) => {
    const spec = { positive: 1, classes: null }
    expect(observe({ type: 'auc', ...spec }, { ...row, scores }, null)).toEqual(expected)
    for (const type of ['log-loss', 'brier', 'calibration'] as const)
      expect(observe({ type, classes: null }, { ...row, scores }, null) === null).toBe(expected === null)
  })

  test('contributes a relative error only away from zero', () => {
    const near = { ...row, values: { ...row.values, label: 1e-12 } }
    expect(observe({ type: 'mape' }, near, null)).toBeNull()
  })

  test.each([
    [['a', 'b', 'c'], 'b', 1 / 2, 1 / Math.log2(3)],
    [['a', 'b', 'c'], ['a', 'c'], 1, (1 + 1 / 2) / (1 + 1 / Math.log2(3))],
    [['a', 'b', 'c'], 'z', 0, 0],
  ])('the ranking %j with %j relevant', (predicted, label, reciprocal, gain) => {
    const ranked = { ...row, predicted, values: { ...row.values, label } }
    expect(observe({ type: 'mrr', at: 10 }, ranked, null)).toEqual([reciprocal])
    expect(observe({ type: 'ndcg', at: 10 }, ranked, null)?.[0]).toBeCloseTo(gain, 12)
  })

  test('tells what an expression makes of it, and nothing where a field is missing', () => {
    const value = (text: string) => expressions.compile(text)(row)
    expect(value('outcome.reward * 2 - prediction.latencyMs / 1000')).toBeCloseTo(3.9875, 12)
    expect(value('prediction.answer == outcome.label && outcome.metrics.clicks > 2')).toBe(1)
    expect(value('outcome.metrics.nothing')).toBeNull()
    expect(value('outcome.reward / 0.0')).toBeNull()
  })

  test.each(['1 +', 'process.exit()', '"a" * 3', 'x'.repeat(1_001), `${'('.repeat(60)}1${')'.repeat(60)} + y`])(
    'refuses the expression %j',
    text => {
      expect(() => expressions.compile(text)).toThrow(/cannot be run|can be run/)
    },
  )
})
