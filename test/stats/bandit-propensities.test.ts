import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { summarizeMeans, summarizeRates } from '../../src/stats/bandit/arm-summary.ts'
import { draw } from '../../src/stats/bandit/draw.ts'
import { thompsonBeta } from '../../src/stats/bandit/thompson-beta.ts'
import { thompsonGaussian } from '../../src/stats/bandit/thompson-gaussian.ts'
import { topTwo, topTwoBeta, topTwoGaussian } from '../../src/stats/bandit/top-two.ts'
import { drawBeta, randomFrom } from '../../src/stats/numerics/random.ts'
import reference from '../reference/bandits.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const none = { events: 0, trials: 0 }
const noValues = { n: 0, mean: 0, m2: 0 }

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function expectAllClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length)
  for (const [index, value] of expected.entries()) expectClose(actual[index], value, tolerance)
}

describe('the probability of having the greatest rate', () => {
  test.each(reference.rates)(
    'agrees with quadrature in 30 digits or with exact sums: $arms',
    ({ arms, prior, best }) => {
      const { probabilities } = numbers(thompsonBeta({ arms, prior }))
      expectAllClose(probabilities, best, 1e-13)
    },
  )

  test.each(reference.hugeRates)('agrees at counts of 1e8: $arms', ({ arms, best }) => {
    expectAllClose(numbers(thompsonBeta({ arms })).probabilities, best, 1e-12)
  })

  test('keeps relative digits far below rounding: 3 heads of 3 by an arm against 1e6 tails', () => {
    // P(Beta(1, n+1) > Beta(4, 1)) = 4 B(4, n+2) by hand.
    const n = 1e6
    const { probabilities } = numbers(
      thompsonBeta({
        arms: [
          { events: 0, trials: n },
          { events: 3, trials: 3 },
        ],
      }),
    )
    const exact = 24 / ((n + 2) * (n + 3) * (n + 4) * (n + 5))
    expect(Math.abs((probabilities[0] ?? 0) / exact - 1)).toBeLessThan(1e-9)
  })

  test('is even without data and for identical arms, for any number of arms', () => {
    for (const arm of [none, { events: 3, trials: 50 }, { events: 1e8, trials: 1e8 }, { events: 7e14, trials: 9e15 }])
      for (const count of [1, 2, 3, 20]) {
        const { probabilities } = numbers(thompsonBeta({ arms: Array.from({ length: count }, () => arm) }))
        for (const probability of probabilities) expectClose(probability, 1 / count, 1e-13)
      }
  })

  const counts = fc
    .tuple(fc.integer({ min: 0, max: 8 }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([magnitude, share]) => ({ trials: 10 ** magnitude, events: Math.round(share * 10 ** magnitude) }))

  test('is a distribution over the arms, whatever the counts are', () => {
    fc.assert(
      fc.property(fc.array(counts, { minLength: 1, maxLength: 5 }), arms => {
        const { probabilities } = numbers(thompsonBeta({ arms }))
        expectClose(sumOf(probabilities), 1, 1e-12)
        expect(probabilities.every(probability => probability >= 0)).toBe(true)
      }),
    )
  })

  test('goes with the arms when they are put in another order', () => {
    fc.assert(
      fc.property(fc.array(counts, { minLength: 2, maxLength: 4 }), arms => {
        const forward = numbers(thompsonBeta({ arms })).probabilities
        const backward = numbers(thompsonBeta({ arms: arms.toReversed() })).probabilities
        expectAllClose(backward.toReversed(), forward, 1e-11)
      }),
    )
  })

  test('mirrors when events and failures of two arms change places', () => {
    fc.assert(
      fc.property(counts, counts, (first, second) => {
        const flip = ({ events, trials }: typeof first) => ({ events: trials - events, trials })
        const plain = numbers(thompsonBeta({ arms: [first, second] })).probabilities
        const flipped = numbers(thompsonBeta({ arms: [flip(first), flip(second)] })).probabilities
        expectClose(flipped[0], plain[1] ?? 0, 1e-10)
      }),
    )
  })

  test('grows with every event of the arm', () => {
    let before = 0
    for (let events = 0; events <= 100; events += 5) {
      const arms = [
        { events, trials: 100 },
        { events: 50, trials: 100 },
        { events: 2, trials: 9 },
      ]
      const now = numbers(thompsonBeta({ arms })).probabilities[0] ?? 0
      expect(now).toBeGreaterThan(before)
      before = now
    }
  })

  test('is the frequency of the greatest Beta draw', () => {
    const arms = [
      { events: 40, trials: 1000 },
      { events: 50, trials: 1000 },
      { events: 1, trials: 12 },
    ]
    const { probabilities } = numbers(thompsonBeta({ arms }))
    const random = randomFrom(11)
    const wins = [0, 0, 0]
    for (let round = 0; round < 20_000; round += 1) {
      const draws = arms.map(({ events, trials }) => drawBeta(random, 1 + events, 1 + trials - events))
      const best = draws.indexOf(Math.max(...draws))
      wins[best] = (wins[best] ?? 0) + 1
    }
    for (const [arm, probability] of probabilities.entries())
      expect(Math.abs((wins[arm] ?? 0) / 20_000 - probability)).toBeLessThan(4 * Math.sqrt(0.25 / 20_000))
  })

  test('of the others keeps its proportions when a hopeless arm comes or goes', () => {
    const arms = [
      { events: 40, trials: 1000 },
      { events: 50, trials: 1000 },
    ]
    const alone = numbers(thompsonBeta({ arms })).probabilities
    const joined = numbers(thompsonBeta({ arms: [...arms, { events: 0, trials: 100_000 }] })).probabilities
    expectAllClose(joined.slice(0, 2), alone, 1e-11)
    expect(numbers(thompsonBeta({ arms })).probabilities).toEqual(alone)
  })

  test('gives a new arm its chance at once, and the old ones keep what they learnt', () => {
    const arms = [
      { events: 400, trials: 10_000 },
      { events: 500, trials: 10_000 },
    ]
    const [first, second, fresh] = numbers(thompsonBeta({ arms: [...arms, none] })).probabilities
    expect(fresh).toBeGreaterThan(0.9)
    expect((second ?? 0) / (first ?? 0)).toBeGreaterThan(100)
  })
})

describe('the probability of having the greatest mean', () => {
  test.each(reference.means)(
    'agrees with quadrature in 30 digits: $arms',
    ({ arms, priorValues, leastVariance, best }) => {
      expectAllClose(numbers(thompsonGaussian({ arms, priorValues, leastVariance })).probabilities, best, 1e-12)
    },
  )

  test('does not depend on the unit or the origin of the values', () => {
    const arms = [
      { n: 12, mean: 3.5, m2: 40 },
      { n: 15, mean: 4.25, m2: 33 },
      { n: 1, mean: 5, m2: 0 },
    ]
    const { probabilities } = numbers(thompsonGaussian({ arms }))
    for (const [unit, origin] of [
      [1024, 0],
      [2 ** -30, 0],
      [1, 2 ** 30],
    ] as const) {
      const moved = arms.map(({ n, mean, m2 }) => ({ n, mean: unit * mean + origin, m2: unit * unit * m2 }))
      expectAllClose(numbers(thompsonGaussian({ arms: moved })).probabilities, probabilities, 1e-11)
    }
  })

  test('an arm of constant values does not freeze the allocation', () => {
    const noisy = { n: 20, mean: 0.95, m2: 4 }
    for (const n of [2, 3, 10, 100]) {
      const { probabilities } = numbers(thompsonGaussian({ arms: [{ n, mean: 1, m2: 0 }, noisy] }))
      expect(Math.min(...probabilities)).toBeGreaterThan(0.05)
    }
  })

  test.each([
    ['no values', [noValues, noValues, noValues]],
    ['one value', [{ n: 1, mean: 4, m2: 0 }, noValues, noValues]],
    ['values all equal', [{ n: 9, mean: 4, m2: 0 }, { n: 5, mean: 4, m2: 0 }, noValues]],
  ])('is even where nothing tells the arms apart: %s', (_name, arms) => {
    expectAllClose(numbers(thompsonGaussian({ arms })).probabilities, [1 / 3, 1 / 3, 1 / 3], 1e-15)
  })

  test('is a distribution over the arms, whatever the moments are', () => {
    const moments = fc.record({
      n: fc.constantFrom(0, 1, 2, 17, 1e4, 1e8),
      mean: fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      m2: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e20, noNaN: true })),
    })
    fc.assert(
      fc.property(fc.array(moments, { minLength: 1, maxLength: 5 }), arms => {
        const result = thompsonGaussian({ arms })
        if (!result.ok) return
        expectClose(sumOf(result.probabilities), 1, 1e-12)
        expect(result.probabilities.every(probability => probability >= 0)).toBe(true)
      }),
    )
  })
})

describe('the summary of arms', () => {
  test.each(reference.rates)('has the losses of quadrature in 30 digits: $arms', ({ arms, prior, best, losses }) => {
    const result = numbers(summarizeRates({ arms, prior }))
    expectAllClose(result.probabilitiesBest, best, 1e-13)
    if (losses !== undefined) expectAllClose(result.expectedLosses, losses, 1e-13)
  })

  test.each(reference.means)('has the losses of quadrature in 30 digits: $arms', ({ losses, means, best, ...arms }) => {
    const result = numbers(summarizeMeans(arms))
    expectAllClose(result.probabilitiesBest, best, 1e-12)
    expectAllClose(result.expectedLosses, losses, 1e-12)
    expectAllClose(result.means, means, 1e-13)
  })

  test('has for two arms losses that differ by the difference of the means', () => {
    const arms = [
      { events: 12, trials: 400 },
      { events: 3, trials: 90 },
    ]
    const { means, expectedLosses, leader } = numbers(summarizeRates({ arms }))
    expectClose((expectedLosses[0] ?? 0) - (expectedLosses[1] ?? 0), (means[1] ?? 0) - (means[0] ?? 0), 1e-12)
    expect(leader).toBe(1)
  })

  test('keeps the digits of a tiny loss', () => {
    // loss = E[(x1 - x0)+] with x1 ~ Beta(1, n+1), x0 ~ Beta(4, 1): integral of x^4 (1-x)^(n+1) = B(5, n+2).
    const n = 1e6
    const arms = [
      { events: 3, trials: 3 },
      { events: 0, trials: n },
    ]
    const exact = 24 / ((n + 2) * (n + 3) * (n + 4) * (n + 5) * (n + 6))
    const { expectedLosses } = numbers(summarizeRates({ arms }))
    expect(Math.abs((expectedLosses[0] ?? 0) / exact - 1)).toBeLessThan(1e-9)
  })

  test('of one arm, and of values that are all equal, loses nothing', () => {
    expect(numbers(summarizeRates({ arms: [none] }))).toMatchObject({ probabilitiesBest: [1], expectedLosses: [0] })
    const equal = numbers(summarizeMeans({ arms: [{ n: 3, mean: 2, m2: 0 }, noValues] }))
    expect(equal).toMatchObject({ probabilitiesBest: [0.5, 0.5], expectedLosses: [0, 0], means: [2, 2] })
  })
})

describe('top-two probabilities', () => {
  test.each(reference.topTwo)(
    'are those of drawing again until another arm comes: $best',
    ({ best, probabilities }) => {
      expectAllClose(numbers(topTwo({ best })).probabilities, probabilities, 1e-12)
    },
  )

  test('give two arms half each, however sure the leader is', () => {
    const arms = [
      { events: 900, trials: 1000 },
      { events: 300, trials: 1000 },
    ]
    expectAllClose(numbers(topTwoBeta({ arms })).probabilities, [0.5, 0.5], 1e-12)
  })

  test('are a distribution that lies between Thompson sampling and challengers alone', () => {
    const weight = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(fc.array(weight, { minLength: 2, maxLength: 6 }), weight, (weights, leaderShare) => {
        const total = sumOf(weights)
        fc.pre(total > 1e-3)
        const best = weights.map(value => value / total)
        const { probabilities } = numbers(topTwo({ best, leaderShare }))
        expectClose(sumOf(probabilities), 1, 1e-12)
        for (const [arm, value] of probabilities.entries()) {
          expect(value).toBeGreaterThanOrEqual(leaderShare * (best[arm] ?? 0) - 1e-15)
          expect(value).toBeLessThanOrEqual(1)
        }
        expectAllClose(numbers(topTwo({ best, leaderShare: 1 })).probabilities, best, 1e-12)
      }),
    )
  })

  test('of arms beyond doubt stay finite and spread the challengers', () => {
    expectAllClose(numbers(topTwo({ best: [0, 1, 0] })).probabilities, [0.25, 0.5, 0.25], 1e-12)
    const arms = [
      { n: 1e6, mean: 100, m2: 1e6 },
      { n: 1e6, mean: 0, m2: 1e6 },
      { n: 1e6, mean: 1, m2: 1e6 },
    ]
    const result = numbers(topTwoGaussian({ arms }))
    expect(allFinite(result)).toBe(true)
    expectClose(result.probabilities[0], 0.5, 1e-12)
  })

  test('of one arm are 1', () => {
    expect(numbers(topTwoBeta({ arms: [none] })).probabilities).toEqual([1])
  })
})

describe('a draw', () => {
  test('has the given frequencies and returns the propensity', () => {
    const probabilities = [0.1, 0, 0.6, 0.3]
    const random = randomFrom(12)
    const counts = [0, 0, 0, 0]
    let agree = true
    for (let round = 0; round < 20_000; round += 1) {
      const { arm, propensity } = numbers(draw({ probabilities, random }))
      counts[arm] = (counts[arm] ?? 0) + 1
      agree &&= propensity === probabilities[arm]
    }
    expect(agree).toBe(true)
    expect(counts[1]).toBe(0)
    for (const [arm, probability] of probabilities.entries())
      expect(Math.abs((counts[arm] ?? 0) / 20_000 - probability)).toBeLessThan(4 * Math.sqrt(0.25 / 20_000))
  })

  test('never falls off the end by rounding, nor onto an arm of probability 0', () => {
    const random = { next: () => 1 - 2 ** -53 }
    expect(numbers(draw({ probabilities: [0.1, 0.2, 0.7 - 1e-12, 0], random })).arm).toBe(2)
    expect(numbers(draw({ probabilities: [0, 1], random: { next: () => 0 } })).arm).toBe(1)
  })

  test.each([[[]], [[0.5, 0.6]], [[-0.5, 1.5]], [[Number.NaN, 1]]])('refuses %j', probabilities => {
    expect(refusal(draw({ probabilities, random: randomFrom(1) })).kind).toBe('invalid')
  })
})

describe('what has no propensities', () => {
  test.each([
    ['no arms', thompsonBeta({ arms: [] })],
    ['more events than trials', thompsonBeta({ arms: [{ events: 2, trials: 1 }] })],
    ['negative events', thompsonBeta({ arms: [{ events: -1, trials: 1 }] })],
    ['NaN trials', thompsonBeta({ arms: [{ events: 0, trials: Number.NaN }] })],
    ['a prior of 0', thompsonBeta({ arms: [none], prior: { a: 0, b: 1 } })],
    ['an infinite prior', summarizeRates({ arms: [none], prior: { a: 1, b: Number.POSITIVE_INFINITY } })],
    ['no arms of values', thompsonGaussian({ arms: [] })],
    ['a mean of NaN', summarizeMeans({ arms: [{ n: 1, mean: Number.NaN, m2: 0 }] })],
    ['a negative m2', topTwoGaussian({ arms: [{ n: 2, mean: 0, m2: -1 }] })],
    ['means too far apart', thompsonGaussian({ arms: [1e308, -1e308].map(mean => ({ n: 2, mean, m2: 1 })) })],
    ['a prior of no weight', thompsonGaussian({ arms: [noValues], priorValues: 0 })],
    ['a negative least variance', thompsonGaussian({ arms: [noValues], leastVariance: -1 })],
    ['a share of the leader above 1', topTwoBeta({ arms: [none, none], leaderShare: 1.5 })],
  ])('is refused: %s', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
