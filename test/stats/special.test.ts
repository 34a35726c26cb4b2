import { describe, expect, test } from 'vitest'
import {
  binomialDivergence,
  erfc,
  logBeta,
  logBinomialLikelihood,
  logGamma,
  logNormalSurvival,
  logRegularizedIncompleteBeta,
  normalQuantile,
  regularizedIncompleteBeta,
  stirlingError,
  xlog1py,
  xlogy,
} from '../../src/stats/numerics/special.ts'
import reference from '../reference/special_functions.json' with { type: 'json' }

const functions: Record<string, (...args: number[]) => number> = {
  logGamma: (x = Number.NaN) => logGamma(x),
  logBeta: (a = Number.NaN, b = Number.NaN) => logBeta(a, b),
  binomialDivergence: (s = Number.NaN, f = Number.NaN, p = Number.NaN) => binomialDivergence(s, f, p),
  erfc: (x = Number.NaN) => erfc(x),
  logNormalSurvival: (z = Number.NaN) => logNormalSurvival(z),
  normalQuantile: (p = Number.NaN) => normalQuantile(p),
  logRegularizedIncompleteBeta: (x = Number.NaN, a = Number.NaN, b = Number.NaN) =>
    logRegularizedIncompleteBeta(x, a, b),
}
const { versions: _versions, ...tables } = reference
const cases = Object.entries(tables as Record<string, number[][]>).flatMap(([name, rows]) =>
  rows.map(row => ({ name, args: row.slice(0, -1), expected: row.at(-1) ?? Number.NaN })),
)

describe('special functions agree with 60-digit arithmetic to 1e-12, at counts of 1e8 to 1e-11', () => {
  test.each(cases)('$name($args)', ({ name, args, expected }) => {
    const actual = functions[name]?.(...args) ?? Number.NaN
    const huge = name !== 'logGamma' && name !== 'logBeta' && Math.max(...args) > 1e7
    expect(Math.abs(actual - expected)).toBeLessThanOrEqual((huge ? 1e-11 : 1e-12) * (Math.abs(expected) + 0.01))
  })
})

describe('special functions hold their identities', () => {
  test('stirlingError is what Stirling leaves of log gamma', () => {
    for (const x of [0.1, 1, 9.9, 10, 50])
      expect(stirlingError(x)).toBeCloseTo(logGamma(x) - (x - 0.5) * Math.log(x) + x - Math.log(2 * Math.PI) / 2, 12)
  })
  test('an outcome that never happened adds nothing to a likelihood', () => {
    expect([xlogy(0, 0), xlog1py(0, -1), logBinomialLikelihood(0, 3, 0), logBinomialLikelihood(3, 0, 1)]).toEqual([
      0, 0, 0, 0,
    ])
    expect(logBinomialLikelihood(2, 3, 0.4)).toBeCloseTo(2 * Math.log(0.4) + 3 * Math.log(0.6), 14)
  })
  test('the incomplete beta function has its ends and its symmetry', () => {
    expect([regularizedIncompleteBeta(0, 2, 3), regularizedIncompleteBeta(1, 2, 3)]).toEqual([0, 1])
    expect(regularizedIncompleteBeta(0.3, 2, 5) + regularizedIncompleteBeta(0.7, 5, 2)).toBeCloseTo(1, 14)
  })
  test.each([
    ['logGamma at 0', () => logGamma(0)],
    ['logBeta at a negative number', () => logBeta(-1, 2)],
    ['normalQuantile at 0', () => normalQuantile(0)],
    ['normalQuantile at 1', () => normalQuantile(1)],
    ['binomialDivergence beyond 1', () => binomialDivergence(1, 1, 1.1)],
    ['binomialDivergence of NaN', () => binomialDivergence(Number.NaN, 1, 0.5)],
    ['logNormalSurvival of NaN', () => logNormalSurvival(Number.NaN)],
    ['erfc of NaN', () => erfc(Number.NaN)],
    ['logRegularizedIncompleteBeta at 0', () => logRegularizedIncompleteBeta(0, 1, 1)],
  ])('outside the domain there is an error and no NaN: %s', (_name, call) => {
    expect(call).toThrow(RangeError)
  })
})
