import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ExactMoments } from '../../src/stats/summaries/exact-moments.ts'
import { ExactSum } from '../../src/stats/summaries/exact-sum.ts'
import { expectClose } from './support.ts'

function sumOf(values: readonly number[]): number {
  const sum = new ExactSum()
  for (const value of values) sum.add(value)
  return sum.value()
}

const anyValue = fc.double({ noNaN: true, min: -1e100, max: 1e100 })

/** A double as a whole number of units of 2^-1074. */
function toUnits(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, value)
  const word = bits.getBigUint64(0)
  const exponent = Number((word >> 52n) & 0x7ffn)
  const fraction = word & 0xfffffffffffffn
  const size = exponent === 0 ? fraction : (fraction | 0x10000000000000n) << BigInt(exponent - 1)
  return word >> 63n === 1n ? -size : size
}

describe('an exact sum', () => {
  test.each([
    { values: [1e100, 1, -1e100], expected: 1 },
    { values: [0.1, 0.2, -0.3], expected: 2.7755575615628914e-17 },
    { values: Array<number>(10).fill(0.1), expected: 1 },
    { values: [1, 2 ** -53, 2 ** -80], expected: 1 + 2 ** -52 },
    { values: [], expected: 0 },
  ])('of $values is $expected', ({ values, expected }) => {
    expect(sumOf(values)).toBe(expected)
  })

  test('does not depend on the order', () => {
    fc.assert(
      fc.property(fc.array(anyValue), values => {
        expect(sumOf(values.toReversed())).toBe(sumOf(values))
        expect(sumOf(values.toSorted((a, b) => a - b))).toBe(sumOf(values))
      }),
    )
  })

  test('is the double nearest to the sum in whole numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e20, max: 1e20 }), { maxLength: 30 }), values => {
        const exact = values.reduce((total, value) => total + toUnits(value), 0n)
        const error = (candidate: number) => {
          const difference = toUnits(candidate) - exact
          return difference < 0n ? -difference : difference
        }
        const sum = sumOf(values)
        const neighbour = toUnits(Math.max(Math.abs(sum) * 2 ** -53, Number.MIN_VALUE))
        expect(error(sum) <= neighbour).toBe(true)
      }),
    )
  })

  test('forgets what is taken back', () => {
    fc.assert(
      fc.property(fc.array(anyValue), anyValue, (values, extra) => {
        expect(sumOf([...values, extra, -extra])).toBe(sumOf(values))
      }),
    )
  })

  test('refuses what is not a finite number', () => {
    expect(() => new ExactSum().add(Number.NaN)).toThrow(RangeError)
    expect(() => new ExactSum().add(Number.POSITIVE_INFINITY)).toThrow(RangeError)
  })
})

describe('exact moments', () => {
  test('keep every digit of a variance at means near 1e9', () => {
    const moments = new ExactMoments(1)
    for (const offset of [4, 7, 13, 16]) moments.add([1e9 + offset])
    expect(moments.read()).toEqual({ n: 4, mean: [1e9 + 10], covariance: [[30]] })
  })

  test('agree with the textbook covariance', () => {
    const rows = [
      [1, 2.5],
      [2, 2.25],
      [4, -1],
      [7, 0.125],
    ]
    const moments = new ExactMoments(2)
    for (const row of rows) moments.add(row)
    const { mean, covariance } = moments.read()
    const [x, y] = [3.5, 0.96875]
    expect(mean).toEqual([x, y])
    const co = rows.reduce((sum, [a = 0, b = 0]) => sum + (a - x) * (b - y), 0) / 3
    expectClose(covariance[0]?.[1], co, 1e-14)
    expect(covariance[1]?.[0]).toBe(covariance[0]?.[1])
  })

  test('depend on which vectors are there, not on how they came', () => {
    // The rest of a product below 1e-308 is lost, so that products of smaller values are not exact.
    const value = fc.double({ noNaN: true, min: -1e12, max: 1e12 }).map(one => (Math.abs(one) < 1e-120 ? 0 : one))
    const vector = fc.array(value, { minLength: 2, maxLength: 2 })
    fc.assert(
      fc.property(fc.array(vector), fc.array(vector), (kept, corrected) => {
        const [direct, indirect] = [new ExactMoments(2), new ExactMoments(2)]
        for (const one of kept) direct.add(one)
        for (const one of corrected) indirect.add(one)
        for (const one of kept.toReversed()) indirect.add(one)
        for (const one of corrected) indirect.remove(one)
        expect(indirect.read()).toEqual(direct.read())
      }),
    )
  })
})
