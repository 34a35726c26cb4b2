import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addToMoments, emptyMoments, type Moments, mergeMoments, variance } from '../../src/stats/summaries/moments.ts'
import { expectClose, numbers, refusal } from './support.ts'

function momentsOf(values: readonly number[]): Moments {
  return values.reduce((moments, value) => numbers(addToMoments(moments, value)).moments, emptyMoments)
}

describe('moments', () => {
  test.each([
    ['small whole numbers', [1, 2, 3, 4], 2.5, 5 / 3],
    ['a spread tiny against the mean', [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16], 1e9 + 10, 30],
    ['a constant', [7.25, 7.25, 7.25], 7.25, 0],
  ])('mean and variance are those of the textbook: %s', (_name, values, mean, expected) => {
    const moments = momentsOf(values)
    expectClose(moments.mean, mean, 1e-15)
    expectClose(numbers(variance(moments)).variance, expected, 1e-14)
  })

  test('merging gives the moments of all values together', () => {
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 50 })
    fc.assert(
      fc.property(values, values, (left, right) => {
        const merged = numbers(mergeMoments(momentsOf(left), momentsOf(right))).moments
        const all = momentsOf([...left, ...right])
        expect(merged.n).toBe(all.n)
        expectClose(merged.mean, all.mean, 1e-9)
        expectClose(merged.m2, all.m2, 1e-9)
      }),
    )
  })

  test('fewer than two values have no variance', () => {
    expect(refusal(variance(momentsOf([])))).toMatchObject({ kind: 'insufficient' })
    expect(refusal(variance(momentsOf([3])))).toMatchObject({ kind: 'insufficient' })
  })

  test.each([
    ['NaN', addToMoments(emptyMoments, Number.NaN)],
    ['Infinity', addToMoments(emptyMoments, Number.POSITIVE_INFINITY)],
    ['a negative number of values', mergeMoments(emptyMoments, { n: -1, mean: 0, m2: 0 })],
    ['a negative sum of squares', variance({ n: 3, mean: 0, m2: -1 })],
    ['values whose distance overflows', addToMoments(momentsOf([-1.7e308]), 1.7e308)],
  ])('%s is refused', (_name, result) => {
    expect(refusal(result)).toMatchObject({ kind: 'invalid' })
  })
})
