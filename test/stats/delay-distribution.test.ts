import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DelayCounts, delayDistribution } from '../../src/stats/delay/delay-distribution.ts'
import { DELAY_BINS, delayBin, delayBinEndMs, lastBinWithin } from '../../src/stats/delay/delay-grid.ts'
import reference from '../reference/delay_distribution.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal, uniforms } from './support.ts'

const dayMs = 86_400_000

describe('the grid', () => {
  test('goes from 1 ms to over 400 days, twenty bins a decade', () => {
    expect(delayBinEndMs(0)).toBe(1)
    expect(delayBinEndMs(20)).toBe(10)
    expect(delayBinEndMs(160)).toBe(1e8)
    expect(delayBinEndMs(DELAY_BINS - 1)).toBeGreaterThan(400 * dayMs)
  })

  test.each([
    ['before its prediction', -5, 0],
    ['at once', 0, 0],
    ['at the end of a bin', 1, 0],
    ['just after it', 1.01, 1],
    ['at the end of the grid', delayBinEndMs(DELAY_BINS - 1), DELAY_BINS - 1],
    ['beyond the grid', 1e12, DELAY_BINS],
  ])('a label that comes %s', (_when, delayMs, bin) => {
    expect(delayBin(delayMs)).toBe(bin)
  })

  test('an age covers the bins that end by then', () => {
    expect([0.5, 1, 1.1, 1.13, 10, 1e15].map(lastBinWithin)).toEqual([-1, 0, 0, 1, 20, DELAY_BINS - 1])
  })

  test('a delay lies in the bin that its age is the first to cover', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 3e10, noNaN: true }), delayMs => {
        const bin = delayBin(delayMs)
        expect(delayBinEndMs(bin)).toBeGreaterThanOrEqual(delayMs)
        expect(lastBinWithin(delayBinEndMs(bin))).toBe(bin)
        if (bin > 0) expect(delayBinEndMs(bin - 1)).toBeLessThan(delayMs)
      }),
    )
  })
})

describe('the share labelled by an age', () => {
  test.each([...reference.individual, ...reference.counts])('and its error agree: $name', one => {
    const { share, standardError, atRisk } = numbers(delayDistribution(one))
    for (const [bin = 0, expected = 0, error = 0, risk = 0] of one.steps) {
      expect(Math.abs((share[bin] ?? -1) - expected)).toBeLessThanOrEqual(1e-12 * expected)
      expect(Math.abs((standardError[bin] ?? -1) - error)).toBeLessThanOrEqual(1e-10 * error)
      expect(atRisk[bin]).toBe(risk)
    }
  })

  test('is the published one of remissions under 6-mercaptopurine (Kleinbaum & Klein, "Survival Analysis", chapter 2)', () => {
    const [remission] = reference.individual
    if (remission === undefined) throw new Error('the case is missing')
    const { share } = numbers(delayDistribution(remission))
    const published = [6, 7, 10, 13, 16, 22, 23].map(week => (1 - (share[week] ?? 0)).toFixed(4))
    expect(published).toEqual(['0.8571', '0.8067', '0.7529', '0.6902', '0.6275', '0.5378', '0.4482'])
  })

  test('is the plain share where every prediction was watched to the end', () => {
    const { share, standardError, unlabelledShare } = numbers(
      delayDistribution({ labelled: [10, 0, 20, 0], censored: [0, 0, 0, 70] }),
    )
    for (const [bin, expected] of [0.1, 0.1, 0.3, 0.3].entries()) expectClose(share[bin], expected, 1e-15)
    expectClose(standardError[3], Math.sqrt((0.3 * 0.7) / 100), 1e-15)
    expectClose(unlabelledShare, 0.7, 1e-15)
  })

  test('is not that of the labelled ones alone, nor of the young counted as negatives', () => {
    const random = uniforms(7)
    const labelled = new Array<number>(41).fill(0)
    const censored = new Array<number>(41).fill(0)
    for (let index = 0; index < 20_000; index += 1) {
      const age = Math.floor(41 * random())
      const delay = random() < 0.3 ? 1e3 : Math.floor(40 * random())
      const counts = delay <= age ? labelled : censored
      const bin = Math.min(delay, age)
      counts[bin] = (counts[bin] ?? 0) + 1
    }
    const { share } = numbers(delayDistribution({ labelled, censored }))
    const naive = labelled.reduce((sum, count) => sum + count, 0) / 20_000
    expect(share[19]).toBeCloseTo(0.35, 1)
    expect(share[39]).toBeCloseTo(0.7, 1)
    expect(naive).toBeLessThan(0.4)
  })
})

const counts = fc
  .array(fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 30 })), { minLength: 1, maxLength: 30 })
  .map((pairs): DelayCounts => ({ labelled: pairs.map(([one]) => one), censored: pairs.map(([, other]) => other) }))

describe('whatever the counts', () => {
  test('the share rises from 0 to at most 1, and all numbers are finite', () => {
    fc.assert(
      fc.property(counts, one => {
        const result = delayDistribution(one)
        if (!result.ok) return
        expect(allFinite(result)).toBe(true)
        for (const [bin, share] of result.share.entries()) {
          expect(share).toBeGreaterThanOrEqual(result.share[bin - 1] ?? 0)
          expect(share).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  test('a hundred times as many change the share not at all and its error by a tenth', () => {
    fc.assert(
      fc.property(counts, one => {
        const few = delayDistribution(one)
        if (!few.ok) return
        const many = (list: readonly number[]) => list.map(count => 100 * count)
        const result = numbers(delayDistribution({ labelled: many(one.labelled), censored: many(one.censored) }))
        for (const [bin, share] of few.share.entries()) {
          expectClose(result.share[bin], share, 1e-12)
          expectClose(result.standardError[bin], (few.standardError[bin] ?? 0) / 10, 1e-12)
        }
      }),
    )
  })
})

describe('what has no distribution', () => {
  test.each<[string, DelayCounts, string]>([
    ['no bins', { labelled: [], censored: [] }, 'insufficient'],
    ['no predictions', { labelled: [0, 0], censored: [0, 0] }, 'insufficient'],
    ['a negative count', { labelled: [-1], censored: [3] }, 'invalid'],
    ['half a prediction', { labelled: [1], censored: [0.5] }, 'invalid'],
    ['NaN', { labelled: [Number.NaN], censored: [1] }, 'invalid'],
    ['bins of two lengths', { labelled: [1, 2], censored: [1] }, 'invalid'],
    ['bins beyond the grid', { labelled: new Array(213).fill(1), censored: new Array(213).fill(1) }, 'invalid'],
    ['more than can be counted', { labelled: [2 ** 53 - 1, 1], censored: [0, 0] }, 'invalid'],
  ])('is refused: %s', (_name, one, kind) => {
    expect(refusal(delayDistribution(one)).kind).toBe(kind)
  })
})
