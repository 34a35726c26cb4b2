import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Estimate,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  rootMeanSquaredError,
  rSquared,
} from '../../src/stats/quality/regression.ts'
import {
  addToRegressionQuality,
  emptyRegressionQuality,
  mergeRegressionQuality,
  type RegressionState,
} from '../../src/stats/quality/regression-state.ts'
import type { Result } from '../../src/stats/result.ts'
import reference from '../reference/quality.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

type Row = { truth: number; prediction: number }

function stateOf(rows: readonly Row[]): RegressionState {
  return rows.reduce((state, row) => numbers(addToRegressionQuality({ state, ...row })).state, emptyRegressionQuality)
}

function metricsOf(state: RegressionState): Result<Estimate>[] {
  const percentage = meanAbsolutePercentageError({ state, truthMin: 1e-12 })
  return [meanAbsoluteError(state), rootMeanSquaredError(state), rSquared(state), percentage]
}

function relative(actual: number, expected: number, tolerance: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * Math.abs(expected))
}

const value = fc.integer({ min: -8000, max: 8000 }).map(eighths => eighths / 8)
const pairs = fc.array(fc.record({ truth: value, prediction: value }), { minLength: 2, maxLength: 20 })

describe('the quality of numeric predictions', () => {
  test.each(reference.regressions)('agrees with 50-digit sums, also at means of 1e9: case %#', one => {
    const rows = one.truth.map((truth, row) => ({ truth, prediction: one.predicted[row] ?? 0 }))
    const found = metricsOf(stateOf(rows)).map(numbers)
    for (const [index, expected] of [one.mae, one.rmse, one.r2, one.mape].entries()) {
      relative(found[index]?.estimate ?? 0, expected[0] ?? 0, 1e-11)
      relative(found[index]?.variance ?? 0, expected[1] ?? 0, 1e-9)
    }
  })

  test('merged is that of all rows, however they are cut', () => {
    fc.assert(
      fc.property(pairs, pairs, (first, second) => {
        const { state } = numbers(mergeRegressionQuality({ first: stateOf(first), second: stateOf(second) }))
        const whole = stateOf([...first, ...second])
        for (const [name, entry] of Object.entries(whole)) {
          if (typeof entry !== 'number') continue
          const scale = name.endsWith('4') || name === 'squarePower2' || name === 'joint2' ? 1e13 : 1e9
          if (name.startsWith('truthO')) continue
          const merged = Object.entries(state).find(([other]) => other === name)?.[1]
          expect(Math.abs(Number(merged) - entry)).toBeLessThanOrEqual(1e-9 * Math.abs(entry) + 1e-12 * scale)
        }
        expect(allFinite(metricsOf(whole))).toBe(true)
      }),
    )
  })

  test('by R2 depends neither on the sign nor on the place or the scale', () => {
    fc.assert(
      fc.property(pairs, rows => {
        fc.pre(new Set(rows.map(row => row.truth)).size > 1)
        const scaled = rows.map(({ truth, prediction }) => ({ truth: 4 * truth, prediction: 4 * prediction }))
        const plain = numbers(rSquared(stateOf(rows)))
        const far = rows.map(({ truth, prediction }) => ({ truth: truth + 1e9, prediction: prediction + 1e9 }))
        const back = rows.map(({ truth, prediction }) => ({ truth: -truth, prediction: -prediction }))
        for (const other of [scaled, far, back].map(all => numbers(rSquared(stateOf(all))))) {
          relative(other.estimate - 1, plain.estimate - 1, 1e-11)
          expectClose(other.variance, plain.variance, 1e-10)
        }
      }),
    )
  })

  test('is 1 for predictions without error, and R2 is 0 for the mean of the truth', () => {
    const truths = [1e9, 1e9 + 1, 1e9 + 2, 1e9 + 5]
    const exact = stateOf(truths.map(truth => ({ truth, prediction: truth })))
    expect(rSquared(exact)).toEqual({ ok: true, estimate: 1, variance: 0 })
    expect(rootMeanSquaredError(exact)).toEqual({ ok: true, estimate: 0, variance: 0 })
    expect(meanAbsoluteError(exact)).toEqual({ ok: true, estimate: 0, variance: 0 })
    expectClose(numbers(rSquared(stateOf(truths.map(truth => ({ truth, prediction: 1e9 + 2 }))))).estimate, 0, 1e-12)
  })

  test('has no R2 for a constant truth, and nothing for fewer than 2 rows', () => {
    const constant = stateOf([1, 2, 3].map(prediction => ({ truth: 1e9 + 0.1, prediction })))
    expect(refusal(rSquared(constant)).kind).toBe('insufficient')
    const one = stateOf([{ truth: 1, prediction: 2 }])
    for (const found of metricsOf(one)) expect(refusal(found).kind).toBe('insufficient')
    for (const found of metricsOf(emptyRegressionQuality)) expect(refusal(found).kind).toBe('insufficient')
  })

  test('has no percentage error where a truth is near 0', () => {
    const state = stateOf([5, -0.01, 100].map(truth => ({ truth, prediction: 4 })))
    expect(refusal(meanAbsolutePercentageError({ state, truthMin: 0.02 })).kind).toBe('invalid')
    expect(meanAbsolutePercentageError({ state, truthMin: 0.01 }).ok).toBe(true)
    const zero = stateOf([5, 0, 100].map(truth => ({ truth, prediction: 4 })))
    expect(refusal(meanAbsolutePercentageError({ state: zero, truthMin: 1e-300 })).kind).toBe('invalid')
    expect(allFinite(zero)).toBe(true)
    expect(refusal(meanAbsolutePercentageError({ state, truthMin: 0 })).kind).toBe('invalid')
  })

  test.each([
    [Number.NaN, 1],
    [1, Number.POSITIVE_INFINITY],
    [1e308, -1e308],
    [1, 1e200],
    [1e100, 1e100],
  ])('refuses a truth of %s predicted as %s', (truth, prediction) => {
    const state = stateOf([{ truth: 1, prediction: 2 }])
    expect(refusal(addToRegressionQuality({ state, truth, prediction })).kind).toBe('invalid')
  })

  test('refuses a state that no rows have', () => {
    expect(refusal(meanAbsoluteError({ ...emptyRegressionQuality, rows: -1 })).kind).toBe('invalid')
    const state = stateOf([1, 2].map(truth => ({ truth, prediction: 0 })))
    expect(refusal(rSquared({ ...state, truthPower2: -1 })).kind).toBe('invalid')
    expect(refusal(rSquared({ ...state, joint2: Number.NaN })).kind).toBe('invalid')
  })
})
