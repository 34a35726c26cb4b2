import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawNormal, randomFrom } from '../../src/stats/numerics/random.ts'
import { type Aipw, addAipw, aipwSequence, startAipw } from '../../src/stats/sequential/aipw.ts'
import reference from '../reference/aipw.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

type Row = {
  readonly arm: number
  readonly propensities: readonly number[]
  readonly reward: number
  readonly predictions: readonly number[]
}

function play(rows: readonly Row[], first = 1, second = 0): Aipw {
  return rows.reduce(
    (state, row) => numbers(addAipw({ state, ...row })).state,
    numbers(startAipw({ first, second })).state,
  )
}

describe('the difference of two arms under changing propensities', () => {
  test.each(reference.cases)(
    'agrees with numpy and quadrature: $first against $second',
    ({ rows, expected, ...row }) => {
      const state = play(rows, row.first, row.second)
      const result = numbers(aipwSequence({ state, ...row }))
      for (const [key, value] of Object.entries(expected))
        expectClose(result[key as keyof typeof expected], value, 1e-9)
      expect(result.above).toBe(expected.logEvidenceAbove >= -Math.log(row.alpha))
      expect(JSON.parse(JSON.stringify(state))).toEqual(state)
      expect(allFinite(result)).toBe(true)
    },
  )

  const rows = reference.cases[0]?.rows ?? []
  const margins = fc.double({ min: -3, max: 3, noNaN: true })

  test('turns with the arms, and limits go with the evidence', () => {
    fc.assert(
      fc.property(margins, margin => {
        const one = numbers(aipwSequence({ state: play(rows), margin, alpha: 0.05 }))
        const other = numbers(aipwSequence({ state: play(rows, 0, 1), margin: -margin, alpha: 0.05 }))
        expectClose(one.lower, -other.upper, 1e-12)
        expectClose(one.logEvidenceAbove, other.logEvidenceBelow, 1e-9)
        expect(one.above).toBe(margin < one.lower)
        expect(one.below).toBe(margin > one.upper)
        const strict = numbers(aipwSequence({ state: play(rows), margin, alpha: 0.01 }))
        expect(strict.lower).toBeLessThan(one.lower)
      }),
      { numRuns: 20 },
    )
  })

  test('is, at even odds and without a model, twice the difference of sums', () => {
    const even = rows.map(row => ({ ...row, propensities: [0.5, 0.5], predictions: [0, 0] }))
    const { estimate } = numbers(aipwSequence({ state: play(even), alpha: 0.05 }))
    const sum = even.reduce((total, { arm, reward }) => total + (arm === 1 ? reward : -reward), 0)
    expectClose(estimate, (2 * sum) / even.length, 1e-12)
  })
})

/** A policy that leans to the arm that looks better; arms are alike. Whether one is ever believed better. */
function believed(seed: number): { above: boolean; below: boolean } {
  const random = randomFrom(seed)
  let state = numbers(startAipw({ first: 1, second: 0 })).state
  const believed = { above: false, below: false }
  const sums = [0, 0]
  for (let step = 0; step < 2000; step += 1) {
    const lean = 0.5 + 0.4 * Math.tanh(((sums[1] ?? 0) - (sums[0] ?? 0)) / 20)
    const arm = random.next() < lean ? 1 : 0
    const level = Math.sin(step / 100)
    const reward = level + drawNormal(random)
    sums[arm] = (sums[arm] ?? 0) + reward
    const propensities = [1 - lean, lean]
    state = numbers(addAipw({ state, arm, propensities, reward, predictions: [level / 2, level / 2] })).state
    if (step % 20 !== 0) continue
    const result = aipwSequence({ state, alpha: 0.1 })
    if (!result.ok) continue
    believed.above ||= result.above
    believed.below ||= result.below
  }
  return believed
}

test('equal arms under a policy that follows the rewards are seldom believed to differ', () => {
  const RUNS = 80
  const all = Array.from({ length: RUNS }, (_, seed) => believed(seed + 1))
  const bound = 0.1 + 3 * Math.sqrt((0.1 * 0.9) / RUNS)
  expect(all.filter(({ above }) => above).length / RUNS).toBeLessThanOrEqual(bound)
  expect(all.filter(({ below }) => below).length / RUNS).toBeLessThanOrEqual(bound)
})

describe('what has no answer', () => {
  const state = numbers(startAipw({ first: 1, second: 0 })).state
  const row = { arm: 0, propensities: [0.5, 0.5], reward: 1, predictions: [0, 0] }
  const good = { ...row, state }
  const few = play(Array.from({ length: 199 }, (_, index) => ({ ...row, arm: index % 2, reward: index })))
  const enough = play(Array.from({ length: 200 }, (_, index) => ({ ...row, arm: index % 2, reward: index })))
  const alike = play(Array.from({ length: 200 }, (_, index) => ({ ...row, arm: index % 2, predictions: [1, 1] })))
  test('ends with 100 effective requests of each arm', () => {
    expect(aipwSequence({ state: enough, alpha: 0.05 }).ok).toBe(true)
  })
  test.each([
    ['99 requests of an arm', aipwSequence({ state: few, alpha: 0.05 }), 'insufficient'],
    ['no requests', aipwSequence({ state, alpha: 0.05 }), 'insufficient'],
    ['increments that are all alike', aipwSequence({ state: alike, alpha: 0.05 }), 'insufficient'],
    ['an alpha of 0', aipwSequence({ state: enough, alpha: 0 }), 'invalid'],
    ['a margin of NaN', aipwSequence({ state: enough, margin: Number.NaN, alpha: 0.05 }), 'invalid'],
    ['a margin too large', aipwSequence({ state: enough, margin: 1e308 * 10, alpha: 0.05 }), 'invalid'],
    ['tuned for nothing', aipwSequence({ state: enough, alpha: 0.05, tunedFor: 0 }), 'invalid'],
    ['an arm against itself', startAipw({ first: 1, second: 1 }), 'invalid'],
    ['a compared arm without a chance', addAipw({ ...good, propensities: [1, 0] }), 'invalid'],
    ['an arm without a chance', addAipw({ ...good, arm: 7 }), 'invalid'],
    ['propensities that add up to 2', addAipw({ ...good, propensities: [1, 1] }), 'invalid'],
    ['a prediction missing', addAipw({ ...good, predictions: [0] }), 'invalid'],
    ['a reward of NaN', addAipw({ ...good, reward: Number.NaN }), 'invalid'],
    ['a reward too large', addAipw({ ...good, state: enough, reward: 1e300 }), 'invalid'],
  ])('%s', (_name, result, kind) => {
    expect(refusal(result).kind).toBe(kind)
  })
})
