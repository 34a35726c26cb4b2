import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noncentralStudentSurvival } from '../../src/stats/numerics/noncentral-t.ts'
import { integrate } from '../../src/stats/numerics/quadrature.ts'
import { logStudentSurvival } from '../../src/stats/numerics/student.ts'
import reference from '../reference/noncentral_t.json' with { type: 'json' }

const integrands: Readonly<Record<string, (x: number) => number>> = {
  exp: Math.exp,
  sin: Math.sin,
  normal: x => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI),
  power63: x => x ** 63,
  cauchy: x => 1 / (1 + x * x),
}

describe('the tail of the noncentral t', () => {
  test.each(reference.survival)(
    'agrees with 40-digit quadrature: P(T(%d, df %d, delta %d)) = %d',
    (t, df, delta, value) => {
      const actual = noncentralStudentSurvival(t ?? 0, df ?? 0, delta ?? 0)
      const tolerance = (df ?? 0) >= 1e8 ? 1e-10 : 2e-12
      expect(Math.abs(actual - (value ?? 0))).toBeLessThanOrEqual(tolerance * (value ?? 0) + 1e-16)
    },
  )

  test('is that of Student without shift, falls with t, rises with the shift', () => {
    const t = fc.double({ min: -8, max: 8, noNaN: true })
    const df = fc.double({ min: 0.5, max: 500, noNaN: true })
    const shift = fc.double({ min: -6, max: 6, noNaN: true })
    fc.assert(
      fc.property(t, df, shift, (at, freedom, delta) => {
        const value = noncentralStudentSurvival(at, freedom, delta)
        expect(noncentralStudentSurvival(at, freedom, 0)).toBeCloseTo(Math.exp(logStudentSurvival(at, freedom)), 12)
        expect(noncentralStudentSurvival(at + 0.5, freedom, delta)).toBeLessThanOrEqual(value + 1e-14)
        expect(noncentralStudentSurvival(at, freedom, delta + 0.5)).toBeGreaterThanOrEqual(value - 1e-14)
        expect(value + noncentralStudentSurvival(-at, freedom, -delta)).toBeCloseTo(1, 12)
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    [Number.NaN, 5, 0],
    [1, 0.4, 0],
    [1, 5, Number.POSITIVE_INFINITY],
  ])('is refused at %d, %d, %d', (t, df, delta) => {
    expect(() => noncentralStudentSurvival(t, df, delta)).toThrow(RangeError)
  })
})

describe('an integral', () => {
  test.each(reference.integrals)('of %s over [%d, %d] in %d panels is %d', (name, low, high, panels, value) => {
    const f = integrands[String(name)] ?? Math.exp
    expect(Math.abs(integrate(f, Number(low), Number(high), Number(panels)) - Number(value))).toBeLessThan(5e-15)
  })

  test('is that of its parts together, and changes sign with its direction', () => {
    const whole = integrate(Math.exp, -1, 2, 1)
    expect(integrate(Math.exp, -1, 0.3, 1) + integrate(Math.exp, 0.3, 2, 1)).toBeCloseTo(whole, 14)
    expect(integrate(Math.exp, 2, -1, 1)).toBeCloseTo(-whole, 14)
    expect(integrate(Math.exp, 1, 1, 3)).toBe(0)
  })
})
