import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addToJointMoments,
  checkJointMoments,
  covariance,
  emptyJointMoments,
  type JointMoments,
  mergeJointMoments,
  momentsOfX,
  momentsOfY,
} from '../../src/stats/summaries/joint-moments.ts'
import { variance } from '../../src/stats/summaries/moments.ts'
import reference from '../reference/joint_moments.json' with { type: 'json' }
import { allFinite, jointMomentsOf, numbers, refusal } from './planning-support.ts'

function expectSame(actual: JointMoments, expected: Omit<JointMoments, 'n'>, tolerance: number): void {
  const x = Math.sqrt(expected.m2X)
  const y = Math.sqrt(expected.m2Y)
  const near = (a: number, b: number, scale: number) =>
    expect(Math.abs(a - b)).toBeLessThanOrEqual(tolerance * scale + 1e-150)
  near(actual.meanX, expected.meanX, Math.abs(expected.meanX) + x)
  near(actual.meanY, expected.meanY, Math.abs(expected.meanY) + y)
  near(actual.m2X, expected.m2X, x * x)
  near(actual.m2Y, expected.m2Y, y * y)
  near(actual.coXY, expected.coXY, x * y)
}

describe('joint moments', () => {
  test.each(reference.sets)('are those of exact arithmetic: $name', ({ x, y, ...expected }) => {
    const moments = jointMomentsOf(x, y)
    expect(moments.n).toBe(x.length)
    // A spread of 1 around 1e9 has 7 digits left in the values themselves.
    expectSame(moments, expected, expected.meanX > 1e8 && expected.meanX < 1e10 ? 1e-7 : 1e-14)
    expect(allFinite(moments)).toBe(true)
  })

  test('merging gives the moments of all pairs together', () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    const pairs = fc.array(fc.tuple(value, value), { maxLength: 40 })
    fc.assert(
      fc.property(pairs, pairs, (left, right) => {
        const of = (all: readonly (readonly [number, number])[]) =>
          jointMomentsOf(
            all.map(([x]) => x),
            all.map(([, y]) => y),
          )
        const merged = numbers(mergeJointMoments(of(left), of(right))).moments
        expect(merged.n).toBe(left.length + right.length)
        expectSame(merged, of([...left, ...right]), 1e-9)
        expect(checkJointMoments('the merged set', merged)).toBeUndefined()
      }),
    )
  })

  test('each side alone has its moments, and a pair of one value with itself has its variance', () => {
    const moments = jointMomentsOf([1, 2, 6], [1, 2, 6])
    expect(momentsOfX(moments)).toEqual({ n: 3, mean: 3, m2: 14 })
    expect(momentsOfY(moments)).toEqual({ n: 3, mean: 3, m2: 14 })
    expect(numbers(covariance(moments)).covariance).toBe(numbers(variance(momentsOfX(moments))).variance)
  })

  test('fewer than two pairs have no covariance', () => {
    expect(refusal(covariance(emptyJointMoments)).kind).toBe('insufficient')
    expect(refusal(covariance(jointMomentsOf([1], [1]))).kind).toBe('insufficient')
  })

  const good = jointMomentsOf([1, 2, 3], [1, 3, 2])
  test.each([
    ['NaN', addToJointMoments(good, { x: Number.NaN, y: 0 })],
    ['Infinity', addToJointMoments(good, { x: 0, y: Number.POSITIVE_INFINITY })],
    ['a count that is not whole', mergeJointMoments(good, { ...good, n: 1.5 })],
    ['a negative square', covariance({ ...good, m2X: -1 })],
    ['a product beyond both spreads', covariance({ ...good, coXY: 2.1 })],
    ['values whose distance overflows', addToJointMoments(jointMomentsOf([-1e200], [0]), { x: 1e200, y: 0 })],
  ])('%s is refused', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
