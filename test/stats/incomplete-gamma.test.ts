import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  logChiSquareSurvival,
  logRegularizedGammaP,
  logRegularizedGammaQ,
} from '../../src/stats/numerics/incomplete-gamma.ts'
import { logNormalSurvival } from '../../src/stats/numerics/special.ts'
import reference from '../reference/incomplete_gamma.json' with { type: 'json' }

/** Agreement to 1e-11 relative to the logarithm; near log 1 = 0, absolute to 1e-13. */
function expectLog(actual: number, expected: number | undefined): void {
  const target = expected ?? Number.NaN
  expect(Math.abs(actual - target)).toBeLessThanOrEqual(1e-11 * (Math.abs(target) + 0.01))
}

describe('both tails agree with 50-digit quadrature', () => {
  test.each(reference.logRegularizedGammaP)('log P(%f, %f)', (a, x, expected) => {
    expectLog(logRegularizedGammaP(a ?? 0, x ?? 0), expected)
  })
  test.each(reference.logRegularizedGammaQ)('log Q(%f, %f)', (a, x, expected) => {
    expectLog(logRegularizedGammaQ(a ?? 0, x ?? 0), expected)
  })
})

describe('the chi-square tail', () => {
  test.each([
    [3.841, 1, 0.05],
    [6.635, 1, 0.01],
    [11.07, 5, 0.05],
    [29.588, 10, 0.001],
    [124.342, 100, 0.05],
  ])('exceeds %f at %i degrees of freedom with probability %f, as printed in every table', (statistic, df, p) => {
    expect(Math.exp(logChiSquareSurvival(statistic, df)) / p).toBeCloseTo(1, 3)
  })
  test('is exp(-x/2) at 2 degrees of freedom and two normal tails at 1', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e5, noNaN: true }), x => {
        expectLog(logChiSquareSurvival(x, 2), -x / 2)
        expectLog(logChiSquareSurvival(x, 1), Math.LN2 + logNormalSurvival(Math.sqrt(x)))
      }),
    )
  })
  test('is certain at 0', () => {
    expect(logChiSquareSurvival(0, 3)).toBe(0)
  })
})

describe('the incomplete gamma functions hold their identities', () => {
  const shape = fc.double({ min: -1, max: 9, noNaN: true }).map(exponent => 10 ** exponent)
  const distance = fc.double({ min: -8, max: 8, noNaN: true })
  test('both tails make 1, and the upper one falls', () => {
    fc.assert(
      fc.property(shape, distance, (a, z) => {
        const x = a * Math.exp(z / Math.sqrt(a))
        const total = Math.exp(logRegularizedGammaP(a, x)) + Math.exp(logRegularizedGammaQ(a, x))
        expect(Math.abs(total - 1)).toBeLessThan(1e-11)
        const further = logRegularizedGammaQ(a, x * (1 + 0.01 / Math.sqrt(a)))
        expect(further).toBeLessThanOrEqual(logRegularizedGammaQ(a, x))
      }),
    )
  })
  test.each([
    ['P at 0', () => logRegularizedGammaP(1, 0)],
    ['P of NaN', () => logRegularizedGammaP(Number.NaN, 1)],
    ['Q at a negative number', () => logRegularizedGammaQ(1, -1)],
    ['Q of a negative shape at 0', () => logRegularizedGammaQ(-1, 0)],
    ['Q without degrees of freedom', () => logChiSquareSurvival(1, 0)],
    ['Q at infinity', () => logRegularizedGammaQ(1, Number.POSITIVE_INFINITY)],
  ])('outside the domain there is an error and no NaN: %s', (_name, call) => {
    expect(call).toThrow(RangeError)
  })
})
