import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clopperPearsonInterval, wilsonInterval } from '../../src/stats/fixed/one-proportion.ts'
import reference from '../reference/two_proportions.json' with { type: 'json' }
import { allFinite, numbers, refusal } from './support.ts'

/** Agreement relative to the limit itself, so that the limits of rare events are held to it. */
function expectLimit(actual: number, expected: number | undefined, tolerance: number): void {
  expect(Math.abs(actual - (expected ?? Number.NaN))).toBeLessThanOrEqual(
    tolerance * (Math.abs(expected ?? 0) + 1e-300),
  )
}

describe('intervals of one rate', () => {
  test.each(reference.one)('agree with mpmath and scipy: $outcomes at $alpha', ({ outcomes, alpha, ...expected }) => {
    const wilson = numbers(wilsonInterval({ ...outcomes, alpha }))
    expectLimit(wilson.lower, expected.wilson[0], 1e-13)
    expectLimit(wilson.upper, expected.wilson[1], 1e-13)
    const exact = numbers(clopperPearsonInterval({ ...outcomes, alpha }))
    expectLimit(exact.lower, expected.clopperPearson[0], 1e-10)
    expectLimit(exact.upper, expected.clopperPearson[1], 1e-10)
    expect(allFinite([wilson, exact])).toBe(true)
  })

  test.each([
    [81, 263, 0.2553, 0.3662, 0.2527, 0.3676],
    [15, 148, 0.0624, 0.1605, 0.0578, 0.1617],
    [0, 20, 0, 0.1611, 0, 0.1684],
    [1, 29, 0.0061, 0.1718, 0.0009, 0.1776],
  ])(
    'are those of Newcombe (1998, Statistics in Medicine 17, 857-872, Table I) for %i of %i',
    (events, trials, ...limits) => {
      const wilson = numbers(wilsonInterval({ events, trials, alpha: 0.05 }))
      const exact = numbers(clopperPearsonInterval({ events, trials, alpha: 0.05 }))
      const rounded = [wilson.lower, wilson.upper, exact.lower, exact.upper].map(limit => Number(limit.toFixed(4)))
      expect(rounded).toEqual(limits)
    },
  )

  test('mirror when events and failures change places, hold the estimate, and shrink as alpha grows', () => {
    const outcomes = fc.tuple(fc.nat(200), fc.nat(200)).filter(([events, failures]) => events + failures > 0)
    fc.assert(
      fc.property(outcomes, ([events, failures]) => {
        const trials = events + failures
        for (const interval of [wilsonInterval, clopperPearsonInterval]) {
          const own = numbers(interval({ events, trials, alpha: 0.05 }))
          const mirrored = numbers(interval({ events: failures, trials, alpha: 0.05 }))
          expect(mirrored.lower).toBeCloseTo(1 - own.upper, 12)
          expect(own.lower).toBeLessThanOrEqual(own.estimate)
          expect(own.upper).toBeGreaterThanOrEqual(own.estimate)
          expect(numbers(interval({ events, trials, alpha: 0.2 })).upper).toBeLessThanOrEqual(own.upper)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('the exact one covers at least 1 - alpha at every rate', () => {
    const limits = Array.from({ length: 13 }, (_, events) =>
      numbers(clopperPearsonInterval({ events, trials: 12, alpha: 0.1 })),
    )
    const ways = [1, 12, 66, 220, 495, 792, 924, 792, 495, 220, 66, 12, 1]
    for (let rate = 0.005; rate < 1; rate += 0.01) {
      const covered = limits.map(({ lower, upper }, x) =>
        lower <= rate && rate <= upper ? (ways[x] ?? 0) * rate ** x * (1 - rate) ** (12 - x) : 0,
      )
      expect(covered.reduce((sum, p) => sum + p, 0)).toBeGreaterThanOrEqual(0.9)
    }
  })

  test.each([
    ['no trials', 0, 0, 0.05, 'insufficient'],
    ['more events than trials', 3, 2, 0.05, 'invalid'],
    ['half an event', 0.5, 2, 0.05, 'invalid'],
    ['an alpha of 0', 1, 2, 0, 'invalid'],
    ['an alpha whose half is 0', 1, 2, 5e-324, 'invalid'],
    ['an alpha of NaN', 1, 2, Number.NaN, 'invalid'],
  ])('are refused: %s', (_name, events, trials, alpha, kind) => {
    expect(refusal(wilsonInterval({ events, trials, alpha })).kind).toBe(kind)
    expect(refusal(clopperPearsonInterval({ events, trials, alpha })).kind).toBe(kind)
  })
})
