import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { kendallTau } from '../../src/stats/quality/kendall-tau.ts'
import { rankBiasedOverlap } from '../../src/stats/quality/rank-biased-overlap.ts'
import {
  averagePrecision,
  type Gain,
  type ListQuality,
  ndcg,
  precisionAt,
  recallAt,
  reciprocalRank,
} from '../../src/stats/quality/ranking.ts'
import reference from '../reference/quality.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const hits = (relevant: readonly number[]) => relevant.map(hit => hit === 1)
const grades = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 })
const items = fc.uniqueArray(fc.constantFrom(...'abcdefghij'), { minLength: 1, maxLength: 10 })
const scores = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 })), {
  minLength: 2,
  maxLength: 30,
})

describe('one ranked list', () => {
  test.each(reference.ndcgs)('gains as in scikit-learn: $grades of $judged at $k, $gain', one => {
    const gain: Gain = one.gain === 'linear' ? 'linear' : 'exponential'
    expectClose(numbers(ndcg({ ...one, gain })).value, one.ndcg, 1e-13)
  })

  test('gains 6.861 of 8.740, 0.785, in the example of the article "Discounted cumulative gain" of Wikipedia', () => {
    const found = numbers(ndcg({ grades: [3, 2, 3, 0, 1, 2], judged: [3, 2, 3, 0, 1, 2, 3, 2], k: 6, gain: 'linear' }))
    expect(found.value.toFixed(3)).toBe('0.785')
  })

  test.each(reference.averagePrecisions)('has the average precision of scikit-learn: $relevant', one => {
    expectClose(numbers(averagePrecision({ relevant: hits(one.relevant) })).value, one.averagePrecision, 1e-14)
  })

  test('has the precision, recall and first hit that one counts by hand', () => {
    const relevant = hits([0, 1, 0, 1, 1])
    expect(precisionAt({ relevant, k: 2 })).toEqual({ ok: true, value: 0.5 })
    expect(precisionAt({ relevant, k: 10 })).toEqual({ ok: true, value: 0.3 })
    expect(recallAt({ relevant, k: 4, relevantTotal: 4 })).toEqual({ ok: true, value: 0.5 })
    expect(reciprocalRank(relevant)).toEqual({ ok: true, value: 0.5 })
    expect(reciprocalRank([])).toEqual({ ok: true, value: 0 })
    expectClose(numbers(averagePrecision({ relevant, relevantTotal: 6 })).value, (1 / 2 + 2 / 4 + 3 / 5) / 6, 1e-15)
  })

  test('gains 1 in the best order and never more, and swapping two results into order never loses', () => {
    fc.assert(
      fc.property(grades, fc.nat(11), fc.constantFrom<Gain>('linear', 'exponential'), (list, at, gain) => {
        fc.pre(list.some(grade => grade > 0))
        const k = list.length
        const best = list.toSorted((a, b) => b - a)
        expectClose(numbers(ndcg({ grades: best, k, gain })).value, 1, 1e-15)
        const place = at % k
        const [here = 0, next = 0] = [list[place], list[place + 1]]
        const better = list.with(place, Math.max(here, next))
        const swapped = place + 1 < k ? better.with(place + 1, Math.min(here, next)) : list
        const found = numbers(ndcg({ grades: list, k, gain }))
        expect(numbers(ndcg({ grades: swapped, k, gain })).value).toBeGreaterThanOrEqual(found.value - 1e-15)
        expect(found.value).toBeLessThanOrEqual(1)
      }),
    )
  })

  test.each<[string, ListQuality, string]>([
    ['no relevant result', ndcg({ grades: [0, 0], k: 2 }), 'insufficient'],
    ['an empty list', ndcg({ grades: [], k: 2 }), 'insufficient'],
    ['k of 0', ndcg({ grades: [1], k: 0 }), 'invalid'],
    ['part of a position', precisionAt({ relevant: [true], k: 1.5 }), 'invalid'],
    ['a negative grade', ndcg({ grades: [-1, 2], k: 2 }), 'invalid'],
    ['a grade beyond any scale', ndcg({ grades: [1000], k: 2 }), 'invalid'],
    ['a judged list that lacks the best result', ndcg({ grades: [4, 1], judged: [1, 0], k: 2 }), 'invalid'],
    ['nothing to recall', recallAt({ relevant: [false], k: 1, relevantTotal: 0 }), 'insufficient'],
    ['more hits than relevant results', recallAt({ relevant: [true, true], k: 1, relevantTotal: 1 }), 'invalid'],
    ['no precision to average', averagePrecision({ relevant: [false] }), 'insufficient'],
  ])('is refused with %s', (_name, found, kind) => {
    expect(refusal(found).kind).toBe(kind)
  })
})

describe('rank-biased overlap', () => {
  test.each(reference.overlaps)('agrees with its definition summed to depth 2000: $first and $second', one => {
    const found = numbers(rankBiasedOverlap(one))
    expectClose(found.least, one.least, 1e-12)
    expectClose(found.greatest, one.greatest, 1e-12)
    expectClose(found.extrapolated, one.extrapolated, 1e-12)
  })

  test('is symmetric, 1 at most for equal lists, and least <= extrapolated <= greatest', () => {
    fc.assert(
      fc.property(items, items, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (first, second, persistence) => {
        const found = numbers(rankBiasedOverlap({ first, second, persistence }))
        expect(rankBiasedOverlap({ first: second, second: first, persistence })).toEqual(found)
        expect(found.least).toBeLessThanOrEqual(found.extrapolated + 1e-12)
        expect(found.extrapolated).toBeLessThanOrEqual(found.greatest + 1e-12)
        expect(allFinite(found)).toBe(true)
        const same = numbers(rankBiasedOverlap({ first, second: first, persistence }))
        expectClose(same.extrapolated, 1, 1e-12)
      }),
    )
  })

  test.each([
    ['an empty list', [], ['a'], 0.9, 'insufficient'],
    ['an item twice', ['a', 'a'], ['a'], 0.9, 'invalid'],
    ['a persistence of 1', ['a'], ['a'], 1, 'invalid'],
    ['a persistence of 0', ['a'], ['a'], 0, 'invalid'],
  ])('is refused with %s', (_name, first, second, persistence, kind) => {
    expect(refusal(rankBiasedOverlap({ first, second, persistence })).kind).toBe(kind)
  })
})

describe("Kendall's tau", () => {
  test.each(reference.kendalls)('agrees with scipy: case %#', ({ first, second, tauB }) => {
    expectClose(numbers(kendallTau({ first, second })).tauB, tauB, 1e-14)
  })

  test('is that of all pairs, symmetric, and turns its sign with one order', () => {
    fc.assert(
      fc.property(scores, all => {
        const [first, second] = [all.map(([one]) => one), all.map(([, other]) => other)]
        const found = kendallTau({ first, second })
        const pairs = all.flatMap((a, i) => all.slice(i + 1).map(b => [Math.sign(a[0] - b[0]), Math.sign(a[1] - b[1])]))
        const untied = (side: number) => pairs.filter(pair => pair[side] !== 0).length
        fc.pre(untied(0) > 0 && untied(1) > 0)
        const difference = pairs.reduce((sum, [a = 0, b = 0]) => sum + a * b, 0)
        expectClose(numbers(found).tauB, difference / Math.sqrt(untied(0) * untied(1)), 1e-14)
        expectClose(numbers(kendallTau({ first: second, second: first })).tauB, numbers(found).tauB, 1e-14)
        expectClose(numbers(kendallTau({ first, second: second.map(b => -b) })).tauB, -numbers(found).tauB, 1e-14)
      }),
    )
  })

  test.each([
    ['different lengths', [1, 2], [1], 'invalid'],
    ['a rank that is no number', [1, Number.NaN], [1, 2], 'invalid'],
    ['one item', [1], [1], 'insufficient'],
    ['no items', [], [], 'insufficient'],
    ['all items tied', [1, 1], [1, 2], 'insufficient'],
  ])('is refused with %s', (_name, first, second, kind) => {
    expect(refusal(kendallTau({ first, second })).kind).toBe(kind)
  })
})
