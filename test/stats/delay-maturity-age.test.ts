import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DelayCounts, delayDistribution } from '../../src/stats/delay/delay-distribution.ts'
import { delayBin, delayBinEndMs, lastBinWithin } from '../../src/stats/delay/delay-grid.ts'
import { delayQuantiles, maturityAge, shareArrived } from '../../src/stats/delay/maturity-age.ts'
import reference from '../reference/delay_distribution.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal, uniforms } from './support.ts'

function distributionOf(counts: DelayCounts) {
  return numbers(delayDistribution(counts))
}

/** Predictions made evenly over a time, labelled after an exponential delay or never. */
function exponential(options: { count: number; meanMs: number; never: number; overMs: number; seed: number }) {
  const { count, meanMs, never, overMs, seed } = options
  const random = uniforms(seed)
  const labelled = new Array<number>(212).fill(0)
  const censored = new Array<number>(212).fill(0)
  for (let index = 0; index < count; index += 1) {
    const followed = lastBinWithin(overMs * random())
    const bin = random() < never ? Number.MAX_VALUE : delayBin(-meanMs * Math.log(1 - random()))
    if (followed < 0) continue
    if (bin <= followed) labelled[bin] = (labelled[bin] ?? 0) + 1
    else censored[followed] = (censored[followed] ?? 0) + 1
  }
  return distributionOf({ labelled, censored })
}

describe('the age of maturity', () => {
  test.each(reference.maturity)('is that of its definition: $name', one => {
    const horizonMs = one.horizonBin === null ? null : delayBinEndMs(one.horizonBin)
    const result = maturityAge({ distribution: distributionOf(one), share: one.share, horizonMs })
    if (one.answer === null) {
      expect(refusal(result).kind).toBe('insufficient')
      return
    }
    const { ageMs, labelledShare, horizonMs: horizon } = numbers(result)
    expect([ageMs, horizon]).toEqual([delayBinEndMs(one.answer.bin), delayBinEndMs(one.answer.horizonBin)])
    expectClose(labelledShare, one.answer.labelledShare, 1e-12)
  })

  test('is found from predictions of all ages, most of them too young: three means of an exponential delay', () => {
    const meanMs = 3_600_000
    const old = exponential({ count: 20_000, meanMs, never: 0.6, overMs: 12 * meanMs, seed: 1 })
    const { ageMs, labelledShare } = numbers(maturityAge({ distribution: old, share: 0.95 }))
    expect(ageMs / meanMs).toBeGreaterThan(2.6)
    expect(ageMs / meanMs).toBeLessThan(3.5)
    expect(labelledShare).toBeCloseTo(0.4, 1)
  })

  test('is not told while labels are still coming', () => {
    const meanMs = 3_600_000
    for (const means of [0.5, 1, 2, 4]) {
      const young = exponential({ count: 20_000, meanMs, never: 0.6, overMs: means * meanMs, seed: 2 })
      expect(refusal(maturityAge({ distribution: young, share: 0.95 })).kind).toBe('insufficient')
    }
  })

  test('is told at once within a horizon that was declared and watched', () => {
    const meanMs = 3_600_000
    const young = exponential({ count: 20_000, meanMs, never: 0.6, overMs: 2 * meanMs, seed: 2 })
    const { ageMs, horizonMs } = numbers(maturityAge({ distribution: young, share: 0.95, horizonMs: meanMs }))
    expect(horizonMs).toBe(meanMs)
    expect(ageMs).toBeLessThanOrEqual(meanMs)
    expect(ageMs).toBeGreaterThan(0.8 * meanMs)
  })

  test('grows with the share', () => {
    const shares = fc.double({ min: 0.01, max: 0.99, noNaN: true })
    const distribution = exponential({ count: 5000, meanMs: 1e6, never: 0.3, overMs: 2e7, seed: 3 })
    fc.assert(
      fc.property(shares, shares, (one, other) => {
        const [less = 0, more = 0] = [one, other].sort((a, b) => a - b)
        const ages = [less, more].map(share => numbers(maturityAge({ distribution, share })).ageMs)
        expect(ages[0]).toBeLessThanOrEqual(ages[1] ?? 0)
      }),
    )
  })

  test.each([
    ['a share of 1', 1, null],
    ['a share of NaN', Number.NaN, null],
    ['a horizon of 0', 0.95, 0],
    ['a horizon of NaN', 0.95, Number.NaN],
  ])('is refused for %s', (_name, share, horizonMs) => {
    const distribution = distributionOf({ labelled: [100], censored: [0] })
    expect(refusal(maturityAge({ distribution, share, horizonMs })).kind).toBe('invalid')
  })

  test('within a horizon before the first label there is none', () => {
    const distribution = distributionOf({ labelled: [0, 0, 0, 100], censored: [0, 0, 0, 5] })
    expect(refusal(maturityAge({ distribution, share: 0.95, horizonMs: 1.2 })).kind).toBe('insufficient')
  })
})

describe('quantiles of the delay', () => {
  test('are those of the law, of labels that come', () => {
    const distribution = exponential({ count: 20_000, meanMs: 1e6, never: 0.5, overMs: 2e7, seed: 4 })
    const { delaysMs } = numbers(delayQuantiles({ distribution, shares: [0.5, 0.9, 0.99] }))
    for (const [index, share] of [0.5, 0.9, 0.99].entries()) {
      const ratio = (delaysMs[index] ?? 0) / (-1e6 * Math.log(1 - share))
      expect(ratio).toBeGreaterThan(0.9)
      expect(ratio).toBeLessThan(1.2)
    }
  })

  test('are insufficient with few labels, and refused for a share of 0', () => {
    const distribution = distributionOf({ labelled: [49], censored: [0] })
    expect(refusal(delayQuantiles({ distribution, shares: [0.5] })).kind).toBe('insufficient')
    expect(refusal(delayQuantiles({ distribution, shares: [0.5, 0] })).kind).toBe('invalid')
  })
})

describe('the share of labels that have come', () => {
  const distribution = exponential({ count: 20_000, meanMs: 1e6, never: 0.5, overMs: 2e7, seed: 5 })

  test('rises with age from 0 to 1 at the horizon', () => {
    const agesMs = [-1, 0, 1e4, 1e5, 1e6, 3e6, 5e6, 1e12]
    const result = numbers(shareArrived({ distribution, agesMs, horizonMs: 5e6 }))
    expect(allFinite(result)).toBe(true)
    expect(result.shares.toSorted((a, b) => a - b)).toEqual(result.shares)
    expect([result.shares[0], result.shares.at(-2), result.shares.at(-1)]).toEqual([0, 1, 1])
    expect(result.shares[4]).toBeCloseTo(1 - Math.exp(-1), 1)
  })

  test('is unknown up to a horizon that was not watched', () => {
    expect(refusal(shareArrived({ distribution, agesMs: [1], horizonMs: 1e9 })).kind).toBe('insufficient')
    expect(refusal(shareArrived({ distribution, agesMs: [Number.NaN], horizonMs: 5e6 })).kind).toBe('invalid')
  })
})
