import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { brierOfRow, brierScore, logLoss, logLossOfRow, type ProbabilityRow } from '../../src/stats/quality/log-loss.ts'
import reference from '../reference/quality.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

describe('losses of probabilities', () => {
  test.each(reference.binaryLosses)('agree with scikit-learn for yes or no: case %#', one => {
    const rows = one.probabilities.map((probability, row) => ({ probability, label: one.labels[row] === 1 }))
    const found = numbers(logLoss(rows))
    expectClose(found.mean, one.logLoss, 1e-13)
    expect(found.clipRate).toBe(one.clipRate)
    expectClose(numbers(brierScore(rows)).mean, one.brier, 1e-14)
  })

  test.each(reference.classLosses)('agree with scikit-learn for classes: case %#', one => {
    const rows = one.probabilities.map((probabilities, row) => ({ probabilities, label: one.labels[row] ?? 0 }))
    expectClose(numbers(logLoss(rows)).mean, one.logLoss, 1e-13)
    expectClose(numbers(brierScore(rows)).mean, one.brier, 1e-14)
  })

  test('are clipped at 2^-52, which costs 52 log 2, and say so', () => {
    const clipped = { loss: 52 * Math.LN2, clipped: true }
    for (const row of [
      { probability: 0, label: true },
      { probability: 1, label: false },
      { probabilities: [1, 0], label: 1 },
    ]) {
      const found = numbers(logLossOfRow(row))
      expectClose(found.loss, clipped.loss, 1e-15)
      expect(found.clipped).toBe(true)
    }
    expect(logLossOfRow({ probability: 2 ** -52, label: true })).toMatchObject({ clipped: false })
    expect(logLossOfRow({ probability: 1 - 2 ** -52, label: false })).toMatchObject({ clipped: false })
    expect(logLossOfRow({ probability: 1, label: true })).toMatchObject({ loss: 0, clipped: false })
    expect(numbers(logLossOfRow({ probability: 1e-20, label: false })).loss).toBe(1e-20)
  })

  test('are finite and never negative, and two classes cost as much as yes or no, twice for Brier', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (probability, label) => {
        const binary = { probability, label }
        const classes = { probabilities: [1 - probability, probability], label: label ? 1 : 0 }
        const found = numbers(logLossOfRow(binary))
        expectClose(found.loss, numbers(logLossOfRow(classes)).loss, 1e-6)
        expect(found.loss).toBeGreaterThanOrEqual(0)
        expectClose(2 * numbers(brierOfRow(binary)).loss, numbers(brierOfRow(classes)).loss, 1e-14)
        expect(allFinite(found)).toBe(true)
      }),
    )
  })

  test.each<[string, ProbabilityRow]>([
    ['a probability above 1', { probability: 1.01, label: true }],
    ['a probability that is no number', { probability: Number.NaN, label: true }],
    ['probabilities that sum to 0.9', { probabilities: [0.5, 0.4], label: 0 }],
    ['no probabilities', { probabilities: [], label: 0 }],
    ['a label that is no class', { probabilities: [0.5, 0.5], label: 2 }],
    ['half a label', { probabilities: [0.5, 0.5], label: 0.5 }],
  ])('are refused with %s', (_name, row) => {
    expect(refusal(logLossOfRow(row)).kind).toBe('invalid')
    expect(refusal(brierOfRow(row)).kind).toBe('invalid')
    expect(refusal(logLoss([{ probability: 0.5, label: true }, row])).reason).toContain('row 1')
  })

  test('have no mean without rows', () => {
    expect(refusal(logLoss([])).kind).toBe('insufficient')
    expect(refusal(brierScore([])).kind).toBe('insufficient')
  })
})
