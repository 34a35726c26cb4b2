import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSpan, scanArray, scanObject, splice } from '../../src/core/json-members.ts'
import { isFault, type Span } from '../../src/core/json-scanner.ts'
import { limits } from '../../src/core/limits.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

function partsOf(text: string) {
  const parts = scanObject(bytesOf(text))
  if (isFault(parts)) throw new Error(`${parts.fault} at ${parts.at}`)
  return parts
}

const spaces = fc.array(fc.constantFrom(' ', '\n', '\t', '\r'), { maxLength: 3 }).map(all => all.join(''))

/** JSON text of an object, spaced at random, some of its characters written as escapes. */
const objectText = fc
  .tuple(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4 })), spaces, fc.nat(4), fc.boolean())
  .map(([value, around, indent, isEscaped]) => {
    const text = JSON.stringify(value, null, indent)
    const written = isEscaped ? text.replace(/[\u0080-\uffff]/g, unicodeEscape) : text
    return `${around}${written.toWellFormed()}${around}`
  })

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function parses(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

describe('scanning', () => {
  test('finds every member of an object, with the value that JSON.parse gives it', () => {
    fc.assert(
      fc.property(objectText, text => {
        const bytes = bytesOf(text)
        const { members } = partsOf(text)
        const found = Object.fromEntries([...members].map(([name, span]) => [name, parseSpan(bytes, span)]))
        expect(found).toEqual(JSON.parse(text))
      }),
    )
  })

  test('takes what JSON.parse takes and nothing else, wherever a text is broken', () => {
    const oneChange = fc.tuple(objectText, fc.nat(), fc.nat(2), fc.constantFrom(...'{}[]",:\\0-.eE+tnul \u0001x'))
    fc.assert(
      fc.property(oneChange, ([text, place, cut, put]) => {
        const at = place % (text.length + 1)
        const broken = `${text.slice(0, at)}${put}${text.slice(at + cut)}`.toWellFormed()
        expect(isFault(scanObject(bytesOf(broken)))).toBe(!parses(broken))
      }),
      { numRuns: 2_000 },
    )
  })

  test.each([
    '',
    ' ',
    '[]',
    '"x"',
    '{',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{a:1}',
    '{"a":01}',
    '{"a":.5}',
    '{"a":NaN}',
    '{"a":1}x',
    '{"a":"\\x"}',
    '{"a":"\n"}',
    '{"a":1e}',
    '\ufeff{}',
  ])('%j is not a JSON object', text => {
    expect(parses(text)).toBe(false)
    expect(isFault(scanObject(bytesOf(text)))).toBe(true)
  })

  test('of two members of one name the last counts, and the name is told', () => {
    const text = '{"a":1,"\\u0061":2,"b":3}'
    const { members, doubled } = partsOf(text)
    expect(parseSpan(bytesOf(text), members.get('a') as Span)).toBe(2)
    expect([...doubled]).toEqual(['a'])
  })

  test('stops at the greatest depth, without a deep stack', () => {
    const deep = (levels: number) => bytesOf(`{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`)
    expect(isFault(scanObject(deep(limits.jsonDepthMax - 1)))).toBe(false)
    expect(scanObject(deep(limits.jsonDepthMax))).toMatchObject({ fault: expect.stringContaining('levels deep') })
    expect(isFault(scanObject(deep(1_000_000)))).toBe(true)
  })

  test('makes nothing of more members than may be, and of no more items than are asked for', () => {
    const many = (count: number) => bytesOf(`{${Array.from({ length: count }, (_, at) => `"k${at}":1`).join(',')}}`)
    expect(scanObject(many(limits.openAiMembersMax))).toMatchObject({ doubled: new Set() })
    const fault = { fault: expect.stringContaining(`more than ${limits.openAiMembersMax} members`), at: 0 }
    expect(scanObject(many(limits.openAiMembersMax + 1))).toMatchObject(fault)
    const list = bytesOf('[1,2,3]')
    expect(scanArray(list, { start: 0, end: list.length }, 2)).toEqual([
      { start: 1, end: 2 },
      { start: 3, end: 4 },
    ])
  })

  test('gives the items of an array, and null for what is none', () => {
    const bytes = bytesOf('{"list":[1,"two",{"three":[3]}],"other":1}')
    const { members } = partsOf(textOf(bytes))
    const items = scanArray(bytes, members.get('list') as Span, 9) as Span[]
    expect(items.map(item => parseSpan(bytes, item))).toEqual([1, 'two', { three: [3] }])
    expect(scanArray(bytes, members.get('other') as Span, 9)).toBeNull()
  })
})

describe('splicing', () => {
  test('a replaced member is all that changes of the document', () => {
    fc.assert(
      fc.property(objectText, fc.nat(), fc.jsonValue({ maxDepth: 2 }), (text, place, value) => {
        const { members } = partsOf(text)
        const names = [...members.keys()]
        fc.pre(names.length > 0)
        const name = names[place % names.length] ?? ''
        const edited = splice(bytesOf(text), [{ ...(members.get(name) as Span), text: JSON.stringify(value) }])
        expect(JSON.parse(textOf(edited))).toEqual(JSON.parse(JSON.stringify({ ...JSON.parse(text), [name]: value })))
      }),
    )
  })

  test('bytes beside it stay as they were, numbers that no double holds among them', () => {
    const text = '{ "id": 9007199254740993, "model":"a" ,"x": 1.0e0 }'
    const { members } = partsOf(text)
    const edited = splice(bytesOf(text), [{ ...(members.get('model') as Span), text: '"b"' }])
    expect(textOf(edited)).toBe('{ "id": 9007199254740993, "model":"b" ,"x": 1.0e0 }')
  })
})
