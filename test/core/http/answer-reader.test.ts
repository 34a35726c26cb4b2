import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { drawAnswer, drawFrom } from '../../fuzz/answer-bytes.ts'
import { dependsOnCuts, disagreement } from '../../fuzz/compare-answers.ts'
import { type Heard, hear } from '../../fuzz/hear-answer.ts'
import { hearLlhttp } from '../../fuzz/llhttp-answers.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')
const corpus = join(import.meta.dirname, '../../fuzz/corpus/answers')

describe('an answer is read to its end and no further', () => {
  test.each<[string, string, string, Partial<Heard>]>([
    [
      'of a stated length',
      'GET',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      { body: 'hello', end: 'complete' },
    ],
    [
      'in chunks',
      'GET',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      { body: 'hello', end: 'complete' },
    ],
    ['to HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', { body: '', end: 'complete' }],
    ['with status 204', 'GET', 'HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n', { body: '', end: 'complete' }],
    ['with status 304', 'GET', 'HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n', { body: '', end: 'complete' }],
    [
      'after interim ones',
      'GET',
      'HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: a\r\n\r\nHTTP/1.1 204 No\r\n\r\n',
      { status: 204, fields: [], end: 'complete' },
    ],
  ])('%s', (_, method, text, expected) => {
    for (const surplus of ['', 'HTTP/1.1 200 OK\r\n\r\n']) {
      expect(hear(latin1(text + surplus), method)).toMatchObject({ ...expected, used: text.length })
    }
  })

  test('without a length it ends with the connection', () => {
    expect(hear(latin1('HTTP/1.0 200 OK\r\n\r\nhello'), 'GET')).toMatchObject({ body: 'hello', end: 'complete' })
  })

  test.each([
    ['a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['a stated length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell'],
    ['a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel'],
    ['chunks without the last one', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
    ['trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n'],
    ['interim answers', 'HTTP/1.1 100 C\r\n\r\n'],
  ])('an end in the middle of %s is no end', (_, text) => {
    expect(hear(latin1(text), 'GET').end).toBe('cut')
  })

  test.each([
    ['an upgrade', 'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['interim answers without end', 'HTTP/1.1 100 C\r\n\r\n'.repeat(limits.interimAnswersMax + 1)],
    ['an interim answer with a length', 'HTTP/1.1 103 E\r\nContent-Length: 0\r\n\r\n'],
  ])('%s is refused', (_, text) => {
    expect(hear(latin1(text), 'GET').end).toBe('refused')
  })

  test('a head that comes byte by byte is held up to the limit', () => {
    const every = Array.from({ length: limits.headerBytesMax + 100 }, (_, at) => at)
    const head = (size: number) => latin1(`HTTP/1.1 204 No\r\nX: ${'x'.repeat(size - 24)}\r\n\r\n`)
    expect(hear(head(limits.headerBytesMax), 'GET', every).end).toBe('complete')
    expect(hear(head(limits.headerBytesMax + 1), 'GET', every).end).toBe('refused')
  })
})

describe('against llhttp', () => {
  test('what it finds wrong can be found', () => {
    expect(hearLlhttp(latin1('HTTP/1.1 200 OK\r\nX : 1\r\n\r\n'), 'GET').end).toBe('refused')
    expect(hearLlhttp(latin1('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel'), 'GET').end).not.toBe('complete')
    const good = latin1(
      'HTTP/1.1 103 E\r\n\r\nHTTP/1.1 201 C\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nY: 1\r\n\r\n',
    )
    expect(hearLlhttp(good, 'GET')).toMatchObject({ status: 201, body: 'x', end: 'complete' })
  })

  test.each(readdirSync(corpus))('%s', file => {
    const bytes = readFileSync(join(corpus, file))
    const method = file.split('-')[0] ?? ''
    const everywhere = Array.from({ length: bytes.length }, (_, at) => at)
    expect(disagreement(bytes, method)).toBeNull()
    expect(dependsOnCuts(bytes, method, everywhere)).toBeNull()
  })

  const drawn = fc.record({
    seed: fc.nat(),
    oddity: fc.constantFrom(0, 0.05, 0.2, 0.5),
    method: fc.constantFrom('POST', 'GET', 'HEAD'),
    cuts: fc.array(fc.nat(400), { maxLength: 8 }),
  })

  test('whatever we take llhttp takes, with the same meaning', () => {
    const check = fc.property(drawn, ({ seed, oddity, method }) => {
      const bytes = drawAnswer(drawFrom(seed), oddity)
      expect(disagreement(bytes, method), JSON.stringify(bytes.toString('latin1'))).toBeNull()
    })
    fc.assert(check, { numRuns: 500 })
  })

  test('where an answer is cut changes nothing', () => {
    const check = fc.property(drawn, ({ seed, oddity, method, cuts }) => {
      const bytes = drawAnswer(drawFrom(seed), oddity)
      expect(dependsOnCuts(bytes, method, cuts), JSON.stringify(bytes.toString('latin1'))).toBeNull()
    })
    fc.assert(check, { numRuns: 500 })
  })

  test('most of what is drawn without oddities is taken', () => {
    const answers = Array.from({ length: 200 }, (_, seed) => hear(drawAnswer(drawFrom(seed), 0), 'GET'))
    expect(answers.filter(({ end }) => end === 'complete').length).toBeGreaterThan(120)
  })
})
