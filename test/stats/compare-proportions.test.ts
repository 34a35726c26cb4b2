import { describe, expect, test } from 'vitest'
import {
  compareProportions,
  type ProportionStratum,
  proportionEvidence,
} from '../../src/stats/sequential/compare-proportions.ts'
import reference from '../reference/compare_proportions.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

/** A stratum from candidate events and trials, then stable events and trials. */
function stratum(events: number, trials: number, stableEvents: number, stableTrials: number): ProportionStratum {
  return { candidate: { events, trials }, stable: { events: stableEvents, trials: stableTrials } }
}

function compare(strata: readonly ProportionStratum[], margin = 0.01, alpha = 0.05) {
  return numbers(compareProportions({ strata, margin, alpha }))
}

describe('a comparison agrees with 40-digit arithmetic to 1e-8', () => {
  test.each(reference.comparisons.map((row, index) => ({ index, ...row })))('case $index', row => {
    const result = compare(row.strata, row.margin, row.alpha)
    for (const [key, expected] of Object.entries(row.expected))
      expectClose(result[key as keyof typeof row.expected], expected, 1e-8)
    expect(result.crossed).toBe(row.expected.logEvidenceAbove >= -Math.log(row.alpha))
    expect(result.shownBelow).toBe(row.expected.logEvidenceBelow >= -Math.log(row.alpha))
    expect(allFinite(result)).toBe(true)
  })
})

describe('evidence', () => {
  test('is the same with and without the limits', () => {
    const strata = [stratum(9, 100, 20, 1900), stratum(3, 90, 1, 80)]
    const { logEvidenceAbove, logEvidenceBelow } = compare(strata)
    expect(numbers(proportionEvidence({ strata, margin: 0.01 }))).toEqual({
      ok: true,
      logEvidenceAbove,
      logEvidenceBelow,
    })
  })

  test('that a candidate is worse mirrors evidence that it is better', () => {
    const there = compare([stratum(9, 100, 20, 1900)], 0.01)
    const back = compare([stratum(20, 1900, 9, 100)], -0.01)
    expectClose(there.logEvidenceAbove, back.logEvidenceBelow, 1e-12)
    expectClose(there.lower, -back.upper, 1e-12)
  })

  test('crosses exactly when the margin leaves the confidence sequence', () => {
    const strata = [stratum(30, 100, 100, 1900), stratum(40, 200, 20, 200)]
    const { lower, upper } = compare(strata)
    expect([compare(strata, lower - 1e-9).crossed, compare(strata, lower + 1e-9).crossed]).toEqual([true, false])
    expect([compare(strata, upper - 1e-9).shownBelow, compare(strata, upper + 1e-9).shownBelow]).toEqual([false, true])
  })

  test('grows over strata that agree, each too small to decide', () => {
    const one = stratum(6, 40, 8, 400)
    const few = compare([one])
    const many = compare([one, one, one, one])
    expect([few.crossed, many.crossed]).toEqual([false, true])
  })

  test('does not fall for Simpson: equal rates in both epochs, unequal ones in the pool', () => {
    const epochs = [stratum(2, 200, 98, 9800), stratum(500, 5000, 500, 5000)]
    const pooled = stratum(502, 5200, 598, 14_800)
    expect(compare(epochs)).toMatchObject({ crossed: false, shownBelow: false })
    expect(Math.abs(compare(epochs).estimate)).toBeLessThan(1e-15)
    expect(compare([pooled]).crossed).toBe(true)
  })

  test('finds harm that begins in a later stratum, after strata without any', () => {
    const good = stratum(1, 100, 40, 4000)
    const strata = [good, good, good, stratum(15, 100, 10, 1000)]
    const { crossed, logEvidenceAbove } = compare(strata)
    expect(crossed).toBe(true)
    // Little is lost against looking at that stratum alone.
    expect(logEvidenceAbove).toBeGreaterThan(compare(strata.slice(3)).logEvidenceAbove - Math.log(20))
  })

  test('contradicting strata are marked', () => {
    expect(compare([stratum(900, 1000, 100, 1000), stratum(100, 1000, 900, 1000)]).heterogeneous).toBe(true)
    expect(compare([stratum(90, 1000, 100, 1000), stratum(100, 1000, 90, 1000)]).heterogeneous).toBe(false)
  })

  test('a stratum with an empty arm changes nothing', () => {
    const strata = [stratum(9, 100, 20, 1900)]
    const extended = [stratum(0, 0, 500, 1e6), ...strata, stratum(3, 5, 0, 0), stratum(0, 0, 0, 0)]
    expect(compare(extended)).toEqual(compare(strata))
  })
})

describe('what cannot be compared', () => {
  const good = stratum(1, 10, 1, 10)
  test.each([
    ['no strata', [], 0.01, 0.05, 'insufficient', /both arms/],
    ['an arm that is always empty', [stratum(0, 0, 1, 10)], 0.01, 0.05, 'insufficient', /both arms/],
    ['more events than trials', [good, stratum(11, 10, 1, 10)], 0.01, 0.05, 'invalid', /candidate in stratum 1/],
    ['a negative count', [stratum(1, 10, -1, 10)], 0.01, 0.05, 'invalid', /events of the stable arm in stratum 0/],
    ['half a trial', [stratum(1, 10.5, 1, 10)], 0.01, 0.05, 'invalid', /whole number/],
    ['a count of NaN', [stratum(Number.NaN, 10, 1, 10)], 0.01, 0.05, 'invalid', /whole number/],
    ['a margin of 1', [good], 1, 0.05, 'invalid', /margin is 1/],
    ['a margin of NaN', [good], Number.NaN, 0.05, 'invalid', /margin/],
    ['an alpha of 0', [good], 0.01, 0, 'invalid', /alpha is 0/],
    ['an alpha of 1', [good], 0.01, 1, 'invalid', /alpha is 1/],
  ] as const)('is refused with the reason: %s', (_name, strata, margin, alpha, kind, reason) => {
    const refused = refusal(compareProportions({ strata, margin, alpha }))
    expect(refused.kind).toBe(kind)
    expect(refused.reason).toMatch(reason)
  })

  test('evidence without outcomes is none', () => {
    expect(numbers(proportionEvidence({ strata: [], margin: 0 }))).toEqual({
      ok: true,
      logEvidenceAbove: 0,
      logEvidenceBelow: 0,
    })
  })
})
