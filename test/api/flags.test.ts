/** Flags over the control API: documents, the switch, shares, history, undo, explanations, refusals. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { call } from '../support/http.ts'

let server: ControlServer
beforeEach(async () => {
  server = await startControlServer()
})
afterEach(() => server.close())

// biome-ignore lint/suspicious/noExplicitAny: answers of many routes
const get = (path: string) => call<any>(`${server.url}/api/v1/${path}`)
// biome-ignore lint/suspicious/noExplicitAny: answers of many routes
const post = (path: string, json: unknown = {}) => call<any>(`${server.url}/api/v1/${path}`, { json })
// biome-ignore lint/suspicious/noExplicitAny: answers of many routes
const remove = (path: string) => call<any>(`${server.url}/api/v1/${path}`, { method: 'DELETE' })

const ranker = { kind: 'Flag', name: 'ranker', serve: 'off' }
const beta = { kind: 'Segment', name: 'beta', include: ['ann'] }
const inBeta = [{ name: 'beta', when: [{ segment: 'beta' }], serve: 'on' }]

describe('documents', () => {
  it('are created, changed and left alone, with their differences', async () => {
    expect(await post('flags', ranker)).toMatchObject({
      status: 201,
      body: { action: 'created', resource: 'Flag/ranker' },
    })
    expect(await post('flags', ranker)).toMatchObject({ status: 200, body: { action: 'unchanged' } })
    const changed = await post('flags?dryRun=true', { ...ranker, serve: 'on' })
    expect(changed.body).toMatchObject({
      action: 'updated',
      differences: [{ path: 'default.variant', before: 'off', after: 'on' }],
    })
    expect((await get('flags/ranker')).body).toMatchObject({ enabled: true, serving: { variant: 'off' }, revision: 1 })
  })

  it('are refused where a number is too great for the log to keep', async () => {
    const variants = '{"on":{"a":[1,1e999]},"off":{"a":"1e999"}}'
    const document = `{"kind":"Flag","name":"f","type":"object","serve":"on","variants":${variants}}`
    const sent = { method: 'POST', body: document, headers: { 'content-type': 'application/json' } }
    expect(await call(`${server.url}/api/v1/flags`, sent)).toMatchObject({
      status: 400,
      body: { problems: [{ path: 'variants.on.a[1]', message: 'is too great' }] },
    })
    expect((await get('flags')).body).toEqual({ items: [] })
  })

  it.each([
    [
      'the value of a variant',
      (deep: string) => `{"kind":"Flag","name":"f","type":"object","variants":{"on":{"a":${deep}},"off":{}}}`,
    ],
    ['what is told with it', (deep: string) => `{"kind":"Flag","name":"f","metadata":{"a":${deep}}}`],
    ['what should be a word', (deep: string) => `{"kind":"Flag","name":${deep}}`],
  ])('are refused where %s is nested too deeply, however deeply', async (_, document) => {
    for (const levels of [100, 1_000, 5_000, 100_000]) {
      const body = document('['.repeat(levels) + ']'.repeat(levels))
      const headers = { 'content-type': 'application/json' }
      const answer = await call(`${server.url}/api/v1/flags`, { method: 'POST', body, headers })
      expect([levels, answer.status]).toEqual([levels, 400])
    }
    expect((await get('flags')).body).toEqual({ items: [] })
    expect(server.internalErrors).toEqual([])
  })

  it('may name one another in any order, and are all or none', async () => {
    const child = { ...ranker, name: 'child', requires: [{ flag: 'ranker', is: 'on' }] }
    const applied = await post('apply', [child, { ...ranker, rules: inBeta }, beta])
    expect(applied.body.changes.map((one: { resource: string }) => one.resource)).toEqual([
      'Flag/child',
      'Flag/ranker',
      'Segment/beta',
    ])
    const refused = await post('apply', [
      { ...ranker, serve: 'on' },
      { ...child, requires: [{ flag: 'nothing', is: 'on' }] },
    ])
    expect(refused).toMatchObject({ status: 400, body: { problems: [{ path: '[1].requires[0].flag' }] } })
    expect((await get('flags/ranker')).body.revision).toBe(1)
  })

  it.each([
    ['requires itself', [{ ...ranker, requires: [{ flag: 'ranker', is: 'on' }] }], '[0].requires'],
    [
      'requires one that requires it',
      [
        { ...ranker, requires: [{ flag: 'b', is: 'on' }] },
        { ...ranker, name: 'b', requires: [{ flag: 'ranker', is: 'on' }] },
      ],
      '[0].requires',
    ],
    [
      'requires a variant that is not there',
      [ranker, { ...ranker, name: 'b', requires: [{ flag: 'ranker', is: 'maybe' }] }],
      '[1].requires[0].is',
    ],
    ['names a segment that is not there', [{ ...ranker, rules: inBeta }], '[0].rules[0].when'],
  ])('that %s is refused', async (_, documents, path) => {
    const { status, body } = await post('apply', documents)
    expect([status, body.problems?.[0]?.path]).toEqual([400, path])
  })

  it('come before the endpoints and releases that go by them', async () => {
    const { digits, toV2 } = await import('../support/documents.ts')
    const ruled = { ...digits, rules: [{ flag: 'ranker', version: 'v2' }] }
    const applied = await post('apply', [{ ...toV2, flag: 'ranker' }, ruled, ranker])
    expect(applied.status).toBe(200)
    expect((await get('endpoints/digits')).body.rules).toEqual([{ text: 'the flag ranker is on', version: 'v2' }])
    expect((await get('flags/ranker')).body.usedBy).toEqual([
      { kind: 'endpoint', name: 'digits', what: 'sends callers to v2', variants: [] },
      { kind: 'release', name: 'digits-1', what: 'goes on only with it', variants: [] },
    ])
    expect((await get('releases/digits-1')).body.plan.flags).toEqual([{ flag: 'ranker', is: null, stage: null }])
    expect(await remove('flags/ranker')).toMatchObject({ status: 409, body: { code: 'in-use' } })
  })
})

describe('changes', () => {
  beforeEach(() => post('flags', ranker))

  it('are the switch, a variant, a share; each is told with who did it and why', async () => {
    await post('flags/ranker/serve', { rollout: { on: '10%', off: '90%' }, note: 'a tenth' })
    await post('flags/ranker/disable', { note: 'alarms' })
    expect((await get('flags/ranker')).body).toMatchObject({ enabled: false, serving: { weightsPpm: { on: 100_000 } } })
    await post('flags/ranker/enable')
    const { items } = (await get('flags/ranker/history')).body
    expect(
      items.map((one: { revision: number; note: string | null; by: string }) => [one.revision, one.note, one.by]),
    ).toEqual([
      [4, 'enabled', 'api'],
      [3, 'disabled: alarms', 'api'],
      [2, 'a tenth', 'api'],
      [1, null, 'api'],
    ])
    expect(items[1].differences).toEqual([{ path: 'enabled', before: true, after: false }])
    expect((await get('flags')).body.items).toHaveLength(1)
  })

  it('are taken back, and that too; a deletion as well', async () => {
    await post('flags/ranker/serve', { variant: 'on' })
    expect((await post('flags/ranker/undo?dryRun=true')).body.note).toBe('back to revision 1')
    await post('flags/ranker/undo')
    expect((await get('flags/ranker')).body.serving.variant).toBe('off')
    await post('flags/ranker/undo')
    expect((await get('flags/ranker')).body.serving.variant).toBe('on')
    expect((await remove('flags/ranker')).status).toBe(204)
    expect((await get('flags/ranker')).status).toBe(404)
    expect((await get('flags/ranker/history')).body.items[0]).toMatchObject({ how: 'deleted', revision: 5 })
    expect((await post('flags/ranker/undo')).status).toBe(200)
    expect((await get('flags/ranker')).body).toMatchObject({ serving: { variant: 'on' }, revision: 6 })
  })

  it.each([
    ['undo', {}, 400, /no change before the last one/],
    ['serve', {}, 400, /one of variant and rollout/],
    ['serve', { variant: 'maybe' }, 400, /no variant maybe/],
    ['serve', { rollout: { on: '10%' } }, 400, /10% in all/],
    ['serve', { rollout: { on: 'half', off: '50%' } }, 400, /is not a percentage/],
    ['serve', { variant: 'on', rule: 'staff' }, 400, /no rule staff/],
    ['serve', { variant: 'on', by: 'tenant' }, 400, /by is of a rollout, and there is none/],
    ['enable', { why: 'x' }, 400, /is not valid/],
  ])('by %s %j are refused', async (verb, body, status, detail) => {
    const answer = await post(`flags/ranker/${verb}`, body)
    expect(answer.status).toBe(status)
    expect(answer.body.detail).toMatch(detail)
  })

  it('of somebody who has not seen the last one are refused', async () => {
    await post('segments', beta)
    await post('segments', { ...beta, include: ['bob'] })
    await post('flags/ranker/disable?revision=1')
    const stale = [
      post('flags/ranker/enable?revision=1'),
      post('flags/ranker/serve?revision=1', { variant: 'on' }),
      post('flags/ranker/undo?revision=1'),
      post('segments/beta/undo?revision=1'),
    ]
    for (const { status, body } of await Promise.all(stale)) {
      expect([status, body.code]).toEqual([409, 'revision-conflict'])
      expect(body.problems).toMatchObject([{ path: 'query.revision', value: 1, allowed: ['2'] }])
    }
    expect((await post('flags/ranker/undo?revision=2')).status).toBe(200)
    expect((await post('segments/beta/undo?revision=2')).status).toBe(200)
    expect((await remove('flags/ranker')).status).toBe(204)
    expect((await post('flags/ranker/undo?revision=3')).body.code).toBe('revision-conflict')
    expect((await post('flags/ranker/undo?revision=4')).status).toBe(200)
    expect((await post('flags/ranker/undo?revision=0')).body.code).toBe('invalid-request')
  })

  it('of a flag that is not there are refused', async () => {
    for (const path of ['flags/x/undo', 'flags/x/enable', 'flags/constructor/enable', 'flags/x/evaluate'])
      expect((await post(path)).body.code, path).toBe('flag-not-found')
    expect((await remove('segments/x')).body.code).toBe('segment-not-found')
  })
})

describe('a segment', () => {
  const change = ({ revision, how, note, by }: Record<string, unknown>) => [revision, how, note, by]

  it('is applied by itself, and its changes are told with what differed', async () => {
    expect(await post('segments', beta)).toMatchObject({ status: 201, body: { resource: 'Segment/beta' } })
    expect(await post('segments', beta)).toMatchObject({ status: 200, body: { action: 'unchanged' } })
    expect((await post('segments?dryRun=true', { ...beta, include: ['bob'] })).status).toBe(200)
    await post('apply', [{ ...beta, include: ['ann', 'bob'] }])
    const { items } = (await get('segments/beta/history')).body
    expect(items.map(change)).toEqual([
      [2, 'applied', null, 'api'],
      [1, 'applied', null, 'api'],
    ])
    expect(items[0].differences).toEqual([{ path: 'include', after: 'bob' }])
    expect((await get('segments/beta')).body).toMatchObject({ revision: 2, changedBy: 'api' })
    expect((await post('segments', { ...beta, include: 'ann' })).body.problems[0].path).toBe('include')
  })

  it('goes back by one step, and that too; its deletion as well', async () => {
    await post('segments', beta)
    expect(await post('segments/beta/undo')).toMatchObject({ status: 400, body: { code: 'invalid-request' } })
    await post('segments', { ...beta, include: ['bob'] })
    const included = async () => (await get('segments/beta')).body.include
    expect((await post('segments/beta/undo?dryRun=true')).body.note).toBe('back to revision 1')
    expect(await included()).toEqual(['bob'])
    await post('segments/beta/undo')
    expect(await included()).toEqual(['ann'])
    await post('segments/beta/undo')
    expect(await included()).toEqual(['bob'])
    expect((await remove('segments/beta')).status).toBe(204)
    expect((await get('segments/beta')).status).toBe(404)
    expect((await get('segments/beta/history')).body.items[0]).toMatchObject({ how: 'deleted', revision: 5 })
    expect((await post('segments/beta/undo')).body.note).toBe('back from its deletion')
    expect((await get('segments/beta')).body).toMatchObject({ include: ['bob'], revision: 6 })
  })

  it('differs by the units that came and went, wherever they stand', async () => {
    const when = [{ attribute: 'plan', equals: 'pro' }]
    await post('segments', { ...beta, include: ['ann', 'bob', 'eve'], exclude: ['mallory'] })
    expect(
      (await post('segments', { ...beta, include: ['eve', 'ann', 'bob'], exclude: ['mallory'] })).body.action,
    ).toBe('unchanged')
    const changed = await post('segments', { ...beta, include: ['carl', 'eve', 'bob'], when })
    expect(changed.body.differences).toEqual([
      { path: 'when', before: null, after: [expect.objectContaining({ attribute: 'plan' })] },
      { path: 'include', before: 'ann' },
      { path: 'include', after: 'carl' },
      { path: 'exclude', before: 'mallory' },
    ])
  })

  it('that is undone decides at once', async () => {
    await post('apply', [beta, { ...ranker, rules: inBeta }])
    await post('segments', { ...beta, include: ['bob'] })
    const ann = async () => (await post('flags/ranker/evaluate', { context: { targetingKey: 'ann' } })).body.value
    expect(await ann()).toBe(false)
    await post('segments/beta/undo')
    expect(await ann()).toBe(true)
  })

  it('that is not there has no history and no way back', async () => {
    for (const name of ['x', 'constructor', '__proto__']) {
      expect((await get(`segments/${name}/history`)).body.code, name).toBe('segment-not-found')
      expect((await post(`segments/${name}/undo`)).body.code, name).toBe('segment-not-found')
    }
  })
})

describe('an evaluation', () => {
  it('says which rule decided, and how it would be at a time', async () => {
    const schedule = [{ at: '2027-01-01T00:00:00Z', serve: 'on' }]
    await post('apply', [beta, { ...ranker, rules: inBeta, schedule }])
    const ann = await post('flags/ranker/evaluate', { context: { targetingKey: 'ann' } })
    expect(ann.body).toMatchObject({
      value: true,
      decidedBy: 'rule beta',
      rules: [{ name: 'beta', fits: true, conditions: [{ text: 'in segment beta', holds: true }] }],
    })
    expect((await post('flags/ranker/evaluate', { context: { targetingKey: 'bob' } })).body).toMatchObject({
      value: false,
      decidedBy: 'default',
    })
    const later = await post('flags/ranker/evaluate', { at: '2027-01-01T00:00:00Z' })
    expect(later.body).toMatchObject({ value: true, reason: 'DEFAULT' })
    expect((await get('segments/beta')).body).toMatchObject({ include: ['ann'], usedBy: ['ranker'] })
    expect(await remove('segments/beta')).toMatchObject({ status: 409, body: { code: 'in-use' } })
  })
})

describe('a flagd file', () => {
  const flag = { state: 'ENABLED', variants: { red: 'r', blue: 'b' }, defaultVariant: 'red' }

  it('is applied whole, and faults are told at their place in it', async () => {
    const imported = await post('flags/import', { flags: { colour: flag, shape: flag } })
    expect(imported.body.changes.map((one: { action: string }) => one.action)).toEqual(['created', 'created'])
    const bad = { ...flag, targeting: { regex: [] } }
    const refused = await post('flags/import', { flags: { colour: { ...flag, defaultVariant: 'blue' }, shape: bad } })
    expect(refused).toMatchObject({ status: 400, body: { problems: [{ path: 'flags.shape.targeting' }] } })
    expect((await get('flags/colour')).body.serving.variant).toBe('red')
    expect((await post('flags/import', { flags: { a: 1 } })).body.problems[0].path).toBe('flags.a')
  })
})
