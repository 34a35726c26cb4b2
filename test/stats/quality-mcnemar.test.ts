import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agreementProportion, compareAgreement } from '../../src/stats/quality/compare-agreement.ts'
import { cohenKappa } from '../../src/stats/quality/kappa.ts'
import { mcnemar } from '../../src/stats/quality/mcnemar.ts'
import reference from '../reference/quality.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const alpha = 0.05
const count = fc.integer({ min: 0, max: 300 })
const outcomes = fc.record({ bothRight: count, onlyCandidate: count, onlyStable: count, neitherRight: count })

describe("McNemar's test", () => {
  test.each(reference.mcnemars)('agrees with exact tails: $onlyCandidate against $onlyStable', one => {
    const found = numbers(mcnemar(one))
    expectClose(found.exact.logPValue, one.exact, 1e-10)
    expectClose(found.midP.logPValue, one.midP, 1e-10)
    expectClose(found.asymptotic.statistic, one.statistic, 1e-13)
    expectClose(found.asymptotic.logPValue, one.asymptotic, 1e-11)
    expectClose(found.exact.pValue, Math.exp(one.exact), 1e-10)
    expect(allFinite(found)).toBe(true)
  })

  test('is 17.36 on the approval ratings of Agresti, Categorical Data Analysis (2nd ed.), section 10.1', () => {
    const { asymptotic } = numbers(mcnemar({ onlyCandidate: 86, onlyStable: 150 }))
    expect(asymptotic.statistic.toFixed(2)).toBe('17.36')
  })

  test('is symmetric, mid-p never above exact, and keeps p values where they underflow', () => {
    fc.assert(
      fc.property(count, count, (onlyCandidate, onlyStable) => {
        const found = numbers(mcnemar({ onlyCandidate, onlyStable }))
        expect(numbers(mcnemar({ onlyCandidate: onlyStable, onlyStable: onlyCandidate }))).toEqual(found)
        expect(found.midP.pValue).toBeLessThanOrEqual(found.exact.pValue)
      }),
    )
    const far = numbers(mcnemar({ onlyCandidate: 0, onlyStable: 1e8 }))
    expect(far.exact.pValue).toBe(0)
    expectClose(far.exact.logPValue, (1 - 1e8) * Math.LN2, 1e-14)
    expectClose(far.midP.logPValue, -1e8 * Math.LN2, 1e-14)
  })

  test('finds nothing where nothing is discordant, and refuses what is no count', () => {
    const certain = { pValue: 1, logPValue: 0 }
    expect(mcnemar({ onlyCandidate: 0, onlyStable: 0 })).toMatchObject({ exact: certain, midP: certain })
    expect(refusal(mcnemar({ onlyCandidate: -1, onlyStable: 0 })).kind).toBe('invalid')
    expect(refusal(mcnemar({ onlyCandidate: 1.5, onlyStable: 0 })).kind).toBe('invalid')
  })
})

describe('agreement with the truth of two models', () => {
  test.each(reference.agreements)("has Tango's interval: $counts", ({ counts, estimate, lower, upper }) => {
    const [bothRight = 0, onlyCandidate = 0, onlyStable = 0, neitherRight = 0] = counts
    const { difference } = numbers(compareAgreement({ bothRight, onlyCandidate, onlyStable, neitherRight, alpha }))
    expectClose(difference.estimate, estimate, 1e-14)
    expectClose(difference.lower, lower, 1e-11)
    expectClose(difference.upper, upper, 1e-11)
  })

  test("is 0.55 against 0.59 on Agresti's approval ratings, and the interval the published 0.02 to 0.06", () => {
    const counts = { bothRight: 794, onlyCandidate: 86, onlyStable: 150, neitherRight: 570 }
    const { candidate, stable, difference } = numbers(compareAgreement({ ...counts, alpha }))
    expect([candidate, stable]).toEqual([0.55, 0.59])
    expect(difference.lower).toBeCloseTo(-0.059, 3)
    expect(difference.upper).toBeCloseTo(-0.021, 3)
  })

  test('leaves 0 out of the interval exactly where the asymptotic test rejects, and mirrors when swapped', () => {
    fc.assert(
      fc.property(outcomes, counts => {
        fc.pre(Object.values(counts).some(n => n > 0))
        const found = numbers(compareAgreement({ ...counts, alpha }))
        const { lower, upper } = found.difference
        const { pValue } = found.asymptotic
        if (Math.abs(pValue - alpha) > 1e-9) expect(lower > 1e-12 || upper < -1e-12).toBe(pValue < alpha)
        const swapped = { ...counts, onlyCandidate: counts.onlyStable, onlyStable: counts.onlyCandidate, alpha }
        const mirrored = numbers(compareAgreement(swapped)).difference
        expectClose(mirrored.lower, -upper, 1e-9)
        expectClose(mirrored.upper, -lower, 1e-9)
        expect(allFinite(found)).toBe(true)
      }),
    )
  })

  test('is refused without rows and for what is no count', () => {
    const none = { bothRight: 0, onlyCandidate: 0, onlyStable: 0, neitherRight: 0, alpha }
    expect(refusal(compareAgreement(none)).kind).toBe('insufficient')
    expect(refusal(compareAgreement({ ...none, neitherRight: -1 })).kind).toBe('invalid')
    expect(refusal(compareAgreement({ ...none, alpha: 0 })).kind).toBe('invalid')
  })

  test.each(reference.proportions)('has a Wilson interval: $events of $trials', ({ lower, upper, ...counted }) => {
    const found = numbers(agreementProportion(counted))
    expectClose(found.lower, lower, 1e-12)
    expectClose(found.upper, upper, 1e-12)
    expectClose(found.upper - found.lower, upper - lower, 1e-14)
  })

  test.each([
    [0, 0, 'insufficient'],
    [3, 2, 'invalid'],
    [-1, 2, 'invalid'],
  ])('has no share in %s of %s', (events, trials, kind) => {
    expect(refusal(agreementProportion({ events, trials, alpha })).kind).toBe(kind)
  })
})

describe("Cohen's kappa", () => {
  const named = (matrix: readonly (readonly number[])[]) => ({ matrix, classes: matrix.map((_, index) => `${index}`) })

  test.each(reference.kappas)('agrees with scikit-learn, and its error with statsmodels: $matrix', one => {
    const found = numbers(cohenKappa({ ...named(one.matrix), alpha }))
    expectClose(found.estimate, one.kappa, 1e-9)
    expectClose(found.standardError, one.standardError, 1e-9)
    expect(allFinite(found)).toBe(true)
  })

  test('is .68 on the 100 diagnoses of Fleiss, Statistical Methods for Rates and Proportions', () => {
    const matrix = [
      [75, 1, 4],
      [5, 4, 1],
      [0, 0, 10],
    ]
    const found = numbers(cohenKappa({ ...named(matrix), alpha }))
    expect(found.estimate.toFixed(2)).toBe('0.68')
    expectClose(found.observedAgreement, 0.89, 1e-14)
    expectClose(found.expectedAgreement, 0.66, 1e-14)
  })

  test('of perfect agreement is 1 with an interval of a width', () => {
    const matrix = [
      [6, 0],
      [0, 4],
    ]
    const found = numbers(cohenKappa({ ...named(matrix), alpha }))
    expect(found).toMatchObject({ estimate: 1, upper: 1, standardError: 0 })
    // Wilson's lower limit for 10 of 10 is 1 / (1 + z^2 / 10).
    expectClose(found.lower, (1 / (1 + 1.959963984540054 ** 2 / 10) - 0.52) / 0.48, 1e-12)
  })

  test('is undefined if chance agrees always', () => {
    const matrix = [
      [6, 0],
      [0, 0],
    ]
    expect(refusal(cohenKappa({ ...named(matrix), alpha })).kind).toBe('insufficient')
  })
})
