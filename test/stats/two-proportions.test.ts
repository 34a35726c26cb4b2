import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { miettinenNurminenInterval, miettinenNurminenTest } from '../../src/stats/fixed/miettinen-nurminen.ts'
import { newcombeInterval, riskRatio, twoProportions } from '../../src/stats/fixed/two-proportions.ts'
import reference from '../reference/two_proportions.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

function rates(x1: number, n1: number, x2: number, n2: number, alpha = 0.05) {
  return { candidate: { events: x1, trials: n1 }, stable: { events: x2, trials: n2 }, alpha }
}

/** Limits agree to 1e-11 of the width of the interval, or to 1e-14. */
function expectLimits(
  actual: { lower: number; upper: number },
  [lower = Number.NaN, upper = Number.NaN]: readonly number[],
): void {
  const tolerance = 1e-11 * (upper - lower) + 1e-14
  expect(Math.abs(actual.lower - lower)).toBeLessThanOrEqual(tolerance)
  expect(Math.abs(actual.upper - upper)).toBeLessThanOrEqual(tolerance)
}

describe('two rates agree with 60-digit arithmetic', () => {
  test.each(reference.two)('$candidate against $stable at $alpha', ({ candidate, stable, alpha, ...expected }) => {
    const question = { candidate, stable, alpha }
    expectLimits(numbers(newcombeInterval(question)), expected.newcombe)
    expectLimits(numbers(miettinenNurminenInterval(question)), expected.miettinenNurminen)
    if (expected.margin !== 0) {
      const score = numbers(miettinenNurminenTest({ candidate, stable, margin: expected.margin }))
      expectClose(score.z, expected.scoreZ, 1e-10)
      expect(allFinite(score)).toBe(true)
    }
    const result = twoProportions(question)
    if (expected.test === null) {
      expect(refusal(result).kind).toBe('insufficient')
    } else {
      const { z, greater, less, wald, logPValue } = numbers(result)
      expectClose(z, expected.test.z, 1e-11)
      expectClose(greater.logPValue, expected.test.logGreater, 1e-10)
      expectClose(less.logPValue, expected.test.logLess, 1e-10)
      expectClose(logPValue, Math.LN2 + Math.min(expected.test.logGreater, expected.test.logLess), 1e-10)
      expectLimits(wald, expected.test.wald)
      expect(allFinite(result)).toBe(true)
    }
    const ratio = riskRatio(question)
    if (expected.ratio === null) {
      expect(refusal(ratio).kind).toBe('insufficient')
    } else {
      const { estimate, lower, upper } = numbers(ratio).ratio
      for (const [index, limit] of [estimate, lower, upper].entries())
        expect(Math.abs(limit / (expected.ratio[index] ?? 0) - 1)).toBeLessThanOrEqual(1e-11)
    }
  })
})

describe('two rates as published', () => {
  // Methods 1 (Wald), 6 (Miettinen-Nurminen) and 10 (hybrid score).
  test.each([
    [56, 70, 48, 80, 0.0575, 0.3425, 0.0528, 0.3382, 0.0524, 0.3339],
    [9, 10, 3, 10, 0.2605, 0.9395, 0.17, 0.8406, 0.1705, 0.809],
    [5, 56, 0, 29, 0.0146, 0.164, -0.0326, 0.1933, -0.0381, 0.1926],
  ])('Newcombe (1998, Statistics in Medicine 17, 873-890, Table II): %i/%i and %i/%i', (x1, n1, x2, n2, ...limits) => {
    const question = rates(x1, n1, x2, n2)
    const { wald, difference } = numbers(twoProportions(question))
    const score = numbers(miettinenNurminenInterval(question))
    const actual = [wald.lower, wald.upper, score.lower, score.upper, difference.lower, difference.upper]
    expect(actual.map(limit => Number(limit.toFixed(4)))).toEqual(limits)
  })
})

describe('two rates keep the rules', () => {
  const arm = fc.tuple(fc.nat(60), fc.nat(60)).filter(([events, failures]) => events + failures > 0)
  const arms = fc.tuple(arm, arm).map(([[a, b], [c, d]]) => rates(a, a + b, c, c + d))

  test('intervals lie in [-1, 1], hold the estimate and change sign when the versions change places', () => {
    fc.assert(
      fc.property(arms, question => {
        const swapped = { ...question, candidate: question.stable, stable: question.candidate }
        for (const interval of [newcombeInterval, miettinenNurminenInterval]) {
          const own = numbers(interval(question))
          const other = numbers(interval(swapped))
          expect(own.lower).toBeGreaterThanOrEqual(-1)
          expect(own.upper).toBeLessThanOrEqual(1)
          expect(own.lower).toBeLessThanOrEqual(own.estimate)
          expect(own.upper).toBeGreaterThanOrEqual(own.estimate)
          expect(other.lower).toBeCloseTo(-own.upper, 12)
          expect(other.upper).toBeCloseTo(-own.lower, 12)
        }
      }),
    )
  })

  test('the score interval ends where the score test is at its level', () => {
    fc.assert(
      fc.property(arms, question => {
        const { candidate, stable } = question
        const { lower, upper, estimate } = numbers(miettinenNurminenInterval(question))
        if (lower > -1 && lower < estimate)
          expect(numbers(miettinenNurminenTest({ candidate, stable, margin: lower })).greater.pValue).toBeCloseTo(
            0.025,
            8,
          )
        if (upper < 1 && upper > estimate)
          expect(numbers(miettinenNurminenTest({ candidate, stable, margin: upper })).less.pValue).toBeCloseTo(0.025, 8)
      }),
    )
  })

  test('the score test at margin 0 is the pooled z test times sqrt((N-1)/N)', () => {
    const question = rates(56, 70, 48, 80)
    const { z } = numbers(twoProportions(question))
    expectClose(numbers(miettinenNurminenTest({ ...question, margin: 0 })).z, z * Math.sqrt(149 / 150), 1e-13)
  })

  test('one-sided p values add up to 1, and the two-sided one doubles the smaller', () => {
    const { pValue, greater, less } = numbers(twoProportions(rates(56, 70, 48, 80)))
    expectClose(greater.pValue + less.pValue, 1, 1e-15)
    expectClose(pValue, 2 * greater.pValue, 1e-15)
  })

  test('a p value that underflows keeps its logarithm', () => {
    const result = numbers(twoProportions(rates(6e7, 1e8, 5e7, 1e8)))
    expect(result.pValue).toBe(0)
    expect(result.logPValue).toBeLessThan(-1e6)
    expect(allFinite(result)).toBe(true)
  })
})

describe('what has no comparison of rates', () => {
  test.each([
    ['a version without trials', rates(0, 0, 1, 2), 'insufficient'],
    ['more events than trials', rates(3, 2, 1, 2), 'invalid'],
    ['a negative count', rates(1, 2, -1, 2), 'invalid'],
    ['an alpha of 1', rates(1, 2, 1, 2, 1), 'invalid'],
    ['an alpha whose half is 0', rates(1, 2, 1, 2, 5e-324), 'invalid'],
  ])('is refused: %s', (_name, question, kind) => {
    for (const method of [twoProportions, newcombeInterval, miettinenNurminenInterval, riskRatio])
      expect(refusal(method(question)).kind).toBe(kind)
  })
  test.each([1, -1, 2, Number.NaN])('is refused: a margin of %f', margin => {
    expect(refusal(miettinenNurminenTest({ ...rates(1, 2, 1, 2), margin })).kind).toBe('invalid')
  })
  test('is refused: a score test of equal outcomes at margin 0', () => {
    expect(refusal(miettinenNurminenTest({ ...rates(0, 2, 0, 2), margin: 0 })).kind).toBe('insufficient')
    expect(refusal(miettinenNurminenTest({ ...rates(2, 2, 2, 2), margin: 0 })).kind).toBe('insufficient')
  })
})
