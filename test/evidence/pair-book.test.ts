import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import type { PairEvidence } from '../../src/core/evidence.ts'
import { limits } from '../../src/core/limits.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import type { Pairing } from '../../src/core/pairing.ts'
import { type Outcome, type Prediction, shadowIdOf } from '../../src/core/prediction.ts'
import { type Accumulator, createAccumulator } from '../../src/evidence/accumulator.ts'
import { compileDefinitions } from '../../src/evidence/metric-book.ts'
import { endpointSpec } from '../support/releases.ts'

const metrics: Record<string, MetricSpec> = {
  accuracy: { type: 'accuracy' },
  'unit-accuracy': { type: 'accuracy', unitLevel: true },
  precision: { type: 'precision', class: 7 },
  error: { type: 'mae' },
  latency: { type: 'mean', of: { from: 'latency' }, better: 'lower' },
  cost: { type: 'mean', of: { from: 'measured', name: 'cost' }, better: 'lower' },
  conversion: { type: 'rate', of: { from: 'reported', name: 'converted' } },
}
const definitions = compileDefinitions(endpointSpec({ metrics }), createExpressions())
const pairing: Pairing = { champion: 'v1', comparator: { kind: 'label' }, examples: 3, firstEpoch: 2 }

function accumulator(how: Partial<Pairing> = {}): Accumulator {
  return createAccumulator({
    definitions: () => definitions,
    pairing: ({ epoch }) => (epoch >= 2 && epoch <= 3 ? { ...pairing, ...how } : null),
  })
}

function champion(id: string, over: Partial<Prediction> = {}): Prediction {
  return {
    id,
    endpoint: 'digits',
    epoch: 2,
    release: 'digits-1',
    unit: 'u1',
    assigned: 'v1',
    version: 'v1',
    propensity: 1,
    pinned: false,
    atMs: 0,
    latencyMs: 5,
    status: 200,
    failed: false,
    answer: [7],
    scores: null,
    features: null,
    payload: null,
    ...over,
  }
}

function shadow(of: string, over: Partial<Prediction> = {}): Prediction {
  const version = over.version ?? 'v2'
  return champion(shadowIdOf(of, version), { version, assigned: version, propensity: 0, shadowOf: of, ...over })
}

function outcome(id: string, prediction: string, over: Partial<Outcome> = {}): Outcome {
  return { id, prediction, row: 0, label: 7, reward: null, metrics: {}, atMs: 0, ...over }
}

type Happening = { predictions: Prediction[] } | { outcomes: Outcome[] }

/** What is known after all that happened, and after a rebuild from the log of it. */
async function logged(happenings: readonly Happening[], how: Partial<Pairing> = {}) {
  const log = createMemoryPredictionLog({ clock: createManualClock() })
  const [live, rebuilt] = [accumulator(how), accumulator(how)]
  for (const one of happenings) {
    if ('predictions' in one) live.add(await log.appendPredictions(one.predictions))
    else live.add({ fresh: [], joined: (await log.appendOutcomes(one.outcomes)).joined })
  }
  await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }] }, ({ predictions, joined }) =>
    rebuilt.add({ fresh: predictions, joined }),
  )
  return { live: read(live), rebuilt: read(rebuilt) }
}

/** Sketches as their counts and quantiles, which is what a judge reads. */
function read(from: Accumulator): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    from
      .read({ endpoint: 'digits', epochs: [2, 3] })
      .map(({ epoch, pairs = {} }) => [
        epoch,
        Object.fromEntries(Object.entries(pairs).map(([challenger, one]) => [challenger, plain(one)])),
      ]),
  )
}

function plain({ latencyMs, ...rest }: PairEvidence): object {
  const quantiles = [0.1, 0.5, 0.9].map(p => [latencyMs.champion.quantile(p), latencyMs.challenger.quantile(p)])
  return { ...rest, latencies: latencyMs.champion.count, quantiles }
}

async function pairOf(happenings: readonly Happening[], how: Partial<Pairing> = {}): Promise<Record<string, unknown>> {
  const { live, rebuilt } = await logged(happenings, how)
  expect(rebuilt).toEqual(live)
  return live[2]?.['v2'] as Record<string, unknown>
}

describe('pairs', () => {
  it('are counted when both halves are known, whichever comes first', async () => {
    const one = await pairOf([
      { predictions: [champion('p1'), shadow('p2', { answer: [1] })] },
      { predictions: [shadow('p1'), champion('p2')] },
      { predictions: [champion('p3')] },
    ])
    expect(one).toMatchObject({ pairs: 2, compared: 2, agreed: 1, lost: 0 })
  })

  it('tell whose failure it was, and compare no answer that is an error', async () => {
    const down = { failed: true, status: 502, answer: null }
    const one = await pairOf([
      { predictions: [champion('p1'), shadow('p1', down)] },
      { predictions: [champion('p2', down), shadow('p2')] },
      { predictions: [champion('p3', { status: 400 }), shadow('p3', { status: 422 })] },
    ])
    expect(one).toMatchObject({ pairs: 3, failures: { challenger: 1, champion: 1, both: 1 }, compared: 0 })
  })

  it('are no traffic, and no evidence where the caller met another version or chose one or left', async () => {
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    const found = accumulator()
    found.add(
      await log.appendPredictions([
        champion('p1', { version: 'v3' }),
        champion('p2', { pinned: true }),
        champion('p3', { status: 0 }),
        champion('p4'),
        ...['p1', 'p2', 'p3', 'p4'].map(id => shadow(id)),
      ]),
    )
    const [epoch] = found.read({ endpoint: 'digits', epochs: [2] })
    expect(epoch?.pairs?.['v2']).toMatchObject({ pairs: 1, lost: 0 })
    expect(epoch?.versions['v2']).toBeUndefined()
  })

  it('keep the worst disagreements, greatest first', async () => {
    const answers = [100, 3, 50, 7, 1]
    const one = await pairOf(
      [
        { predictions: answers.map((_, index) => champion(`p${index}`, { answer: [100] })) },
        { predictions: answers.map((answer, index) => shadow(`p${index}`, { answer: [answer] })) },
      ],
      { comparator: { kind: 'number', absolute: 0, relative: 0.1 } },
    )
    expect(one['examples']).toMatchObject([{ prediction: 'p4' }, { prediction: 'p1' }, { prediction: 'p3' }])
  })

  it('are compared by the shape of their bodies, of which a bounded amount is held', async () => {
    const body = (json: string) => ({
      payload: { request: new Uint8Array(), response: new TextEncoder().encode(json) },
    })
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    const found = accumulator({ comparator: { kind: 'shape' } })
    const large = `{"a":"${'x'.repeat(200 * 1024)}"}`
    const many = Array.from({ length: 330 }, (_, index) => champion(`q${index}`, body(large)))
    found.add(await log.appendPredictions([champion('p0', body(large)), shadow('p0', body('{"a":"y"}')), ...many]))
    found.add(await log.appendPredictions([shadow('q0', body('{"b":1}')), shadow('q329', body('{"b":1}'))]))
    expect(found.read({ endpoint: 'digits', epochs: [2] })[0]?.pairs?.['v2']).toMatchObject({
      pairs: 2,
      compared: 2,
      agreed: 1,
      examples: [{ prediction: 'q329', note: 'missing /a: string; added /b: number' }],
    })
  })

  it('are lost, and counted, where the champion is not held any more', async () => {
    const many = Array.from({ length: limits.pairsHeldMax }, (_, index) => champion(`q${index}`))
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    const found = accumulator()
    found.add(await log.appendPredictions([shadow('p0'), ...many]))
    expect(found.read({ endpoint: 'digits', epochs: [2] })[0]?.pairs?.['v2']).toMatchObject({ pairs: 0, lost: 1 })
  })
})

describe('labels of pairs', () => {
  const both = [champion('p1'), shadow('p1', { answer: [3] })]

  it('say which of the two was right, and a correction leaves no trace', async () => {
    expect(await pairOf([{ predictions: both }, { outcomes: [outcome('o1', 'p1')] }])).toMatchObject({
      labelled: { bothRight: 0, challengerOnly: 0, championOnly: 1, bothWrong: 0 },
    })
    const corrected = [outcome('o1', 'p1'), outcome('o2', 'p1', { label: 3 })]
    expect(await pairOf([{ predictions: both }, { outcomes: corrected }])).toMatchObject({
      labelled: { bothRight: 0, challengerOnly: 1, championOnly: 0, bothWrong: 0 },
    })
  })

  it('that come before the champion, or between both, count as others do', async () => {
    const labelled = { labelled: { championOnly: 1, bothRight: 0 } }
    expect(await pairOf([{ outcomes: [outcome('o1', 'p1')] }, { predictions: both }])).toMatchObject(labelled)
    expect(
      await pairOf([
        { predictions: [champion('p1')] },
        { outcomes: [outcome('o1', 'p1')] },
        { predictions: [shadow('p1', { answer: [3] })] },
      ]),
    ).toMatchObject(labelled)
  })

  it('find a challenger that did not answer wrong', async () => {
    const down = shadow('p1', { failed: true, status: 502, answer: null })
    expect(await pairOf([{ predictions: [champion('p1'), down] }, { outcomes: [outcome('o1', 'p1')] }])).toMatchObject({
      labelled: { championOnly: 1 },
    })
  })

  it('are found long after their pair is held no more', async () => {
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    const found = accumulator()
    found.add(await log.appendPredictions(both))
    const many = Array.from({ length: limits.pairsHeldMax }, (_, index) => champion(`q${index}`))
    found.add(await log.appendPredictions(many))
    found.add({ fresh: [], joined: (await log.appendOutcomes([outcome('o1', 'p1')])).joined })
    expect(found.read({ endpoint: 'digits', epochs: [2] })[0]?.pairs?.['v2']).toMatchObject({
      labelled: { championOnly: 1 },
      lost: 0,
    })
  })

  it('give what both sides cost, of pairs in which both are known', async () => {
    const [cheap, dear] = [{ measures: { cost: 0.25 } }, { measures: { cost: 0.75 } }]
    const { metrics: found } = (await pairOf([
      { predictions: [champion('p1', cheap), shadow('p1', dear), champion('p2', cheap), shadow('p2')] },
    ])) as unknown as PairEvidence
    expect(found['cost']).toMatchObject({ n: 1, mean: [0.25, 0.75] })
  })

  it('give moments of both sides, by unit where the metric says so; what callers reported is of one side alone', async () => {
    const { metrics: found } = (await pairOf([
      { predictions: [...both, champion('p2', { answer: [3] }), shadow('p2', { answer: [3] })] },
      { outcomes: [outcome('o1', 'p1', { metrics: { converted: 1 } }), outcome('o2', 'p2')] },
    ])) as unknown as PairEvidence
    expect(found['error']).toMatchObject({ n: 2, mean: [2, 4] })
    expect(found['unit-accuracy']).toMatchObject({ n: 1, mean: [0.5, 0] })
    expect(found['precision']).toMatchObject({ n: 1, mean: [1, 1, 0, 0] })
    expect(found['latency']).toMatchObject({ n: 2, mean: [5, 5] })
    expect(found['conversion']).toBeUndefined()
  })
})

const ids = ['p0', 'p1', 'p2', 'p3']
const anyId = fc.constantFrom(...ids)
const digit = fc.integer({ min: 5, max: 7 })
const facts = fc.record({
  answer: fc.array(digit, { minLength: 1, maxLength: 1 }),
  latencyMs: fc.integer({ min: 1, max: 9 }),
  failed: fc.boolean(),
  measures: fc.record({ cost: fc.integer({ min: 1, max: 9 }) }),
})
/** Of one id there is one epoch, one unit and one time, however often it comes. */
const placeOf = (id: string) => ({ epoch: id === 'p3' ? 3 : 2, unit: id < 'p2' ? 'u1' : 'u2', atMs: ids.indexOf(id) })
const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  fc.tuple(anyId, facts).map(([id, over]) => ({ predictions: [champion(id, { ...placeOf(id), ...over })] })),
  fc
    .tuple(anyId, facts, fc.constantFrom('v2', 'v3'))
    .map(([id, over, version]) => ({ predictions: [shadow(id, { ...placeOf(id), ...over, version })] })),
  fc.tuple(fc.constantFrom('o1', 'o2', 'o3', 'o4', 'o5'), anyId, digit).map(([id, prediction, label]) => ({
    outcomes: [outcome(id, prediction, { label })],
  })),
)

describe('whatever comes late, early, twice, corrected or out of order', () => {
  it('a rebuild from the log gives the same numbers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyHappening, { maxLength: 40 }), async happenings => {
        const { live, rebuilt } = await logged(happenings)
        expect(rebuilt).toEqual(live)
      }),
      { numRuns: 300 },
    )
  })

  it('the order in which predictions and labels of different rows come does not matter', async () => {
    const whole = fc.record({
      champions: fc.tuple(facts, facts, facts, facts),
      shadows: fc.tuple(facts, facts, facts, facts),
      labels: fc.tuple(digit, digit, digit, digit),
    })
    const happeningsOf = ({ champions, shadows, labels }: typeof whole extends fc.Arbitrary<infer T> ? T : never) =>
      ids.flatMap((id, index): Happening[] => [
        { predictions: [champion(id, { ...placeOf(id), ...champions[index] })] },
        { predictions: [shadow(id, { ...placeOf(id), ...shadows[index] })] },
        { outcomes: [outcome(`o-${id}`, id, { label: labels[index] ?? 7 })] },
      ])
    await fc.assert(
      fc.asyncProperty(whole, fc.array(fc.nat(), { minLength: 12, maxLength: 12 }), async (facts, keys) => {
        const inOrder = happeningsOf(facts)
        const shuffled = inOrder
          .map((happening, index) => ({ happening, key: keys[index] ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ happening }) => happening)
        const [straight, mixed] = [await logged(inOrder), await logged(shuffled)]
        expect(mixed.live).toEqual(straight.live)
      }),
      { numRuns: 200 },
    )
  })
})
