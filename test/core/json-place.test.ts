import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { parseSpan } from '../../src/core/json-members.ts'
import { placeAt } from '../../src/core/json-place.ts'
import { valueAt } from '../../src/core/json-pointer.ts'
import { isFault } from '../../src/core/json-scanner.ts'
import { limits } from '../../src/core/limits.ts'

/** `undefined` for nothing. */
function found(bytes: Buffer, pointer: string): unknown {
  const place = placeAt(bytes, pointer)
  return place === null || isFault(place) ? undefined : parseSpan(bytes, place)
}

function fullReading(bytes: Buffer, pointer: string): unknown {
  try {
    return valueAt(JSON.parse(bytes.toString('utf8')), pointer)
  } catch {
    return undefined
  }
}

const of = (text: string) => Buffer.from(text)

describe('a place in a JSON text', () => {
  test.each([
    ['{"a":{"b":7}}', '/a/b', 7],
    ['{"a":[1,{"b":7}]}', '/a/1/b', 7],
    ['{"a":[1]}', '/a/01', undefined],
    ['{"a":[1]}', '/a/length', undefined],
    ['{"a":[1]}', '/a/-', undefined],
    ['{"a":"text"}', '/a/0', undefined],
    ['{"\\u0061":1}', '/a', 1],
    ['{"a":1,"\\u0061":2}', '/a', 2],
    ['{"a/b":1,"m~n":2}', '/a~1b', 1],
    ['{"a/b":1,"m~n":2}', '/m~0n', 2],
    ['{"\\\\n":1,"\\n":2}', '/\\n', 1],
    ['{"ü":{"é":1}}', '/ü/é', 1],
    ['{"\\u00fc":1}', '/ü', 1],
    ['{"":1}', '/', 1],
    [' 7 ', '', 7],
    ['{"__proto__":1}', '/__proto__', 1],
    ['{"\\\\":1}', '/\\', 1],
    ['{"\\"":1}', '/\\', undefined],
    ['{"\\"":1}', '/"', 1],
    ['{}', '/__proto__', undefined],
    ['{"a":1}x', '/a', undefined],
    ['\ufeff{"a":1}', '/a', undefined],
    ['{"a":{"b":1},"a":3}', '/a/b', undefined],
  ])('of %s is at %s', (text, pointer, value) => {
    expect(found(of(text), pointer)).toEqual(value)
  })

  // No backslash: once JSON.parse of Node 26 has met that name, it takes other names that begin with an escape for it.
  const name = fc.constantFrom('a', 'ab', '', '0', 'ü', 'a/b', '~', '"', '😀')
  const { json } = fc.letrec(tie => ({
    json: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
      ),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.array(fc.tuple(name, tie('json')), { maxLength: 4 }).map(entries => ({ entries })),
    ),
  }))
  const pointer = fc
    .array(name, { maxLength: 2 })
    .map(names => names.map(one => `/${one.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''))
  const damage = fc.record({
    at: fc.nat(),
    cut: fc.nat(2),
    put: fc.constantFrom(...'{}[]",:\\0-.eE+tnul \u0001\u0080\u00e2\u00ff'),
  })

  test('is where a full reading finds it, of any text, whole or damaged, and of any bytes', () => {
    let values = 0
    fc.assert(
      fc.property(json, pointer, fc.boolean(), fc.option(damage), (value, where, isEscaped, harm) => {
        const whole = Buffer.from(written(value, isEscaped))
        const at = harm === null ? 0 : harm.at % (whole.length + 1)
        const bytes =
          harm === null
            ? whole
            : Buffer.concat([whole.subarray(0, at), Buffer.from(harm.put, 'latin1'), whole.subarray(at + harm.cut)])
        const wanted = fullReading(bytes, where)
        if (wanted !== undefined) values += 1
        expect(found(bytes, where)).toEqual(wanted)
      }),
      { numRuns: 5_000 },
    )
    expect(values).toBeGreaterThan(500)
  })

  test.each([
    ['plain', '"k1"'],
    ['in part escapes', '"\\u006b1"'],
    ['beyond ASCII', '"kö"'],
  ])('is found without making anything of what stands beside it, be the names there %s', (_, other) => {
    const bytes = of(`{"user":"ann",${`${other}:{"deep":[1,"text"]},`.repeat(1_000)}"n":1}`)
    const made = [vi.spyOn(JSON, 'parse'), vi.spyOn(TextDecoder.prototype, 'decode')]
    const place = placeAt(bytes, '/user')
    const counts = made.map(({ mock }) => mock.calls.length)
    vi.restoreAllMocks()
    expect([place, counts]).toEqual([{ start: 8, end: 13 }, [0, 0]])
  })

  test('says that a text is nested too deeply', () => {
    const deep = (levels: number) => of(`{"a":1,"ü":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`)
    expect(found(deep(limits.jsonDepthMax), '/a')).toBe(1)
    expect(placeAt(deep(limits.jsonDepthMax + 1), '/a')).toMatchObject({ isTooDeep: true })
  })
})

/** With names that come twice, and some characters as escapes. */
function written(value: unknown, isEscaped: boolean): string {
  if (Array.isArray(value)) return `[${value.map(item => written(item, isEscaped)).join(',')}]`
  if (typeof value !== 'object' || value === null) return text(value, isEscaped)
  const { entries } = value as { entries: [string, unknown][] }
  return `{${entries.map(([key, item]) => `${text(key, isEscaped)}:${written(item, isEscaped)}`).join(',')}}`
}

function text(value: unknown, isEscaped: boolean): string {
  const plain = (JSON.stringify(value) ?? 'null').toWellFormed()
  if (!isEscaped || typeof value !== 'string') return plain
  return plain.replace(/[a0\u0080-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
