import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bestOfBeliefs } from '../../src/stats/bandit/gaussian-posterior.ts'
import { greatestOfNormals } from '../../src/stats/bandit/greatest-of-normals.ts'
import { expectClose, numbers, refusal } from './support.ts'

const of = (means: readonly number[], deviations: readonly number[]) =>
  numbers(greatestOfNormals({ means, deviations })).probabilities

describe('the greatest of normal values', () => {
  test('is known in closed form for two', () => {
    expectClose(of([0, 0], [1, 3])[0], 0.5, 1e-8)
    // Phi(1) and Phi(-1), Abramowitz & Stegun table 26.1.
    expectClose(of([5, 0], [3, 4])[0], 0.841344746, 1e-7)
    expectClose(of([5, 0], [3, 4])[1], 0.158655254, 1e-7)
  })

  test('agrees with the exact integral, however many values and whatever their widths', () => {
    const arm = fc.record({
      mean: fc.double({ min: -1, max: 1, noNaN: true }),
      deviation: fc.oneof(fc.double({ min: 0.01, max: 1, noNaN: true }), fc.constant(0)),
    })
    fc.assert(
      fc.property(fc.array(arm, { minLength: 1, maxLength: 8 }), arms => {
        const found = of(
          arms.map(({ mean }) => mean),
          arms.map(({ deviation }) => deviation),
        )
        const exact = bestOfBeliefs(arms)
        for (const [index, value] of exact.entries()) expectClose(found[index], value, 1e-5)
        expectClose(
          found.reduce((sum, one) => sum + one, 0),
          1,
          1e-12,
        )
      }),
      { numRuns: 300 },
    )
  })

  test('shares evenly among known values that tie, and refuses what is no normal value', () => {
    expect(of([1, 1, 0], [0, 0, 0])).toEqual([0.5, 0.5, 0])
    expect(of([1, 1], [0, 0])).toEqual([0.5, 0.5])
    for (const [means, deviations] of [
      [[], []],
      [[1, 2], [1]],
      [
        [1, Number.NaN],
        [1, 1],
      ],
      [
        [1, 2],
        [1, -1],
      ],
    ] as const)
      expect(refusal(greatestOfNormals({ means, deviations })).ok).toBe(false)
  })
})
