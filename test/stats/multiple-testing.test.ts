import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { benjaminiHochberg, bonferroni, holm } from '../../src/stats/fixed/multiple-testing.ts'
import reference from '../reference/multiple_testing.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

/** Benjamini & Hochberg (1995), section 4.1: thrombolysis in myocardial infarction, 15 hypotheses. */
const INFARCTION = [
  0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
]

describe('adjusted p values', () => {
  test.each(reference.families)('agree with their definitions: $logPValues', ({ logPValues, ...expected }) => {
    for (const [method, logs] of [
      [bonferroni, expected.bonferroni],
      [holm, expected.holm],
      [benjaminiHochberg, expected.benjamini_hochberg],
    ] as const) {
      const result = numbers(method({ logPValues, alpha: 0.05 }))
      for (const [index, log] of logs.entries()) expectClose(result.tests[index]?.logPValue, log, 1e-13)
      expect(allFinite(result)).toBe(true)
    }
  })

  test('as published: of 15 tests Benjamini-Hochberg rejects 4 at 0.05, Bonferroni and Holm 3', () => {
    const family = { pValues: INFARCTION, alpha: 0.05 }
    expect(numbers(benjaminiHochberg(family)).rejections).toBe(4)
    expect(numbers(bonferroni(family)).rejections).toBe(3)
    expect(numbers(holm(family)).rejections).toBe(3)
  })

  test('by hand: Holm rejects two of the p values 0.01, 0.04, 0.03, 0.005 at 0.05', () => {
    const { tests } = numbers(holm({ pValues: [0.01, 0.04, 0.03, 0.005], alpha: 0.05 }))
    expect(tests.map(({ rejected }) => rejected)).toEqual([true, false, false, true])
    for (const [index, p] of [0.03, 0.06, 0.06, 0.02].entries()) expectClose(tests[index]?.pValue, p, 1e-15)
  })

  test('a test at the very level is rejected', () => {
    for (const method of [bonferroni, holm, benjaminiHochberg])
      expect(numbers(method({ pValues: [0.025, 0.9], alpha: 0.05 })).tests[0]?.rejected).toBe(true)
  })

  test('tell apart p values that underflow', () => {
    const { tests } = numbers(holm({ logPValues: [-2000, -3000, -0.1], alpha: 0.05 }))
    expectClose(tests[0]?.logPValue, -2000 + Math.log(2), 1e-15)
    expectClose(tests[1]?.logPValue, -3000 + Math.log(3), 1e-15)
  })

  test('a p value of 0 stays finite', () => {
    const result = numbers(holm({ pValues: [0, 0.5], alpha: 0.05 }))
    expect(result.tests[0]).toMatchObject({ pValue: 0, rejected: true })
    expect(allFinite(result)).toBe(true)
  })
})

describe('corrections keep the rules', () => {
  const family = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 })

  test('Bonferroni is at least Holm, Holm at least Benjamini-Hochberg, that at least p', () => {
    fc.assert(
      fc.property(family, pValues => {
        const [most, more, less] = [bonferroni, holm, benjaminiHochberg].map(method =>
          numbers(method({ pValues, alpha: 0.05 })).tests.map(({ pValue }) => pValue),
        )
        for (const [index, p] of pValues.entries()) {
          const chain = [most?.[index] ?? 0, more?.[index] ?? 0, less?.[index] ?? 0, p]
          for (let k = 1; k < chain.length; k += 1)
            expect(chain[k - 1]).toBeGreaterThanOrEqual((chain[k] ?? 0) * (1 - 1e-12))
        }
      }),
    )
  })

  test('keep the order of the input: a permuted family has permuted answers', () => {
    fc.assert(
      fc.property(family, pValues => {
        for (const method of [bonferroni, holm, benjaminiHochberg]) {
          const own = numbers(method({ pValues, alpha: 0.2 })).tests
          const other = numbers(method({ pValues: pValues.toReversed(), alpha: 0.2 })).tests
          expect(other.toReversed()).toEqual(own)
        }
      }),
    )
  })

  test.each([
    ['no tests', [], 0.05, 'insufficient'],
    ['a p value above 1', [0.1, 1.1], 0.05, 'invalid'],
    ['a negative p value', [-0.1], 0.05, 'invalid'],
    ['NaN', [Number.NaN], 0.05, 'invalid'],
    ['an alpha of 0', [0.1], 0, 'invalid'],
  ])('refuse %s', (_name, pValues, alpha, kind) => {
    for (const method of [bonferroni, holm, benjaminiHochberg])
      expect(refusal(method({ pValues, alpha })).kind).toBe(kind)
  })

  test.each([0.1, Number.NEGATIVE_INFINITY, Number.NaN])('refuse a log p value of %f', log => {
    expect(refusal(holm({ logPValues: [log], alpha: 0.05 })).kind).toBe('invalid')
  })
})
