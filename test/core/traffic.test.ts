import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketOf, saltSeed, versionAt } from '../../src/core/assign.ts'
import {
  assertWeights,
  moveSegments,
  moveTable,
  type Segment,
  soleTable,
  totalVariationPpm,
  type Weights,
  weightsOf,
} from '../../src/core/traffic.ts'

const versions = ['v1', 'v2', 'v3', 'v4', 'v5']

/** Weights of up to five versions that sum to a million, zeros included. */
const weights: fc.Arbitrary<Weights> = fc
  .array(fc.nat({ max: 1_000_000 }), { minLength: 4, maxLength: 4 })
  .map(cuts => [0, ...cuts.toSorted((a, b) => a - b), 1_000_000])
  .map(cuts =>
    Object.fromEntries(versions.map((version, index) => [version, (cuts[index + 1] ?? 0) - (cuts[index] ?? 0)])),
  )

const whole: Segment[] = [{ version: 'v1', startPpm: 0, endPpm: 1_000_000 }]

/** Buckets on which two tables differ, in ppm, and those that moved between two versions that both kept some. */
function moved(before: readonly Segment[], after: readonly Segment[]): number {
  let sum = 0
  for (const a of before) {
    for (const b of after) {
      const overlap = Math.min(a.endPpm, b.endPpm) - Math.max(a.startPpm, b.startPpm)
      if (overlap > 0 && a.version !== b.version) sum += overlap
    }
  }
  return sum
}

describe('segments', () => {
  it('cover every bucket once, in order, after any changes', () => {
    fc.assert(
      fc.property(fc.array(weights, { minLength: 1, maxLength: 12 }), changes => {
        const segments = changes.reduce<Segment[]>((now, target) => moveSegments(now, target), whole)
        let at = 0
        for (const segment of segments) {
          expect(segment.startPpm).toBe(at)
          expect(segment.endPpm).toBeGreaterThan(segment.startPpm)
          at = segment.endPpm
        }
        expect(at).toBe(1_000_000)
      }),
    )
  })

  it('have exactly the weights asked for', () => {
    fc.assert(
      fc.property(fc.array(weights, { minLength: 1, maxLength: 12 }), changes => {
        const segments = changes.reduce<Segment[]>((now, target) => moveSegments(now, target), whole)
        const got = weightsOf(segments)
        for (const version of versions) expect(got[version] ?? 0).toBe(changes.at(-1)?.[version] ?? 0)
      }),
    )
  })

  it('move exactly the total-variation distance, for any number of versions', () => {
    fc.assert(
      fc.property(fc.array(weights, { minLength: 2, maxLength: 12 }), changes => {
        let now: Segment[] = whole
        for (const target of changes) {
          const next = moveSegments(now, target)
          expect(moved(now, next)).toBe(totalVariationPpm(weightsOf(now), target))
          now = next
        }
      }),
    )
  })

  it('never move a unit back while a canary is raised', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 2, maxLength: 20 }), steps => {
        let now: Segment[] = whole
        for (const ppm of steps.toSorted((a, b) => a - b)) {
          const next = moveSegments(now, { v1: 1_000_000 - ppm, v2: ppm })
          for (const old of now.filter(segment => segment.version === 'v2')) {
            expect(
              next.some(one => one.version === 'v2' && one.startPpm <= old.startPpm && one.endPpm >= old.endPpm),
            ).toBe(true)
          }
          now = next
        }
      }),
    )
  })
})

describe('weights', () => {
  const bad: [string, Weights][] = [
    ['do not sum to a million', { v1: 999_999 }],
    ['are not whole', { v1: 999_999.5, v2: 0.5 }],
    ['are negative', { v1: 1_000_001, v2: -1 }],
  ]
  it.each(bad)('are refused when they %s', (_why, weights) => {
    expect(() => assertWeights(weights)).toThrow(/ppm/)
  })
})

describe('a table', () => {
  const sole = soleTable({ endpoint: 'digits', version: 'v1', epoch: 1, salt: 'digits' })

  it('changes its salt only while one version serves everybody', () => {
    const first = moveTable(sole, { weights: { v1: 900_000, v2: 100_000 }, stable: 'v1', release: 'r1', salt: 'r1' })
    const second = moveTable(first, {
      weights: { v1: 500_000, v2: 500_000 },
      stable: 'v1',
      release: 'r1',
      salt: 'other',
    })
    expect([first.salt, second.salt]).toEqual(['r1', 'r1'])
    expect([sole.epoch, first.epoch, second.epoch]).toEqual([1, 2, 3])
  })

  it('gives each version its share of units', () => {
    const table = moveTable(sole, { weights: { v1: 700_000, v2: 300_000 }, stable: 'v1', release: 'r1' })
    const seed = saltSeed(table.salt)
    const units = Array.from({ length: 50_000 }, (_, index) => `user-${index}`)
    const share = units.filter(unit => versionAt(table, bucketOf(unit, seed)) === 'v2').length / units.length
    // Three standard errors of a share of 0.3 among 50,000.
    expect(Math.abs(share - 0.3)).toBeLessThan(3 * Math.sqrt((0.3 * 0.7) / 50_000))
  })
})
