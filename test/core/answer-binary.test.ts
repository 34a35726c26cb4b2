import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readAnswer } from '../../src/core/answer.ts'
import type { AnswerRule, Protocol } from '../../src/core/endpoint.ts'

type Output = { name: string; datatype: string; shape: unknown; bytes?: Uint8Array; data?: unknown; size?: unknown }

const bytesOf = (data: ArrayBufferView) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

const texts = (...values: string[]) =>
  Buffer.concat(
    values.flatMap(value => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(Buffer.byteLength(value))
      return [length, Buffer.from(value)]
    }),
  )

/** An answer in the binary extension: the JSON, then the bytes of each tensor. */
function answerOf(outputs: readonly Output[], rest: Uint8Array = new Uint8Array()) {
  const described = outputs.map(({ bytes, size = bytes?.byteLength, ...output }) => {
    return size === undefined ? output : { ...output, parameters: { binary_data_size: size } }
  })
  const json = Buffer.from(JSON.stringify({ model_name: 'm', outputs: described }))
  const tensors = outputs.flatMap(({ bytes }) => bytes ?? [])
  return { body: Buffer.concat([json, ...tensors, rest]), jsonBytes: json.byteLength }
}

function read(
  outputs: readonly Output[],
  rule: Partial<AnswerRule> = {},
  { rest, protocol = 'open-inference' }: { rest?: Uint8Array; protocol?: Protocol } = {},
) {
  const contentType = 'application/octet-stream'
  return readAnswer({
    ...answerOf(outputs, rest),
    contentType,
    rule: { output: 'y', read: 'value', ...rule },
    protocol,
  })
}

const y = (datatype: string, shape: unknown, bytes: Uint8Array): Output => ({ name: 'y', datatype, shape, bytes })

describe('a value in a binary tensor is read', () => {
  test.each([
    ['BOOL', Buffer.from([1, 0]), [true, false]],
    ['UINT8', Buffer.from([0, 255]), [0, 255]],
    ['UINT16', bytesOf(new Uint16Array([1, 65_535])), [1, 65_535]],
    ['UINT32', bytesOf(new Uint32Array([1, 4_294_967_295])), [1, 4_294_967_295]],
    ['UINT64', bytesOf(new BigUint64Array([7n, 18_446_744_073_709_551_615n])), [7, '18446744073709551615']],
    ['INT8', bytesOf(new Int8Array([-128, 127])), [-128, 127]],
    ['INT16', bytesOf(new Int16Array([-32_768, 1])), [-32_768, 1]],
    ['INT32', bytesOf(new Int32Array([-2_147_483_648, 1])), [-2_147_483_648, 1]],
    ['INT64', bytesOf(new BigInt64Array([9_007_199_254_740_993n, -3n])), ['9007199254740993', -3]],
    ['FP16', bytesOf(new Uint16Array([0x3c00, 0xc100])), [1, -2.5]],
    ['BF16', bytesOf(new Uint16Array([0x3f80, 0xc020])), [1, -2.5]],
    ['FP32', bytesOf(new Float32Array([0.5, -2])), [0.5, -2]],
    ['FP64', bytesOf(new Float64Array([0.1, -2])), [0.1, -2]],
    ['BYTES', texts('katze', 'ü'), ['katze', 'ü']],
  ])('%s', (datatype, bytes, answer) => {
    expect(read([y(datatype, [2], bytes)]).answer).toEqual(answer)
    expect(read([y(datatype, [2, 1], bytes)]).answer).toEqual(answer)
  })

  test('behind other tensors, whether these are bytes or JSON', () => {
    const before: Output[] = [
      { name: 'a', datatype: 'FP32', shape: [1], bytes: bytesOf(new Float32Array([9])) },
      { name: 'b', datatype: 'INT64', shape: [1], data: [8] },
    ]
    expect(read([...before, y('INT32', [1], bytesOf(new Int32Array([4])))]).answer).toEqual([4])
    const after = [...before, { name: 'y', datatype: 'INT64', shape: [1], data: [5] }]
    expect(read(after).answer).toEqual([5])
  })

  test('as the greatest of scores, with the scores', () => {
    const scores = bytesOf(new Float32Array([0.25, 0.75, 1, 0]))
    const rule = { read: 'argmax', scores: 'y' } as const
    expect(read([y('FP32', [2, 2], scores)], rule)).toEqual({
      answer: [1, 0],
      scores: [
        [0.25, 0.75],
        [1, 0],
      ],
    })
  })

  test('as a ranking', () => {
    expect(read([y('BYTES', [1, 3], texts('c', 'a', 'b'))], { read: 'ranking' }).answer).toEqual([['c', 'a', 'b']])
  })

  test('without rows', () => {
    expect(read([y('FP32', [0], new Uint8Array())]).answer).toEqual([])
  })

  test('as in JSON, whatever the numbers', () => {
    const numbers = fc.array(fc.double({ min: -1e15, max: 1e15, noNaN: true }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(numbers, fc.constantFrom('value', 'argmax', 'ranking'), fc.boolean(), (values, how, isRow) => {
        const shape = isRow ? [1, values.length] : [values.length, 1]
        const json: Output = { name: 'y', datatype: 'FP64', shape, data: values.map(value => value + 0) }
        const bytes = bytesOf(Float64Array.from(values, value => value + 0))
        expect(read([y('FP64', shape, bytes)], { read: how })).toEqual(read([json], { read: how }))
      }),
    )
  })
})

describe('nothing is read from a binary answer', () => {
  const one = bytesOf(new Float32Array([1]))
  test.each<[string, Output[], Partial<AnswerRule>?, Uint8Array?]>([
    ['with bytes left over', [y('FP32', [1], one)], {}, one],
    ['with fewer bytes than it says', [{ ...y('FP32', [1], one), size: 8 }]],
    ['with a size that is not that of the shape', [y('FP32', [2], one)]],
    ['with a negative size', [{ ...y('FP32', [1], one), size: -4 }]],
    ['with a size in text', [{ ...y('FP32', [1], one), size: '4' }]],
    ['with a size beyond any body', [{ ...y('FP32', [1], one), size: 2 ** 60 }]],
    ['where another tensor is cut off', [y('FP32', [1], one), { name: 'z', datatype: 'FP32', shape: [1], size: 4 }]],
    ['of a datatype that nobody knows', [y('FP8', [4], one)]],
    ['without a datatype', [{ name: 'y', shape: [1], bytes: one } as unknown as Output]],
    ['of a shape with more elements than a double counts', [y('FP32', [2 ** 40, 2 ** 40], one)]],
    ['of a negative shape', [y('FP32', [-1], one)]],
    ['of a text that goes beyond the tensor', [y('BYTES', [1], Buffer.from([9, 0, 0, 0, 65]))]],
    ['of bytes after the last text', [y('BYTES', [1], Buffer.concat([texts('a'), one]))]],
    ['of a text that is not UTF-8', [y('BYTES', [1], Buffer.from([1, 0, 0, 0, 0xff]))]],
    ['of fewer texts than the shape says', [y('BYTES', [2], texts('a'))]],
    ['of a billion texts that are not there', [y('BYTES', [2 ** 30], texts('a'))]],
    ['of a value that is not finite', [y('FP32', [1], bytesOf(new Float32Array([Number.NaN])))]],
    [
      'of scores that are not numbers',
      [y('FP32', [1, 2], bytesOf(new Float32Array([Number.NaN, 1])))],
      { read: 'argmax' },
    ],
    ['with no such output', [{ ...y('FP32', [1], one), name: 'x' }]],
  ])('%s', (_, outputs, rule, rest) => {
    expect(read(outputs, rule, rest === undefined ? {} : { rest })).toEqual({ answer: null, scores: null })
  })

  test('of another protocol', () => {
    expect(read([y('FP32', [1], one)], { output: '/outputs/0/name' }, { protocol: 'http' }).answer).toBeNull()
  })

  test.each([-1, 1.5, Number.NaN, 1e9])('with a JSON of %s bytes', jsonBytes => {
    const { body } = answerOf([y('FP32', [1], one)])
    const rule = { output: 'y', read: 'value' } as const
    const asked = {
      body,
      jsonBytes,
      contentType: 'application/octet-stream',
      rule,
      protocol: 'open-inference',
    } as const
    expect(readAnswer(asked).answer).toBeNull()
  })

  test('whatever the bytes are, without a failure', () => {
    const output = fc.record({
      name: fc.constantFrom('y', 'z'),
      datatype: fc.constantFrom('FP32', 'BYTES', 'INT64', 'BOOL'),
      shape: fc.oneof(fc.array(fc.nat(3), { maxLength: 3 }), fc.anything()),
      size: fc.oneof(fc.nat(20), fc.anything()),
    })
    fc.assert(
      fc.property(fc.array(output), fc.uint8Array(), (outputs, rest) => {
        const { answer } = read(outputs as Output[], {}, { rest })
        expect(answer === null || Array.isArray(answer)).toBe(true)
      }),
    )
  })
})
