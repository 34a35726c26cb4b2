import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawBeta, drawGamma, drawNormal, type Random, randomFrom } from '../../src/stats/numerics/random.ts'
import { logNormalSurvival, regularizedIncompleteBeta } from '../../src/stats/numerics/special.ts'
import reference from '../reference/seeded_random.json' with { type: 'json' }

const DRAWS = 20_000

function sample(seed: number, one: (random: Random) => number): number[] {
  const random = randomFrom(seed)
  return Array.from({ length: DRAWS }, () => one(random))
}

/** Kolmogorov's distance of a sample from a distribution, times the root of its size. */
function kolmogorov(values: readonly number[], distribution: (x: number) => number): number {
  let distance = 0
  for (const [index, value] of values.toSorted((a, b) => a - b).entries()) {
    const expected = distribution(value)
    distance = Math.max(distance, expected - index / values.length, (index + 1) / values.length - expected)
  }
  return distance * Math.sqrt(values.length)
}

/** The limit that chance exceeds once in 1000 seeds (Kolmogorov's distribution). */
const LIMIT = 1.949

function momentsOf(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length }
}

describe('the generator', () => {
  test.each(reference.streams)('is xoshiro128** seeded by splitmix32: seed $seed', ({ seed, values }) => {
    const random = randomFrom(seed)
    expect(values.map(() => random.next())).toEqual(values)
  })

  test('repeats itself from one seed and differs between seeds', () => {
    const seed = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(seed, seed, (one, other) => {
        const stream = (from: number) => {
          const random = randomFrom(from)
          return Array.from({ length: 4 }, () => random.next())
        }
        expect(stream(one)).toEqual(stream(one))
        if (!Object.is(one, other)) expect(stream(one)).not.toEqual(stream(other))
        for (const value of stream(one)) expect(value >= 0 && value < 1).toBe(true)
      }),
    )
  })

  test('refuses a seed that is not finite', () => {
    expect(() => randomFrom(Number.NaN)).toThrow(RangeError)
  })

  test('is uniform', () => {
    expect(
      kolmogorov(
        sample(1, random => random.next()),
        x => x,
      ),
    ).toBeLessThan(LIMIT)
  })

  test('has independent neighbours', () => {
    const values = sample(2, random => random.next() - 0.5)
    const covariance = values.slice(1).reduce((sum, value, index) => sum + value * (values[index] ?? 0), 0) / DRAWS
    expect(Math.abs(covariance * 12 * Math.sqrt(DRAWS))).toBeLessThan(4)
  })
})

describe('draws', () => {
  test('of a normal distribution have its distribution', () => {
    const values = sample(3, drawNormal)
    expect(kolmogorov(values, x => Math.exp(logNormalSurvival(-x)))).toBeLessThan(LIMIT)
  })

  test.each([
    [0.5, 0.5],
    [0.05, 2],
    [1, 1],
    [3, 500],
    [61, 941],
    [1e8, 3],
    [5e6, 7e6],
  ])('of Beta(%d, %d) have its distribution', (a, b) => {
    const values = sample(4, random => drawBeta(random, a, b))
    expect(kolmogorov(values.slice(0, 2000), x => regularizedIncompleteBeta(x, a, b))).toBeLessThan(LIMIT)
    const { mean, variance } = momentsOf(values)
    const expected = ((a / (a + b)) * (b / (a + b))) / (a + b + 1)
    expect(Math.abs(mean - a / (a + b))).toBeLessThan(4 * Math.sqrt(expected / DRAWS))
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.1)
  })

  test.each([0.1, 1, 2.5, 40, 1e8])('of Gamma(%d) have its moments', shape => {
    const { mean, variance } = momentsOf(sample(5, random => drawGamma(random, shape)))
    expect(Math.abs(mean - shape)).toBeLessThan(4 * Math.sqrt(shape / DRAWS))
    const spread = Math.sqrt((2 + 6 / shape) / DRAWS)
    expect(Math.abs(variance / shape - 1)).toBeLessThan(4 * spread)
  })

  test.each([0, -1, Number.NaN])('of Gamma(%d) are refused', shape => {
    expect(() => drawGamma(randomFrom(1), shape)).toThrow(RangeError)
  })
})
