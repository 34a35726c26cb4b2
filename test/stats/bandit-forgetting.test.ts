import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addWeightedValue, discountFactor, discountMoments, discountOutcomes } from '../../src/stats/bandit/discount.ts'
import { withFloor } from '../../src/stats/bandit/floor.ts'
import { slideMoments, slideOutcomes, type Window } from '../../src/stats/bandit/sliding-window.ts'
import { thompsonBeta } from '../../src/stats/bandit/thompson-beta.ts'
import type { Outcomes } from '../../src/stats/sequential/bernoulli-mixture.ts'
import { addToMoments, emptyMoments, type Moments } from '../../src/stats/summaries/moments.ts'
import { expectClose, numbers, refusal } from './support.ts'

describe('a floor', () => {
  test('lifts every arm and keeps the sum', () => {
    const { probabilities } = numbers(withFloor({ probabilities: [1, 0, 0], floor: 0.05 }))
    for (const [arm, expected] of [0.9, 0.05, 0.05].entries()) expectClose(probabilities[arm], expected, 1e-15)
    const own = numbers(withFloor({ probabilities: [0.5, 0.5], floor: [0.2, 0] })).probabilities
    for (const [arm, expected] of [0.6, 0.4].entries()) expectClose(own[arm], expected, 1e-15)
  })

  test('holds for any allocation', () => {
    const weights = fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(weights, fc.double({ min: 0, max: 1, noNaN: true }), (given, share) => {
        const total = given.reduce((sum, value) => sum + value, 0)
        const floor = share / given.length
        const { probabilities } = numbers(withFloor({ probabilities: given.map(value => value / total), floor }))
        expectClose(
          probabilities.reduce((sum, value) => sum + value, 0),
          1,
          1e-12,
        )
        expect(Math.min(...probabilities)).toBeGreaterThanOrEqual(floor)
      }),
    )
  })

  test.each([
    ['floors above 1 together', { probabilities: [0.5, 0.5], floor: 0.6 }],
    ['a negative floor', { probabilities: [0.5, 0.5], floor: [-0.1, 0.1] }],
    ['a floor of NaN', { probabilities: [0.5, 0.5], floor: Number.NaN }],
    ['a floor too few', { probabilities: [0.5, 0.5], floor: [0.1] }],
    ['no allocation', { probabilities: [0.5, 0.4], floor: 0.1 }],
  ])('is refused: %s', (_name, input) => {
    expect(refusal(withFloor(input)).kind).toBe('invalid')
  })
})

describe('a discount', () => {
  test('halves by the half-life, and two steps are one long one', () => {
    expect(numbers(discountFactor({ elapsed: 500, halfLife: 500 })).factor).toBe(0.5)
    expect(numbers(discountFactor({ elapsed: 0, halfLife: 500 })).factor).toBe(1)
    const [one, two, both] = [100, 250, 350].map(elapsed => numbers(discountFactor({ elapsed, halfLife: 77 })).factor)
    expectClose((one ?? 0) * (two ?? 0), both ?? 0, 1e-15)
  })

  test('leaves rates and means and takes certainty', () => {
    const arms = [
      { events: 600, trials: 1000 },
      { events: 400, trials: 1000 },
    ]
    const faded = numbers(discountOutcomes({ arms, factor: 0.01 })).arms
    expect(faded).toEqual([
      { events: 6, trials: 10 },
      { events: 4, trials: 10 },
    ])
    const sure = numbers(thompsonBeta({ arms })).probabilities[0] ?? 0
    const unsure = numbers(thompsonBeta({ arms: faded })).probabilities[0] ?? 0
    expect(sure).toBeGreaterThan(0.999)
    expect(unsure).toBeLessThan(0.9)
    const [moments] = numbers(discountMoments({ arms: [{ n: 10, mean: 1e9, m2: 30 }], factor: 0.5 })).arms
    expect(moments).toEqual({ n: 5, mean: 1e9, m2: 15 })
  })

  test('weights values by their age, as a weighted mean and variance do', () => {
    const values = fc.array(fc.double({ min: -1000, max: 1000, noNaN: true }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(values, given => {
        const factor = 0.9
        let moments: Moments = emptyMoments
        for (const value of given) {
          const [faded = emptyMoments] = numbers(discountMoments({ arms: [moments], factor })).arms
          moments = numbers(addWeightedValue({ moments: faded, value })).moments
        }
        const weights = given.map((_, index) => factor ** (given.length - 1 - index))
        const n = weights.reduce((sum, weight) => sum + weight, 0)
        const mean = given.reduce((sum, value, index) => sum + value * (weights[index] ?? 0), 0) / n
        const m2 = given.reduce((sum, value, index) => sum + (value - mean) ** 2 * (weights[index] ?? 0), 0)
        expectClose(moments.n, n, 1e-12)
        expectClose(moments.mean, mean, 1e-11)
        expectClose(moments.m2, m2, 1e-10)
      }),
    )
  })

  test('of 0 forgets everything', () => {
    expect(numbers(discountMoments({ arms: [{ n: 3, mean: 9, m2: 4 }], factor: 0 })).arms).toEqual([emptyMoments])
    expect(numbers(discountOutcomes({ arms: [{ events: 3, trials: 9 }], factor: 0 })).arms).toEqual([
      { events: 0, trials: 0 },
    ])
  })

  test.each([
    ['a negative time', discountFactor({ elapsed: -1, halfLife: 1 })],
    ['a half-life of 0', discountFactor({ elapsed: 1, halfLife: 0 })],
    ['a factor above 1', discountOutcomes({ arms: [{ events: 0, trials: 0 }], factor: 1.5 })],
    ['a factor of NaN', discountMoments({ arms: [emptyMoments], factor: Number.NaN })],
    ['a value of NaN', addWeightedValue({ moments: emptyMoments, value: Number.NaN })],
    ['a value whose square overflows', addWeightedValue({ moments: { n: 1, mean: -1e300, m2: 0 }, value: 1e300 })],
    ['a negative n', addWeightedValue({ moments: { n: -1, mean: 0, m2: 0 }, value: 1 })],
  ])('is refused: %s', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})

describe('a sliding window', () => {
  const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean()), { minLength: 1, maxLength: 60 })

  test('holds what came in the latest blocks, in any order', () => {
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 8 }), (given, width) => {
        let window: Window<Outcomes> = { blocks: [] }
        let total: Outcomes = { events: 0, trials: 0 }
        let latest = 0
        const seen: { block: number; event: boolean }[] = []
        for (const [block, event] of given) {
          const slid = numbers(slideOutcomes({ window, block, width, outcomes: { events: event ? 1 : 0, trials: 1 } }))
          window = slid.window
          total = slid.total
          latest = Math.max(latest, block)
          expect(slid.late).toBe(block <= latest - width)
          seen.push({ block, event })
        }
        const inside = seen.filter(({ block }) => block > latest - width)
        expect(total).toEqual({ events: inside.filter(({ event }) => event).length, trials: inside.length })
        expect(window.blocks.length).toBeLessThanOrEqual(width)
      }),
    )
  })

  test('has the moments of the values in it', () => {
    let window: Window<Moments> = { blocks: [] }
    let total: Moments = emptyMoments
    for (let block = 0; block < 10; block += 1)
      ({ window, total } = numbers(
        slideMoments({ window, block, width: 3, moments: { n: 1, mean: 1e9 + block, m2: 0 } }),
      ))
    const expected = [7, 8, 9].reduce(
      (moments, value) => numbers(addToMoments(moments, 1e9 + value)).moments,
      emptyMoments,
    )
    expect(total).toEqual(expected)
  })

  test.each([
    [
      'half a block',
      slideOutcomes({ window: { blocks: [] }, block: 0.5, width: 1, outcomes: { events: 0, trials: 0 } }),
    ],
    ['no width', slideOutcomes({ window: { blocks: [] }, block: 1, width: 0, outcomes: { events: 0, trials: 0 } })],
    ['bad outcomes', slideOutcomes({ window: { blocks: [] }, block: 1, width: 1, outcomes: { events: 2, trials: 1 } })],
    ['bad moments', slideMoments({ window: { blocks: [] }, block: 1, width: 1, moments: { n: -1, mean: 0, m2: 0 } })],
  ])('is refused: %s', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
