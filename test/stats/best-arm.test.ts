import { describe, expect, test } from 'vitest'
import { bernoulliBestArm, gaussianBestArm } from '../../src/stats/bandit/best-arm.ts'
import { draw } from '../../src/stats/bandit/draw.ts'
import { topTwoBeta } from '../../src/stats/bandit/top-two.ts'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import reference from '../reference/bandits.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

describe('the evidence between rates', () => {
  test.each(reference.stopping)('agrees with 30-digit arithmetic: $arms', ({ arms, alpha, ...expected }) => {
    const result = numbers(bernoulliBestArm({ arms, alpha }))
    expect(result.leader).toBe(expected.leader)
    for (const [arm, evidence] of expected.evidences.entries()) expectClose(result.evidences[arm], evidence, 1e-10)
    expectClose(result.evidence, expected.evidence, 1e-10)
    expectClose(result.threshold, expected.threshold, 1e-13)
    expect(result.stop).toBe(expected.evidence >= expected.threshold)
  })

  test('adds ln(K - 1) to the threshold for the strict union', () => {
    const arms = [30, 40, 50].map(events => ({ events, trials: 100 }))
    const plain = numbers(bernoulliBestArm({ arms, alpha: 0.05 }))
    const strict = numbers(bernoulliBestArm({ arms, alpha: 0.05, union: true }))
    expectClose(strict.threshold, plain.threshold + Math.log(2), 1e-14)
  })

  test('waits for arms below the minimum of pulls, however clear they are', () => {
    const arms = [
      { events: 1000, trials: 1000 },
      { events: 0, trials: 9 },
    ]
    expect(numbers(bernoulliBestArm({ arms, alpha: 0.05 }))).toMatchObject({ stop: false, waitingFor: [1] })
    expect(numbers(bernoulliBestArm({ arms, alpha: 0.05, minimumPulls: 9 })).stop).toBe(true)
  })

  test.each([
    ['no data at all', [0, 0], [0, 0]],
    ['nothing but failures', [0, 0, 0], [50, 5000, 100]],
    ['nothing but events', [50, 5000], [50, 5000]],
  ])('does not stop on %s', (_name, events, trials) => {
    const arms = events.map((count, arm) => ({ events: count, trials: trials[arm] ?? 0 }))
    const result = numbers(bernoulliBestArm({ arms, alpha: 0.05 }))
    expect(result).toMatchObject({ stop: false, evidence: 0 })
  })

  test('knows the best of one arm once it has been tried', () => {
    const result = numbers(bernoulliBestArm({ arms: [{ events: 3, trials: 10 }], alpha: 0.05 }))
    expect(result).toMatchObject({ stop: true, leader: 0 })
    expect(allFinite(result)).toBe(true)
  })
})

describe('the evidence between means', () => {
  test('is that of the formula', () => {
    const arms = [
      { n: 40, mean: 12, m2: 390 },
      { n: 60, mean: 10, m2: 590 },
      { n: 50, mean: 11.5, m2: 98 },
    ]
    const result = numbers(gaussianBestArm({ arms, alpha: 0.05, tolerance: 0.25 }))
    expectClose(result.evidences[1], 2.25 ** 2 / (2 * (10 / 40 + 10 / 60)), 1e-13)
    expectClose(result.evidences[2], 0.75 ** 2 / (2 * (10 / 40 + 2 / 50)), 1e-13)
    expectClose(result.threshold, Math.log((1 + Math.log(150)) / 0.05), 1e-13)
    expect(result).toMatchObject({ leader: 0, stop: false, waitingFor: [] })
  })

  test('keeps its digits at means near 1e9', () => {
    const near = [
      { n: 400, mean: 2.5, m2: 399 },
      { n: 400, mean: 2, m2: 399 },
    ]
    const far = near.map(({ mean, ...rest }) => ({ ...rest, mean: mean + 2 ** 30 }))
    const expected = numbers(gaussianBestArm({ arms: near, alpha: 0.05 }))
    expect(numbers(gaussianBestArm({ arms: far, alpha: 0.05 }))).toEqual(expected)
    expect(expected.stop).toBe(true)
  })

  test.each([
    ['two constants', [0, 0], [1, 2]],
    ['a constant leader', [0, 40], [2, 1]],
    ['a constant challenger', [40, 0], [2, 1]],
    ['constants but for rounding', [1e-24, 1e-22], [1, 2]],
  ])('does not stop on %s, and says for which arms it waits', (_name, squares, means) => {
    const arms = squares.map((m2, arm) => ({ n: 10_000, mean: means[arm] ?? 0, m2 }))
    const result = numbers(gaussianBestArm({ arms, alpha: 0.05 }))
    expect(result).toMatchObject({ stop: false, evidence: 0 })
    expect(result.waitingFor).toEqual([0, 1].filter(arm => (squares[arm] ?? 0) < 1))
  })

  test('judges constants by a least variance, if one is given', () => {
    const arms = [1, 2].map(mean => ({ n: 100, mean, m2: 0 }))
    const result = numbers(gaussianBestArm({ arms, alpha: 0.05, leastVariance: 0.5 }))
    expectClose(result.evidence, 1 / (2 * 0.01), 1e-13)
    expect(result.stop).toBe(true)
  })

  test('stays finite where it is overwhelming, and waits without values', () => {
    const arms = [1e200, -1e200].map(mean => ({ n: 100, mean, m2: 1e-300 }))
    expect(allFinite(numbers(gaussianBestArm({ arms, alpha: 0.05, leastVariance: 1e-300 })))).toBe(true)
    const empty = { n: 0, mean: 0, m2: 0 }
    expect(numbers(gaussianBestArm({ arms: [empty, empty], alpha: 0.05 }))).toMatchObject({
      stop: false,
      waitingFor: [0, 1],
    })
  })
})

describe('looking for the best arm with top-two sampling', () => {
  const rates = [0.3, 0.5, 0.45, 0.2]
  const search = (seed: number, even: boolean) => {
    const random = randomFrom(seed)
    let arms = rates.map(() => ({ events: 0, trials: 0 }))
    for (let pulls = 0; pulls < 20_000; ) {
      const probabilities = even ? rates.map(() => 0.25) : numbers(topTwoBeta({ arms })).probabilities
      for (let pull = 0; pull < 100; pull += 1) {
        const chosen = numbers(draw({ probabilities, random })).arm
        const event = random.next() < (rates[chosen] ?? 0) ? 1 : 0
        arms = arms.map((arm, index) =>
          index === chosen ? { events: arm.events + event, trials: arm.trials + 1 } : arm,
        )
      }
      pulls += 100
      const result = numbers(bernoulliBestArm({ arms, alpha: 0.05 }))
      if (result.stop) return { pulls, right: result.leader === 1 }
    }
    return { pulls: 20_000, right: false }
  }
  const runs = 12
  const seeds = Array.from({ length: runs }, (_, index) => index + 1)

  test('finds it with fewer pulls than an even split, seldom a wrong one', () => {
    const topTwo = seeds.map(seed => search(seed, false))
    const even = seeds.map(seed => search(seed, true))
    const mean = (found: typeof even) => found.reduce((sum, { pulls }) => sum + pulls, 0) / runs
    expect(mean(topTwo)).toBeLessThan(0.9 * mean(even))
    expect(topTwo.filter(({ right }) => !right).length).toBeLessThanOrEqual(2)
  })
})

describe('what has no stopping rule', () => {
  const arm = { events: 1, trials: 2 }
  const values = { n: 2, mean: 0, m2: 1 }
  test.each([
    ['no arms', bernoulliBestArm({ arms: [], alpha: 0.05 })],
    ['an alpha of 0', bernoulliBestArm({ arms: [arm], alpha: 0 })],
    ['a minimum of 1 pull', bernoulliBestArm({ arms: [arm], alpha: 0.05, minimumPulls: 1 })],
    ['more events than trials', bernoulliBestArm({ arms: [{ events: 3, trials: 2 }], alpha: 0.05 })],
    ['a negative tolerance', gaussianBestArm({ arms: [values], alpha: 0.05, tolerance: -1 })],
    ['a least variance of NaN', gaussianBestArm({ arms: [values], alpha: 0.05, leastVariance: Number.NaN })],
    ['no values', gaussianBestArm({ arms: [], alpha: 0.05 })],
  ])('is refused: %s', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
