import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  labelAgreement,
  numberAgreement,
  TEXT_LENGTH_MAX,
  textAgreement,
  vectorAgreement,
} from '../../src/stats/quality/agreement.ts'
import reference from '../reference/quality.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const full = { ok: true, score: 1, agrees: true }
const none = { ok: true, score: 0, agrees: false }

describe('two labels', () => {
  test.each<[string | number | boolean, string | number | boolean, boolean]>([
    ['cat', 'cat', true],
    ['cat', 'Cat', false],
    [1, '1', false],
    [0, -0, true],
    [true, true, true],
    [1, true, false],
  ])('%j and %j agree: %s', (first, second, agrees) => {
    expect(labelAgreement({ first, second })).toEqual(agrees ? full : none)
  })

  test('cannot be NaN', () => {
    expect(refusal(labelAgreement({ first: Number.NaN, second: 1 })).kind).toBe('invalid')
  })
})

describe('two numbers', () => {
  test.each(reference.closeNumbers)('agree as in math.isclose: $first, $second', ({ agrees, ...one }) => {
    expect(numbers(numberAgreement(one)).agrees).toBe(agrees)
  })

  test('score the tolerance over their distance beyond it', () => {
    expect(numberAgreement({ first: 10, second: 14, absolute: 1 })).toEqual({ ok: true, score: 0.25, agrees: false })
    expect(numberAgreement({ first: 10, second: 14 })).toEqual(none)
    expect(numberAgreement({ first: 10, second: 10 })).toEqual(full)
  })

  test('score symmetrically from 0 to 1, at any size', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
    const tolerance = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(finite, finite, tolerance, tolerance, (first, second, absolute, relative) => {
        const found = numbers(numberAgreement({ first, second, absolute, relative }))
        expect(numberAgreement({ first: second, second: first, absolute, relative })).toEqual(found)
        expect(found.score >= 0 && found.score <= 1 && found.agrees === (found.score === 1)).toBe(true)
      }),
    )
  })

  test.each([
    { first: Number.NaN, second: 1 },
    { first: 1, second: Number.POSITIVE_INFINITY },
    { first: 1, second: 1, absolute: -1 },
    { first: 1, second: 1, relative: Number.NaN },
  ])('are refused: %j', one => {
    expect(refusal(numberAgreement(one)).kind).toBe('invalid')
  })
})

describe('two vectors', () => {
  test('agree by their angle, whatever their length', () => {
    const by = { cosineMin: 0.7 }
    expect(vectorAgreement({ first: [1, 2, 2], second: [1e-200, 2e-200, 2e-200], by })).toMatchObject({ agrees: true })
    expect(vectorAgreement({ first: [1e300, 0], second: [1e300, 1e300], by })).toMatchObject({ agrees: true })
    expectClose(numbers(vectorAgreement({ first: [3, 4], second: [4, 3], by })).score, 24 / 25, 1e-15)
    expect(vectorAgreement({ first: [1, 0], second: [-1, 0], by })).toEqual(none)
    expect(vectorAgreement({ first: [0, 0], second: [0, 0], by })).toEqual(full)
    expect(vectorAgreement({ first: [0, 0], second: [0, 1], by })).toEqual(none)
  })

  test('agree by the greatest distance of their elements', () => {
    const by = { distanceMax: 0.1 }
    expect(vectorAgreement({ first: [1, 2], second: [1.05, 1.95], by })).toEqual(full)
    expectClose(numbers(vectorAgreement({ first: [1, 2], second: [1.05, 2.2], by })).score, 0.5, 1e-12)
    expect(vectorAgreement({ first: [1, 2], second: [1, 2, 0], by })).toEqual(none)
    expect(vectorAgreement({ first: [], second: [], by })).toEqual(full)
  })

  test('equal each other at a cosine of 1', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 9 }), first => {
        const found = numbers(vectorAgreement({ first, second: [...first], by: { cosineMin: 1 } }))
        expect(found).toMatchObject(full)
        expect(vectorAgreement({ first, second: [...first], by: { distanceMax: 0 } })).toEqual(full)
      }),
    )
  })

  test.each([
    [[Number.NaN], { cosineMin: 0.5 }],
    [[1], { cosineMin: 1.5 }],
    [[1], { distanceMax: -1 }],
  ])('are refused: %j by %j', (first, by) => {
    expect(refusal(vectorAgreement({ first, second: [1], by })).kind).toBe('invalid')
  })
})

describe('two texts', () => {
  test.each(reference.texts)('score by the recursion of the edit distance: $first, $second', one => {
    const found = numbers(textAgreement({ ...one, similarityMin: 0.5 }))
    expectClose(found.score, one.score, 1e-15)
    expect(found.agrees).toBe(one.score >= 0.5)
  })

  test('are compared by code points in composed form', () => {
    expect(textAgreement({ first: 'e\u0301t\u00e9', second: '\u00e9te\u0301', similarityMin: 1 })).toEqual(full)
    expect(textAgreement({ first: '\u{1f600}', second: '\u{1f601}', similarityMin: 1 })).toEqual(none)
    expectClose(numbers(textAgreement({ first: 'a\u{1f600}', second: 'a', similarityMin: 1 })).score, 0.5, 1e-15)
    expect(textAgreement({ first: '', second: '', similarityMin: 1 })).toEqual(full)
  })

  test('are alike symmetrically, and no farther over a third text', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 })
    const edits = (first: string, second: string) =>
      (1 - numbers(textAgreement({ first, second, similarityMin: 1 })).score) * Math.max(first.length, second.length)
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        expectClose(edits(a, b), edits(b, a), 1e-12)
        expect(edits(a, c)).toBeLessThanOrEqual(edits(a, b) + edits(b, c) + 1e-9)
        expect(allFinite(textAgreement({ first: a, second: b, similarityMin: 0 }))).toBe(true)
      }),
    )
  })

  test('of the greatest length are compared, longer ones only if equal', () => {
    const long = 'x'.repeat(TEXT_LENGTH_MAX)
    const other = 'y'.repeat(TEXT_LENGTH_MAX)
    expect(textAgreement({ first: long, second: other, similarityMin: 0.5 })).toEqual(none)
    expect(textAgreement({ first: `${long}x`, second: `${long}x`, similarityMin: 0.5 })).toEqual(full)
    expect(refusal(textAgreement({ first: `${long}x`, second: 'x', similarityMin: 0.5 })).kind).toBe('invalid')
    expect(refusal(textAgreement({ first: long.repeat(3), second: 'x', similarityMin: 0.5 })).kind).toBe('invalid')
    expect(refusal(textAgreement({ first: 'a', second: 'b', similarityMin: 1.1 })).kind).toBe('invalid')
  })
})
