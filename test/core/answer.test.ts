import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readAnswer } from '../../src/core/answer.ts'
import type { AnswerRule, Protocol } from '../../src/core/endpoint.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

function read(protocol: Protocol, rule: AnswerRule, text: string, contentType = 'application/json') {
  return readAnswer({ body: bytes(text), contentType, rule, protocol }).answer
}

const readTensor = (how: AnswerRule['read'], shape: unknown, data: string) =>
  read(
    'open-inference',
    { output: 'y', read: how },
    `{"outputs":[{"name":"x","shape":[1],"data":[9]},{"name":"y","shape":${JSON.stringify(shape)},"data":${data}}]}`,
  )

const readPointer = (how: AnswerRule['read'], pointer: string, text: string) =>
  read('http', { output: pointer, read: how }, text)

describe('an open-inference output read as value', () => {
  test.each([
    { rule: 'flat data: one label per row', shape: [3], data: '[4, 5.5, -1]', labels: [4, 5.5, -1] },
    { rule: 'text and truth values stay what they are', shape: [2], data: '["cat", "3"]', labels: ['cat', '3'] },
    { rule: 'booleans', shape: [2], data: '[true, false]', labels: [true, false] },
    { rule: 'rows of one element, flat', shape: [2, 1], data: '[4, 5]', labels: [4, 5] },
    { rule: 'rows of one element, nested', shape: [2, 1], data: '[[4], [5]]', labels: [4, 5] },
    { rule: 'one element at any depth', shape: [2, 1, 1], data: '[[[4]], [[5]]]', labels: [4, 5] },
    { rule: 'no rows', shape: [0], data: '[]', labels: [] },
    {
      rule: 'whole numbers beyond a double keep every digit, as text',
      shape: [2],
      data: '[9007199254740993, -9223372036854775808]',
      labels: ['9007199254740993', '-9223372036854775808'],
    },
    {
      rule: 'long fractions stay numbers',
      shape: [2],
      data: '[0.12345678901234566, 1234567890123456]',
      labels: [0.12345678901234566, 1234567890123456],
    },
  ])('$rule', ({ shape, data, labels }) => {
    expect(readTensor('value', shape, data)).toEqual(labels)
  })

  test.each([
    { rule: 'several elements in a row', shape: [2, 2], data: '[1, 2, 3, 4]' },
    { rule: 'several elements in a nested row', shape: [1, 2], data: '[[1, 2]]' },
    { rule: 'rows without elements', shape: [2, 0], data: '[]' },
    { rule: 'less data than the shape says', shape: [3], data: '[1, 2]' },
    { rule: 'nested data of another shape', shape: [2, 2], data: '[[1, 2, 3], [4]]' },
    { rule: 'an element that is no label', shape: [2], data: '[1, null]' },
    { rule: 'an object', shape: [1], data: '[{}]' },
    { rule: 'a number that no JSON writer can write again', shape: [1], data: '[1e999]' },
    { rule: 'no shape', shape: null, data: '[1]' },
    { rule: 'a shape without dimensions', shape: [], data: '[1]' },
    { rule: 'a negative dimension', shape: [-1], data: '[1]' },
    { rule: 'a fractional dimension', shape: [1.5], data: '[1]' },
    {
      rule: 'a shape of thousands of dimensions',
      shape: Array(5000).fill(1),
      data: `${'['.repeat(5000)}1${']'.repeat(5000)}`,
    },
    { rule: 'data that are no array', shape: [1], data: '7' },
  ])('nothing is read from $rule', ({ shape, data }) => {
    expect(readTensor('value', shape, data)).toBeNull()
  })
})

describe('an open-inference output read as argmax', () => {
  test.each([
    { rule: 'flat', shape: [2, 3], data: '[0.1, 0.7, 0.2, 5, 4, 3]', labels: [1, 0] },
    { rule: 'nested', shape: [2, 3], data: '[[0.1, 0.7, 0.2], [5, 4, 3]]', labels: [1, 0] },
    { rule: 'the first of equals', shape: [1, 3], data: '[1, 2, 2]', labels: [1] },
    { rule: 'negative numbers', shape: [1, 2], data: '[-2, -1]', labels: [1] },
    { rule: 'overflowing numbers are infinite', shape: [1, 3], data: '[1, 1e999, -1e999]', labels: [1] },
    { rule: 'no rows', shape: [0, 3], data: '[]', labels: [] },
  ])('$rule', ({ shape, data, labels }) => {
    expect(readTensor('argmax', shape, data)).toEqual(labels)
  })

  test.each([
    { rule: 'a list without rows', shape: [3], data: '[1, 2, 3]' },
    { rule: 'three dimensions', shape: [1, 1, 3], data: '[1, 2, 3]' },
    { rule: 'a score that is no number', shape: [1, 2], data: '[1, "2"]' },
    { rule: 'a missing score', shape: [1, 2], data: '[1, null]' },
    { rule: 'the NaN of a lenient writer', shape: [1, 2], data: '[1, NaN]' },
    { rule: 'rows without scores', shape: [2, 0], data: '[]' },
  ])('nothing is read from $rule', ({ shape, data }) => {
    expect(readTensor('argmax', shape, data)).toBeNull()
  })

  test('is the index of the greatest for any scores', () => {
    const scores = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 })
    fc.assert(
      fc.property(scores, row => {
        const [label] = readTensor('argmax', [1, row.length], JSON.stringify(row)) ?? []
        expect(label).toBe(row.indexOf(Math.max(...row.map(score => score + 0)) + 0))
      }),
    )
  })
})

describe('an http answer read by JSON pointer', () => {
  test.each([
    { rule: 'a scalar is one row', pointer: '/label', text: '{"label":"cat"}', labels: ['cat'] },
    {
      rule: 'an array has a row per item',
      pointer: '/predictions',
      text: '{"predictions":[1,2,3]}',
      labels: [1, 2, 3],
    },
    { rule: 'rows of one item', pointer: '/predictions', text: '{"predictions":[[1],[2]]}', labels: [1, 2] },
    { rule: 'the empty pointer is the whole answer', pointer: '', text: '[true,"x"]', labels: [true, 'x'] },
    { rule: 'an index into an array', pointer: '/0/class', text: '[{"class":7},{"class":8}]', labels: [7] },
    { rule: '~1 is a slash, ~0 a tilde, in this order', pointer: '/a~1b/~01', text: '{"a/b":{"~1":5}}', labels: [5] },
    { rule: 'an empty key', pointer: '/', text: '{"":5}', labels: [5] },
    {
      rule: 'keys that objects have by nature, if the answer has them',
      pointer: '/__proto__',
      text: '{"__proto__":5}',
      labels: [5],
    },
    {
      rule: 'ids of 64 bits keep every digit',
      pointer: '/id',
      text: '{"id":18446744073709551615}',
      labels: ['18446744073709551615'],
    },
  ])('$rule', ({ pointer, text, labels }) => {
    expect(readPointer('value', pointer, text)).toEqual(labels)
  })

  test.each([
    { rule: 'one row of scores', pointer: '/scores', text: '{"scores":[0.1,0.9]}', labels: [1] },
    { rule: 'rows of scores', pointer: '/scores', text: '{"scores":[[0.1,0.9],[3,2]]}', labels: [1, 0] },
  ])('argmax: $rule', ({ pointer, text, labels }) => {
    expect(readPointer('argmax', pointer, text)).toEqual(labels)
  })

  test.each([
    { rule: 'a pointer that leads nowhere', how: 'value', pointer: '/a/b', text: '{"a":1}' },
    { rule: 'a pointer without its slash', how: 'value', pointer: 'a', text: '{"a":1}' },
    { rule: 'an index with a leading zero', how: 'value', pointer: '/00', text: '[1]' },
    { rule: 'the place after the last', how: 'value', pointer: '/-', text: '[1]' },
    { rule: 'the length of an array', how: 'value', pointer: '/length', text: '[1]' },
    { rule: 'a key that objects have by nature', how: 'value', pointer: '/constructor', text: '{}' },
    { rule: 'null', how: 'value', pointer: '', text: 'null' },
    { rule: 'an object', how: 'value', pointer: '', text: '{}' },
    { rule: 'rows of several items', how: 'value', pointer: '', text: '[[1,2]]' },
    { rule: 'argmax of a scalar', how: 'argmax', pointer: '', text: '3' },
    { rule: 'argmax of nothing', how: 'argmax', pointer: '', text: '[]' },
    { rule: 'argmax of rows and numbers mixed', how: 'argmax', pointer: '', text: '[[1,2],3]' },
  ] as const)('nothing is read from $rule', ({ how, pointer, text }) => {
    expect(readPointer(how, pointer, text)).toBeNull()
  })
})

describe('what is not JSON', () => {
  const rule: AnswerRule = { output: '', read: 'value' }

  test.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.seldon+json', 'text/json'])(
    '%s is JSON',
    contentType => {
      expect(read('http', rule, '5', contentType)).toEqual([5])
    },
  )

  test.each([
    '',
    'text/plain',
    'application/octet-stream',
    'application/x-ndjson',
    'application/jsonp',
    'text/event-stream',
  ])('"%s" is not', contentType => {
    expect(read('http', rule, '5', contentType)).toBeNull()
  })

  test('bytes that are no UTF-8, or a compressed body, give nothing', () => {
    for (const body of [new Uint8Array([0x22, 0xff, 0x22]), new Uint8Array([0x1f, 0x8b, 8, 0]), new Uint8Array(0)]) {
      expect(readAnswer({ body, contentType: 'application/json', rule, protocol: 'http' }).answer).toBeNull()
    }
  })

  test('no bytes, no rule and no nesting make it throw', () => {
    const body = fc.oneof(
      fc.uint8Array(),
      fc.json().map(bytes),
      fc.json().map(json => bytes(`{"outputs":${json}}`)),
    )
    const anyRule = fc.record({
      output: fc.oneof(fc.string(), fc.constantFrom('', '/0', '/outputs')),
      read: fc.constantFrom('value' as const, 'argmax' as const),
    })
    const protocol = fc.constantFrom('http' as const, 'open-inference' as const)
    fc.assert(
      fc.property(body, anyRule, protocol, (body, rule, protocol) => {
        const labels = readAnswer({ body, contentType: 'application/json', rule, protocol }).answer
        expect(labels === null || Array.isArray(labels)).toBe(true)
      }),
      { numRuns: 500 },
    )
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    expect(readPointer('value', '', deep)).toBeNull()
    expect(readPointer('argmax', '', deep)).toBeNull()
    expect(readTensor('value', [1], deep)).toBeNull()
    expect(readPointer('value', '', deep.replace('[]', '[9007199254740993]'))).toBeNull()
  })
})
