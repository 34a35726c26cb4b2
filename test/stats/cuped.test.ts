import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cuped, type ThetaChoice } from '../../src/stats/fixed/cuped.ts'
import { cupedWithNewUnits } from '../../src/stats/fixed/cuped-with-new-units.ts'
import type { StudentDifference } from '../../src/stats/fixed/student-difference.ts'
import type { JointMoments } from '../../src/stats/summaries/joint-moments.ts'
import { addToMoments, emptyMoments, type Moments } from '../../src/stats/summaries/moments.ts'
import reference from '../reference/cuped.json' with { type: 'json' }
import { allFinite, expectClose, jointMomentsOf, numbers, refusal } from './planning-support.ts'

type Expected = Omit<StudentDifference, 'difference' | 'pValue'> & { estimate: number; lower: number; upper: number }

function expectTest(actual: StudentDifference, expected: Expected, tolerance: number): void {
  expectClose(actual.difference.estimate, expected.estimate, tolerance)
  expectClose(actual.difference.lower, expected.lower, tolerance)
  expectClose(actual.difference.upper, expected.upper, tolerance)
  expectClose(actual.standardError / expected.standardError, 1, tolerance)
  expectClose(actual.degreesOfFreedom, expected.degreesOfFreedom, tolerance)
  expectClose(actual.logPValue, expected.logPValue, tolerance)
}

describe('an adjusted difference', () => {
  test.each(reference.comparisons)('agrees with the regressions on the raw units: $name', row => {
    const candidate = jointMomentsOf(row.candidate.x, row.candidate.y)
    const stable = jointMomentsOf(row.stable.x, row.stable.y)
    const { alpha } = row
    const own = numbers(cuped({ candidate, stable, alpha }))
    expectTest(own, row.withinArm, 1e-8)
    expectClose(own.candidate.theta, row.candidate.theta, 1e-8)
    expectClose(own.candidate.adjustedMean, row.candidate.adjustedMean, 1e-8)
    expectClose(own.stable.theta, row.stable.theta, 1e-8)
    expectTest(own.unadjusted, row.unadjusted, 1e-8)
    expectTest(own.imbalance, row.imbalance, 1e-8)
    expectClose(own.varianceReduction, 1 - (row.withinArm.standardError / row.unadjusted.standardError) ** 2, 1e-8)
    const common = numbers(cuped({ candidate, stable, alpha, theta: 'pooled' }))
    expectTest(common, row.pooled, 1e-8)
    expectClose(common.candidate.theta, row.pooled.theta, 1e-8)
    expect(common.stable.theta).toBe(common.candidate.theta)
    expect(allFinite([own, common])).toBe(true)
  })

  test.each<ThetaChoice>(['pooled', 'within-arm'])(
    'moves with the outcome, not with the covariate, and changes sign with the versions: %s',
    theta => {
      const unit = fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }))
      const units = fc.array(unit, { minLength: 5, maxLength: 15 })
      fc.assert(
        fc.property(units, units, (first, second) => {
          const of = (pairs: readonly (readonly [number, number])[], dx: number, dy: number) =>
            jointMomentsOf(
              pairs.map(([x]) => x + dx),
              pairs.map(([, y]) => y + dy),
            )
          const compare = (candidate: JointMoments, stable: JointMoments) =>
            cuped({ candidate, stable, alpha: 0.05, theta })
          const one = compare(of(first, 0, 0), of(second, 0, 0))
          const exchanged = compare(of(second, 0, 0), of(first, 0, 0))
          const moved = compare(of(first, 64, 8), of(second, 64, 0))
          expect(exchanged.ok).toBe(one.ok)
          if (!one.ok || !exchanged.ok || !moved.ok) return
          expectClose(exchanged.difference.upper, -one.difference.lower, 1e-9)
          expectClose(moved.difference.estimate, one.difference.estimate + 8, 1e-9)
          expectClose(moved.standardError / one.standardError, 1, 1e-6)
          expect(allFinite(one)).toBe(true)
        }),
      )
    },
  )

  test('of a hundred million units has a variance smaller by the squared correlation', () => {
    const n = 1e8
    const arm = (meanY: number) => ({ n, meanX: 1e9, meanY, m2X: n, m2Y: n, coXY: 0.8 * n })
    const result = numbers(cuped({ candidate: arm(1e9), stable: arm(1e9), alpha: 0.05 }))
    expectClose(result.varianceReduction, 0.64, 1e-7)
    expect(result.pValue).toBe(1)
  })
})

function momentsOf(values: readonly number[]): Moments {
  return values.reduce((moments, value) => numbers(addToMoments(moments, value)).moments, emptyMoments)
}

describe('an adjusted difference over units of which some have no history', () => {
  test.each(reference.withNewUnits)('is that of imputation with a flag and all interactions: $name', row => {
    const arm = ({ x, y, fresh }: { x: number[]; y: number[]; fresh: number[] }) => ({
      known: jointMomentsOf(x, y),
      fresh: momentsOf(fresh),
    })
    const result = numbers(
      cupedWithNewUnits({ candidate: arm(row.candidate), stable: arm(row.stable), alpha: row.alpha }),
    )
    expectTest(result, row.result, 1e-9)
    expectClose(result.freshShare, row.freshShare, 1e-14)
    expect(allFinite(result)).toBe(true)
  })

  const known = jointMomentsOf([1, 2, 3, 5], [2, 3, 5, 4])
  test('is the adjusted difference where every unit has one', () => {
    const stable = jointMomentsOf([1, 2, 2, 4], [1, 3, 2, 5])
    const all = numbers(cuped({ candidate: known, stable, alpha: 0.05 }))
    const result = cupedWithNewUnits({
      candidate: { known, fresh: emptyMoments },
      stable: { known: stable, fresh: emptyMoments },
      alpha: 0.05,
    })
    expectClose(numbers(result).difference.lower, all.difference.lower, 1e-12)
    expectClose(numbers(result).degreesOfFreedom, all.degreesOfFreedom, 1e-12)
  })

  test.each<[string, Moments, Moments, string]>([
    ['new units in one version only', momentsOf([1, 2]), emptyMoments, 'insufficient'],
    ['a single new unit', momentsOf([1, 2]), momentsOf([1]), 'insufficient'],
    ['impossible moments', { n: 3, mean: 0, m2: -1 }, momentsOf([1, 2]), 'invalid'],
    ['a count that is none', { n: 0.5, mean: 0, m2: 0 }, momentsOf([1, 2]), 'invalid'],
  ])('is refused: %s', (_name, first, second, kind) => {
    const result = cupedWithNewUnits({
      candidate: { known, fresh: first },
      stable: { known, fresh: second },
      alpha: 0.05,
    })
    expect(refusal(result).kind).toBe(kind)
  })
})

describe('what has no adjustment', () => {
  const good = jointMomentsOf([1, 2, 3, 5], [2, 3, 5, 4])
  const constant = jointMomentsOf([7, 7, 7, 7], [2, 3, 5, 4])
  const line = jointMomentsOf([1, 2, 3, 5], [2, 4, 6, 10])
  const flat = jointMomentsOf([1, 2, 3, 5], [4, 4, 4, 4])
  test.each<[string, JointMoments, JointMoments, ThetaChoice, number, string]>([
    ['three units', jointMomentsOf([1, 2, 3], [1, 3, 2]), good, 'within-arm', 0.05, 'insufficient'],
    ['a constant covariate', constant, good, 'within-arm', 0.05, 'insufficient'],
    ['a constant covariate everywhere', constant, constant, 'pooled', 0.05, 'insufficient'],
    ['an outcome that follows from the covariate', line, line, 'within-arm', 0.05, 'insufficient'],
    ['a constant outcome', flat, flat, 'pooled', 0.05, 'insufficient'],
    ['an alpha of 1', good, good, 'pooled', 1, 'invalid'],
    ['impossible moments', { ...good, coXY: 99 }, good, 'pooled', 0.05, 'invalid'],
    ['another theta', good, good, 'none' as ThetaChoice, 0.05, 'invalid'],
  ])('is refused: %s', (_name, candidate, stable, theta, alpha, kind) => {
    expect(refusal(cuped({ candidate, stable, theta, alpha })).kind).toBe(kind)
  })

  test('a covariate that is constant in one version can be adjusted with a common slope', () => {
    expect(cuped({ candidate: constant, stable: good, theta: 'pooled', alpha: 0.05 }).ok).toBe(true)
  })
})
