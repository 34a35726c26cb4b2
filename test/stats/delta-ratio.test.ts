import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareRatios, ratioOf } from '../../src/stats/fixed/delta-ratio.ts'
import type { JointMoments } from '../../src/stats/summaries/joint-moments.ts'
import reference from '../reference/delta_ratio.json' with { type: 'json' }
import { allFinite, expectClose, jointMomentsOf, numbers, refusal } from './planning-support.ts'

describe('a difference of ratios', () => {
  test.each(reference.comparisons)('agrees with the gradient of the delta method: $name', row => {
    const candidate = jointMomentsOf(row.candidate.x, row.candidate.y)
    const stable = jointMomentsOf(row.stable.x, row.stable.y)
    const result = numbers(compareRatios({ candidate, stable, alpha: row.alpha }))
    // A spread of 1 around 1e9 has 7 digits left in the values themselves.
    const digits = Math.abs(row.stable.ratio) > 1e8 ? 1e-6 : 1e-10
    expectClose(result.candidate.ratio, row.candidate.ratio, 1e-13)
    expectClose(result.candidate.standardError / row.candidate.standardError || 1, 1, digits)
    expectClose(result.stable.standardError / row.stable.standardError, 1, digits)
    expectClose(result.difference.estimate, row.difference.estimate, digits)
    expectClose(result.difference.lower, row.difference.lower, digits)
    expectClose(result.difference.upper, row.difference.upper, digits)
    expectClose(result.degreesOfFreedom, row.difference.degreesOfFreedom, digits)
    expectClose(result.logPValue, row.difference.logPValue, digits)
    expect(result.relative.ok).toBe(row.relative !== null)
    if (row.relative !== null) {
      const relative = numbers(result.relative)
      for (const side of ['estimate', 'lower', 'upper'] as const)
        expectClose(relative[side], row.relative[side], digits)
    }
    expect(allFinite(result)).toBe(true)
  })

  test('changes sign when the versions are exchanged, and not with the unit of the denominator', () => {
    const unit = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 10, max: 20 }))
    const units = fc.array(unit, { minLength: 5, maxLength: 20 })
    fc.assert(
      fc.property(units, units, (first, second) => {
        const of = (pairs: readonly (readonly [number, number])[], scale: number) =>
          jointMomentsOf(
            pairs.map(([x]) => x),
            pairs.map(([, y]) => y * scale),
          )
        const compare = (candidate: JointMoments, stable: JointMoments) =>
          compareRatios({ candidate, stable, alpha: 0.05 })
        const [one, other, scaled] = [
          compare(of(first, 1), of(second, 1)),
          compare(of(second, 1), of(first, 1)),
          compare(of(first, 8), of(second, 8)),
        ]
        expect(other.ok).toBe(one.ok)
        if (!one.ok || !other.ok || !scaled.ok) return
        expectClose(one.difference.lower, -other.difference.upper, 1e-12)
        expectClose(one.logPValue, other.logPValue, 1e-12)
        expectClose(scaled.logPValue, one.logPValue, 1e-9)
        expect(allFinite(one)).toBe(true)
      }),
    )
  })

  test('is the same of a hundred million units as of their moments: only the standard error shrinks', () => {
    const n = 1e8
    const arm = (meanX: number) => ({ n, meanX, meanY: 6, m2X: 2 * (n - 1), m2Y: 6 * (n - 1), coXY: 1.5 * (n - 1) })
    const result = numbers(compareRatios({ candidate: arm(1.2), stable: arm(1.2), alpha: 0.05 }))
    const varianceOfUnit = 2 / 36 + (6 * 0.2 ** 2) / 36 - (2 * 0.2 * 1.5) / 36
    expectClose(result.standardError / Math.sqrt((2 * varianceOfUnit) / n), 1, 1e-12)
    expect(result.pValue).toBe(1)
  })
})

describe('a ratio', () => {
  test('of an exact multiple has no standard error', () => {
    const result = numbers(ratioOf(jointMomentsOf([30, 33, 36], [10, 11, 12])))
    expect(result).toMatchObject({ ratio: 3, standardError: 0, units: 3 })
  })

  const units = jointMomentsOf([1, 2, 4], [10, 11, 12])
  const impossible = { ...units, coXY: 1e9 }
  const constant = jointMomentsOf([2, 2, 2], [1, 1, 1])
  test.each<[string, JointMoments, JointMoments, number, string]>([
    ['one unit', jointMomentsOf([1], [2]), units, 0.05, 'insufficient'],
    ['no units', units, jointMomentsOf([], []), 0.05, 'insufficient'],
    ['a denominator around 0', jointMomentsOf([1, 2, 3], [-1, 0, 1]), units, 0.05, 'insufficient'],
    ['a denominator of 3.9 standard errors', units, jointMomentsOf([1, 2], [2.9, 4.9]), 0.05, 'insufficient'],
    ['denominators of 0', jointMomentsOf([1, 2, 3], [0, 0, 0]), units, 0.05, 'insufficient'],
    ['no variance at all', constant, constant, 0.05, 'insufficient'],
    ['impossible moments', impossible, units, 0.05, 'invalid'],
    ['an alpha of 0', units, units, 0, 'invalid'],
  ])('is refused: %s', (_name, candidate, stable, alpha, kind) => {
    expect(refusal(compareRatios({ candidate, stable, alpha })).kind).toBe(kind)
  })

  test('whose numerator overflows is refused', () => {
    const moments = { n: 3, meanX: 1e300, meanY: 1e-300, m2X: 0, m2Y: 0, coXY: 0 }
    expect(refusal(ratioOf(moments)).kind).toBe('insufficient')
  })
})
