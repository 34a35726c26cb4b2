import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chiSquareTest } from '../../src/stats/fixed/chi-square.ts'
import { sampleRatioFixed } from '../../src/stats/fixed/sample-ratio-fixed.ts'
import { twoProportions } from '../../src/stats/fixed/two-proportions.ts'
import reference from '../reference/chi_square.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

describe('tables agree with exact arithmetic and scipy', () => {
  test.each(reference.tables)('$table', ({ table, ...expected }) => {
    const result = numbers(chiSquareTest({ table }))
    expect(result.df).toBe(expected.df)
    expectClose(result.pearson.statistic, expected.pearson, 1e-11)
    expectClose(result.pearson.logPValue, expected.pearsonLogP, 1e-10)
    expectClose(result.likelihoodRatio.statistic, expected.likelihoodRatio, 1e-11)
    expectClose(result.likelihoodRatio.logPValue, expected.likelihoodRatioLogP, 1e-10)
    expectClose(result.expected.least, expected.least, 1e-12)
    expect(result.expected.belowFive).toBe(expected.belowFive)
    expectClose(result.cramersV, expected.cramersV, 1e-12)
    expect(allFinite(result)).toBe(true)
  })

  test('as published: party and gender (Agresti, An Introduction to Categorical Data Analysis, 2nd ed., p. 39)', () => {
    const table = [
      [762, 327, 468],
      [484, 239, 477],
    ]
    const { pearson, likelihoodRatio, df } = numbers(chiSquareTest({ table }))
    expect(df).toBe(2)
    expect(pearson.statistic).toBeCloseTo(30.07, 2)
    expect(likelihoodRatio.statistic).toBeCloseTo(30.02, 2)
    expect(pearson.pValue).toBeCloseTo(2.954e-7, 10)
  })
})

describe('tables keep the rules', () => {
  test('chi-square of a 2 x 2 table is the square of the pooled z', () => {
    const arm = fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 }))
    fc.assert(
      fc.property(arm, arm, ([a, b], [c, d]) => {
        const { pearson } = numbers(
          chiSquareTest({
            table: [
              [a, b],
              [c, d],
            ],
          }),
        )
        const rates = { candidate: { events: a, trials: a + b }, stable: { events: c, trials: c + d }, alpha: 0.05 }
        const { z, logPValue } = numbers(twoProportions(rates))
        expectClose(pearson.statistic, z * z, 1e-8)
        expectClose(pearson.logPValue, logPValue, 1e-8)
      }),
    )
  })

  test('rows and columns without counts, their order and their exchange change nothing', () => {
    const table = fc.array(fc.array(fc.nat(30), { minLength: 3, maxLength: 3 }), { minLength: 2, maxLength: 4 })
    fc.assert(
      fc.property(table, rows => {
        const own = chiSquareTest({ table: rows })
        const extended = chiSquareTest({ table: [...rows.toReversed().map(row => [0, ...row]), [0, 0, 0, 0]] })
        const turned = chiSquareTest({ table: [0, 1, 2].map(column => rows.map(row => row[column] ?? 0)) })
        for (const other of [extended, turned]) {
          expect(other.ok).toBe(own.ok)
          if (!own.ok || !other.ok) continue
          expect([other.df, other.expected.cells]).toEqual([own.df, own.expected.cells])
          expectClose(other.pearson.statistic, own.pearson.statistic, 1e-12)
          expectClose(other.likelihoodRatio.statistic, own.likelihoodRatio.statistic, 1e-12)
        }
      }),
    )
  })

  test.each([
    [
      [
        [30, 30],
        [30, 30],
      ],
      true,
    ],
    [
      [
        [5, 5],
        [5, 5],
      ],
      true,
    ],
    [
      [
        [5, 4],
        [5, 4],
      ],
      false,
    ],
    [
      [
        [200, 1],
        [200, 0],
      ],
      false,
    ],
    [
      [
        [40, 40, 40, 40, 40, 4],
        [40, 40, 40, 40, 40, 4],
      ],
      true,
    ],
  ])('small expected counts are marked: %j', (table, sufficient) => {
    expect(numbers(chiSquareTest({ table })).expected.sufficient).toBe(sufficient)
  })

  test.each([
    ['no rows', [], 'insufficient'],
    ['no columns', [[], []], 'insufficient'],
    [
      'one row with counts',
      [
        [3, 4],
        [0, 0],
      ],
      'insufficient',
    ],
    [
      'one column with counts',
      [
        [3, 0],
        [4, 0],
      ],
      'insufficient',
    ],
    ['rows of different lengths', [[1, 2], [3]], 'invalid'],
    [
      'a negative count',
      [
        [1, -2],
        [3, 4],
      ],
      'invalid',
    ],
    [
      'a count of NaN',
      [
        [1, Number.NaN],
        [3, 4],
      ],
      'invalid',
    ],
  ])('is refused: %s', (_name, table, kind) => {
    expect(refusal(chiSquareTest({ table })).kind).toBe(kind)
  })
})

describe('the sample ratio at one look', () => {
  test.each(reference.ratios)('agrees with exact arithmetic and scipy: $counts for $weights', row => {
    const { counts, weights, ...expected } = row
    const result = numbers(sampleRatioFixed({ counts, weights, alpha: 0.001 }))
    expect(result.df).toBe(expected.df)
    expectClose(result.statistic, expected.statistic, 1e-11)
    expectClose(result.logPValue, expected.logP, 1e-10)
    expect(result.alarm).toBe(expected.logP <= Math.log(0.001))
    expect(result.impossibleArms).toEqual([])
    expect(allFinite(result)).toBe(true)
  })

  test('as published: 821588 against 815482 users meant to be half each, p = 1.8e-6 (Kohavi, Tang & Xu 2020)', () => {
    const { pValue } = numbers(sampleRatioFixed({ counts: [821_588, 815_482], weights: [1, 1], alpha: 0.001 }))
    expect(pValue.toExponential(1)).toBe('1.8e-6')
  })

  test('counts in an arm of weight 0 alarm by themselves and leave the statistic alone', () => {
    const result = numbers(sampleRatioFixed({ counts: [500, 3, 500], weights: [1, 0, 1], alpha: 0.001 }))
    expect(result).toMatchObject({ alarm: true, impossibleArms: [1], df: 1, statistic: 0, pValue: 1 })
    expect(result.expectedCounts).toEqual([500, 0, 500])
  })

  test('one possible arm cannot be out of proportion, but an impossible one still shows', () => {
    const alpha = 0.001
    expect(numbers(sampleRatioFixed({ counts: [9], weights: [2], alpha }))).toMatchObject({
      df: 0,
      pValue: 1,
      alarm: false,
    })
    const impossible = numbers(sampleRatioFixed({ counts: [0, 4], weights: [2, 0], alpha }))
    expect(impossible).toMatchObject({ df: 0, pValue: 1, alarm: true, impossibleArms: [1] })
    expect(allFinite(impossible)).toBe(true)
  })

  test.each([
    ['no counts', [0, 0], [1, 1], 0.01, 'insufficient'],
    ['no arms', [], [], 0.01, 'invalid'],
    ['fewer weights than counts', [1, 2], [1], 0.01, 'invalid'],
    ['a negative weight', [1, 2], [2, -1], 0.01, 'invalid'],
    ['weights of 0 alone', [0, 1], [0, 0], 0.01, 'invalid'],
    ['a weight of NaN', [0, 1], [Number.NaN, 1], 0.01, 'invalid'],
    ['weights whose sum overflows', [1, 1], [1.7e308, 1.7e308], 0.01, 'invalid'],
    ['a share too small to be meant', [1, 1], [1e-300, 1], 0.01, 'invalid'],
    ['half a count', [0.5, 1], [1, 1], 0.01, 'invalid'],
    ['an alpha of 1', [1, 1], [1, 1], 1, 'invalid'],
  ])('is refused: %s', (_name, counts, weights, alpha, kind) => {
    expect(refusal(sampleRatioFixed({ counts, weights, alpha })).kind).toBe(kind)
  })
})
