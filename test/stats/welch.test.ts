import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { relativeLift } from '../../src/stats/fixed/relative-lift.ts'
import { type MeanQuestion, welchTest } from '../../src/stats/fixed/welch.ts'
import type { Moments } from '../../src/stats/summaries/moments.ts'
import reference from '../reference/welch.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

function momentsOf(values: readonly number[]): Moments {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  return { n, mean, m2: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) }
}

/** Limits agree to a part of the width of the interval. */
function expectLimits(
  { lower, upper }: { lower: number; upper: number },
  expected: readonly number[],
  tolerance: number,
): void {
  const [low = Number.NaN, high = Number.NaN] = expected
  expect(Math.abs(lower - low)).toBeLessThanOrEqual(tolerance * (high - low))
  expect(Math.abs(upper - high)).toBeLessThanOrEqual(tolerance * (high - low))
}

describe("Welch's test agrees with 40-digit arithmetic", () => {
  test.each(reference.means)('$candidate against $stable, margin $margin', ({ lift, limits, ...expected }) => {
    const result = numbers(welchTest(expected))
    expectClose(result.t, expected.t, 1e-11)
    expectClose(result.df, expected.df, 1e-12)
    expectClose(result.logPValue, expected.logTwoSided, 1e-10)
    expectClose(result.greater.logPValue, expected.logGreater, 1e-10)
    expectLimits(result.difference, limits, 1e-10)
    expect(allFinite(result)).toBe(true)
  })
})

describe('the relative lift agrees with 40-digit arithmetic', () => {
  test.each(reference.means)('$candidate against $stable', ({ candidate, stable, alpha, lift }) => {
    const result = relativeLift({ candidate, stable, alpha })
    if (lift === null || lift.method === 'none') {
      expect(refusal(result).kind).toBe('insufficient')
      return
    }
    const { method, df, lift: interval } = numbers(result)
    expect(method).toBe(lift.method)
    expectClose(df, lift.df, 1e-12)
    expectLimits(interval, lift.limits, 1e-10)
    expect(allFinite(result)).toBe(true)
  })
})

describe("Welch's test as published", () => {
  test("Student's sleep data (Biometrika 6, 1908): t = -1.8608, df = 17.776, p = 0.07939, -3.3655 to 0.2055", () => {
    const candidate = momentsOf([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2])
    const stable = momentsOf([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    const { t, df, pValue, difference } = numbers(welchTest({ candidate, stable, alpha: 0.05 }))
    expect(t).toBeCloseTo(-1.8608, 4)
    expect(df).toBeCloseTo(17.776, 3)
    expect(pValue).toBeCloseTo(0.07939, 5)
    expect(difference.lower).toBeCloseTo(-3.3655, 4)
    expect(difference.upper).toBeCloseTo(0.2055, 4)
  })
})

describe('means keep the rules', () => {
  const value = fc.double({ min: -1e3, max: 1e3, noNaN: true })
  const sample = fc
    .array(value, { minLength: 3, maxLength: 12 })
    .map(momentsOf)
    .filter(({ m2 }) => m2 > 1e-6)

  test('t and the limits change sign when the versions change places', () => {
    fc.assert(
      fc.property(sample, sample, (candidate, stable) => {
        const own = numbers(welchTest({ candidate, stable, alpha: 0.05 }))
        const other = numbers(welchTest({ candidate: stable, stable: candidate, alpha: 0.05 }))
        expect([other.t + 0, other.df, other.difference.lower + 0]).toEqual([
          0 - own.t,
          own.df,
          0 - own.difference.upper,
        ])
        expectClose(other.less.logPValue, own.greater.logPValue, 1e-12)
      }),
    )
  })

  test('a margin beyond a limit is rejected, one within is not', () => {
    fc.assert(
      fc.property(sample, sample, (candidate, stable) => {
        const { lower, upper } = numbers(welchTest({ candidate, stable, alpha: 0.05 })).difference
        const reach = upper - lower
        for (const [margin, rejected] of [
          [lower - reach / 1e6, true],
          [lower + reach / 1e6, false],
          [upper + reach / 1e6, true],
        ] as const)
          expect(numbers(welchTest({ candidate, stable, alpha: 0.05, margin })).pValue < 0.05).toBe(rejected)
      }),
      { numRuns: 50 },
    )
  })

  test('the two methods of the lift meet where the stable mean is precise', () => {
    const precise = { n: 100, mean: 50, m2: 990 }
    const candidate = { n: 100, mean: 53, m2: 1200 }
    const { lift } = numbers(relativeLift({ candidate, stable: precise, alpha: 0.05 }))
    const t = 1.97
    const own = Math.sqrt(1200 / 99 / 100) / 50
    const base = Math.sqrt(990 / 99 / 100) / 50
    const g = (t * base) ** 2
    const fieller = (1.06 - t * Math.sqrt(own ** 2 * (1 - g) + (base * 1.06) ** 2)) / (1 - g) - 1
    expect(lift.lower).toBeCloseTo(fieller, 3)
  })

  test('the lift does not depend on the unit of the values', () => {
    fc.assert(
      fc.property(sample, sample, (candidate, stable) => {
        const scaled = ({ n, mean, m2 }: Moments) => ({ n, mean: mean * 1024, m2: m2 * 1024 ** 2 })
        const question = { candidate, stable, alpha: 0.05 }
        const own = relativeLift(question)
        const other = relativeLift({ candidate: scaled(candidate), stable: scaled(stable), alpha: 0.05 })
        expect(other).toEqual(own)
        expect(allFinite(own)).toBe(true)
      }),
    )
  })
})

describe('what has no comparison of means', () => {
  const good = { n: 10, mean: 3, m2: 8 }
  const question = (candidate: Moments, stable: Moments, alpha = 0.05): MeanQuestion => ({ candidate, stable, alpha })
  test.each([
    ['one value', question({ n: 1, mean: 3, m2: 0 }, good), 'insufficient'],
    ['no values', question(good, { n: 0, mean: 0, m2: 0 }), 'insufficient'],
    ['no variance anywhere', question({ n: 5, mean: 3, m2: 0 }, { n: 5, mean: 2, m2: 0 }), 'insufficient'],
    ['a negative m2', question(good, { n: 5, mean: 2, m2: -1 }), 'invalid'],
    ['a mean of NaN', question({ n: 5, mean: Number.NaN, m2: 1 }, good), 'invalid'],
    ['an alpha of 0', question(good, good, 0), 'invalid'],
    ['an alpha whose half is 0', question(good, good, 5e-324), 'invalid'],
  ])('is refused: %s', (_name, asked, kind) => {
    expect(refusal(welchTest(asked)).kind).toBe(kind)
    expect(refusal(relativeLift(asked)).kind).toBe(kind)
  })

  test.each([
    ['means too far apart', { n: 5, mean: 1.7e308, m2: 1 }, { n: 5, mean: -1.7e308, m2: 1 }, 0],
    ['a margin of NaN', good, good, Number.NaN],
    ['a limit beyond a double', { n: 2, mean: 1, m2: 1e300 }, { n: 2, mean: 2, m2: 0 }, 0],
  ])('is refused by the test: %s', (_name, candidate, stable, margin) => {
    const alpha = 1e-200
    expect(refusal(welchTest({ candidate, stable, alpha, margin })).kind).toBe('invalid')
  })

  test.each([
    ['a stable mean of 0', good, { n: 10, mean: 0, m2: 5 }, 'insufficient'],
    ['a stable mean that may be 0', good, { n: 10, mean: 0.1, m2: 50 }, 'insufficient'],
    ['a stable mean that is nearly 0', good, { n: 10, mean: 1e-320, m2: 50 }, 'insufficient'],
    ['a candidate that is constantly 0', { n: 10, mean: 0, m2: 0 }, good, 'insufficient'],
    ['a ratio beyond a double', { n: 10, mean: 1e300, m2: 1 }, { n: 10, mean: 1e-100, m2: 0 }, 'invalid'],
  ])('has no relative lift: %s', (_name, candidate, stable, kind) => {
    expect(refusal(relativeLift({ candidate, stable, alpha: 0.05 })).kind).toBe(kind)
  })
})
