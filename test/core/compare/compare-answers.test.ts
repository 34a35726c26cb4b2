import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ComparedAnswer, compareAnswers, comparedAnswer } from '../../../src/core/compare/compare-answers.ts'
import { limits } from '../../../src/core/limits.ts'
import type { Answer } from '../../../src/core/prediction.ts'
import type { Comparator } from '../../../src/core/stage-plans.ts'

const label: Comparator = { kind: 'label' }
const number: Comparator = { kind: 'number', absolute: 0.01, relative: 0.1 }
const vector: Comparator = { kind: 'vector', absolute: 0.01, relative: 0.1 }
const cosine: Comparator = { kind: 'cosine', least: 0.9 }
const ranking: Comparator = { kind: 'ranking', persistence: 0.9, least: 0.8 }
const text: Comparator = { kind: 'text', least: 0.8 }
const shape: Comparator = { kind: 'shape' }

const answered = (...answer: Answer[]): ComparedAnswer => ({ answer, scores: null, body: null })
const scored = (...scores: number[][]): ComparedAnswer => ({ answer: null, scores, body: null })
const bodied = (json: unknown): ComparedAnswer => ({ answer: null, scores: null, body: { json } })
const unread: ComparedAnswer = { answer: null, scores: null, body: null }

function check(comparator: Comparator, champion: ComparedAnswer, challenger: ComparedAnswer, agree: boolean): number {
  const result = compareAnswers(comparator, champion, challenger)
  if (!result.comparable) throw new Error(result.reason)
  expect(result).toMatchObject({ agree })
  return result.distance
}

describe('labels', () => {
  it('are compared as feedback compares them: 3 and "3 " are one label', () => {
    check(label, answered(3), answered('3 '), true)
    expect(check(label, answered(3), answered(4), false)).toBe(1)
  })

  it('must agree in every row', () => {
    check(label, answered(3, 4), answered(3, 5), false)
    check(label, answered(3, 4), answered(3), false)
  })
})

describe('numbers', () => {
  it('agree within the greater of both tolerances', () => {
    check(number, answered(100), answered(109), true)
    check(number, answered(100), answered(120), false)
    check(number, answered(0), answered(0.01), true)
    check(number, answered(0), answered(0.02), false)
    check({ kind: 'number', absolute: 1, relative: 0 }, answered(6), answered(7), true)
    check(number, answered(1.7e308), answered(-1.7e308), false)
  })

  it('that are far apart are further than numbers that are near', () => {
    expect(check(number, answered(1), answered(9), false)).toBeGreaterThan(
      check(number, answered(1), answered(2), false),
    )
  })

  it('are not a text', () => {
    check(number, answered(1), answered('much'), false)
  })
})

describe('vectors', () => {
  it('agree element by element', () => {
    check(vector, scored([0.5, 0.5]), scored([0.5, 0.505]), true)
    check(vector, scored([0.5, 0.5]), scored([0.9, 0.1]), false)
    check(vector, scored([0.5, 0.5]), scored([0.5, 0.5, 0]), false)
  })

  it('are taken from the scores, or from answers that are lists', () => {
    check(vector, answered([1, 2]), answered([1, 2]), true)
  })

  it('by cosine may differ in length', () => {
    check(cosine, scored([1, 2, 3]), scored([2, 4, 6]), true)
    expect(check(cosine, scored([1, 0]), scored([-1, 0]), false)).toBe(1)
    check(cosine, scored([0, 0]), scored([0, 0]), true)
    check(cosine, scored([0, 0]), scored([1, 0]), false)
  })
})

describe('rankings', () => {
  it('weigh the first positions most', () => {
    const swapped = (i: number) => {
      const items = ['a', 'b', 'c', 'd', 'e', 'f']
      ;[items[i], items[i + 1]] = [items[i + 1] ?? '', items[i] ?? '']
      return answered(items)
    }
    const whole = answered(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(check(ranking, whole, swapped(0), true)).toBeGreaterThan(check(ranking, whole, swapped(4), true))
    expect(check(ranking, whole, answered(['x', 'y', 'z']), false)).toBeGreaterThan(0.9)
  })

  it('may be empty or hold an item twice', () => {
    check(ranking, answered([]), answered([]), true)
    check(ranking, answered(['a']), answered([]), false)
    check(ranking, answered(['a', 'a', 'b']), answered(['a', 'b']), true)
  })
})

describe('texts', () => {
  it('agree up to a share of edits, whatever the spaces', () => {
    check(text, answered('The answer  is\n42'), answered('The answer is 42'), true)
    check(text, answered('The answer is 42'), answered('The answer is 43'), true)
    check(text, answered('The answer is 42'), answered('I do not know'), false)
  })

  it('that are long are compared by words, and what lies beyond the bound counts as different', () => {
    const words = (count: number, of: string) => Array.from({ length: count }, (_, i) => `${of}${i}`).join(' ')
    const long = words(5_000, 'w')
    expect(check(text, answered(long), answered(`${long} more`), true)).toBeLessThan(0.001)
    expect(check(text, answered(long), answered(words(5_000, 'v')), false)).toBe(1)
  })
})

describe('shapes', () => {
  it('are of keys and types, not of values or counts', () => {
    check(shape, bodied({ id: 1, items: [{ a: 1 }] }), bodied({ id: 7, items: [{ a: 2 }, { a: 3 }] }), true)
    expect(check(shape, bodied({ id: 1 }), bodied({ id: '1' }), false)).toBeGreaterThan(0)
    check(shape, bodied({ id: 1, extra: null }), bodied({ id: 1 }), false)
    check(shape, bodied({ '*': 1 }), bodied([1]), false)
  })

  it('are read from the bodies that were kept', () => {
    const kept = (json: string) => ({
      answer: null,
      scores: null,
      payload: { request: new Uint8Array(), response: new TextEncoder().encode(json) },
    })
    check(shape, comparedAnswer(shape, kept('{"a":1}')), comparedAnswer(shape, kept('{"a":2}')), true)
    check(shape, comparedAnswer(shape, kept('{"a":1}')), comparedAnswer(shape, kept('<html>')), false)
    expect(comparedAnswer(label, kept('{"a":1}')).body).toBeNull()
  })

  it('of bodies beyond a bound are not compared', () => {
    const large = bodied(Array.from({ length: limits.comparedNodesMax }, () => 1))
    expect(compareAnswers(shape, large, bodied([1]))).toMatchObject({ comparable: false })
    check(shape, bodied([1]), large, false)
    let deep: unknown = 1
    for (let i = 0; i <= limits.comparedDepthMax; i += 1) deep = [deep]
    check(shape, bodied([1]), bodied(deep), false)
  })
})

it('what the champion did not say cannot be compared; what the challenger did not say differs', () => {
  for (const comparator of [label, number, vector, cosine, ranking, text, shape]) {
    expect(compareAnswers(comparator, unread, unread)).toMatchObject({ comparable: false })
  }
  check(label, answered(1), unread, false)
  check(cosine, scored([1]), unread, false)
  check(shape, bodied({}), unread, false)
})

const anyLabel = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
)
const anyRow = fc.oneof(anyLabel, fc.array(anyLabel, { maxLength: 8 }))
const anyAnswer: fc.Arbitrary<ComparedAnswer> = fc.record({
  answer: fc.option(fc.array(anyRow, { minLength: 1, maxLength: 3 })),
  scores: fc.option(
    fc.array(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 4 }), { maxLength: 3 }),
  ),
  body: fc.option(fc.record({ json: fc.jsonValue() })),
})
const share = fc.double({ min: 0, max: 1, noNaN: true })
const anyComparator: fc.Arbitrary<Comparator> = fc.oneof(
  fc.constant<Comparator>({ kind: 'label' }),
  fc.record({ kind: fc.constantFrom('number' as const, 'vector' as const), absolute: share, relative: share }),
  fc.record({ kind: fc.constantFrom('cosine' as const, 'text' as const), least: share }),
  fc.record({
    kind: fc.constant('ranking' as const),
    persistence: fc.double({ min: 0.1, max: 0.99, noNaN: true }),
    least: share,
  }),
  fc.constant<Comparator>({ kind: 'shape' }),
)

describe('whatever is compared', () => {
  it('has a distance from 0 to 1, and is the same as itself', () => {
    fc.assert(
      fc.property(anyComparator, anyAnswer, anyAnswer, (comparator, a, b) => {
        const result = compareAnswers(comparator, a, b)
        if (result.comparable) {
          expect(result.distance).toBeGreaterThanOrEqual(0)
          expect(result.distance).toBeLessThanOrEqual(1)
          if (result.distance > 0) expect(result.note).not.toBe('')
        }
        const itself = compareAnswers(comparator, a, a)
        if (itself.comparable) expect(itself).toEqual({ comparable: true, agree: true, distance: 0, note: '' })
      }),
      { numRuns: 2_000 },
    )
  })

  it('differs as much in either direction, where both can be read', () => {
    fc.assert(
      fc.property(anyComparator, anyAnswer, anyAnswer, (comparator, a, b) => {
        const [there, back] = [compareAnswers(comparator, a, b), compareAnswers(comparator, b, a)]
        if (!there.comparable || !back.comparable) return
        expect(back.agree).toBe(there.agree)
        expect(back.distance).toBeCloseTo(there.distance, 12)
      }),
      { numRuns: 2_000 },
    )
  })
})
