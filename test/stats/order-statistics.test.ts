import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderStatisticRanks, quantileInterval, sampleQuantile } from '../../src/stats/fixed/quantiles.ts'
import reference from '../reference/order_statistics.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal, uniforms } from './support.ts'

describe('ranks that bound a quantile', () => {
  test.each(reference.ranks)('agree with exact binomial tails: $quantile of $count at $alpha', row => {
    const result = orderStatisticRanks(row)
    if (row.lower === null) return void expect(refusal(result).kind).toBe('insufficient')
    expect(numbers(result)).toMatchObject({ lower: row.lower, upper: row.upper })
    expectClose(numbers(result).coverage, row.coverage ?? 0, 1e-12)
  })

  test('of a median of ten values are the second and the ninth with 97.85 %', () => {
    const result = numbers(orderStatisticRanks({ count: 10, quantile: 0.5, alpha: 0.05 }))
    expect(result).toMatchObject({ lower: 2, upper: 9 })
    expectClose(result.coverage, 1 - 22 / 1024, 1e-14)
  })

  test('mirror with the quantile, cover enough, and widen with confidence', () => {
    const count = fc.integer({ min: 1, max: 3000 })
    const share = fc.integer({ min: 1, max: 63 }).map(k => k / 64)
    const level = fc.double({ min: 1e-6, max: 0.5, noNaN: true })
    fc.assert(
      fc.property(count, share, level, (n, quantile, alpha) => {
        const one = orderStatisticRanks({ count: n, quantile, alpha })
        const mirrored = orderStatisticRanks({ count: n, quantile: 1 - quantile, alpha })
        const wider = orderStatisticRanks({ count: n, quantile, alpha: alpha / 2 })
        expect(mirrored.ok).toBe(one.ok)
        if (!one.ok || !mirrored.ok) return
        expect(mirrored).toMatchObject({ lower: n + 1 - one.upper, upper: n + 1 - one.lower })
        expect(one.coverage).toBeGreaterThanOrEqual(1 - alpha - 1e-12)
        expect(one.lower).toBeLessThanOrEqual(one.upper)
        if (wider.ok) expect(wider.lower <= one.lower && wider.upper >= one.upper).toBe(true)
      }),
    )
  })

  test('exist from the count that a refusal names', () => {
    const { reason } = refusal(orderStatisticRanks({ count: 10, quantile: 0.99, alpha: 0.05 }))
    expect(reason).toContain('needs 368 values')
    expect(orderStatisticRanks({ count: 368, quantile: 0.99, alpha: 0.05 }).ok).toBe(true)
    expect(orderStatisticRanks({ count: 367, quantile: 0.99, alpha: 0.05 }).ok).toBe(false)
  })
})

describe('a sample quantile', () => {
  test.each(reference.samples)('is that of definition 7: $name', ({ sorted, quantiles }) => {
    for (const { quantile, value } of quantiles)
      expectClose(numbers(sampleQuantile({ sorted, quantile })).value, value, 2e-15)
  })

  test('lies within its interval, which are values of the sample', () => {
    const random = uniforms(5)
    const sorted = Float64Array.from({ length: 200 }, random).toSorted()
    const { interval, ranks } = numbers(quantileInterval({ sorted, quantile: 0.9, alpha: 0.05 }))
    expect(interval.lower).toBe(sorted[ranks.lower - 1])
    expect(interval.upper).toBe(sorted[ranks.upper - 1])
    expect(interval.lower < interval.estimate && interval.estimate < interval.upper).toBe(true)
    expect(allFinite({ interval, ranks })).toBe(true)
  })

  test('covers the true quantile as often as it says', () => {
    const random = uniforms(9)
    let covered = 0
    for (let run = 0; run < 1000; run += 1) {
      const sorted = Array.from({ length: 50 }, random).toSorted((a, b) => a - b)
      const { interval } = numbers(quantileInterval({ sorted, quantile: 0.75, alpha: 0.1 }))
      if (interval.lower <= 0.75 && 0.75 <= interval.upper) covered += 1
    }
    const { coverage } = numbers(orderStatisticRanks({ count: 50, quantile: 0.75, alpha: 0.1 }))
    expect(Math.abs(covered / 1000 - coverage)).toBeLessThan(3 * Math.sqrt((coverage * (1 - coverage)) / 1000))
  })

  test('of a constant is the constant, between values of either sign it does not overflow', () => {
    const sorted = [4, 4, 4, 4, 4, 4, 4]
    expect(numbers(quantileInterval({ sorted, quantile: 0.5, alpha: 0.05 })).interval).toEqual({
      estimate: 4,
      lower: 4,
      upper: 4,
    })
    expect(numbers(sampleQuantile({ sorted: [-1.7e308, 1.7e308], quantile: 0.5 })).value).toBe(0)
  })
})

describe('what has no quantile', () => {
  test.each([
    ['no values', sampleQuantile({ sorted: [], quantile: 0.5 }), 'insufficient'],
    ['no values for an interval', quantileInterval({ sorted: [], quantile: 0.5, alpha: 0.05 }), 'insufficient'],
    [
      'five values for a median',
      quantileInterval({ sorted: [1, 2, 3, 4, 5], quantile: 0.5, alpha: 0.05 }),
      'insufficient',
    ],
    ['values out of order', sampleQuantile({ sorted: [2, 1], quantile: 0.5 }), 'invalid'],
    [
      'values out of order for an interval',
      quantileInterval({ sorted: [1, 2, 3, 4, 5, 6, 0], quantile: 0.5, alpha: 0.05 }),
      'invalid',
    ],
    ['NaN', sampleQuantile({ sorted: [1, Number.NaN], quantile: 0.5 }), 'invalid'],
    ['a quantile above 1', sampleQuantile({ sorted: [1], quantile: 1.5 }), 'invalid'],
    ['an interval of the maximum', orderStatisticRanks({ count: 9, quantile: 1, alpha: 0.05 }), 'invalid'],
    ['a quantile too near 0', orderStatisticRanks({ count: 9, quantile: 1e-17, alpha: 0.05 }), 'invalid'],
    ['a count that is not whole', orderStatisticRanks({ count: 9.5, quantile: 0.5, alpha: 0.05 }), 'invalid'],
    ['a count beyond 1e12', orderStatisticRanks({ count: 1e13, quantile: 0.5, alpha: 0.05 }), 'invalid'],
    ['an alpha of 0', orderStatisticRanks({ count: 9, quantile: 0.5, alpha: 0 }), 'invalid'],
  ])('is refused: %s', (_name, result, kind) => {
    expect(refusal(result).kind).toBe(kind)
  })
})
