import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atMost, isWithin, type Period } from '../../src/core/period.ts'

describe('periods that are too many', () => {
  it('are one where they lie closest to each other, and the newest stays as it is', () => {
    const periods = [
      { fromMs: 0, toMs: 10 },
      { fromMs: 50, toMs: 60 },
      { fromMs: 65, toMs: 70 },
      { fromMs: 71, toMs: null },
    ]
    expect(atMost(periods, 4)).toBe(periods)
    expect(atMost(periods, 3)).toEqual([periods[0], { fromMs: 50, toMs: 70 }, periods[3]])
    expect(atMost(periods, 2)).toEqual([{ fromMs: 0, toMs: 70 }, periods[3]])
  })

  const ascending = fc
    .uniqueArray(fc.nat(10_000), { minLength: 4, maxLength: 60 })
    .map(all => all.toSorted((a, b) => a - b))
  const periodsOf = (ends: readonly number[]): Period[] =>
    ends.flatMap((fromMs, index) => (index % 2 === 0 ? { fromMs, toMs: ends[index + 1] ?? null } : []))

  it('leave nothing out that they had, in their order', () => {
    fc.assert(
      fc.property(ascending, fc.integer({ min: 2, max: 10 }), (ends, countMax) => {
        const periods = periodsOf(ends)
        const fewer = atMost(periods, countMax)
        expect(fewer.length).toBe(Math.min(periods.length, countMax))
        expect(fewer.at(-1)).toEqual(periods.at(-1))
        expect(fewer.toSorted((a, b) => a.fromMs - b.fromMs)).toEqual(fewer)
        for (const { fromMs, toMs } of periods)
          for (const atMs of [fromMs, (toMs ?? 20_000) - 1]) expect(isWithin(fewer, atMs)).toBe(true)
      }),
    )
  })
})
