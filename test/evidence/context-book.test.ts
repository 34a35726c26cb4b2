import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnsOf } from '../../src/core/bandit/context.ts'
import { chosenByContext, type Regression } from '../../src/core/bandit/regression.ts'
import { builtinRewardSpec, type MetricSpec } from '../../src/core/metrics/spec.ts'
import { joinOutcome, type OutcomeValues, type Prediction, valuesAfter } from '../../src/core/prediction.ts'
import { createAccumulator } from '../../src/evidence/accumulator.ts'
import { ExactMoments } from '../../src/stats/summaries/exact-moments.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'

const features = [
  { name: 'age', categories: null },
  { name: 'country', categories: ['de', 'fr'] },
]

function accumulator(over: Partial<Regression> = {}) {
  const how = { features, metric: 'reward', spec: builtinRewardSpec, epoch: 1, ...over }
  const metrics = [{ name: how.metric, spec: how.spec as MetricSpec, expression: null }]
  return createAccumulator({
    definitions: () => ({ metrics, labelWindowMs: 1_000 }),
    regression: ({ release }) => (release === 'r' ? how : null),
  })
}

const read = (evidence: ReturnType<typeof accumulator>, epoch = 1) =>
  evidence.read({ endpoint: 'digits', epochs: [epoch] })[0]?.versions ?? {}

const caller = fc.record({
  age: fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true })),
  country: fc.constantFrom('de', 'fr', 'es', null),
  version: fc.constantFrom('v1', 'v2'),
  epoch: fc.constantFrom(1, 2, 3),
  byContext: fc.boolean(),
  isRead: fc.boolean(),
  /** What is told of its reward, one after the other: the last one counts. */
  rewards: fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 3 }),
})

describe('what a choice by features learns from', () => {
  it('is what is known last of each row with features, however it came, to the last digit', () => {
    fc.assert(
      fc.property(fc.array(caller, { maxLength: 20 }), fc.boolean(), (callers, isReversed) => {
        const evidence = accumulator()
        const expected = new Map([
          ['v1', new ExactMoments(5)],
          ['v2', new ExactMoments(5)],
        ])
        const order = isReversed ? callers.toReversed() : callers
        for (const { age, country, version, epoch, byContext, isRead, rewards } of order) {
          const prediction: Prediction = aPrediction({
            ...{ version, assigned: version, epoch, release: 'r' },
            features: isRead ? { age, country } : null,
            ...(byContext && { byContext }),
          })
          evidence.add({ fresh: [prediction], joined: [] })
          let before: OutcomeValues | null = null
          for (const reward of rewards) {
            const joined = joinOutcome(anOutcome({ label: null, reward }), prediction, before)
            before = valuesAfter(joined)
            evidence.add({ fresh: [], joined: [joined] })
          }
          const last = rewards.at(-1)
          if (isRead && last !== undefined) expected.get(version)?.add([...columnsOf(features, { age, country }), last])
        }
        const versions = read(evidence)
        for (const [version, sums] of expected)
          expect(versions[version]?.context ?? new ExactMoments(5).read()).toEqual(sums.read())
      }),
    )
  })

  it('leaves comparisons to what chance chose, and counts who met a version by features beside them', () => {
    const evidence = accumulator()
    const seen = { age: 40, country: 'de' }
    const by = (id: string, over: Partial<Prediction>) =>
      aPrediction({ id, unit: id, release: 'r', features: seen, ...over })
    const predictions = [
      by('a', {}),
      by('b', { byContext: true }),
      by('c', { byContext: true, status: 500, failed: true }),
    ]
    evidence.add({
      fresh: predictions,
      joined: predictions.slice(0, 2).map(one => joinOutcome(anOutcome({ reward: 1 }), one, null)),
    })
    const versions = read(evidence)
    expect(versions['v1']).toMatchObject({ requests: 1, errors: 0, newUnits: 1, labelled: 1, byContext: 2 })
    expect(versions[chosenByContext]).toMatchObject({ requests: 2, errors: 1, newUnits: 2, labelled: 1 })
    expect(versions['v1']?.context?.n).toBe(2)
    expect(versions[chosenByContext]?.context).toBeUndefined()
  })

  it('takes what is known at once from the prediction itself, turned so that counts are of what is good', () => {
    const spec: MetricSpec = { type: 'rate', of: { from: 'error' }, better: 'lower' }
    const accuracy = accumulator({ metric: 'accuracy', spec: { type: 'accuracy' } })
    const errors = accumulator({ metric: 'broken', spec })
    const prediction = aPrediction({ release: 'r', features: { age: 1 }, status: 500, failed: true })
    errors.add({ fresh: [prediction], joined: [] })
    expect(read(errors)['v1']?.context?.mean.at(-1)).toBe(1)
    const right = aPrediction({ release: 'r', features: { age: 1 } })
    accuracy.add({ fresh: [right], joined: [joinOutcome(anOutcome({ label: 3 }), right, null)] })
    expect(read(accuracy)['v1']?.context?.mean.at(-1)).toBe(1)
  })

  it('is nothing in other releases, of pinned requests, and once it is forgotten', () => {
    const evidence = accumulator()
    const features = { age: 1 }
    for (const one of [
      aPrediction({ id: 'a', release: 'other', features }),
      aPrediction({ id: 'b', release: 'r', features, pinned: true }),
    ])
      evidence.add({ fresh: [one], joined: [joinOutcome(anOutcome({ reward: 1 }), one, null)] })
    expect(Object.values(read(evidence)).every(({ context }) => context === undefined)).toBe(true)
    const counted = aPrediction({ id: 'c', release: 'r', features })
    evidence.add({ fresh: [counted], joined: [joinOutcome(anOutcome({ reward: 1 }), counted, null)] })
    expect(read(evidence)['v1']?.context?.n).toBe(1)
    evidence.forget({ endpoint: 'digits', beforeEpoch: 2 })
    expect(read(evidence)).toEqual({})
  })
})
