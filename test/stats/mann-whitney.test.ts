import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { differenceOfRank, medianDifference } from '../../src/stats/fixed/hodges-lehmann.ts'
import { mannWhitney, RANKED_VALUES_MAX } from '../../src/stats/fixed/mann-whitney.ts'
import reference from '../reference/mann_whitney.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

type Samples = { candidate: readonly number[]; stable: readonly number[]; alpha: number }
type Expected = {
  method: string
  u: number
  logGreater: number
  logLess: number
  shift: number
  limits: readonly number[] | null
}

function check({ candidate, stable, alpha }: Samples, expected: Expected): void {
  const result = numbers(mannWhitney({ candidate, stable, alpha }))
  expect([result.method, result.u]).toEqual([expected.method, expected.u])
  expectClose(result.greater.logPValue, expected.logGreater, 1e-11)
  expectClose(result.less.logPValue, expected.logLess, 1e-11)
  expectClose(result.commonLanguage, expected.u / candidate.length / stable.length, 1e-15)
  expectClose(result.shift, expected.shift, 1e-14)
  if (expected.limits === null) {
    expect(refusal(result.shiftInterval).kind).toBe('insufficient')
  } else {
    const { lower, upper } = numbers(result.shiftInterval)
    expect([lower, upper]).toEqual(expected.limits)
  }
  expect(allFinite(result)).toBe(true)
}

describe('ranks agree with counting and with scipy', () => {
  test.each(reference.samples)('$candidate against $stable', ({ candidate, stable, alpha, ...expected }) => {
    check({ candidate, stable, alpha }, expected)
  })

  test.each(reference.sequences)('3000 against 3000 values: $candidate, $stable', ({ alpha, ...row }) => {
    const { candidate, stable, ...expected } = row
    const sequence = ({ factor, scale, shift }: typeof candidate) =>
      Array.from({ length: 3000 }, (_, i) => scale * (((i + 1) * factor) % 10_007) + shift)
    check({ candidate: sequence(candidate), stable: sequence(stable), alpha }, expected)
  })
})

describe('ranks as published', () => {
  test('2 against 2 separated values have p = 1/3, ties or not', () => {
    expectClose(numbers(mannWhitney({ candidate: [3, 4], stable: [1, 2], alpha: 0.05 })).pValue, 1 / 3, 1e-15)
    expectClose(numbers(mannWhitney({ candidate: [2, 2], stable: [1, 1], alpha: 0.05 })).pValue, 1 / 3, 1e-15)
  })

  test('Hollander & Wolfe (1973), permeability of the chorioamnion: W = 35, one-sided p = 0.1272, shift 0.305', () => {
    const term = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    const early = [1.15, 0.88, 0.9, 0.74, 1.21]
    const result = numbers(mannWhitney({ candidate: term, stable: early, alpha: 0.05 }))
    expect(result.u).toBe(35)
    expect(result.greater.pValue).toBeCloseTo(0.1272, 4)
    expect(result.pValue).toBeCloseTo(0.2544, 4)
    expect(result.shift).toBeCloseTo(0.305, 12)
    const { lower, upper } = numbers(result.shiftInterval)
    expect(lower).toBeCloseTo(-0.15, 12)
    expect(upper).toBeCloseTo(0.76, 12)
  })
})

describe('ranks keep the rules', () => {
  const sample = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 25 })
  const distinct = fc
    .tuple(fc.uniqueArray(fc.integer({ min: -999, max: 999 }), { minLength: 8, maxLength: 70 }), fc.nat())
    .map(([values, cut]) => {
      const at = 1 + (cut % (values.length - 1))
      return [values.slice(0, at), values.slice(at)] as const
    })

  test('everything mirrors when the versions change places', () => {
    fc.assert(
      fc.property(sample, sample, (candidate, stable) => {
        const own = mannWhitney({ candidate, stable, alpha: 0.1 })
        const other = mannWhitney({ candidate: stable, stable: candidate, alpha: 0.1 })
        expect(other.ok).toBe(own.ok)
        if (!own.ok || !other.ok) return
        expect(other.u + own.u).toBe(candidate.length * stable.length)
        expectClose(other.shift, -own.shift, 1e-15)
        expectClose(other.less.logPValue, own.greater.logPValue, 1e-12)
        expect(other.shiftInterval.ok).toBe(own.shiftInterval.ok)
        if (own.shiftInterval.ok && other.shiftInterval.ok)
          expectClose(other.shiftInterval.lower, -own.shiftInterval.upper, 1e-15)
      }),
    )
  })

  test('without ties the interval of the shift excludes 0 just when p is at most alpha', () => {
    fc.assert(
      fc.property(distinct, ([candidate, stable]) => {
        // No p of so few values is one of these: at equality the last digit would decide.
        for (const alpha of [Math.E / 271, Math.PI / 61, Math.SQRT2 / 4.7]) {
          const { pValue, shiftInterval } = numbers(mannWhitney({ candidate, stable, alpha }))
          const excluded = shiftInterval.ok && (shiftInterval.lower > 0 || shiftInterval.upper < 0)
          expect(excluded).toBe(pValue <= alpha)
        }
      }),
    )
  })

  test('p and u depend on the order of the values alone', () => {
    fc.assert(
      fc.property(sample, sample, (candidate, stable) => {
        const grow = (value: number) => 3 * value ** 3 + 1e9
        const own = mannWhitney({ candidate, stable, alpha: 0.1 })
        const other = mannWhitney({ candidate: candidate.map(grow), stable: stable.map(grow), alpha: 0.1 })
        if (own.ok && other.ok) expect([other.u, other.logPValue]).toEqual([own.u, own.logPValue])
        expect(other.ok).toBe(own.ok)
      }),
    )
  })

  test('the k-th smallest difference is found exactly, whatever the size of the values', () => {
    const value = fc.oneof(fc.double({ noNaN: true, min: -1e300, max: 1e300 }), fc.integer({ min: -3, max: 3 }))
    const values = fc.array(value, { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [first, second] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()]
        const all = Float64Array.from(a.flatMap(x => b.map(y => x - y))).sort()
        for (const [index, difference] of all.entries())
          expect(differenceOfRank(first, second, index + 1) + 0).toBe(difference + 0)
        const middle = (all.length - 1) / 2
        const [low = 0, high = 0] = [all[Math.floor(middle)], all[Math.ceil(middle)]]
        expect(medianDifference(first, second) + 0).toBe(low + (high - low) / 2 + 0)
      }),
    )
  })
})

describe('what has no comparison by ranks', () => {
  test.each([
    ['an empty candidate', [], [1], 0.05, 'insufficient'],
    ['an empty stable', [1], [], 0.05, 'insufficient'],
    ['equal values', [2, 2, 2], [2, 2], 0.05, 'insufficient'],
    ['NaN', [1, Number.NaN], [2], 0.05, 'invalid'],
    ['infinity', [1], [2, Number.POSITIVE_INFINITY], 0.05, 'invalid'],
    ['values too far apart for a double', [1.7e308], [-1.7e308], 0.05, 'invalid'],
    ['an alpha of 0', [1], [2], 0, 'invalid'],
  ])('is refused: %s', (_name, candidate, stable, alpha, kind) => {
    expect(refusal(mannWhitney({ candidate, stable, alpha })).kind).toBe(kind)
  })
  test('is refused: more values than can be ranked', () => {
    const candidate = Array.from({ length: RANKED_VALUES_MAX }, () => 0)
    expect(refusal(mannWhitney({ candidate, stable: [1], alpha: 0.05 })).kind).toBe('invalid')
  })
})
