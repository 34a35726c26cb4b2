import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DDSketch } from '../../src/stats/summaries/ddsketch.ts'
import { allFinite, numbers, refusal, uniforms } from './support.ts'

const magnitudes = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
const values = fc.array(
  fc.oneof(
    magnitudes,
    magnitudes.map(x => -x),
    fc.constant(0),
  ),
  { minLength: 1, maxLength: 200 },
)

function sketchOf(items: readonly number[], options?: { maxBins: number }): DDSketch {
  const sketch = new DDSketch(options)
  for (const item of items) expect(sketch.add(item)).toBe(true)
  return sketch
}

function sorted(items: readonly number[]): number[] {
  return [...items].sort((a, b) => a - b)
}

describe('every order statistic is answered within 1 %', () => {
  test('for any mixture of positive, zero and negative values', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (items, q) => {
        const sketch = sketchOf(items)
        const exact = sorted(items)[Math.floor(q * (items.length - 1))] ?? Number.NaN
        const { value } = numbers(sketch.quantile(q))
        expect(Math.abs(value - exact)).toBeLessThanOrEqual(0.01 * Math.abs(exact) * (1 + 1e-9))
      }),
    )
  })

  test('and its bounds contain it', () => {
    fc.assert(
      fc.property(values, fc.boolean(), (items, narrow) => {
        const sketch = sketchOf(items, { maxBins: narrow ? 16 : 2048 })
        for (const [index, exact] of sorted(items).entries()) {
          const { lower, upper } = numbers(sketch.boundsAtRank(index + 1))
          expect(lower).toBeLessThanOrEqual(exact)
          expect(upper).toBeGreaterThanOrEqual(exact)
        }
      }),
    )
  })

  test('minimum, maximum, count and sum are exact', () => {
    const sketch = sketchOf([1e16, 1, -1e16, 3, 0, -2.5])
    expect([sketch.min, sketch.max, sketch.count, sketch.sum]).toEqual([-1e16, 1e16, 6, 1.5])
    expect(numbers(sketch.quantile(0)).value).toBe(-1e16)
    expect(numbers(sketch.quantile(1)).value).toBe(1e16)
  })

  test('a count of 3 is three values', () => {
    const sketch = new DDSketch()
    sketch.add(5, 3)
    sketch.add(100)
    expect(sketch.count).toBe(4)
    expect(numbers(sketch.valueAtRank(3)).value).toBeCloseTo(5, 1)
    expect(numbers(sketch.valueAtRank(4)).value).toBe(100)
  })
})

describe('counting values up to a limit', () => {
  test('is exact but for values in the bin of the limit', () => {
    fc.assert(
      fc.property(values, fc.oneof(magnitudes, fc.constant(0)), fc.boolean(), (items, limit, negative) => {
        const x = negative ? -limit : limit
        const counted = sketchOf(items).countAtMost(x)
        const slack = 0.0203 * Math.abs(x)
        expect(counted).toBeGreaterThanOrEqual(items.filter(item => item <= x).length)
        expect(counted).toBeLessThanOrEqual(items.filter(item => item <= x + slack).length)
      }),
    )
  })

  test('counts nothing below the minimum and everything from the maximum on', () => {
    const sketch = sketchOf([1, 2, 3])
    expect([sketch.countAtMost(0.999), sketch.countAtMost(3), sketch.countAtMost(Number.POSITIVE_INFINITY)]).toEqual([
      0, 3, 3,
    ])
    expect(new DDSketch().countAtMost(0)).toBe(0)
  })
})

test('a value just below 1 falls into bin 0, not into -0', () => {
  const sketch = new DDSketch()
  sketch.add(0.999)
  expect(Object.is(sketch.toJSON().positive.first, 0)).toBe(true)
})

describe('merging', () => {
  test('gives the sketch of all values, negative ones and collapsed ones too', () => {
    fc.assert(
      fc.property(values, values, fc.constantFrom(8, 2048), (left, right, maxBins) => {
        const merged = sketchOf(left, { maxBins })
        expect(numbers(merged.merge(sketchOf(right, { maxBins }))).count).toBe(left.length + right.length)
        const { sum: mergedSum, ...state } = merged.toJSON()
        const { sum, ...expected } = sketchOf([...left, ...right], { maxBins }).toJSON()
        expect(state).toEqual(expected)
        expect(mergedSum).toBeCloseTo(sum, 6)
      }),
    )
  })

  test('refuses another accuracy and changes nothing', () => {
    const sketch = sketchOf([1, 2])
    const before = sketch.toJSON()
    expect(refusal(sketch.merge(new DDSketch({ relativeAccuracy: 0.02 }))).kind).toBe('invalid')
    expect(sketch.toJSON()).toEqual(before)
  })

  test('a sketch with itself doubles every count', () => {
    const sketch = sketchOf([1, -2, 0])
    numbers(sketch.merge(sketch))
    expect([sketch.count, sketch.sum, sketch.countAtMost(0)]).toEqual([6, -2, 4])
  })

  test('a clone shares nothing', () => {
    const sketch = sketchOf([1, -2])
    const copy = sketch.clone()
    sketch.add(50)
    expect([copy.count, copy.max, sketch.count]).toEqual([2, 1, 3])
  })
})

describe('stored sketches', () => {
  test('come back as they were, through JSON text', () => {
    fc.assert(
      fc.property(fc.oneof(values, fc.constant([])), fc.constantFrom(8, 2048), (items, maxBins) => {
        const state = sketchOf(items, { maxBins }).toJSON()
        const text = JSON.stringify(state)
        expect(allFinite(state)).toBe(true)
        expect(numbers(DDSketch.fromJSON(JSON.parse(text))).sketch.toJSON()).toEqual(state)
      }),
    )
  })

  const good = sketchOf([1, 2, -3, 0]).toJSON()
  test.each([
    ['nothing', null, /object/],
    ['a missing store', { ...good, negative: undefined }, /negative/],
    ['a count that does not add up', { ...good, count: 5 }, /hold 4/],
    ['a negative bin', { ...good, positive: { first: 0, counts: [3, -1] } }, /at least 0/],
    ['a fractional bin index', { ...good, positive: { first: 0.5, counts: [2] } }, /whole/],
    ['more bins than allowed', { ...good, maxBins: 2, positive: { first: 0, counts: [1, 0, 1] } }, /bins, over 2/],
    ['an accuracy of 1', { ...good, relativeAccuracy: 1 }, /relativeAccuracy/],
    ['extremes out of order', { ...good, min: 9 }, /in order/],
    ['an infinite sum', { ...good, sum: Number.POSITIVE_INFINITY }, /finite/],
  ])('are refused with the place that is wrong: %s', (_name, json, reason) => {
    expect(refusal(DDSketch.fromJSON(json)).reason).toMatch(reason)
  })
})

describe('what cannot be recorded or answered', () => {
  test.each([
    ['NaN', Number.NaN, 1],
    ['Infinity', Number.POSITIVE_INFINITY, 1],
    ['a value whose sum could overflow', 1e300, 1],
    ['a count of 0', 1, 0],
    ['half a count', 1, 0.5],
    ['a negative count', 1, -1],
  ])('%s is not added', (_name, value, count) => {
    const sketch = new DDSketch()
    expect(sketch.add(value, count)).toBe(false)
    expect(sketch.count).toBe(0)
  })

  test('an empty sketch has no quantile', () => {
    expect(refusal(new DDSketch().quantile(0.5)).kind).toBe('insufficient')
    expect([new DDSketch().min, new DDSketch().max]).toEqual([undefined, undefined])
  })

  test.each([
    ['a quantile above 1', sketchOf([1]).quantile(1.01)],
    ['a quantile of NaN', sketchOf([1]).quantile(Number.NaN)],
    ['rank 0', sketchOf([1]).valueAtRank(0)],
    ['a rank above the count', sketchOf([1]).boundsAtRank(2)],
  ])('%s is refused', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})

test('the lowest values share a bin when there are too many, and the upper quantiles keep their accuracy', () => {
  const random = uniforms(7)
  const items = Array.from({ length: 5000 }, () => Math.exp(20 * random()))
  const sketch = sketchOf(items, { maxBins: 128 })
  const exact = sorted(items)
  expect(sketch.toJSON().positive.counts).toHaveLength(128)
  for (const q of [0.9, 0.95, 0.99, 0.999]) {
    const expected = exact[Math.floor(q * 4999)] ?? Number.NaN
    expect(Math.abs(numbers(sketch.quantile(q)).value / expected - 1)).toBeLessThanOrEqual(0.01)
  }
})
