import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import {
  calibration,
  equalMassCalibration,
  equalMassCalibrationOfRows,
  spiegelhalterTest,
} from '../../src/stats/quality/calibration.ts'
import {
  addToCalibration,
  type CalibrationState,
  emptyCalibration,
  type JudgedProbability,
  mergeCalibration,
} from '../../src/stats/quality/calibration-state.ts'
import reference from '../reference/quality.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

function stateOf(rows: readonly JudgedProbability[], bins?: number): CalibrationState {
  return numbers(addToCalibration({ state: numbers(emptyCalibration(bins)).state, rows })).state
}

const judged = fc.array(
  fc.record({ probability: fc.integer({ min: 1, max: 100 }).map(n => n / 100), label: fc.boolean() }),
  { minLength: 1, maxLength: 60 },
)

describe('calibration', () => {
  test.each(reference.calibrations)('agrees with a table made edge by edge: case %#', one => {
    const rows = one.probabilities.map((probability, row) => ({ probability, label: one.labels[row] === 1 }))
    const found = numbers(calibration(stateOf(rows, one.bins)))
    expect(found.table.map(line => line.rows)).toEqual(one.counts)
    expectClose(found.expectedError, one.expectedError, 1e-13)
    expectClose(found.maximumError, one.maximumError, 1e-13)
    const equal = numbers(equalMassCalibrationOfRows({ rows, bins: one.bins }))
    expect(equal.table.map(line => line.rows)).toEqual(one.equalMassCounts)
    expectClose(equal.expectedError, one.equalMassError, 1e-13)
    const { z, logPValue } = numbers(spiegelhalterTest(stateOf(rows)))
    expectClose(z, one.z, 1e-12)
    expectClose(logPValue, one.logPValue, 1e-11)
  })

  test('puts the edges k/K of any number of bins into the bin below, and 0 into the first', () => {
    for (const bins of [3, 7, 10, 49, 1000]) {
      const rows = Array.from({ length: bins + 1 }, (_, k) => ({ probability: k / bins, label: false }))
      const { bins: found } = stateOf(rows, bins)
      expect(found.map(bin => bin.rows)).toEqual(found.map((_, bin) => (bin === 0 ? 2 : 1)))
    }
  })

  test('of fine bins joined to equal mass is that of the rows', () => {
    fc.assert(
      fc.property(judged, fc.integer({ min: 1, max: 12 }), (rows, bins) => {
        const joined = numbers(equalMassCalibration({ state: stateOf(rows, 100), bins }))
        const exact = numbers(equalMassCalibrationOfRows({ rows, bins }))
        expect(joined.table.map(line => line.rows)).toEqual(exact.table.map(line => line.rows))
        expectClose(joined.expectedError, exact.expectedError, 1e-12)
        expect(joined.expectedError).toBeLessThanOrEqual(joined.maximumError + 1e-12)
        expect(allFinite([joined, exact])).toBe(true)
      }),
    )
  })

  test('merged is that of all rows', () => {
    fc.assert(
      fc.property(judged, judged, (first, second) => {
        const { state } = numbers(mergeCalibration({ first: stateOf(first), second: stateOf(second) }))
        const whole = stateOf([...first, ...second])
        expect(state.bins.map(bin => [bin.rows, bin.positives])).toEqual(
          whole.bins.map(bin => [bin.rows, bin.positives]),
        )
        expectClose(state.excess, whole.excess, 1e-12)
        expectClose(state.excessVariance, whole.excessVariance, 1e-12)
        expectClose(numbers(calibration(state)).expectedError, numbers(calibration(whole)).expectedError, 1e-12)
      }),
    )
  })

  test('is rejected in about 5 % of calibrated samples, and surely where probabilities are too extreme', () => {
    const random = randomFrom(11)
    const samples = 1000
    let rejected = 0
    for (let sample = 0; sample < samples; sample += 1) {
      const rows = Array.from({ length: 100 }, () => random.next()).map(probability => {
        return { probability, label: random.next() < probability }
      })
      if (numbers(spiegelhalterTest(stateOf(rows))).pValue < 0.05) rejected += 1
    }
    expect(Math.abs(rejected / samples - 0.05)).toBeLessThan(4 * Math.sqrt((0.05 * 0.95) / samples))
    const sure = Array.from({ length: 20_000 }, (_, row) => ({ probability: 0.001, label: row % 5 === 0 }))
    const { pValue, logPValue } = numbers(spiegelhalterTest(stateOf(sure)))
    expect(pValue).toBe(0)
    expect(logPValue).toBeLessThan(-1000)
  })

  test('is refused without rows and where the test has no variance', () => {
    expect(refusal(calibration(stateOf([]))).kind).toBe('insufficient')
    expect(refusal(equalMassCalibration({ state: stateOf([]), bins: 10 })).kind).toBe('insufficient')
    expect(refusal(equalMassCalibrationOfRows({ rows: [], bins: 10 })).kind).toBe('insufficient')
    expect(refusal(spiegelhalterTest(stateOf([]))).kind).toBe('insufficient')
    const certain = [0, 0.5, 1].map(probability => ({ probability, label: probability < 0.2 }))
    expect(refusal(spiegelhalterTest(stateOf(certain))).kind).toBe('insufficient')
    expect(refusal(spiegelhalterTest(stateOf([{ probability: 1e-320, label: true }]))).kind).toBe('insufficient')
  })

  test.each([0, 1.5, -1, 1e9, Number.NaN])('has no %s bins', bins => {
    expect(refusal(emptyCalibration(bins)).kind).toBe('invalid')
    expect(refusal(equalMassCalibrationOfRows({ rows: [], bins })).kind).toBe('invalid')
  })

  test('refuses probabilities and states that cannot be', () => {
    const state = stateOf([])
    const rows = [{ probability: -0.1, label: true }]
    expect(refusal(addToCalibration({ state, rows })).kind).toBe('invalid')
    expect(refusal(equalMassCalibrationOfRows({ rows, bins: 10 })).kind).toBe('invalid')
    expect(refusal(mergeCalibration({ first: state, second: stateOf([], 7) })).kind).toBe('invalid')
    expect(refusal(calibration({ ...state, excess: Number.NaN })).kind).toBe('invalid')
    expect(refusal(calibration({ ...state, bins: [{ rows: 1, positives: 2, probabilitySum: 1 }] })).kind).toBe(
      'invalid',
    )
    expect(refusal(calibration({ ...state, bins: [{ rows: 1, positives: 1, probabilitySum: 2 }] })).kind).toBe(
      'invalid',
    )
  })
})
