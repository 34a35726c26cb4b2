import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FeatureSpecs, readFeatures } from '../../src/core/features.ts'
import { limits } from '../../src/core/limits.ts'

const encoder = new TextEncoder()
const number = (pointer: string) => ({ source: { from: 'pointer', pointer }, type: 'number' }) as const
const category = (pointer: string) => ({ source: { from: 'pointer', pointer }, type: 'category' }) as const
const element = (tensor: string, index: number | null, type: 'number' | 'category' = 'number') =>
  ({ source: { from: 'input', tensor, index }, type }) as const

function read(body: unknown, features: FeatureSpecs) {
  return readFeatures({ body: encoder.encode(JSON.stringify(body)), jsonBytes: null, features })
}

/** A request in the binary extension: the JSON, then the bytes of each tensor. */
function binaryRequest(tensors: readonly { name: string; datatype: string; shape: number[]; bytes: Uint8Array }[]) {
  const inputs = tensors.map(({ bytes, ...tensor }) => ({
    ...tensor,
    parameters: { binary_data_size: bytes.byteLength },
  }))
  const json = encoder.encode(JSON.stringify({ inputs }))
  return { body: Buffer.concat([json, ...tensors.map(({ bytes }) => bytes)]), jsonBytes: json.byteLength }
}

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

describe('features of a JSON body', () => {
  it('are found by their pointers, with ~ and / escaped', () => {
    const body = { user: { 'a/b': 7, 'c~d': 'gold' }, list: [1, { x: 2.5 }] }
    expect(
      read(body, {
        a: number('/user/a~1b'),
        c: category('/user/c~0d'),
        x: number('/list/1/x'),
        whole: number('/list/0'),
      }),
    ).toEqual({ features: { a: 7, c: 'gold', x: 2.5, whole: 1 }, isMalformed: false })
  })

  it('that are not there, or null, are missing and no fault', () => {
    expect(read({ a: null }, { a: number('/a'), b: category('/b/c') })).toEqual({
      features: { a: null, b: null },
      isMalformed: false,
    })
  })

  it('of another type than declared are missing and counted', () => {
    const cases: [unknown, FeatureSpecs[string]][] = [
      ['7', number('/a')],
      [{}, number('/a')],
      [['x'], category('/a')],
      ['x'.repeat(limits.featureTextMax + 1), category('/a')],
    ]
    for (const [value, spec] of cases)
      expect(read({ a: value }, { a: spec })).toEqual({ features: { a: null }, isMalformed: true })
  })

  it('may be true or false, and a number may name a category', () => {
    expect(
      read({ a: true, b: 3, c: false }, { a: number('/a'), b: category('/b'), c: category('/c') }).features,
    ).toEqual({ a: 1, b: '3', c: 'false' })
  })

  it('do not come from what objects inherit', () => {
    expect(read({}, { a: category('/constructor/name') }).features).toEqual({ a: null })
  })

  it('are none where no body was sent', () => {
    expect(readFeatures({ body: new Uint8Array(), jsonBytes: null, features: { a: number('/a') } })).toEqual({
      features: null,
      isMalformed: false,
    })
  })

  it('cannot be had of a body that is no JSON', () => {
    const body = encoder.encode('{"a":')
    expect(readFeatures({ body, jsonBytes: null, features: { a: number('/a') } })).toEqual({
      features: null,
      isMalformed: true,
    })
  })
})

describe('a body that is nested too deeply', () => {
  it('is not read, since that would hold up everybody', () => {
    const body = encoder.encode(`{"a":1,"deep":${'['.repeat(5_000)}${']'.repeat(5_000)}}`)
    expect(readFeatures({ body, jsonBytes: null, features: { a: number('/a') } })).toEqual({
      features: null,
      isMalformed: true,
    })
  })
})

describe('features of tensors', () => {
  const input = (data: unknown, shape: number[]) => ({ inputs: [{ name: 'x', datatype: 'FP32', shape, data }] })

  it('are of the first row, with data flat or nested', () => {
    const features = { second: element('x', 1), mean: element('x', null), beyond: element('x', 3) }
    const expected = { features: { second: 2, mean: 2, beyond: null }, isMalformed: false }
    expect(read(input([1, 2, 3, 40, 50, 60], [2, 3]), features)).toEqual(expected)
    expect(
      read(
        input(
          [
            [1, 2, 3],
            [40, 50, 60],
          ],
          [2, 3],
        ),
        features,
      ),
    ).toEqual(expected)
  })

  it('are malformed where shape and data do not fit', () => {
    for (const [data, shape] of [
      [
        [1, 2],
        [1, 3],
      ],
      [[[1, 2]], [1, 3]],
      [[1], [-1]],
      [7, [1]],
    ] as const)
      expect(read(input(data, [...shape]), { a: element('x', 0) })).toEqual({
        features: { a: null },
        isMalformed: true,
      })
  })

  it('are missing where the tensor is not there, has no rows, or stands in shared memory', () => {
    expect(read({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }] }, { a: element('x', 0) })).toEqual({
      features: { a: null },
      isMalformed: false,
    })
    expect(read(input([], [0, 3]), { a: element('x', 0), b: element('y', 0), c: element('x', null) })).toEqual({
      features: { a: null, b: null, c: null },
      isMalformed: false,
    })
  })

  it('are read in the binary extension, tensor after tensor', () => {
    const text = Buffer.concat([
      Buffer.from([3, 0, 0, 0]),
      Buffer.from('abc'),
      Buffer.from([2, 0, 0, 0]),
      Buffer.from('de'),
    ])
    const request = binaryRequest([
      { name: 'f', datatype: 'FP32', shape: [2, 2], bytes: bytesOf(Float32Array.from([0.5, 1.5, 9, 9])) },
      { name: 't', datatype: 'BYTES', shape: [1, 2], bytes: text },
      { name: 'i', datatype: 'INT64', shape: [1], bytes: bytesOf(BigInt64Array.from([-5n])) },
      { name: 'b', datatype: 'BOOL', shape: [1, 2], bytes: Uint8Array.from([0, 1]) },
      { name: 'h', datatype: 'FP16', shape: [1, 3], bytes: bytesOf(Uint16Array.from([0x3c00, 0xc100, 0x0001])) },
      { name: 'g', datatype: 'BF16', shape: [1], bytes: bytesOf(Uint16Array.from([0x3fc0])) },
    ])
    const features = {
      mean: element('f', null),
      word: element('t', 1, 'category'),
      whole: element('i', 0),
      flag: element('b', 1, 'category'),
      half: element('h', 1),
      tiny: element('h', 2),
      brain: element('g', 0),
    }
    expect(readFeatures({ ...request, features })).toEqual({
      features: { mean: 1, word: 'de', whole: -5, flag: 'true', half: -2.5, tiny: 2 ** -24, brain: 1.5 },
      isMalformed: false,
    })
  })

  it('are malformed where the bytes are too few or the header says too much', () => {
    const tensor = { name: 'x', datatype: 'FP64', shape: [1, 2], bytes: new Uint8Array(8) }
    const features = { a: element('x', 0) }
    expect(readFeatures({ ...binaryRequest([tensor]), features })).toEqual({ features: { a: null }, isMalformed: true })
    const { body, jsonBytes } = binaryRequest([{ ...tensor, shape: [1, 1] }])
    expect(readFeatures({ body: body.subarray(0, body.length - 1), jsonBytes, features }).features).toBeNull()
    expect(readFeatures({ body, jsonBytes: body.length + 1, features }).features).toBeNull()
    expect(readFeatures({ body, jsonBytes: Number.NaN, features }).features).toBeNull()
  })

  it('are the same in both forms', () => {
    const rows = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 })).chain(([height, width]) =>
      fc.record({
        shape: fc.constant<number[]>([height, width]),
        values: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
          minLength: height * width,
          maxLength: height * width,
        }),
      }),
    )
    fc.assert(
      fc.property(rows, fc.nat(5), ({ shape, values }, index) => {
        const features = { one: element('x', index), mean: element('x', null) }
        const bytes = bytesOf(Float64Array.from(values))
        const binary = readFeatures({
          ...binaryRequest([{ name: 'x', datatype: 'FP64', shape, bytes }]),
          features,
        })
        const json = read({ inputs: [{ name: 'x', datatype: 'FP64', shape, data: values }] }, features)
        // JSON has no negative zero.
        expect(JSON.stringify(binary)).toBe(JSON.stringify(json))
      }),
    )
  })
})

it('never throws, whatever the bytes', () => {
  const features = { a: number('/a/0'), b: element('x', 0), c: element('x', null), d: element('y', 0, 'category') }
  const tensors = fc.record({
    inputs: fc.array(
      fc.record(
        {
          name: fc.constantFrom('x', 'y', 3),
          datatype: fc.constantFrom('FP32', 'BYTES', 'FP16', 'what'),
          shape: fc.oneof(fc.array(fc.oneof(fc.nat(4), fc.double())), fc.anything()),
          data: fc.oneof(fc.array(fc.anything()), fc.anything()),
          parameters: fc.record({ binary_data_size: fc.oneof(fc.nat(20), fc.anything()) }),
        },
        { requiredKeys: [] },
      ),
    ),
  })
  const json = fc.oneof(tensors, fc.jsonValue()).map(value => encoder.encode(JSON.stringify(value) ?? ''))
  fc.assert(
    fc.property(fc.oneof(json, fc.uint8Array()), fc.uint8Array({ maxLength: 40 }), (head, tail) => {
      const read = readFeatures({ body: Buffer.concat([head, tail]), jsonBytes: head.length, features })
      for (const value of Object.values(read.features ?? {}))
        expect(value === null || typeof value === 'string' || Number.isFinite(value)).toBe(true)
    }),
  )
})
