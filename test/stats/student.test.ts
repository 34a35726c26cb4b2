import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { logBetaLower } from '../../src/stats/numerics/beta-tail.ts'
import { logNormalSurvival } from '../../src/stats/numerics/special.ts'
import {
  logFisherSurvival,
  logStudentSurvival,
  studentQuantile,
  studentUpperQuantile,
} from '../../src/stats/numerics/student.ts'
import reference from '../reference/student.json' with { type: 'json' }

/** Agreement to 1e-12 relative to the logarithm; near log 1 = 0, absolute to 1e-14. */
function expectLog(actual: number, expected: number | undefined): void {
  const target = expected ?? Number.NaN
  expect(Math.abs(actual - target)).toBeLessThanOrEqual(1e-12 * (Math.abs(target) + 0.01))
}

describe('tails agree with 50-digit quadrature', () => {
  test.each(reference.logStudentSurvival)('log P(T > %f) at %f degrees of freedom', (t, df, expected) => {
    expectLog(logStudentSurvival(t ?? 0, df ?? 0), expected)
  })
  test.each(reference.logFisherSurvival)('log P(F > %f) at %f and %f degrees of freedom', (f, df1, df2, expected) => {
    expectLog(logFisherSurvival(f ?? 0, df1 ?? 0, df2 ?? 0), expected)
  })
  test.each(reference.logBetaLower)('log P(Beta(%f, %f) <= %f)', (a, b, x, y, expected) => {
    expectLog(logBetaLower(a ?? 0, b ?? 0, x ?? 0, y ?? 0), expected)
  })
  test.each(reference.studentUpperQuantile)('the upper %f quantile at %f degrees of freedom', (tail, df, expected) => {
    const actual = studentUpperQuantile(tail ?? 0, df ?? 0)
    expect(Math.abs(actual - (expected ?? Number.NaN))).toBeLessThanOrEqual(1e-12 * Math.max(1, expected ?? 0))
  })
})

describe("Student's t holds its identities", () => {
  test('has the quantiles of the printed tables', () => {
    const table = [
      [0.975, 1, 12.706],
      [0.975, 5, 2.571],
      [0.95, 10, 1.812],
      [0.995, 30, 2.75],
      [0.9995, 120, 3.373],
    ] as const
    for (const [p, df, t] of table) expect(studentQuantile(p, df)).toBeCloseTo(t, 3)
  })
  test('is symmetric about 0, where half of it lies', () => {
    expect([studentQuantile(0.5, 3), studentUpperQuantile(0.5, 3), logStudentSurvival(0, 3)]).toEqual([0, 0, -Math.LN2])
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e3, noNaN: true }),
        fc.double({ min: 0.5, max: 1e9, noNaN: true }),
        (t, df) => {
          const total = Math.exp(logStudentSurvival(t, df)) + Math.exp(logStudentSurvival(-t, df))
          expect(Math.abs(total - 1)).toBeLessThan(1e-14)
        },
      ),
    )
  })
  test('falls as t grows, and approaches the normal tail from above as the degrees of freedom grow', () => {
    const t = fc.double({ min: 0.01, max: 300, noNaN: true })
    fc.assert(
      fc.property(t, fc.double({ min: 1, max: 1e11, noNaN: true }), (at, df) => {
        const tail = logStudentSurvival(at, df)
        expect(logStudentSurvival(at * 1.001, df)).toBeLessThan(tail)
        expect(tail).toBeGreaterThanOrEqual(logNormalSurvival(at) * (1 + 1e-13) - 1e-15)
      }),
    )
  })
  test('its quantile inverts its tail', () => {
    const tail = fc.double({ min: 1e-12, max: 0.49, noNaN: true })
    fc.assert(
      fc.property(tail, fc.double({ min: 1, max: 1e9, noNaN: true }), (p, df) => {
        expect(Math.abs(Math.exp(logStudentSurvival(studentUpperQuantile(p, df), df)) / p - 1)).toBeLessThan(1e-11)
      }),
      { numRuns: 50 },
    )
  })
  test('its square is F with one degree of freedom', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.double({ min: 1, max: 1e9, noNaN: true }),
        (t, df) => {
          const two = logStudentSurvival(t, df) + Math.LN2
          expect(Math.abs(logFisherSurvival(t * t, 1, df) - two)).toBeLessThanOrEqual(1e-12 * (Math.abs(two) + 0.1))
        },
      ),
    )
  })
  test('the two tails of a beta distribution make 1', () => {
    const parameter = fc.double({ min: 1e-3, max: 1e8, noNaN: true })
    fc.assert(
      fc.property(parameter, parameter, fc.double({ min: -8, max: 8, noNaN: true }), (a, b, z) => {
        const mean = a / (a + b)
        const x = Math.min(0.999, Math.max(1e-9, mean + z * Math.sqrt((mean * (1 - mean)) / (a + b + 1))))
        const total = Math.exp(logBetaLower(a, b, x, 1 - x)) + Math.exp(logBetaLower(b, a, 1 - x, x))
        expect(Math.abs(total - 1)).toBeLessThan(1e-12)
      }),
    )
  })
})

describe('outside the domain there is an error and no NaN', () => {
  test.each([
    ['t of NaN', () => logStudentSurvival(Number.NaN, 3)],
    ['no degrees of freedom', () => logStudentSurvival(1, 0)],
    ['a quantile at 0', () => studentQuantile(0, 3)],
    ['an upper quantile beyond one half', () => studentUpperQuantile(0.6, 3)],
    ['a quantile beyond the largest double', () => studentUpperQuantile(1e-300, 0.01)],
    ['a negative F', () => logFisherSurvival(-1, 3, 3)],
    ['an infinite F', () => logFisherSurvival(Number.POSITIVE_INFINITY, 3, 3)],
    ['a beta distribution at 0', () => logBetaLower(1, 1, 0, 1)],
  ])('%s', (_name, call) => {
    expect(call).toThrow(RangeError)
  })
})
