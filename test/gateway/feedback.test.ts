import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CutoverError } from '../../src/core/errors.ts'
import { limits } from '../../src/core/limits.ts'
import { memoryRecorder, type Rig, startRig } from '../support/gateway-rig.ts'
import { ask, inferPath, keepAlive, type Reply } from '../support/http-caller.ts'

let rig: Rig
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())
afterAll(() => keepAlive.destroy())

const receivedAtMs = 1_750_000_000_000

function send(body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return ask(rig.port, { path: '/v1/feedback', body: text, headers })
}

function results(reply: Reply): { id: string; prediction: string; status: string; detail?: string }[] {
  return (reply.json() as { results: { id: string; prediction: string; status: string }[] }).results
}

describe('an item that is valid', () => {
  const none = { row: 0, label: null, reward: null, metrics: {}, atMs: receivedAtMs }
  const cases: readonly [string, Record<string, unknown>, object][] = [
    ['a label', { label: 'cat' }, { ...none, label: 'cat' }],
    ['a label that is a number', { label: 0 }, { ...none, label: 0 }],
    ['a label that is a boolean', { label: false }, { ...none, label: false }],
    ['an empty text as label', { label: '' }, { ...none, label: '' }],
    ['a reward', { reward: -0.5 }, { ...none, reward: -0.5 }],
    [
      'metrics',
      { metrics: { converted: true, left: false, eur: 9.5 } },
      { ...none, metrics: { converted: 1, left: 0, eur: 9.5 } },
    ],
    ['a row', { label: 1, row: 3 }, { ...none, label: 1, row: 3 }],
    ['a time in UTC', { label: 1, at: '2026-01-31T12:00:00Z' }, { ...none, label: 1, atMs: Date.UTC(2026, 0, 31, 12) }],
    [
      'a time in a zone',
      { label: 1, at: '2024-02-29T12:00:00.25+02:00' },
      { ...none, label: 1, atMs: Date.UTC(2024, 1, 29, 10, 0, 0, 250) },
    ],
    ['a time in milliseconds', { label: 1, at: 1_700_000_000_000 }, { ...none, label: 1, atMs: 1_700_000_000_000 }],
  ]
  test.each(cases)('with %s becomes an outcome', async (_name, item, outcome) => {
    const reply = await send({ prediction: 'p', id: 'o1', ...item })
    expect([reply.status, reply.json()]).toEqual([200, { results: [{ id: 'o1', prediction: 'p', status: 'pending' }] }])
    expect(rig.recorder.outcomes.get('o1')).toEqual({ id: 'o1', prediction: 'p', ...outcome })
  })
})

describe('a number that a double cannot hold', () => {
  const recorded = async (fields: string) => {
    await send(`[{"prediction":"p","id":"o1",${fields}}]`)
    return rig.recorder.outcomes.get('o1')
  }

  test('keeps every digit as a label, as it does in answers', async () => {
    expect(await recorded('"label":9007199254740993')).toMatchObject({ label: '9007199254740993' })
  })

  test('keeps every digit as an item of a ranking', async () => {
    expect(await recorded('"label":[1, -9007199254740993]')).toMatchObject({ label: [1, '-9007199254740993'] })
  })

  test('stays a number where it is reckoned with', async () => {
    expect(await recorded('"reward":9007199254740993,"metrics":{"label":9007199254740993}')).toMatchObject({
      reward: 9007199254740992,
      metrics: { label: 9007199254740992 },
    })
  })

  test('makes another outcome than its neighbour', async () => {
    const both = await send('[{"prediction":"p","label":9007199254740993},{"prediction":"p","label":9007199254740992}]')
    expect(new Set(results(both).map(({ id }) => id)).size).toBe(2)
  })
})

describe('an item that is not', () => {
  const cases: readonly [string, unknown, string, string][] = [
    ['no object', 7, '', 'must be an object'],
    ['null', null, '', 'must be an object'],
    ['no prediction', { label: 1 }, 'prediction', 'is missing'],
    ['a prediction that is no text', { prediction: 7, label: 1 }, 'prediction', 'must be 1 to 128 printable'],
    ['a prediction with a space', { prediction: 'a b', label: 1 }, 'prediction', 'must be 1 to 128 printable'],
    ['an empty prediction', { prediction: '', label: 1 }, 'prediction', 'must be 1 to 128 printable'],
    ['nothing known', { prediction: 'p' }, '', 'says nothing about the prediction'],
    ['an unknown key', { prediction: 'p', label: 1, lable: 2 }, 'lable', 'unknown key'],
    ['a row below 0', { prediction: 'p', label: 1, row: -1 }, 'row', 'must be a whole number from 0'],
    ['a broken row', { prediction: 'p', label: 1, row: 1.5 }, 'row', 'must be a whole number from 0'],
    [
      'a label of null',
      { prediction: 'p', label: null },
      'label',
      'must be a string, a finite number, a boolean, or for a ranking a list',
    ],
    [
      'a label that is a list of lists',
      { prediction: 'p', label: [[1]] },
      'label',
      'must be a string, a finite number, a boolean, or for a ranking a list',
    ],
    ['a reward that is a text', { prediction: 'p', reward: '1' }, 'reward', 'must be a finite number'],
    ['no metrics', { prediction: 'p', metrics: {} }, 'metrics', 'must name at least one metric'],
    ['metrics that are a list', { prediction: 'p', metrics: [1] }, 'metrics', 'must name at least one metric'],
    [
      'a metric that is a text',
      { prediction: 'p', metrics: { a: 'x' } },
      'metrics.a',
      'must be a finite number or a boolean',
    ],
    ['a metric whose name is none', { prediction: 'p', metrics: { 'a b': 1 } }, 'metrics', 'a b is not a name'],
    ['an id with a space', { prediction: 'p', label: 1, id: 'a b' }, 'id', 'must be 1 to 128 printable'],
    ['a time without a zone', { prediction: 'p', label: 1, at: '2026-01-31T12:00:00' }, 'at', 'must be a time'],
    ['a day that no month has', { prediction: 'p', label: 1, at: '2026-02-30T12:00:00Z' }, 'at', 'must be a time'],
    ['a time in seconds', { prediction: 'p', label: 1, at: 1_700_000_000 }, 'at', 'are these seconds?'],
    ['a time that is a boolean', { prediction: 'p', label: 1, at: true }, 'at', 'must be a time'],
  ]

  test.each(cases)('%s is refused with path, message and what is allowed', async (_name, item, path, message) => {
    const reply = await send(item)
    expect([reply.status, reply.headers['content-type']]).toEqual([400, 'application/problem+json'])
    const { problems } = reply.json() as { problems: { path: string; message: string; allowed: string[] }[] }
    expect(problems[0]?.path).toBe(path)
    expect(problems[0]?.message).toContain(message)
    expect(problems[0]?.allowed.length).toBeGreaterThan(0)
    expect(rig.recorder.outcomes.size).toBe(0)
  })

  test('numbers that overflow are not finite', async () => {
    const reply = await send('{"prediction":"p","reward":1e999}')
    expect([reply.status, reply.text.includes('must be a finite number')]).toEqual([400, true])
  })

  test('among valid ones is told, and the valid ones are taken', async () => {
    const reply = await send([
      { prediction: 'p1', label: 1, id: 'a' },
      { prediction: 'p2', label: 1, row: -1, id: 'b' },
      { prediction: 'p3', reward: 2, id: 'c' },
    ])
    const told = results(reply)
    expect(reply.status).toBe(200)
    expect(told.map(({ id, prediction, status }) => [id, prediction, status])).toEqual([
      ['a', 'p1', 'pending'],
      ['b', 'p2', 'invalid'],
      ['c', 'p3', 'pending'],
    ])
    expect(told[1]?.detail).toBe('[1].row must be a whole number from 0; allowed: a whole number from 0')
    expect([...rig.recorder.outcomes.keys()]).toEqual(['a', 'c'])
  })

  test('among invalid ones only: all are refused, with a bounded list', async () => {
    const reply = await send(Array.from({ length: 150 }, () => ({ prediction: 'p' })))
    const body = reply.json() as { problems: { path: string }[]; problemsNotListed: number; detail: string }
    expect([reply.status, body.problems.length, body.problemsNotListed]).toEqual([400, 100, 50])
    expect(body.problems[7]?.path).toBe('[7]')
    expect(body.detail).toContain('none of the 150 items is valid: [0] says nothing about the prediction')
  })
})

describe('an item with many faults among valid ones', () => {
  test('tells the first of them, so that no answer is many times as long as its question', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`unknown-${i}`, 1]))
    const reply = await send([
      { prediction: 'p', label: 1 },
      ...Array(20).fill({ prediction: 'p', label: 1, ...unknown }),
    ])
    const { detail = '' } = results(reply)[1] ?? {}
    expect(detail.split('; ').filter(part => part.includes('unknown key'))).toHaveLength(limits.feedbackFaultsToldMax)
    expect(detail).toMatch(/and 490 more$/)
  })
})

describe('what becomes of an outcome', () => {
  test('joined if its prediction is known, pending if not yet, duplicate if it came before', async () => {
    await ask(rig.port, { path: inferPath, body: '{}', headers: { 'x-cutover-prediction-id': 'known' } })
    await rig.recorder.recorded(1)
    const items = ['known', 'unknown', 'known'].map(prediction => ({ prediction, label: 1 }))
    expect(results(await send(items)).map(({ status }) => status)).toEqual(['joined', 'pending', 'duplicate'])
  })

  test('an id is derived from prediction, row and content, so that a resend is a duplicate', async () => {
    const item = { prediction: 'p', label: 1, metrics: { a: 1, b: 2 } }
    const variants = [
      { ...item },
      { metrics: { b: 2, a: true }, label: 1, prediction: 'p', row: 0 },
      { ...item, row: 1 },
      { ...item, label: '1' },
      { ...item, prediction: 'q' },
      { ...item, at: '2026-01-31T12:00:00Z' },
    ]
    const statuses = []
    for (const variant of variants) statuses.push(results(await send(variant))[0]?.status)
    expect(statuses).toEqual(['pending', 'duplicate', 'pending', 'pending', 'pending', 'pending'])
  })

  test('the derived id never changes between releases', async () => {
    expect(results(await send({ prediction: 'p', label: 1 }))[0]?.id).toBe('f-k2Cj6E-9MwRQACrUr2_qVX')
  })
})

describe('a body that is', () => {
  test.each([
    ['not JSON', '{"prediction":', 'the body is not JSON'],
    ['empty', '', 'the body is not JSON'],
    ['an empty array', '[]', 'the array is empty'],
  ])('%s is refused', async (_name, body, detail) => {
    const reply = await send(body)
    expect(reply.status).toBe(400)
    expect((reply.json() as { detail: string }).detail).toContain(detail)
  })

  test('nested too deeply is refused before it is read, which would hold up everybody', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    for (const body of [deep, `{"prediction":"p","label":${deep}}`]) {
      const reply = await send(body)
      expect([reply.status, reply.text]).toEqual([400, expect.stringContaining('nested more than 256 levels deep')])
    }
  })

  test('one object of very many members is refused before it is read', async () => {
    const metrics = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`metric-${i}`, i]))
    const few = await send({ prediction: 'p', metrics: metrics(limits.feedbackMembersMax) })
    const many = await send({ prediction: 'p', metrics: metrics(limits.feedbackMembersMax + 1) })
    expect([few.status, many.status]).toEqual([200, 400])
    expect(many.text).toContain('an object with more than 1000 members')
  })

  test('compressed is refused', async () => {
    const reply = await send('x', { 'content-encoding': 'gzip' })
    expect([reply.status, reply.text.includes('uncompressed')]).toEqual([400, true])
  })

  test('over the limit of bytes is refused', async () => {
    const reply = await send(' '.repeat(limits.feedbackBodyBytesMax + 1))
    expect([reply.status, reply.json()]).toMatchObject([413, { code: 'body-too-large' }])
  })

  test('over the limit of items is refused, just at it taken', async () => {
    const items = Array.from({ length: limits.feedbackItemsMax + 1 }, (_, row) => ({ prediction: 'p', row, label: 1 }))
    expect((await send(items)).status).toBe(413)
    expect(rig.recorder.outcomes.size).toBe(0)
    expect((await send(items.slice(1))).status).toBe(200)
  })

  test('sent by another method is refused with the one that is allowed', async () => {
    const reply = await ask(rig.port, { path: '/v1/feedback' })
    expect([reply.status, reply.headers.allow]).toEqual([405, 'POST'])
  })
})

test.each([
  ['a fault of its own', new Error('disk'), 'could not be stored; send it again later'],
  ['a known error', new CutoverError('store-failed', 'the disk is full'), 'the disk is full'],
])('a store that fails with %s is a 503, never an acceptance', async (_name, fault, detail) => {
  const failing = { ...memoryRecorder(), feedback: () => Promise.reject(fault) }
  const other = await startRig({ recorder: failing })
  const reply = await ask(other.port, { path: '/v1/feedback', body: '{"prediction":"p","label":1}' })
  expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
  expect((reply.json() as { detail: string }).detail).toContain(detail)
  await other.close()
})
