import { describe, expect, it } from 'vitest'
import { meanSampleSize } from '../../src/stats/planning/mean-power.ts'
import { proportionSampleSize } from '../../src/stats/planning/proportion-power.ts'
import {
  balancedClusters,
  sequentialBoundary,
  sequentialSampleSize,
} from '../../src/stats/planning/sequence-boundary.ts'
import { compareMeans } from '../../src/stats/sequential/compare-means.ts'
import { proportionEvidence } from '../../src/stats/sequential/compare-proportions.ts'

function boundaryOf(input: Parameters<typeof sequentialBoundary>[0]): number {
  const found = sequentialBoundary(input)
  if (!found.ok) throw new Error(found.reason)
  return found.boundary
}

describe('the boundary of a sequential comparison at a size', () => {
  it.each([
    [1_000, 1_000],
    [500, 20_000],
  ])('of means is the z at which compareMeans is decided: %i and %i units', (candidate, stable) => {
    const boundary = boundaryOf({ design: { kind: 'means' }, sizes: { candidate, stable }, alpha: 0.05 })
    const error = Math.sqrt(1 / candidate + 1 / stable)
    const above = (z: number) => {
      const strata = [
        { candidate: { n: candidate, mean: z * error, variance: 1 }, stable: { n: stable, mean: 0, variance: 1 } },
      ]
      const result = compareMeans({ strata, margin: 0, scale: 'absolute', alpha: 0.05 })
      return result.ok && result.above
    }
    expect([above(boundary * 0.9999), above(boundary * 1.0001)]).toEqual([false, true])
  })

  it('is lower where the comparison is tuned for the sizes', () => {
    const sizes = { candidate: 400_000, stable: 100_000 }
    const tunedFor = balancedClusters(sizes)
    expect(tunedFor).toBe(320_000)
    const [plain, tuned, same] = [undefined, 'sizes' as const, tunedFor].map(one =>
      boundaryOf({ design: { kind: 'means', ...(one !== undefined && { tunedFor: one }) }, sizes, alpha: 0.05 }),
    )
    expect(tuned).toBe(same)
    expect(tuned).toBeLessThan(plain ?? 0)
    for (const other of [tunedFor / 4, tunedFor * 4])
      expect(boundaryOf({ design: { kind: 'means', tunedFor: other }, sizes, alpha: 0.05 })).toBeGreaterThan(tuned ?? 0)
  })

  it('of shares is near the z at which compareProportions is decided', () => {
    const [trials, stable] = [20_000, 0.1]
    const boundaryAt = (candidate: number) =>
      boundaryOf({
        design: { kind: 'rates', rates: { stable, candidate } },
        sizes: { candidate: trials, stable: trials },
        alpha: 0.05,
      })
    // The least number of events at which the evidence reaches log 20.
    let events = trials * stable
    const evidence = () => {
      const found = proportionEvidence({
        strata: [{ candidate: { trials, events }, stable: { trials, events: trials * stable } }],
        margin: 0,
      })
      return found.ok ? found.logEvidenceBelow : 0
    }
    while (evidence() < Math.log(20)) events -= 1
    const rate = events / trials
    const z = (stable - rate) / Math.sqrt((rate * (1 - rate) + stable * (1 - stable)) / trials)
    expect(boundaryAt(rate) / z).toBeGreaterThan(0.97)
    expect(boundaryAt(rate) / z).toBeLessThan(1.03)
  })

  it('refuses sizes and alphas that no test has', () => {
    const sizes = { candidate: 10, stable: 10 }
    expect(sequentialBoundary({ design: { kind: 'means' }, sizes, alpha: 1 })).toMatchObject({ kind: 'invalid' })
    expect(
      sequentialBoundary({ design: { kind: 'means' }, sizes: { candidate: 1, stable: 1 }, alpha: 0.1 }),
    ).toMatchObject({
      kind: 'invalid',
    })
    const rates = { stable: 2, candidate: 0 }
    expect(sequentialBoundary({ design: { kind: 'rates', rates }, sizes, alpha: 0.1 })).toMatchObject({
      kind: 'invalid',
    })
  })
})

describe('the sample of a sequential comparison', () => {
  it.each([0.02, 0.1, 0.5])(
    'of means overcomes its boundary, and one unit fewer does not: difference %f',
    difference => {
      const design = { kind: 'means' } as const
      const sizeAt = (boundary: number | undefined) =>
        meanSampleSize({
          difference,
          spreads: { stable: 1, candidate: 1 },
          power: 0.8,
          ratio: 0.5,
          alpha: 0.05,
          hypothesis: { kind: 'superiority', better: 'higher' },
          boundary,
        })
      const found = sequentialSampleSize({ design, alpha: 0.05, ratio: 0.5, sizeAt })
      if (!found.ok) throw new Error(found.reason)
      const excess = (stable: number) => {
        const needed = sizeAt(boundaryOf({ design, sizes: { stable, candidate: stable / 2 }, alpha: 0.05 }))
        return needed.ok ? needed.unrounded - stable : Number.NaN
      }
      expect(excess(found.stable)).toBeLessThanOrEqual(0)
      expect(excess(found.stable - 2)).toBeGreaterThan(0)
      expect(found.candidate).toBe(Math.ceil(found.unrounded * 0.5))
    },
  )

  it('passes on what cannot be planned', () => {
    const design = { kind: 'rates', rates: { stable: 0.1, candidate: 0.1 } } as const
    const sizeAt = (boundary: number | undefined) =>
      proportionSampleSize({
        rates: design.rates,
        power: 0.8,
        alpha: 0.05,
        hypothesis: { kind: 'superiority', better: 'lower' },
        boundary,
      })
    expect(sequentialSampleSize({ design, alpha: 0.05, sizeAt })).toMatchObject({ ok: false, kind: 'invalid' })
  })
})
