import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ArmStratum, stratifiedArms } from '../../src/stats/bandit/stratified-arms.ts'
import { thompsonBeta } from '../../src/stats/bandit/thompson-beta.ts'
import { expectClose, numbers, refusal } from './support.ts'

const none = { n: 0, mean: 0, m2: 0 }
const rate = (n: number, mean: number) => ({ n, mean, m2: n * mean * (1 - mean) })
const armsOf = (strata: readonly ArmStratum[]) => numbers(stratifiedArms({ strata })).arms
const whole = (...arms: ArmStratum['arms']): ArmStratum => ({ arms, weight: 1 })

const moments = fc.record({
  n: fc.integer({ min: 1, max: 1_000 }),
  mean: fc.double({ min: -5, max: 5, noNaN: true }),
  m2: fc.double({ min: 0, max: 100, noNaN: true }),
})

/** By elimination in the normal equations of the whole design: a column per stratum, then one per arm but the first. */
function reference(strata: readonly ArmStratum[]): { effects: number[]; covariance: number[][] } {
  const arms = strata[0]?.arms.length ?? 0
  const size = strata.length + arms - 1
  const left = Array.from({ length: size }, () => Array.from({ length: size }, () => 0))
  const right = Array.from({ length: size }, () => 0)
  strata.forEach((stratum, s) => {
    stratum.arms.forEach(({ n, mean }, arm) => {
      const columns = arm === 0 ? [s] : [s, strata.length + arm - 1]
      for (const i of columns) {
        right[i] = (right[i] ?? 0) + stratum.weight * n * mean
        for (const j of columns) (left[i] as number[])[j] = ((left[i] as number[])[j] ?? 0) + stratum.weight * n
      }
    })
  })
  const inverse = invert(left)
  const solution = inverse.map(row => row.reduce((sum, cell, j) => sum + cell * (right[j] ?? 0), 0))
  return {
    effects: [0, ...solution.slice(strata.length)],
    covariance: inverse.slice(strata.length).map(row => row.slice(strata.length)),
  }
}

function invert(matrix: readonly (readonly number[])[]): number[][] {
  const rows = matrix.map((row, i) => [...row, ...matrix.map((_, j) => (i === j ? 1 : 0))])
  for (const [i] of rows.entries()) {
    const pivotAt = rows.findIndex(
      (row, k) => k >= i && Math.abs(row[i] ?? 0) === Math.max(...rows.slice(i).map(one => Math.abs(one[i] ?? 0))),
    )
    ;[rows[i], rows[pivotAt]] = [rows[pivotAt] as number[], rows[i] as number[]]
    const pivot = (rows[i] as number[])[i] ?? 1
    rows[i] = (rows[i] as number[]).map(cell => cell / pivot)
    for (const [k, row] of rows.entries()) {
      if (k === i) continue
      const factor = row[i] ?? 0
      rows[k] = row.map((cell, j) => cell - factor * ((rows[i] as number[])[j] ?? 0))
    }
  }
  return rows.map(row => row.slice(matrix.length))
}

/** The ridge is a billionth of an arm's values: beside an arm of one in a thousand a millionth, times the range of the means. */
const ridgeError = 3e-5

describe('arms over strata', () => {
  test('one stratum gives the moments as they are', () => {
    fc.assert(
      fc.property(fc.array(moments, { minLength: 1, maxLength: 6 }), arms => {
        for (const [index, arm] of armsOf([whole(...arms)]).entries()) {
          const given = arms[index] ?? none
          expectClose(arm.n / given.n, 1, ridgeError)
          expectClose(arm.mean, given.mean, ridgeError)
          if (given.n > 1) expectClose(arm.m2, given.m2, ridgeError)
        }
      }),
    )
  })

  test('differences and, up to three arms, their variances are those of least squares with a level per stratum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(moments),
        (size, count, stream) => {
          const strata = Array.from({ length: count }, () =>
            whole(...Array.from({ length: size }, () => stream.next().value)),
          )
          const { effects, covariance } = reference(strata)
          const arms = armsOf(strata)
          const variance = (arm: number, other: number) => {
            const at = (i: number, j: number) => (i === 0 || j === 0 ? 0 : (covariance[i - 1]?.[j - 1] ?? 0))
            return at(arm, arm) + at(other, other) - 2 * at(arm, other)
          }
          for (let arm = 1; arm < size; arm++) {
            expectClose((arms[arm]?.mean ?? 0) - (arms[0]?.mean ?? 0), effects[arm] ?? 0, ridgeError)
            const independent = 1 / (arms[arm]?.n ?? 1) + 1 / (arms[0]?.n ?? 1)
            expect(independent / variance(arm, 0)).toBeGreaterThan(1 - ridgeError)
            if (size === 2) expectClose(independent / variance(arm, 0), 1, ridgeError)
          }
        },
      ),
    )
  })

  test('no arm knows more than its own values say', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(moments, moments, moments, moments), { minLength: 1, maxLength: 6 }), rows => {
        const arms = armsOf(rows.map(row => whole(...row)))
        for (const [index, arm] of arms.entries())
          expect(arm.n).toBeLessThanOrEqual(rows.reduce((sum, row) => sum + (row[index]?.n ?? 0), 0) * (1 + 1e-9))
      }),
    )
  })

  test('a base rate that falls while a weight rises does not turn the better arm into the worse (Simpson)', () => {
    // In both periods the second arm is better by 2 points; pooled it has 7.8 % against 19.1 %.
    const strata = [whole(rate(9_000, 0.2), rate(1_000, 0.22)), whole(rate(1_000, 0.05), rate(9_000, 0.07))]
    const [first, second] = armsOf(strata)
    expectClose((second?.mean ?? 0) - (first?.mean ?? 0), 0.02, 1e-9)
    const arms = [first ?? none, second ?? none].map(({ n, mean }) => ({ trials: n, events: n * mean }))
    expect(numbers(thompsonBeta({ arms })).probabilities[1]).toBeGreaterThan(0.99)
    const pooled = [rate(10_000, 0.185), rate(10_000, 0.085)].map(({ n, mean }) => ({ trials: n, events: n * mean }))
    expect(numbers(thompsonBeta({ arms: pooled })).probabilities[1]).toBeLessThan(0.01)
  })

  test('an arm that comes later leaves the others as they were', () => {
    const before = [whole(rate(2_000, 0.1), rate(2_000, 0.12), none)]
    const after = [...before, whole(rate(10, 0.1), rate(10, 0.12), rate(10, 0.5))]
    const [old, now] = [armsOf(before), armsOf(after)]
    for (const arm of [0, 1]) {
      expect((now[arm]?.n ?? 0) / (old[arm]?.n ?? 1)).toBeGreaterThan(0.99)
      expectClose((now[1]?.mean ?? 0) - (now[0]?.mean ?? 0), 0.02, 1e-3)
    }
    expect(now[2]?.n).toBeLessThanOrEqual(10)
  })

  test('what is forgotten counts for less, or nothing', () => {
    const old = { arms: [rate(1_000, 0.5), rate(1_000, 0.1)], weight: 0 }
    const recent = whole(rate(100, 0.1), rate(100, 0.5))
    const [first, second] = armsOf([old, recent])
    expectClose(first?.mean, 0.1, 1e-9)
    expectClose(second?.mean, 0.5, 1e-9)
    expectClose(first?.n, 100, 1e-6)
    const half = armsOf([{ ...recent, weight: 0.5 }])
    expectClose(half[0]?.n, 50, 1e-6)
  })

  test('arms that never met are hardly known against each other', () => {
    const [first, second] = armsOf([whole(rate(1_000, 0.9), none), whole(none, rate(1_000, 0.1))])
    expect(Math.min(first?.n ?? 0, second?.n ?? 0)).toBeLessThan(1e-3)
  })

  test('an arm without values is empty, and no arms are refused', () => {
    expect(armsOf([whole(rate(10, 0.5), none)])[1]).toEqual(none)
    expect(refusal(stratifiedArms({ strata: [] })).kind).toBe('invalid')
    expect(refusal(stratifiedArms({ strata: [whole(none), whole(none, none)] })).kind).toBe('invalid')
    expect(refusal(stratifiedArms({ strata: [{ arms: [none], weight: -1 }] })).kind).toBe('invalid')
  })
})
