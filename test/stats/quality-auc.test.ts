import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawNormal, randomFrom } from '../../src/stats/numerics/random.ts'
import { auc, aucFromBins } from '../../src/stats/quality/auc.ts'
import { aucComparisonFromBins, compareAuc, compareIndependentAuc } from '../../src/stats/quality/compare-auc.ts'
import reference from '../reference/quality.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const alpha = 0.05
const yes = (labels: readonly number[]) => labels.map(label => label === 1)
const rows = fc
  .array(
    fc.record({ label: fc.boolean(), score: fc.integer({ min: -4, max: 4 }), other: fc.integer({ min: 0, max: 9 }) }),
    {
      minLength: 8,
      maxLength: 40,
    },
  )
  .filter(all => [true, false].every(label => all.filter(row => row.label === label).length >= 2))

describe('the area under a ROC curve', () => {
  test.each(reference.aucs)('agrees with scikit-learn and all pairs: case %#', one => {
    const found = numbers(auc({ labels: yes(one.labels), scores: one.scores, alpha }))
    expectClose(found.estimate, one.auc, 1e-13)
    expectClose(found.variance, one.variance, 1e-14)
    expectClose(found.lower, one.lower, 1e-11)
    expectClose(found.upper, one.upper, 1e-11)
  })

  test.each(reference.binnedAucs)('agrees with exact fractions at counts up to 1e8: case %#', one => {
    const found = numbers(aucFromBins({ positives: one.positives, negatives: one.negatives, alpha }))
    expectClose(found.estimate, one.auc, 1e-14)
    expectClose(found.variance / one.variance, 1, 1e-9)
    expectClose((found.upper - found.lower) / (one.upper - one.lower), 1, 1e-8)
    expectClose(found.lower, one.lower, 1e-13)
    expectClose(found.binningErrorMax, one.binningErrorMax, 1e-14)
  })

  test('of rows is that of one bin for each score, and binning errs by no more than it says', () => {
    fc.assert(
      fc.property(rows, all => {
        const exact = numbers(auc({ labels: all.map(row => row.label), scores: all.map(row => row.score), alpha }))
        const count = (label: boolean, width: number) =>
          Array.from({ length: Math.ceil(9 / width) }, (_, bin) => {
            const inside = (score: number) => Math.floor((score + 4) / width) === bin
            return all.filter(row => row.label === label && inside(row.score)).length
          })
        const fine = numbers(aucFromBins({ positives: count(true, 1), negatives: count(false, 1), alpha }))
        expectClose(fine.estimate, exact.estimate, 1e-13)
        expectClose(fine.variance, exact.variance, 1e-13)
        const coarse = numbers(aucFromBins({ positives: count(true, 3), negatives: count(false, 3), alpha }))
        expect(Math.abs(coarse.estimate - exact.estimate)).toBeLessThanOrEqual(coarse.binningErrorMax + 1e-12)
      }),
    )
  })

  test('is mirrored by reversed scores, and its interval holds it', () => {
    fc.assert(
      fc.property(rows, all => {
        const labels = all.map(row => row.label)
        const found = numbers(auc({ labels, scores: all.map(row => row.score), alpha }))
        const reversed = numbers(auc({ labels, scores: all.map(row => -row.score), alpha }))
        expectClose(reversed.estimate, 1 - found.estimate, 1e-13)
        expectClose(reversed.variance, found.variance, 1e-13)
        expectClose(reversed.lower, 1 - found.upper, 1e-9)
        expect(found.lower).toBeLessThanOrEqual(found.estimate)
        expect(found.upper).toBeGreaterThanOrEqual(found.estimate)
        expect(allFinite(found)).toBe(true)
      }),
    )
  })

  test('of perfect separation is bounded by its independent pairs alone', () => {
    const found = numbers(auc({ labels: [true, true, true, false, false, false], scores: [4, 5, 6, 1, 2, 3], alpha }))
    expect(found).toMatchObject({ estimate: 1, upper: 1, variance: 0, intervalBy: 'independent-pairs' })
    expectClose(found.lower, 0.025 ** (1 / 3), 1e-12)
    const worst = numbers(auc({ labels: [false, false, true, true], scores: [3, 4, 1, 2], alpha }))
    expectClose(worst.upper, 1 - 0.025 ** 0.5, 1e-12)
    expect(worst.lower).toBe(0)
  })

  test('of a constant score is 1/2 with an interval of a width', () => {
    const found = numbers(aucFromBins({ positives: [50], negatives: [70], alpha }))
    expect(found).toMatchObject({ estimate: 0.5, variance: 0, binningErrorMax: 0.5 })
    // The divergence of 1/2 from p is -log(4 p (1 - p)) / 2.
    expectClose(-25 * Math.log(4 * found.upper * (1 - found.upper)), Math.log(40), 1e-9)
    expectClose(found.lower, 1 - found.upper, 1e-9)
  })

  test.each([
    ['no positive row', [false, false], [1, 2], 'insufficient'],
    ['one negative row', [true, true, false], [1, 2, 3], 'insufficient'],
    ['no rows', [], [], 'insufficient'],
    ['a score that is no number', [true, false], [1, Number.NaN], 'invalid'],
    ['an infinite score', [true, false], [1, Number.POSITIVE_INFINITY], 'invalid'],
    ['fewer scores than labels', [true, false], [1], 'invalid'],
  ])('is refused with %s', (_name, labels, scores, kind) => {
    expect(refusal(auc({ labels, scores, alpha })).kind).toBe(kind)
    expect(refusal(compareAuc({ labels, candidate: scores, stable: scores, alpha })).kind).toBe(kind)
  })

  test.each([
    ['different numbers of bins', [1, 2], [1, 2, 3], 'invalid'],
    ['a negative count', [1, -2], [1, 2], 'invalid'],
    ['part of a row', [1, 2.5], [1, 2], 'invalid'],
    ['no bins', [], [], 'insufficient'],
  ])('from bins is refused with %s', (_name, positives, negatives, kind) => {
    expect(refusal(aucFromBins({ positives, negatives, alpha })).kind).toBe(kind)
    const other = { positives: [2, 3], negatives: [4, 1] }
    expect(refusal(aucComparisonFromBins({ candidate: other, stable: { positives, negatives }, alpha })).kind).toBe(
      kind,
    )
  })
})

describe('two areas under ROC curves', () => {
  test.each(reference.pairedAucs)('on the same rows agree with the covariance of all pairs: case %#', one => {
    const { candidate, stable } = one
    const found = numbers(compareAuc({ labels: yes(one.labels), candidate, stable, alpha }))
    expectClose(found.candidate, one.areas[0] ?? 0, 1e-13)
    expectClose(found.stable, one.areas[1] ?? 0, 1e-13)
    expectClose(found.difference.estimate, one.difference, 1e-13)
    expectClose(found.variance, one.variance, 1e-13)
    expectClose(found.logPValue, one.logPValue, 1e-10)
    expect(found.varianceBy).toBe('delong')
  })

  test.each(reference.binnedArms)('of independent arms agree with exact fractions: case %#', one => {
    const found = numbers(aucComparisonFromBins({ candidate: one.candidate, stable: one.stable, alpha }))
    expectClose(found.difference.estimate, one.difference, 1e-14)
    expectClose(found.variance / one.variance, 1, 1e-9)
    expectClose(found.logPValue, one.logPValue, 1e-7)
    expectClose(found.binningErrorMax, one.binningErrorMax, 1e-14)
    expect(allFinite(found)).toBe(true)
  })

  test('are compared antisymmetrically', () => {
    fc.assert(
      fc.property(rows, all => {
        const labels = all.map(row => row.label)
        const [candidate, stable] = [all.map(row => row.score), all.map(row => row.other)]
        const found = numbers(compareAuc({ labels, candidate, stable, alpha }))
        const swapped = numbers(compareAuc({ labels, candidate: stable, stable: candidate, alpha }))
        expectClose(swapped.difference.estimate, -found.difference.estimate, 1e-13)
        expectClose(swapped.logPValue, found.logPValue, 1e-10)
        expectClose(found.candidate - found.stable, found.difference.estimate, 1e-13)
        const apart = { candidate: { labels, scores: candidate }, stable: { labels, scores: stable }, alpha }
        const independent = numbers(compareIndependentAuc(apart))
        expectClose(independent.difference.estimate, found.difference.estimate, 1e-13)
        expect(allFinite([found, independent])).toBe(true)
      }),
    )
  })

  test('of models that rank alike differ by nothing, with an interval of a width', () => {
    const labels = [true, true, true, false, false]
    const found = numbers(compareAuc({ labels, candidate: [3, 1, 5, 2, 0], stable: [30, 10, 50, 20, 0], alpha }))
    expect(found).toMatchObject({ pValue: 1, logPValue: 0, z: 0, variance: 0.5, varianceBy: 'greatest-possible' })
    expect(found.difference).toEqual({ estimate: 0, lower: -1, upper: 1 })
  })

  test('of two perfect arms are not certain to be equal', () => {
    const perfect = { positives: [0, 25], negatives: [30, 0] }
    const found = numbers(aucComparisonFromBins({ candidate: perfect, stable: perfect, alpha }))
    expect(found).toMatchObject({ variance: 2 / 100, varianceBy: 'greatest-possible', pValue: 1 })
  })

  test('keep a p value where it underflows', () => {
    const good = { positives: [1, 10 ** 8], negatives: [10 ** 8, 1] }
    const poor = { positives: [10 ** 8, 10 ** 8 + 1], negatives: [10 ** 8 + 1, 10 ** 8] }
    const found = numbers(aucComparisonFromBins({ candidate: good, stable: poor, alpha }))
    expect(found.pValue).toBe(0)
    expect(found.logPValue).toBeLessThan(-1e7)
    expect(Number.isFinite(found.logPValue)).toBe(true)
  })

  test('that are equal are told apart in about alpha of all samples, and intervals hold the truth', () => {
    const random = randomFrom(7)
    const labels = Array.from({ length: 120 }, (_, row) => row % 3 === 0)
    const samples = 1000
    let rejected = 0
    let held = 0
    for (let sample = 0; sample < samples; sample += 1) {
      const truth = labels.map(label => drawNormal(random) + (label ? 1.2 : 0))
      const noisy = () => truth.map(value => value + 0.8 * drawNormal(random))
      const candidate = noisy()
      if (numbers(compareAuc({ labels, candidate, stable: noisy(), alpha })).pValue < alpha) rejected += 1
      const { lower, upper } = numbers(auc({ labels, scores: candidate, alpha }))
      // Phi(1.2 / sqrt(2 (1 + 0.64))), from tables of the normal distribution.
      if (lower < 0.7462 && 0.7462 < upper) held += 1
    }
    const error = Math.sqrt((alpha * (1 - alpha)) / samples)
    expect(Math.abs(rejected / samples - alpha)).toBeLessThan(4 * error)
    expect(Math.abs(held / samples - (1 - alpha))).toBeLessThan(4 * error)
  })
})
