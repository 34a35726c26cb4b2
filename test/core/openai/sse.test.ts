import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinBytes } from '../../../src/core/bytes.ts'
import { limits } from '../../../src/core/limits.ts'
import { type SsePiece, SseSplitter, sseEvent } from '../../../src/core/openai/sse.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map(place => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((start, i) => bytes.subarray(start, at[i] ?? bytes.length))
}

function run(chunks: readonly Uint8Array[]): SsePiece[] {
  const splitter = new SseSplitter()
  return [...chunks.flatMap(chunk => splitter.push(chunk)), ...splitter.end()]
}

const dataOf = (pieces: readonly SsePiece[]) =>
  pieces
    .filter(({ isWhole }) => isWhole)
    .map(({ bytes }) => sseEvent(bytes).data)
    .filter(data => data !== null)

const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
const event = fc
  .tuple(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 3 }), lineEnd, fc.boolean())
  .map(([lines, end, hasComment]) => {
    const clean = lines.map(line => line.replaceAll(/[\r\n]/g, ''))
    const written = [...(hasComment ? [': still here'] : []), ...clean.map(line => `data: ${line}`)]
    return { data: clean.join('\n'), text: `${written.join(end)}${end}${end}` }
  })

describe('server-sent events that pass by', () => {
  test('are found whole however the bytes are cut, and no byte is lost or moved', () => {
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat()), (events, places) => {
        const bytes = bytesOf(events.map(({ text }) => text).join(''))
        const pieces = run(cut(bytes, places))
        expect(textOf(joinBytes(pieces.map(piece => piece.bytes)))).toBe(textOf(bytes))
        expect(dataOf(pieces)).toEqual(events.map(({ data }) => data))
      }),
    )
  })

  test('what is kept of a chunk is a copy, since the buffer behind it is read into again', () => {
    const splitter = new SseSplitter()
    const read = Buffer.from('data: a')
    splitter.push(read)
    read.fill('x')
    expect(splitter.push(Buffer.from('\n\n')).map(({ bytes }) => textOf(bytes))).toEqual(['data: a\n\n'])
  })

  test('an event goes on with its last byte and not before', () => {
    const splitter = new SseSplitter()
    expect(splitter.push(bytesOf('data: a\n'))).toEqual([])
    expect(splitter.push(bytesOf('\n')).map(({ bytes }) => textOf(bytes))).toEqual(['data: a\n\n'])
  })

  test.each([
    ['in one chunk', ['data: a\r\n\r\n'], ['data: a\r\n\r\n']],
    ['in two chunks', ['data: a\r\n\r\n', 'data: b\r\n\r\n'], ['data: a\r\n\r\n', 'data: b\r\n\r\n']],
    ['cut before its LF', ['data: a\r\n\r', '\ndata: b\r'], ['data: a\r\n\r', '\n']],
    ['cut by bytes', [...'x\r\n\r\n'], ['', '', '', 'x\r\n\r', '\n']],
    ['with an empty chunk before its LF', ['data: a\r\r', '', '\n'], ['data: a\r\r', '', '\n']],
  ])('the LF of an event that ends with CRLF goes with its own chunk: %s', (_, chunks, passed) => {
    const splitter = new SseSplitter()
    const out = chunks.map(chunk => textOf(joinBytes(splitter.push(bytesOf(chunk)).map(({ bytes }) => bytes))))
    expect(out).toEqual(passed)
  })

  test('what a stream that breaks off leaves is no event', () => {
    const pieces = run([bytesOf('data: a\n\ndata: b\n')])
    expect(pieces.map(({ isWhole }) => isWhole)).toEqual([true, false])
  })

  test.each([
    ['data: a', { name: null, data: 'a' }],
    ['event: error\ndata: {}', { name: 'error', data: '{}' }],
    ['event:x\ndata:a\ndata\ndata:  b', { name: 'x', data: 'a\n\n b' }],
    [': events: 5\nevents: x\ndatabase: y', { name: null, data: null }],
  ])('%j is read by the fields that it has', (text, read) => {
    expect(sseEvent(bytesOf(`${text}\n\n`))).toEqual(read)
  })

  test('a long event goes on in parts and holds no more than its limit', () => {
    const long = bytesOf(`data: ${'x'.repeat(3 * limits.sseEventBytesMax)}\n\n`)
    const pieces = run([...cut(long, [1_000, 100_000, 150_000]), bytesOf('data: b\n\n')])
    expect(joinBytes(pieces.map(({ bytes }) => bytes)).length).toBe(long.length + 9)
    expect(dataOf(pieces)).toEqual(['b'])
    expect(pieces.length).toBeGreaterThan(2)
  })
})
