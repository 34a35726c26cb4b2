import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { type ControlServer, promoted, rolledBack, running, startControlServer } from '../support/control-server.ts'
import { digits, toV2 } from '../support/documents.ts'
import { call, openEvents } from '../support/http.ts'
import { breach } from '../support/judgement.ts'

type Problems = { code: string; detail: string; problems: { path: string; allowed?: string[] }[] }

let server: ControlServer
beforeEach(async () => {
  server = await startControlServer()
  await call(url('endpoints'), { json: digits })
})
afterEach(() => server.close())

const url = (path: string) => `${server.url}/api/v1/${path}`
const start = () => call(url('releases'), { json: toV2 })

describe('starting a release', () => {
  it('takes a document', async () => {
    const { status, body } = await start()
    expect(status).toBe(201)
    expect(body).toMatchObject({
      id: 'digits-1',
      from: 'v1',
      to: 'v2',
      state: 'active',
      phase: 'starting',
      candidatePpm: 0,
    })
  })

  it('takes an endpoint and a version, and means a canary by default', async () => {
    const { status, body } = await call(url('releases'), { json: { endpoint: 'digits', to: 'v2' } })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      plan: {
        stages: [{ kind: 'canary', steps: [{ weightPpm: 10_000 }, {}, {}, {}] }],
        guardrails: [{ metric: 'error-rate' }],
      },
    })
  })

  it('starts nothing in a dry run, and says what it will take', async () => {
    const { status, body } = await call(`${url('releases')}?dryRun=true`, { json: toV2 })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      action: 'started',
      release: null,
      forecast: {
        requestsPerSecond: 10,
        capacity: null,
        stages: [
          { kind: 'canary', peakInstances: 4, gates: [{ weightPpm: 10_000, ceilingMs: 86_400_000 }, {}, {}, {}] },
        ],
      },
    })
    expect(server.control.state().releases).toEqual({})
  })

  it('notes who asked', async () => {
    const headers = { 'x-cutover-actor': 'ada@lab' }
    expect((await call(url('releases'), { json: toV2, headers })).body['actor']).toBe('ada@lab')
  })

  it.each([
    ['an unknown strategy', { endpoint: 'digits', to: 'v2', strategy: 'magic' }, 400, 'invalid-resource'],
    ['a test without a goal', { endpoint: 'digits', to: 'v2', strategy: 'abTest' }, 400, 'invalid-resource'],
    ['an unknown key', { endpoint: 'digits', to: 'v2', stages: [] }, 400, 'invalid-resource'],
    ['a document with faults', { ...toV2, stages: [] }, 400, 'invalid-resource'],
    ['an unknown endpoint', { endpoint: 'letters', to: 'v2' }, 404, 'endpoint-not-found'],
    ['an unknown version', { endpoint: 'digits', to: 'v9' }, 404, 'version-not-found'],
    ['the version that is stable', { endpoint: 'digits', to: 'v1' }, 409, 'release-state'],
  ])('refuses %s', async (_, json, status, code) => {
    const answer = await call<Problems>(url('releases'), { json })
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(server.control.state().releases).toEqual({})
  })

  it('refuses a second one on the same endpoint', async () => {
    await start()
    expect(await start()).toMatchObject({ status: 409, body: { code: 'release-conflict' } })
  })
})

describe('reading a release', () => {
  beforeEach(start)

  it('shows where it stands, why, and its story', async () => {
    const hold = { sinceMs: 0, cause: 'ceiling' as const, reason: '40 of 100 observations' }
    server.control.tell('digits-1', { kind: 'weight', text: 'to 5%', candidatePpm: 50_000 }, running)
    server.control.tell('digits-1', { kind: 'hold', text: 'waits', candidatePpm: 50_000 }, { ...running, hold })
    server.control.latest = { atMs: 0, judgement: breach }
    const { body } = await call(url('releases/digits-1'))
    expect(body).toMatchObject({
      state: 'holding',
      phase: 'running',
      candidatePpm: 50_000,
      weightsPpm: { v1: 950_000, v2: 50_000 },
      stage: { index: 0, count: 1, kind: 'canary', step: 1, steps: 4 },
      hold: { cause: 'ceiling', reason: '40 of 100 observations' },
      latest: { at: '1970-01-01T00:00:00.000Z', judgement: { verdict: 'fail' } },
      timeline: [{ kind: 'started' }, { kind: 'weight', text: 'to 5%' }, { kind: 'hold' }],
    })
  })

  it('explains every decision with its numbers', async () => {
    server.control.tell('digits-1', { kind: 'rolling-back', text: 'breach', judgement: breach })
    const exposure = { requests: 200, units: 180, durationMs: 4_000 }
    server.control.tell('digits-1', { kind: 'rolled-back', text: 'done', exposure }, rolledBack)
    const { body } = await call(url('releases/digits-1/explain'))
    expect(body).toMatchObject({
      release: { state: 'rolled-back', returned: { cause: 'guardrail' } },
      decisions: [
        { kind: 'started', judgement: null },
        {
          kind: 'rolling-back',
          judgement: {
            checks: [
              { metric: 'error-rate', margin: 0.005, logEvidence: 5.3, harm: { lower: 0.021, upper: null } },
              { metric: 'latency-p99', verdict: 'insufficient' },
            ],
          },
        },
        { kind: 'rolled-back', exposure },
      ],
    })
    const { body: view } = await call(url('releases/digits-1'))
    expect(view).toMatchObject({ timeline: [{ exposure: null }, { kind: 'rolling-back' }, { exposure }] })
  })

  it('lists the newest first, by endpoint', async () => {
    server.control.tell('digits-1', { kind: 'rolled-back', text: 'done' }, rolledBack)
    await start()
    const ids = async (query: string) => (await call<{ items: { id: string }[] }>(url(`releases${query}`))).body.items
    expect((await ids('')).map(({ id }) => id)).toEqual(['digits-2', 'digits-1'])
    expect(await ids('?endpoint=letters')).toEqual([])
  })

  it('lists as many of the newest as are asked for', async () => {
    server.control.tell('digits-1', { kind: 'rolled-back', text: 'done' }, rolledBack)
    await start()
    const { body } = await call<{ items: { id: string }[] }>(url('releases?limit=1'))
    expect(body.items.map(({ id }) => id)).toEqual(['digits-2'])
    expect(await call<Problems>(url('releases?limit=0'))).toMatchObject({
      status: 400,
      body: { problems: [{ path: 'query.limit', allowed: [`a whole number from 1 to ${limits.pageMax}`] }] },
    })
  })

  it.each(['releases/x', 'releases/x/explain', 'releases/x/events', 'releases/__proto__'])(
    'finds no %s',
    async path => {
      expect(await call(url(path))).toMatchObject({ status: 404, body: { code: 'release-not-found' } })
    },
  )
})

describe('the verbs of an operator', () => {
  beforeEach(start)

  it.each([
    ['promote', 'promoted'],
    ['abort', 'rolled-back'],
    ['rollback', 'rolled-back'],
  ])('%s ends in %s', async (verb, state) => {
    const { status, body } = await call(url(`releases/digits-1/${verb}`), { method: 'POST' })
    expect([status, body['state']]).toEqual([200, state])
    expect(await call(url('releases/digits-1/pause'), { method: 'POST' })).toMatchObject({
      status: 409,
      body: { code: 'release-state' },
    })
  })

  it('promote takes a step alone, which no other verb has', async () => {
    server.control.tell('digits-1', { kind: 'weight', text: 'to 1%' }, running)
    const { body } = await call(url('releases/digits-1/promote'), { json: { step: true } })
    expect(body['state']).toBe('active')
    const events = await call(url('events?release=digits-1'))
    expect(JSON.stringify(events.body)).toContain('"step":true')
    const refused = await call<Problems>(url('releases/digits-1/abort'), { json: { step: true } })
    expect([refused.status, refused.body.problems[0]]).toMatchObject([400, { path: 'step', allowed: ['promote'] }])
  })

  it('take a note, which the log keeps', async () => {
    server.control.tell('digits-1', { kind: 'weight', text: 'to 1%' }, running)
    const { body } = await call(url('releases/digits-1/pause'), { json: { note: 'lunch' } })
    expect(body['state']).toBe('paused')
    const events = await call(url('events?release=digits-1'))
    expect(JSON.stringify(events.body)).toContain('lunch')
  })

  it('refuse other words with the list of those they know', async () => {
    const answer = await call<Problems>(url('releases/digits-1/destroy'), { method: 'POST' })
    const allowed = ['promote', 'pause', 'resume', 'approve', 'abort', 'rollback']
    expect(answer).toMatchObject({
      status: 400,
      body: { problems: [{ path: 'path.verb', value: 'destroy', allowed }] },
    })
    expect((await call(url('releases/digits-1/abort'), { json: { why: 'x' } })).status).toBe(400)
    expect(server.control.release('digits-1').release.phase.kind).toBe('starting')
  })
})

describe('following a release', () => {
  beforeEach(start)
  const follow = (headers = {}) => openEvents(url('releases/digits-1/events'), headers)
  const openOne = async () => server.api.fetch(new Request(url('releases/digits-1/events')))
  /** One that has begun. */
  const read = async () => {
    const reader = (await openOne()).body?.getReader()
    await reader?.read()
    return reader
  }

  it('tells the history, then what happens, and ends with the release', async () => {
    server.control.tell('digits-1', { kind: 'weight', text: 'to 1%' }, running)
    const events = await follow()
    expect(events.response.headers.get('content-type')).toBe('text/event-stream')
    expect(await events.next()).toMatchObject({ event: 'started', id: '2' })
    expect(await events.next()).toMatchObject({ event: 'weight', id: '3', data: { text: 'to 1%', seq: 3 } })
    const upcoming = events.next()
    server.control.tell('digits-1', { kind: 'promoted', text: 'done' }, promoted)
    expect(await upcoming).toMatchObject({ event: 'promoted' })
    expect(await events.next()).toBeNull()
    expect(server.control.subscribers()).toBe(0)
  })

  it('resumes after the last event that the reader has seen', async () => {
    server.control.tell('digits-1', { kind: 'weight', text: 'to 1%' }, running)
    server.control.tell('digits-1', { kind: 'promoted', text: 'done' }, promoted)
    const events = await follow({ 'last-event-id': '2' })
    expect(await events.next()).toMatchObject({ event: 'weight' })
    expect(await events.next()).toMatchObject({ event: 'promoted', id: '4' })
    expect(await events.next()).toBeNull()
    expect((await follow({ 'last-event-id': '4' })).response.status).toBe(204)
    expect((await follow({ 'last-event-id': 'x' })).response.status).toBe(400)
  })

  it('gives entries of one event again to a reader that was cut off between them', async () => {
    await call(url('releases/digits-1/promote'), { method: 'POST' })
    const events = await follow()
    const ids = [await events.next(), await events.next(), await events.next()].map(event => event?.id)
    expect(ids).toEqual(['2', null, '3'])
  })

  it('gives signs of life while nothing happens, and forgets readers that leave', async () => {
    const events = await follow()
    await events.next()
    const upcoming = events.next()
    server.beat()
    server.control.tell('digits-1', { kind: 'weight', text: 'to 1%' }, running)
    await upcoming
    expect(events.comments).toContain(': still here')
    events.abort()
    await expect.poll(() => server.control.subscribers()).toBe(0)
  })

  it('ends the streams when the server closes', async () => {
    const events = await follow()
    await events.next()
    const upcoming = events.next()
    await server.close()
    expect(await upcoming).toBeNull()
  })

  it('refuses streams past the limit and takes them again once one has left', async () => {
    const readers = await Promise.all(Array.from({ length: limits.eventStreamsMax }, read))
    expect(await call(url('releases/digits-1/events'))).toMatchObject({ status: 503, body: { code: 'overloaded' } })
    await readers[0]?.cancel()
    expect((await follow()).response.status).toBe(200)
  })

  it('keeps to the limit where many begin at once', async () => {
    const responses = await Promise.all(Array.from({ length: limits.eventStreamsMax + 1 }, openOne))
    const readers = responses.map(({ body }) => body?.getReader())
    const firsts = await Promise.all(readers.map(reader => reader?.read()))
    expect(firsts.filter(first => first?.done === true)).toHaveLength(1)
    expect(server.control.subscribers()).toBe(limits.eventStreamsMax)
  })

  it('keeps nothing for those who ask for the head of a stream, or never read it', async () => {
    const head = await fetch(url('releases/digits-1/events'), { method: 'HEAD' })
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    await openOne()
    expect(server.control.subscribers()).toBe(0)
  })
})
