import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { epsilonGreedy } from '../../src/stats/bandit/epsilon-greedy.ts'
import { klUcb } from '../../src/stats/bandit/kl-ucb.ts'
import { laiRobbins } from '../../src/stats/bandit/lai-robbins.ts'
import { ucb1 } from '../../src/stats/bandit/ucb1.ts'
import type { Outcomes } from '../../src/stats/sequential/bernoulli-mixture.ts'
import type { Moments } from '../../src/stats/summaries/moments.ts'
import reference from '../reference/bandits.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

function meansOf(...pairs: readonly (readonly [number, number])[]): Moments[] {
  return pairs.map(([n, mean]) => ({ n, mean, m2: 0 }))
}

describe('UCB1', () => {
  test('has the indices of the formula', () => {
    const { indices, probabilities } = numbers(ucb1({ arms: meansOf([10, 0.5], [40, 0.6], [50, 0.2]) }))
    const expected = [
      [10, 0.5],
      [40, 0.6],
      [50, 0.2],
    ].map(([n = 0, mean = 0]) => mean + Math.sqrt((2 * Math.log(100)) / n))
    for (const [arm, index] of expected.entries()) expectClose(indices[arm], index, 1e-15)
    expect(probabilities).toEqual([1, 0, 0])
  })

  test('scales with the range of the rewards', () => {
    const plain = numbers(ucb1({ arms: meansOf([10, 0.5], [40, 0.6]) }))
    const scaled = numbers(ucb1({ arms: meansOf([10, 5], [40, 6]), range: 10 }))
    for (const [arm, index] of plain.indices.entries()) expectClose(scaled.indices[arm], 10 * index, 1e-14)
  })

  test('tries arms first that it never tried, and shares ties', () => {
    const fresh = numbers(ucb1({ arms: meansOf([10, 0.9], [0, 0], [0, 0]) }))
    expect(fresh.probabilities).toEqual([0, 0.5, 0.5])
    expect(allFinite(fresh)).toBe(true)
    expect(numbers(ucb1({ arms: meansOf([7, 0.3], [7, 0.3], [7, 0.2]) })).probabilities).toEqual([0.5, 0.5, 0])
    expect(numbers(ucb1({ arms: meansOf([0.2, 0.3], [0.3, 0.4]) })).probabilities).toEqual([0, 1])
  })
})

describe('KL-UCB', () => {
  test.each(reference.klUcb)('has the indices of bisection in 30 digits: $arms, c $c', ({ arms, c, indices }) => {
    const result = numbers(klUcb({ arms, c }))
    for (const [arm, index] of indices.entries()) expectClose(result.indices[arm], index, 1e-13)
    expect(result.probabilities.indexOf(1)).toBe(indices.indexOf(Math.max(...indices)))
  })

  const outcomes = fc
    .tuple(fc.integer({ min: 1, max: 1e8 }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([trials, share]): Outcomes => ({ trials, events: Math.round(share * trials) }))

  test('has indices between the rate and 1, of which Pinsker says that UCB1 with exploration 1/2 exceeds them', () => {
    fc.assert(
      fc.property(fc.array(outcomes, { minLength: 1, maxLength: 5 }), arms => {
        const { indices } = numbers(klUcb({ arms }))
        const moments = arms.map(({ events, trials }) => ({ n: trials, mean: events / trials, m2: 0 }))
        const upper = numbers(ucb1({ arms: moments, exploration: 0.5 })).indices
        for (const [arm, index] of indices.entries()) {
          expect(index).toBeGreaterThanOrEqual(moments[arm]?.mean ?? 0)
          expect(index).toBeLessThanOrEqual(Math.min(1, (upper[arm] ?? 0) + 1e-12))
        }
      }),
    )
  })

  test('tries arms first that it never tried, and shares ties', () => {
    const fresh = [
      { events: 0, trials: 0 },
      { events: 1, trials: 1 },
      { events: 0, trials: 0 },
    ]
    const result = numbers(klUcb({ arms: fresh }))
    expect(result.probabilities).toEqual([0.5, 0, 0.5])
    expect(allFinite(result)).toBe(true)
    const certain = [
      { events: 5, trials: 5 },
      { events: 9, trials: 9 },
    ]
    expect(numbers(klUcb({ arms: certain })).probabilities).toEqual([0.5, 0.5])
  })
})

describe('epsilon-greedy', () => {
  test('spreads epsilon over all arms and the rest over the best', () => {
    const { probabilities } = numbers(epsilonGreedy({ arms: meansOf([5, 0.1], [5, 0.4], [5, 0.4], [5, 0.2]) }))
    for (const [arm, expected] of [0.025, 0.475, 0.475, 0.025].entries())
      expectClose(probabilities[arm], expected, 1e-15)
  })

  test('prefers arms never tried, and is even where epsilon is 1', () => {
    expect(numbers(epsilonGreedy({ arms: meansOf([5, 9], [0, 0]), epsilon: 0 })).probabilities).toEqual([0, 1])
    expect(numbers(epsilonGreedy({ arms: meansOf([5, 9], [3, 0]), epsilon: 1 })).probabilities).toEqual([0.5, 0.5])
  })
})

describe('the bound of Lai and Robbins', () => {
  test('is 15.68 ln T for rates of 4, 5 and 6 %, 180.6 events in 1e5 rounds', () => {
    const { coefficient, regret } = numbers(laiRobbins({ rates: [0.04, 0.05, 0.06], rounds: 1e5 }))
    expect(coefficient.toFixed(2)).toBe('15.68')
    expect(regret.toFixed(1)).toBe('180.6')
  })

  test('agrees with the divergence written out', () => {
    const kl = (p: number, q: number) => p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q))
    const expected = 0.2 / kl(0.3, 0.5) + 0.4 / kl(0.1, 0.5)
    expectClose(numbers(laiRobbins({ rates: [0.3, 0.5, 0.5, 0.1], rounds: 10 })).coefficient, expected, 1e-13)
  })

  test.each([
    ['one arm', [0.3]],
    ['equal arms', [0.3, 0.3]],
    ['a best rate of 1', [1, 0.5, 0]],
    ['rates of 0', [0, 0]],
  ])('is 0 where nothing has to be learnt: %s', (_name, rates) => {
    expect(numbers(laiRobbins({ rates, rounds: 1000 })).regret).toBe(0)
  })

  test('stays finite where arms hardly differ', () => {
    for (const rates of [
      [0.5, 0.5 + 2 ** -53],
      [0, 5e-324],
      [0.3, 0.3 * (1 + 1e-15)],
    ])
      expect(allFinite(numbers(laiRobbins({ rates, rounds: 1e15 })))).toBe(true)
  })
})

describe('what has no index', () => {
  test.each([
    ['no arms', ucb1({ arms: [] })],
    ['a range of 0', ucb1({ arms: meansOf([1, 0]), range: 0 })],
    ['a negative exploration', ucb1({ arms: meansOf([1, 0]), exploration: -1 })],
    ['no arms of rates', klUcb({ arms: [] })],
    ['a negative c', klUcb({ arms: [{ events: 0, trials: 1 }], c: -1 })],
    ['an epsilon above 1', epsilonGreedy({ arms: meansOf([1, 0]), epsilon: 1.1 })],
    ['an infinite mean', epsilonGreedy({ arms: meansOf([1, Number.POSITIVE_INFINITY]) })],
    ['no rates', laiRobbins({ rates: [], rounds: 10 })],
    ['a rate above 1', laiRobbins({ rates: [1.1], rounds: 10 })],
    ['no rounds', laiRobbins({ rates: [0.1], rounds: 0 })],
  ])('is refused: %s', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
