import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pointAt, pointerNames } from '../../src/core/pointed-json.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

function pointed(text: string, pointer: string): unknown {
  const names = pointerNames(pointer)
  if (names === null) return 'not followed'
  const found = pointAt(bytesOf(text), names)
  return typeof found === 'string' ? found : JSON.parse(text.slice(found.from, found.to))
}

describe('a pointer into the bytes of a JSON text', () => {
  test.each([
    { text: '{"label":7}', value: 7 },
    { text: ' { "x" : [ 1 , {"label":2} ] , "label" : { "a" : [ ] } } ', value: { a: [] } },
    { text: '{"label":1,"label":"two"}', value: 'two' },
    { text: '{"label":-0.5e+3,"x":null}', value: -500 },
    { text: '{"other":{"label":1}}', value: 'missing' },
    { text: '"label"', value: 'missing' },
    { text: '{}', value: 'missing' },
    { text: '{"label":1', value: 'broken' },
    { text: '{"label":1}}', value: 'broken' },
    { text: '{"label":01}', value: 'broken' },
    { text: '{"label":1,}', value: 'broken' },
    { text: '{"label":"\u0001"}', value: 'broken' },
    { text: '{"label":"\\x"}', value: 'broken' },
    { text: '{"label":nul}', value: 'broken' },
    { text: '', value: 'broken' },
    { text: '{"label":"ü"}', value: 'unsure' },
    { text: '\ufeff{"label":1}', value: 'unsure' },
    { text: '{"\\u006cabel":1}', value: 'unsure' },
    { text: '[{"label":1}]', value: 'unsure' },
    { text: `{"x":${'['.repeat(50)}${']'.repeat(50)}}`, value: 'unsure' },
  ])('$text: $value', ({ text, value }) => expect(pointed(text, '/label')).toEqual(value))

  test('what was found behind a name is gone when the name comes again', () => {
    expect(pointed('{"a":{"b":1},"a":{"c":2}}', '/a/b')).toBe('missing')
    expect(pointed('{"a":{"b":1},"a":3}', '/a/b')).toBe('missing')
    expect(pointed('{"a":3,"a":{"b":1}}', '/a/b')).toBe(1)
  })

  test.each(['', 'label', '/a~1b', '/ü', '/a\u0000'])('the pointer %j is left to a full reading', pointer => {
    expect(pointerNames(pointer)).toBeNull()
  })

  test('says of any text, whole or damaged, what a full reading says, or that it is unsure', () => {
    const key = fc.constantFrom('a', 'b', 'a b', 'ab', '')
    const { json } = fc.letrec(tie => ({
      json: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.oneof(fc.string(), fc.double({ noNaN: true }), fc.integer(), fc.boolean(), fc.constant(null)),
        fc.array(tie('json'), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie('json')), { maxLength: 4 }).map(entries => ({ entries })),
      ),
    }))
    const damage = fc.record({
      at: fc.nat(),
      with: fc.constantFrom('', '"', '\\', '{', ']', ',', '0', 'e', '.', '\t', 'x'),
    })
    const pointer = fc.constantFrom('/a', '/a/b', '/a b/ab', '/', '/b/a/a')
    let certain = 0
    fc.assert(
      fc.property(json, pointer, fc.option(damage), fc.boolean(), (value, where, harm, spaced) => {
        const whole = written(value, spaced ? ' ' : '')
        const at = harm === null ? 0 : harm.at % (whole.length + 1)
        const text = harm === null ? whole : whole.slice(0, at) + harm.with + whole.slice(at + 1)
        const names = pointerNames(where)
        if (names === null) throw new Error('a pointer to follow')
        const found = pointAt(bytesOf(text), names)
        if (found === 'unsure') return
        certain += 1
        const got = typeof found === 'string' ? found : JSON.parse(text.slice(found.from, found.to))
        expect(got).toEqual(fullReading(text, where))
      }),
      { numRuns: 3_000 },
    )
    expect(certain).toBeGreaterThan(1_000)
  })
})

/** With names that come twice, which no writer of JSON would write. */
function written(value: unknown, space: string): string {
  if (Array.isArray(value)) return `[${space}${value.map(item => written(item, space)).join(`,${space}`)}${space}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const { entries } = value as { entries: [string, unknown][] }
  const members = entries.map(([key, item]) => `${JSON.stringify(key)}${space}:${space}${written(item, space)}`)
  return `{${members.join(`${space},`)}${space}}`
}

function fullReading(text: string, pointer: string): unknown {
  let place: unknown
  try {
    place = JSON.parse(text)
  } catch {
    return 'broken'
  }
  for (const name of pointer.slice(1).split('/')) {
    if (typeof place !== 'object' || place === null || !Object.hasOwn(place, name)) return 'missing'
    place = (place as Record<string, unknown>)[name]
  }
  return place
}
