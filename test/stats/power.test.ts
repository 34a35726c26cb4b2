import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { testDuration } from '../../src/stats/planning/duration.ts'
import { detectableMean, type MeanMethod, meanPower, meanSampleSize } from '../../src/stats/planning/mean-power.ts'
import {
  detectableProportion,
  type ProportionMethod,
  proportionPower,
  proportionSampleSize,
} from '../../src/stats/planning/proportion-power.ts'
import type { Better, Hypothesis } from '../../src/stats/planning/test-design.ts'
import reference from '../reference/power.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

function expectRelative(actual: number, expected: number, tolerance: number): void {
  expect(Math.abs(actual / expected - 1)).toBeLessThanOrEqual(tolerance)
}

function designOf(row: { alpha: number; hypothesis: object; boundary?: number | null }) {
  return { alpha: row.alpha, hypothesis: row.hypothesis as Hypothesis, boundary: row.boundary ?? undefined }
}

describe('planning a test of two proportions', () => {
  test.each(reference.proportions)(
    'sizes and power agree with root finding on the power: $method $rates $ratio $hypothesis.kind',
    row => {
      const design = { ...designOf(row), method: row.method as ProportionMethod }
      const size = numbers(proportionSampleSize({ ...design, rates: row.rates, power: row.power, ratio: row.ratio }))
      expectRelative(size.unrounded, row.unrounded, 1e-9)
      expect(size.stable).toBe(Math.ceil(row.unrounded))
      expect(size.total).toBe(size.stable + size.candidate)
      const { power } = numbers(proportionPower({ ...design, rates: row.rates, sizes: row.sizes }))
      expectRelative(power, row.powerAtSizes, 1e-11)
      expect(allFinite(size)).toBe(true)
    },
  )

  test.each(reference.detectable)('detectable differences agree: $method $stableRate $direction', row => {
    const design = { ...designOf(row), method: row.method as ProportionMethod }
    const { stableRate, sizes, power } = row
    const direction = row.direction as Better
    const result = numbers(detectableProportion({ ...design, stableRate, sizes, power, direction }))
    expectRelative(result.difference, row.difference, 1e-9)
    expectClose(result.candidateRate, stableRate + row.difference, 1e-12)
    expect(result.relative === undefined).toBe(stableRate === 0)
  })

  test('0.50 against 0.75 with power 0.90 takes 76.7 units a version (documentation of power.prop.test in R)', () => {
    const rates = { stable: 0.5, candidate: 0.75 }
    const size = numbers(proportionSampleSize({ rates, alpha: 0.05, power: 0.9, method: 'pooled' }))
    expectClose(size.unrounded, 76.7, 0.05 / 76.7)
    expect(size.stable).toBe(77)
  })

  test('0.60 against 0.70 at alpha 0.01 with power 0.95 takes 827 units a version (Fleiss 1981, table A.3)', () => {
    const rates = { stable: 0.6, candidate: 0.7 }
    expect(numbers(proportionSampleSize({ rates, alpha: 0.01, power: 0.95, method: 'corrected' })).stable).toBe(827)
  })

  test.each([
    [0.2, 392],
    [0.5, 63],
    [0.8, 25],
  ])('h = %d takes %d units a version at power 0.80 (Cohen, "A power primer", 1992, table 2, test 5)', (h, units) => {
    const rates = { stable: 0.5, candidate: Math.sin(Math.PI / 4 + h / 2) ** 2 }
    const size = numbers(proportionSampleSize({ rates, alpha: 0.05, power: 0.8, method: 'arcsine' }))
    expect(Math.round(size.unrounded)).toBe(units)
  })

  test('more units and greater differences have more power, and sizes found have the power sought', () => {
    const rate = fc.double({ min: 0.001, max: 0.999, noNaN: true })
    const method = fc.constantFrom<ProportionMethod>('unpooled', 'pooled', 'corrected', 'arcsine')
    const ratio = fc.double({ min: 0.05, max: 20, noNaN: true })
    fc.assert(
      fc.property(rate, rate, method, ratio, (stable, candidate, how, share) => {
        fc.pre(Math.abs(stable - candidate) > 1e-6)
        const design = { alpha: 0.05, rates: { stable, candidate }, method: how }
        const size = numbers(proportionSampleSize({ ...design, power: 0.8, ratio: share }))
        const powerAt = (factor: number) => {
          const sizes = {
            stable: Math.max(1, size.stable * factor),
            candidate: Math.max(1, size.candidate * factor),
          }
          return numbers(proportionPower({ ...design, sizes })).power
        }
        expect(powerAt(1)).toBeGreaterThanOrEqual(0.8 - (size.unrounded < 20 ? 0.05 : 1e-3))
        expect(powerAt(2)).toBeGreaterThanOrEqual(powerAt(1) - 1e-12)
      }),
    )
  })

  const rates = { stable: 0.1, candidate: 0.12 }
  const inferior: Hypothesis = { kind: 'non-inferiority', better: 'lower', margin: 0.01 }
  test.each([
    ['equal rates', { rates: { stable: 0.1, candidate: 0.1 } }],
    ['a rate above 1', { rates: { stable: 0.1, candidate: 1.1 } }],
    ['a rate of NaN', { rates: { stable: Number.NaN, candidate: 0.1 } }],
    ['the worse side', { rates, hypothesis: { kind: 'superiority', better: 'lower' } as const }],
    ['beyond the margin', { rates, hypothesis: inferior }],
    ['a margin with a pooled variance', { rates, hypothesis: inferior, method: 'pooled' as const }],
    ['a margin of 0', { rates, hypothesis: { ...inferior, margin: 0 } }],
    ['a margin of 1', { rates, hypothesis: { ...inferior, margin: 1 } }],
    ['another method', { rates, method: 'exact' as ProportionMethod }],
    ['another hypothesis', { rates, hypothesis: { kind: 'equal' } as unknown as Hypothesis }],
    ['another side', { rates, hypothesis: { kind: 'superiority', better: 'up' as Better } as const }],
    ['a ratio of 0', { rates, ratio: 0 }],
    ['a power of 1', { rates, power: 1 }],
    ['a power below alpha', { rates, power: 0.02 }],
    ['an alpha of 0', { rates, alpha: 0 }],
    ['a boundary of 0', { rates, boundary: 0 }],
  ])('is refused: %s', (_name, change) => {
    expect(refusal(proportionSampleSize({ alpha: 0.05, power: 0.8, ...change })).kind).toBe('invalid')
  })

  test('what no traffic can show is insufficient', () => {
    const tiny = { stable: 0.5, candidate: 0.5 + 1e-9 }
    expect(refusal(proportionSampleSize({ alpha: 0.05, power: 0.8, rates: tiny })).kind).toBe('insufficient')
    const sizes = { stable: 5, candidate: 5 }
    expect(refusal(detectableProportion({ alpha: 0.05, power: 0.8, stableRate: 0.9, sizes })).kind).toBe('insufficient')
  })

  test('rates that leave nothing to chance have power 0 or 1', () => {
    const sizes = { stable: 3, candidate: 3 }
    const design = { alpha: 0.05, sizes }
    expect(numbers(proportionPower({ ...design, rates: { stable: 0, candidate: 1 } })).power).toBe(1)
    expect(numbers(proportionPower({ ...design, rates: { stable: 0, candidate: 0 } })).power).toBe(0)
    expect(numbers(proportionSampleSize({ alpha: 0.05, power: 0.8, rates: { stable: 0, candidate: 1 } })).total).toBe(2)
  })

  test.each([
    ['a size of 0', { sizes: { stable: 0, candidate: 5 } }],
    ['a direction against the hypothesis', { direction: 'higher' as const, hypothesis: inferior }],
    ['another direction', { direction: 'up' as Better }],
    ['a power of 0', { power: 0 }],
    ['a rate below 0', { stableRate: -0.1 }],
  ])('a detectable difference is refused: %s', (_name, change) => {
    const plan = { alpha: 0.05, power: 0.8, stableRate: 0.1, sizes: { stable: 50, candidate: 50 } }
    expect(refusal(detectableProportion({ ...plan, ...change })).kind).toBe('invalid')
  })
})

describe('planning a test of two means', () => {
  test.each(reference.means)(
    'sizes and power agree with root finding on the power: $method $difference $ratio $hypothesis.kind',
    row => {
      const design = { ...designOf(row), method: row.method as MeanMethod, spreads: row.spreads }
      const { difference, power, ratio } = row
      const size = numbers(meanSampleSize({ ...design, difference, power, ratio }))
      if (row.unrounded > 2) expectRelative(size.unrounded, row.unrounded, 1e-9)
      expect(size.stable).toBe(Math.max(2, Math.ceil(row.unrounded)))
      const result = numbers(meanPower({ ...design, difference, sizes: row.sizes }))
      expectRelative(result.power, row.powerAtSizes, 1e-9)
      const hypothesis = row.hypothesis as Hypothesis
      if (hypothesis.kind === 'difference') {
        const found = numbers(detectableMean({ ...design, sizes: row.sizes, power: row.powerAtSizes }))
        // A power near 1 says little about the difference that has it.
        if (row.powerAtSizes < 0.99) expectRelative(found.difference, Math.abs(difference), 1e-9)
      }
    },
  )

  const spreads = { stable: 1, candidate: 1 }
  test.each([
    [0.2, 393],
    [0.5, 64],
    [0.8, 26],
  ])('d = %d takes %d units a version at power 0.80 (Cohen, "A power primer", 1992, table 2, test 1)', (d, units) => {
    const size = numbers(meanSampleSize({ difference: d, spreads, alpha: 0.05, power: 0.8, method: 'student' }))
    expect(Math.abs(size.stable - units)).toBeLessThanOrEqual(d === 0.2 ? 1 : 0)
  })

  test('d = 0.5 has power 0.80 with 64 units a version (Cohen 1988, table 2.3.5)', () => {
    const sizes = { stable: 64, candidate: 64 }
    const { power } = numbers(meanPower({ difference: 0.5, spreads, sizes, alpha: 0.05, method: 'student' }))
    expect(power.toFixed(2)).toBe('0.80')
  })

  test('power 0.8690 with 20 units of d = 1, 22.02 units for power 0.90 (documentation of power.t.test in R)', () => {
    const design = { difference: 1, spreads, alpha: 0.05, method: 'student' as const }
    expectClose(numbers(meanPower({ ...design, sizes: { stable: 20, candidate: 20 } })).power, 0.8689528, 1e-7)
    expectClose(numbers(meanSampleSize({ ...design, power: 0.9 })).unrounded, 22.0211, 1e-5)
  })

  test('a margin at equal means is a difference of that size', () => {
    const hypothesis = { kind: 'non-inferiority', better: 'higher', margin: 0.3 } as const
    const design = { spreads, alpha: 0.025, power: 0.9 }
    const shown = numbers(meanSampleSize({ ...design, hypothesis, difference: 0 }))
    expect(shown).toEqual(numbers(meanSampleSize({ ...design, alpha: 0.05, difference: 0.3 })))
    const sizes = { stable: shown.unrounded, candidate: shown.unrounded }
    expectClose(numbers(detectableMean({ ...design, hypothesis, sizes })).difference, 0, 1e-12)
  })

  test.each([
    ['no difference', { difference: 0 }],
    ['a difference of NaN', { difference: Number.NaN }],
    ['a spread of 0', { spreads: { stable: 0, candidate: 1 } }],
    ['unequal spreads for a t test', { spreads: { stable: 1, candidate: 2 }, method: 'student' as const }],
    ['another method', { method: 'exact' as MeanMethod }],
    ['a power of 0', { power: 0 }],
    ['a ratio beyond a million', { ratio: 1e7 }],
    ['an infinite boundary', { boundary: Number.POSITIVE_INFINITY }],
  ])('is refused: %s', (_name, change) => {
    const plan = { difference: 1, spreads, alpha: 0.05, power: 0.8 }
    expect(refusal(meanSampleSize({ ...plan, ...change })).kind).toBe('invalid')
  })

  test.each([
    [
      'one unit',
      refusal(meanPower({ difference: 1, spreads, alpha: 0.05, sizes: { stable: 1, candidate: 9 } })),
      'invalid',
    ],
    ['too many units', refusal(meanSampleSize({ difference: 1e-9, spreads, alpha: 0.05, power: 0.8 })), 'insufficient'],
    [
      'one unit to detect with',
      refusal(detectableMean({ power: 0.8, spreads, alpha: 0.05, sizes: { stable: 1, candidate: 9 } })),
      'invalid',
    ],
  ])('is refused: %s', (_name, { kind }, expected) => {
    expect(kind).toBe(expected)
  })
})

describe('the duration of a test', () => {
  const shares = { stable: 0.9, candidate: 0.1 }
  test.each([
    [
      'the version with less traffic decides',
      { sizes: { stable: 1000, candidate: 1000 }, wholeWeeks: false },
      10,
      10,
      'candidate',
    ],
    ['whole weeks', { sizes: { stable: 1000, candidate: 1000 } }, 14, 10, 'candidate'],
    ['outcomes that come late', { sizes: { stable: 1000, candidate: 1000 }, outcomeDelayDays: 5 }, 21, 10, 'candidate'],
    ['a week exactly', { sizes: { stable: 6300, candidate: 1 } }, 7, 7, 'stable'],
    ['no units needed', { sizes: { stable: 0, candidate: 0 }, wholeWeeks: false }, 0, 0, 'stable'],
  ])('%s', (_name, plan, days, enrolmentDays, limitedBy) => {
    const result = numbers(testDuration({ unitsPerDay: 1000, shares, ...plan }))
    expect(result).toMatchObject({ days, limitedBy })
    expectClose(result.enrolmentDays, enrolmentDays, 1e-12)
  })

  const sizes = { stable: 1000, candidate: 1000 }
  test.each([
    ['no traffic', { unitsPerDay: 0 }, 'insufficient'],
    ['a version without traffic', { shares: { stable: 1, candidate: 0 } }, 'insufficient'],
    ['more than ten years', { unitsPerDay: 1 }, 'insufficient'],
    ['negative traffic', { unitsPerDay: -1 }, 'invalid'],
    ['shares beyond 1', { shares: { stable: 0.9, candidate: 0.2 } }, 'invalid'],
    ['a negative share', { shares: { stable: 0.9, candidate: -0.1 } }, 'invalid'],
    ['a negative delay', { outcomeDelayDays: -1 }, 'invalid'],
    ['negative sizes', { sizes: { stable: -1, candidate: 1 } }, 'invalid'],
  ])('is refused: %s', (_name, change, kind) => {
    expect(refusal(testDuration({ sizes, unitsPerDay: 1000, shares, ...change })).kind).toBe(kind)
  })
})
