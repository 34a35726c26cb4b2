import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareMeans, type MeanArm, type MeanStratum } from '../../src/stats/sequential/compare-means.ts'
import reference from '../reference/compare_means.json' with { type: 'json' }
import { frequencyOfBeliefs, harmlessReleases } from './peeking-at-means.ts'
import { allFinite, expectClose, numbers, refusal } from './support.ts'

type Scale = 'absolute' | 'relative'

describe('a comparison of means', () => {
  test.each(reference.comparisons)('agrees with quadrature and bisection at 40 digits: $name', row => {
    const result = numbers(compareMeans({ ...row, scale: row.scale as Scale }))
    const { strataUsed, ...expected } = row.expected
    expect(result.strataUsed).toBe(strataUsed)
    for (const [key, value] of Object.entries(expected))
      expectClose(result[key as keyof typeof expected], value, 1e-9 * Math.min(1, expected.standardError + 1e-3))
    expect(result.above).toBe(expected.logEvidenceAbove >= -Math.log(row.alpha))
    expect(allFinite(result)).toBe(true)
  })
})

const arm: fc.Arbitrary<MeanArm> = fc.record({
  n: fc.integer({ min: 100, max: 1e8 }),
  mean: fc.double({ min: 10, max: 1000, noNaN: true }),
  variance: fc.double({ min: 0.01, max: 1e4, noNaN: true }),
})
const strata = fc.array(fc.record({ candidate: arm, stable: arm }), { minLength: 1, maxLength: 5 })
const scale = fc.constantFrom<Scale>('absolute', 'relative')
const margin = fc.double({ min: -0.9, max: 3, noNaN: true })

const swapped = (all: readonly MeanStratum[]) =>
  all.map(({ candidate, stable }) => ({ candidate: stable, stable: candidate }))

describe('for any strata', () => {
  test('their order does not matter', () => {
    fc.assert(
      fc.property(strata, margin, scale, (all, margin, scale) => {
        const one = compareMeans({ strata: all, margin, scale, alpha: 0.05 })
        const other = compareMeans({ strata: [...all].reverse(), margin, scale, alpha: 0.05 })
        expect(one.ok).toBe(other.ok)
        if (!one.ok || !other.ok) return
        for (const key of ['estimate', 'lower', 'upper', 'logEvidenceAbove', 'logEvidenceBelow'] as const)
          expectClose(one[key], other[key], 1e-8)
      }),
    )
  })

  test('swapping the arms turns the sign of the difference', () => {
    fc.assert(
      fc.property(strata, margin, (all, margin) => {
        const one = numbers(compareMeans({ strata: all, margin, scale: 'absolute', alpha: 0.05 }))
        const other = numbers(compareMeans({ strata: swapped(all), margin: -margin, scale: 'absolute', alpha: 0.05 }))
        expectClose(one.estimate, -other.estimate, 1e-10)
        expectClose(one.lower, -other.upper, 1e-10)
        expectClose(one.logEvidenceAbove, other.logEvidenceBelow, 1e-8)
        expect(one.above).toBe(other.below)
      }),
    )
  })

  test('swapping the arms inverts the quotient', () => {
    fc.assert(
      fc.property(strata, all => {
        const one = compareMeans({ strata: all, margin: 0, scale: 'relative', alpha: 0.05 })
        const other = compareMeans({ strata: swapped(all), margin: 0, scale: 'relative', alpha: 0.05 })
        if (!one.ok || !other.ok) return
        expectClose((1 + one.lower) * (1 + other.upper), 1, 1e-9)
        expectClose(one.logEvidenceAbove, other.logEvidenceBelow, 1e-8)
      }),
    )
  })

  test('a smaller alpha widens the limits and leaves the evidence as it is', () => {
    fc.assert(
      fc.property(strata, scale, (all, scale) => {
        const strict = compareMeans({ strata: all, margin: 0.1, scale, alpha: 0.001 })
        const lenient = compareMeans({ strata: all, margin: 0.1, scale, alpha: 0.1 })
        if (!strict.ok || !lenient.ok) return
        expect(strict.lower).toBeLessThan(lenient.lower)
        expect(strict.upper).toBeGreaterThan(lenient.upper)
        expect(strict.logEvidenceAbove).toBe(lenient.logEvidenceAbove)
      }),
    )
  })

  test('a margin outside the limits is the one that the evidence excludes', () => {
    fc.assert(
      fc.property(strata, margin, scale, (all, margin, scale) => {
        const result = compareMeans({ strata: all, margin, scale, alpha: 0.05 })
        if (!result.ok) return
        const { lower, upper, threshold, estimate } = result
        expect(lower < estimate && estimate < upper).toBe(true)
        const near = 1e-9 * (1 + Math.abs(margin))
        if (Math.abs(margin - lower) > near) expect(result.logEvidenceAbove >= threshold).toBe(margin < lower)
        if (Math.abs(margin - upper) > near) expect(result.below).toBe(margin > upper)
        expect(result.logEvidenceAbove >= threshold).toBe(result.above)
        expect(allFinite(result)).toBe(true)
      }),
    )
  })
})

describe('arms that differ by the margin are seldom believed to differ by more or less, asked after every 50 of 10 000 clusters', () => {
  const RUNS = 30
  const hardest = harmlessReleases.filter(({ name }) =>
    /^(norm|exp).*50\/50|(sigma|Bern).*5\/95|ramp.*drift/.test(name),
  )
  test.each(hardest.filter(({ scale }) => scale === 'relative'))('$name', release => {
    const bound = release.alpha + 3 * Math.sqrt((release.alpha * (1 - release.alpha)) / RUNS)
    const { above, below } = frequencyOfBeliefs(release, RUNS)
    expect(above).toBeLessThanOrEqual(bound)
    expect(below).toBeLessThanOrEqual(bound)
  })
})

const good: MeanStratum = {
  candidate: { n: 500, mean: 1, variance: 2 },
  stable: { n: 500, mean: 1, variance: 2 },
}
const stableWith = (changes: Partial<MeanArm>): MeanStratum => ({ ...good, stable: { ...good.stable, ...changes } })
const ask = { strata: [good], margin: 0, scale: 'relative', alpha: 0.05 } as const

describe('what has no answer', () => {
  test.each<[string, Partial<Parameters<typeof compareMeans>[0]>, string]>([
    ['no strata', { strata: [] }, 'insufficient'],
    ['99 clusters in an arm', { strata: [stableWith({ n: 99 })] }, 'insufficient'],
    ['strata of 29 clusters', { strata: Array.from({ length: 10 }, () => stableWith({ n: 29 })) }, 'insufficient'],
    ['a stable mean of 0', { strata: [stableWith({ mean: 0 })] }, 'insufficient'],
    ['a stable mean below 0', { strata: [stableWith({ mean: -9 })] }, 'insufficient'],
    ['a negative count', { strata: [stableWith({ n: -1 })] }, 'invalid'],
    ['a variance below 0', { strata: [stableWith({ variance: -1 })] }, 'invalid'],
    ['a mean of NaN', { strata: [stableWith({ mean: Number.NaN })] }, 'invalid'],
    [
      'means too far apart',
      { strata: [stableWith({ mean: 1e308, variance: 1e300 })], scale: 'absolute', margin: 1.7e308 },
      'invalid',
    ],
    ['a margin of -1', { margin: -1 }, 'invalid'],
    ['a margin of Infinity', { margin: Number.POSITIVE_INFINITY }, 'invalid'],
    ['an alpha of 0', { alpha: 0 }, 'invalid'],
    ['tuned for nothing', { tunedFor: 0 }, 'invalid'],
  ])('is refused: %s', (_name, changes, kind) => {
    expect(refusal(compareMeans({ ...ask, ...changes })).kind).toBe(kind)
  })

  test('is told with the counts', () => {
    const { reason } = refusal(compareMeans({ ...ask, strata: [stableWith({ n: 70 })] }))
    expect(reason).toContain('500 clusters of the candidate and 70 of the stable arm')
  })

  test('is, among others, a comparison of two constants', () => {
    const constant = { n: 1000, mean: 5, variance: 0 }
    const strata = [{ candidate: constant, stable: { ...constant, mean: 6 } }]
    expect(refusal(compareMeans({ ...ask, strata })).kind).toBe('insufficient')
  })
})
