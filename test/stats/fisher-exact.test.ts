import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FISHER_DEVIATION_MAX, fisherExact } from '../../src/stats/fixed/fisher-exact.ts'
import { twoProportions } from '../../src/stats/fixed/two-proportions.ts'
import reference from '../reference/fisher_exact.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

function rates(x1: number, n1: number, x2: number, n2: number) {
  return { candidate: { events: x1, trials: n1 }, stable: { events: x2, trials: n2 } }
}

describe("Fisher's exact test", () => {
  test.each(reference.tables)(
    'agrees with whole-number arithmetic: $candidate, $stable',
    ({ logPValues, ...table }) => {
      const result = numbers(fisherExact(table))
      expectClose(result.logPValue, logPValues[0] ?? Number.NaN, 1e-11)
      expectClose(result.greater.logPValue, logPValues[1] ?? Number.NaN, 1e-11)
      expectClose(result.less.logPValue, logPValues[2] ?? Number.NaN, 1e-11)
      expect(allFinite(result)).toBe(true)
    },
  )

  test('gives the lady tasting tea, 3 of 4 cups right, p = 17/70 and 34/70 (Fisher 1935)', () => {
    const { pValue, greater } = numbers(fisherExact(rates(3, 4, 1, 4)))
    expectClose(greater.pValue, 17 / 70, 1e-14)
    expectClose(pValue, 34 / 70, 1e-14)
  })

  test("gives the convicted twins of criminals p = 0.000537 (Fisher's data, 10 of 13 against 2 of 17)", () => {
    const { pValue, greater } = numbers(fisherExact(rates(10, 13, 2, 17)))
    expect(greater.pValue).toBeCloseTo(0.000465, 6)
    expect(pValue).toBeCloseTo(0.000537, 6)
  })

  test('keeps a p value below 1e-300', () => {
    const result = numbers(fisherExact(rates(1e8, 1e8, 0, 1e8)))
    expect(result.pValue).toBe(0)
    // log C(2e8, 1e8) by Stirling's formula; the two extreme tables are equally likely.
    const expected = Math.LN2 - (2e8 * Math.LN2 - 0.5 * Math.log(Math.PI * 1e8))
    expectClose(result.logPValue, expected, 1e-13)
  })

  test('approaches the z test of two rates where counts are large', () => {
    const table = rates(40_010_000, 1e8, 40_000_000, 1e8)
    const exact = numbers(fisherExact(table))
    const { logPValue } = numbers(twoProportions({ ...table, alpha: 0.05 }))
    expect(Math.abs(exact.logPValue - logPValue)).toBeLessThan(1e-3)
  })

  test('stays the same when versions, or events and failures, change places', () => {
    const arm = fc.tuple(fc.nat(40), fc.nat(40)).filter(([events, failures]) => events + failures > 0)
    fc.assert(
      fc.property(arm, arm, ([a, b], [c, d]) => {
        const own = numbers(fisherExact(rates(a, a + b, c, c + d)))
        const swapped = numbers(fisherExact(rates(c, c + d, a, a + b)))
        const mirrored = numbers(fisherExact(rates(b, a + b, d, c + d)))
        for (const other of [swapped, mirrored]) {
          expectClose(other.logPValue, own.logPValue, 1e-12)
          expectClose(other.less.logPValue, own.greater.logPValue, 1e-12)
        }
        const smaller = Math.min(own.greater.pValue, own.less.pValue)
        expect(own.pValue).toBeGreaterThanOrEqual(smaller * (1 - 1e-12))
        expect(own.greater.pValue + own.less.pValue).toBeGreaterThan(1 - 1e-12)
      }),
    )
  })

  test.each([
    ['a version without trials', rates(0, 0, 1, 2), 'insufficient'],
    ['more events than trials', rates(3, 2, 1, 2), 'invalid'],
    ['trials beyond whole doubles', rates(1, 2 ** 53 - 1, 1, 5), 'invalid'],
    ['margins that leave too many tables', rates(1e12, 4e12, 1e12, 4e12), 'invalid'],
  ])('refuses %s', (_name, table, kind) => {
    expect(refusal(fisherExact(table)).kind).toBe(kind)
  })

  test('names its limit when it refuses', () => {
    expect(refusal(fisherExact(rates(1e12, 4e12, 1e12, 4e12))).reason).toContain(String(FISHER_DEVIATION_MAX))
  })
})
