import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asymptoticSequence, msprt } from '../../src/stats/sequential/msprt.ts'
import reference from '../reference/msprt.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

describe('the mixture test', () => {
  test.each(reference.tests)('agrees with quadrature over effects: $estimate, $variance, $tau2', row => {
    const result = numbers(msprt(row))
    expectClose(result.logEvidence, row.logEvidence, 1e-11)
    expectClose(result.upper - result.estimate, row.halfWidth, 1e-11)
    expect(allFinite(result)).toBe(true)
  })

  test.each(reference.sequences)('agrees as a sequence, $sides sides: $estimate after $n', row => {
    const result = numbers(asymptoticSequence({ ...row, sides: row.sides === 1 ? 1 : 2 }))
    expectClose(result.logEvidence, row.logEvidence, 1e-11)
    expectClose((result.upper - result.lower) / 2 / row.halfWidth, 1, 1e-7)
    if (row.sides === 2) expectClose(row.closedForm / row.halfWidth, 1, 1e-12)
    else expect(row.closedForm / row.halfWidth).toBeGreaterThan(1)
    expect(allFinite(result)).toBe(true)
  })

  test('is the sequence with tau2 = rho^2 n variance', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -10, max: 10, noNaN: true }),
        fc.double({ min: 1e-6, max: 10, noNaN: true }),
        fc.integer({ min: 1, max: 1e9 }),
        fc.constantFrom(0.001, 0.05, 0.4),
        (estimate, variance, n, alpha) => {
          const squared = (-2 * Math.log(alpha) + Math.log(1 - 2 * Math.log(alpha))) / 5000
          const sequence = numbers(asymptoticSequence({ estimate, variance, n, alpha }))
          const test = numbers(msprt({ estimate, variance, tau2: squared * n * variance, alpha }))
          for (const key of ['lower', 'upper', 'logEvidence', 'pValue'] as const)
            expectClose(sequence[key], test[key], 1e-10)
          expect(sequence.rejected).toBe(sequence.lower > 0 || sequence.upper < 0)
        },
      ),
    )
  })
})

describe("GrowthBook's published test values, relative lift by the delta method, alpha 0.05", () => {
  const lift = (a: Arm, b: Arm) => {
    const estimate = (b.mean - a.mean) / a.mean
    const variance = b.variance / b.n / a.mean ** 2 + ((a.variance / a.n) * b.mean ** 2) / a.mean ** 4
    return { estimate, variance, n: a.n + b.n, alpha: 0.05 }
  }
  type Arm = { n: number; mean: number; variance: number }
  const ofSums = (n: number, sum: number, squares: number) => ({
    n,
    mean: sum / n,
    variance: (squares - sum ** 2 / n) / (n - 1),
  })
  const ofCounts = (n: number, sum: number) => ({ n, mean: sum / n, variance: (sum / n) * (1 - sum / n) })

  test('of means, tuned for 1000: 0.50336, from -0.55844 to 1.56516, p 1', () => {
    const arms = [ofSums(3000, 1396.87, 52377.9767), ofSums(3461, 2422.7, 134698.29)] as const
    const result = numbers(asymptoticSequence({ ...lift(...arms), tunedFor: 1000 }))
    expect(result.estimate).toBeCloseTo(0.50336, 5)
    expect(result.lower).toBeCloseTo(-0.55844, 5)
    expect(result.upper).toBeCloseTo(1.56516, 5)
    expect(result.pValue).toBe(1)
  })

  test('of proportions: 0.50386, from 0.40098 to 0.60675', () => {
    const result = numbers(asymptoticSequence(lift(ofCounts(3000, 1396), ofCounts(3461, 2422))))
    expect(result.estimate).toBeCloseTo(0.50386, 5)
    expect(result.lower).toBeCloseTo(0.40098, 5)
    expect(result.upper).toBeCloseTo(0.60675, 5)
  })
})

describe('a sequence', () => {
  const given = { estimate: 0.01, variance: 1e-5, n: 10_000, alpha: 0.05 }

  test('is widest of what is asked: one limit, both, a smaller alpha', () => {
    const width = (more: object) => {
      const { lower, upper } = numbers(asymptoticSequence({ ...given, ...more }))
      return upper - lower
    }
    expect(width({ sides: 1 })).toBeLessThan(width({}))
    expect(width({})).toBeLessThan(width({ alpha: 0.01 }))
  })

  test('is tightest near the size it is tuned for', () => {
    const width = (tunedFor: number) => numbers(asymptoticSequence({ ...given, tunedFor })).upper
    expect(width(10_000)).toBeLessThan(width(2500))
    expect(width(10_000)).toBeLessThan(width(40_000))
  })

  test('keeps a p value where it underflows', () => {
    const result = numbers(asymptoticSequence({ ...given, estimate: 1 }))
    expect(result.pValue).toBe(0)
    expect(result.logPValue).toBeLessThan(-40_000)
  })

  test('is finite far on the other side of a one-sided test', () => {
    for (const estimate of [-1, -1e3, -1e9])
      expect(allFinite(numbers(asymptoticSequence({ ...given, estimate, sides: 1 })))).toBe(true)
  })

  test.each<[string, object, string]>([
    ['no variance', { variance: 0 }, 'insufficient'],
    ['a negative variance', { variance: -1 }, 'invalid'],
    ['an estimate of NaN', { estimate: Number.NaN }, 'invalid'],
    ['an estimate too extreme', { estimate: 1e300, variance: 1e-300 }, 'invalid'],
    ['no observations', { n: 0 }, 'invalid'],
    ['tuned for NaN', { tunedFor: Number.NaN }, 'invalid'],
    ['one side at an alpha of 0.5', { sides: 1, alpha: 0.5 }, 'invalid'],
    ['an alpha of 1', { alpha: 1 }, 'invalid'],
  ])('is refused for %s', (_name, changes, kind) => {
    expect(refusal(asymptoticSequence({ ...given, ...changes })).kind).toBe(kind)
  })

  test('is refused for tau2 of 0', () => {
    expect(refusal(msprt({ estimate: 1, variance: 1, tau2: 0, alpha: 0.05 })).kind).toBe('invalid')
    expect(refusal(msprt({ estimate: 1, variance: 0, tau2: 1, alpha: 0.05 })).kind).toBe('insufficient')
  })
})
