import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beyondBounds } from '../../src/core/json-bounds.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
/** Makes a text too long to be let by unseen. */
const filler = 'x'.repeat(5_000)

const nested = (levels: number, inside: string) => `${'['.repeat(levels)}${inside}${']'.repeat(levels)}`

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const own = Array.isArray(value) ? 0 : Object.keys(value).length
  return Math.max(own, ...Object.values(value).map(membersOf))
}

describe('a JSON text', () => {
  test('is refused from the first level on that is too deep, and not before', () => {
    expect(beyondBounds(bytesOf(nested(256, `"${filler}"`)))).toBeNull()
    expect(beyondBounds(bytesOf(nested(257, `"${filler}"`)))).toBe('is nested more than 256 levels deep')
  })

  test('is refused for the members of one object, not for those of all', () => {
    const objectOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`name-${i}`, i]))
    const bounds = { membersMax: 500 }
    expect(beyondBounds(bytesOf(JSON.stringify([objectOf(500), objectOf(500)])), bounds)).toBeNull()
    expect(beyondBounds(bytesOf(JSON.stringify([objectOf(501)])), bounds)).toMatch(/more than 500 members/)
  })

  test('is measured as JSON.parse reads it, whatever its texts hold', () => {
    const texts = fc.string({ unit: fc.constantFrom('"', '\\', '{', '[', ':', 'a', 'é') })
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), texts, fc.nat(6), fc.nat(6), (value, text, depth, members) => {
        const document = { value, [text]: text, filler }
        const isBeyond = depthOf(document) > depth + 1 || membersOf(document) > members + 3
        const bounds = { depthMax: depth + 1, membersMax: members + 3 }
        expect(beyondBounds(bytesOf(JSON.stringify(document)), bounds) !== null).toBe(isBeyond)
      }),
    )
  })

  test('that is short is let by, since reading it takes no time', () => {
    expect(beyondBounds(bytesOf(nested(2_000, '1')))).toBeNull()
  })
})
