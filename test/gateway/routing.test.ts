import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { assign, saltSeed } from '../../src/core/assign.ts'
import type { EndpointSpec, UnitSource } from '../../src/core/endpoint.ts'
import type { TrafficTable } from '../../src/core/traffic.ts'
import { endpoint, fleetsOf, naming, type Rig, sole, split, startRig } from '../support/gateway-rig.ts'
import { ask, dial, inferPath, keepAlive, type Question, readUntil } from '../support/http-caller.ts'
import { mirror, mirrored } from './mirror/rig.ts'

let rig: Rig
afterEach(() => rig.close())
afterAll(() => keepAlive.destroy())

const tenth = split({ v1: 900_000, v2: 100_000 })

function assignedTo(unit: string, table: TrafficTable = tenth): string {
  return assign(table, { unit, seed: saltSeed(table.salt), header: () => undefined }).version
}

function unitOn(version: string): string {
  for (let i = 0; ; i++) if (assignedTo(`u${i}`) === version) return `u${i}`
}

/** The versions that answered, in order, by pipelined requests of these units. */
async function versionsOf(port: number, units: readonly string[]): Promise<string[]> {
  const socket = await dial(port)
  const head = (unit: string, last: boolean) =>
    `GET /endpoints/digits/x HTTP/1.1\r\nHost: a\r\nx-cutover-unit: ${unit}\r\n${last ? 'Connection: close\r\n' : ''}\r\n`
  socket.write(units.map((unit, index) => head(unit, index === units.length - 1)).join(''))
  const text = await readUntil(socket)
  return [...text.matchAll(/^x-cutover-version: (\S+)\r$/gm)].map(match => match[1] ?? '')
}

describe('weights', () => {
  test('each of 20,000 units is answered by the version that assignment says', async () => {
    rig = await startRig({ table: tenth })
    const units = Array.from({ length: 20_000 }, (_, index) => `user-${index}`)
    const answered: string[] = []
    for (let i = 0; i < units.length; i += 2_000) {
      answered.push(...(await versionsOf(rig.port, units.slice(i, i + 2_000))))
    }
    expect(answered).toEqual(units.map(unit => assignedTo(unit)))
    expect(answered.filter(version => version === 'v2').length / units.length).toBeCloseTo(0.1, 2)
  })

  test('a request without a unit is its own unit: the prediction id decides', async () => {
    rig = await startRig({ table: tenth })
    const { headers } = await ask(rig.port, { path: '/endpoints/digits/' })
    const id = headers['x-cutover-prediction-id'] as string
    expect(headers['x-cutover-version']).toBe(assignedTo(id))
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ id, unit: id })
  })

  test('the record tells epoch, release, propensity and both versions', async () => {
    rig = await startRig({ table: tenth })
    await ask(rig.port, { path: inferPath, body: '{}', headers: { 'x-cutover-unit': unitOn('v2') } })
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({
      endpoint: 'digits',
      epoch: 2,
      release: 'r1',
      unit: unitOn('v2'),
      assigned: 'v2',
      version: 'v2',
      propensity: 0.1,
      pinned: false,
      status: 200,
      failed: false,
      raw: null,
      payload: null,
    })
  })

  test('a rule goes before the weights, and whom it sends is no evidence', async () => {
    const table = { ...tenth, rules: [{ header: 'X-Group', equals: 'beta', version: 'v2' }] }
    rig = await startRig({ table })
    const headers = { 'x-cutover-unit': unitOn('v1'), 'x-group': 'beta' }
    expect((await ask(rig.port, { path: inferPath, body: '{}', headers })).headers['x-cutover-version']).toBe('v2')
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ assigned: 'v2', propensity: 1, pinned: true })
  })
})

describe('a preview', () => {
  const previewed = { ...sole(), rules: [{ header: 'x-cutover-preview', equals: 'green', version: 'v2' }] }
  const askFor = (headers: Record<string, string>) => ask(rig.port, { path: inferPath, body: '{}', headers })

  test('shows the version to those who ask for it, and to nobody else', async () => {
    rig = await startRig({ table: previewed })
    const answers = [
      await askFor({ 'x-cutover-preview': 'green' }),
      await askFor({ 'x-cutover-preview': 'blue' }),
      await askFor({}),
    ]
    expect(answers.map(({ headers }) => headers['x-cutover-version'])).toEqual(['v2', 'v1', 'v1'])
    expect((await rig.recorder.recorded(3)).map(({ pinned }) => pinned)).toEqual([true, false, false])
  })

  test('of a version that has no ready instance is answered by the stable one', async () => {
    rig = await startRig({ table: previewed, fleets: fleetsOf({ v1: naming('v1') }) })
    const { status, headers } = await askFor({ 'x-cutover-preview': 'green' })
    expect([status, headers['x-cutover-version']]).toEqual([200, 'v1'])
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ assigned: 'v2', version: 'v1', pinned: true })
  })
})

describe('units', () => {
  const pointer: UnitSource = { from: 'body', pointer: '/user/id' }
  const cases: readonly [string, UnitSource, Question, string][] = [
    ['x-cutover-unit by default', { from: 'request' }, { path: '', headers: { 'x-cutover-unit': 'u' } }, 'u'],
    ['a header', { from: 'header', name: 'X-User' }, { path: '', headers: { 'x-user': 'ann' } }, 'ann'],
    [
      'a header that is absent gives way to x-cutover-unit',
      { from: 'header', name: 'x-user' },
      { path: '', headers: { 'x-cutover-unit': 'u' } },
      'u',
    ],
    [
      'a header in UTF-8 is read as such',
      { from: 'header', name: 'x-user' },
      { path: '', headers: { 'x-user': Buffer.from('Zoë').toString('latin1') } },
      'Zoë',
    ],
    [
      'a header in Latin-1 is read as such',
      { from: 'header', name: 'x-user' },
      { path: '', headers: { 'x-user': 'Zo\xeb' } },
      'Zoë',
    ],
    ['a cookie', { from: 'cookie', name: 'sid' }, { path: '', headers: { cookie: 'a=1; sid="s=7"; sid=8' } }, 's=7'],
    ['a text in the body', pointer, { path: '', body: '{"user":{"id":"bob"}}' }, 'bob'],
    ['a number in the body', pointer, { path: '', body: '{"user":{"id":42}}' }, '42'],
    [
      'a number that no double holds is read as written',
      pointer,
      { path: '', body: '{"user":{"id":9007199254740993}}' },
      '9007199254740993',
    ],
    [
      'a pointer escapes ~ and / and counts in arrays',
      { from: 'body', pointer: '/a~1b/1/~0' },
      { path: '', body: '{"a/b":[0,{"~":"deep"}]}' },
      'deep',
    ],
    [
      'the JSON in front of binary tensors',
      pointer,
      { path: '', body: '{"user":{"id":"bin"}}\x00\x01', headers: { 'inference-header-content-length': '21' } },
      'bin',
    ],
    [
      'a body that is not JSON gives way to x-cutover-unit',
      pointer,
      { path: '', body: '{"x": NaN}', headers: { 'x-cutover-unit': 'u' } },
      'u',
    ],
    [
      'an object at the pointer is no unit',
      { from: 'body', pointer: '/user' },
      { path: '', body: '{"user":{}}', headers: { 'x-cutover-unit': 'u' } },
      'u',
    ],
  ]

  test.each(cases)('%s', async (_name, unit, question, expected) => {
    rig = await startRig({ spec: endpoint({ unit }) })
    expect((await ask(rig.port, { ...question, path: '/endpoints/digits/x' })).status).toBe(200)
    expect((await rig.recorder.recorded(1))[0]?.unit).toBe(expected)
  })

  test('a unit key over its limit is refused with its place and the limit', async () => {
    rig = await startRig()
    const reply = await ask(rig.port, { path: '/endpoints/digits/x', headers: { 'x-cutover-unit': 'u'.repeat(513) } })
    expect(reply.status).toBe(400)
    expect(reply.json()).toMatchObject({
      detail: 'the unit key has 513 bytes; at most 512',
      problems: [{ path: 'header x-cutover-unit' }],
    })
    expect(rig.recorder.records).toEqual([])
  })

  test('a body that is nested too deeply to be read for its unit is refused', async () => {
    rig = await startRig({ spec: endpoint({ unit: pointer }) })
    const body = `{"user":{"id":"ann"},"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`
    const reply = await ask(rig.port, { path: '/endpoints/digits/x', body })
    expect([reply.status, reply.json()]).toMatchObject([400, { detail: expect.stringContaining('256 levels deep') }])
    expect(rig.recorder.records).toEqual([])
  })

  const off = { recording: 'off' } as const
  const toV2 = [{ header: 'x-beta', equals: 'yes', version: 'v2' }]

  test.each<[string, Partial<EndpointSpec>, TrafficTable, number]>([
    ['one version and no records', off, sole(), 200],
    ['records', {}, sole(), 400],
    ['no records that bodies could be kept with', { ...off, payloadSamplePpm: 1_000_000 }, sole(), 200],
    ['two versions', off, tenth, 400],
    ['a mirror', off, mirrored([mirror()]), 400],
    ['rules', { ...off, rules: toV2 }, sole(), 400],
  ])('it is looked for only where something depends on it: %s', async (_name, spec, table, status) => {
    rig = await startRig({ spec: endpoint(spec), table })
    const reply = await ask(rig.port, { path: '/endpoints/digits/x', headers: { 'x-cutover-unit': 'u'.repeat(513) } })
    expect([reply.status, rig.recorder.records]).toEqual([status, []])
  })
})

describe('pins', () => {
  const refused = endpoint({ allowPin: false })
  const cases: readonly [string, EndpointSpec, string, Record<string, string>, number, unknown][] = [
    ['by header', endpoint(), inferPath, { 'x-cutover-version': 'v2' }, 200, 'v2'],
    ['by path', endpoint(), '/v2/models/digits/versions/v2/infer', {}, 200, 'v2'],
    ['by both alike', endpoint(), '/v2/models/digits/versions/v2/infer', { 'x-cutover-version': 'v2' }, 200, 'v2'],
    ['by both apart', endpoint(), '/v2/models/digits/versions/v2/infer', { 'x-cutover-version': 'v1' }, 400, undefined],
    ['to an unknown version', endpoint(), inferPath, { 'x-cutover-version': 'v9' }, 404, undefined],
    ['to an unknown version in the path', endpoint(), '/v2/models/digits/versions/v9/infer', {}, 404, undefined],
    ['where the endpoint allows none', refused, inferPath, { 'x-cutover-version': 'v2' }, 403, undefined],
    ['in the path where the endpoint allows none', refused, '/v2/models/digits/versions/v2/infer', {}, 403, undefined],
  ]

  test.each(cases)('%s', async (_name, spec, path, headers, status, version) => {
    rig = await startRig({ spec })
    const reply = await ask(rig.port, { path, headers, body: '{}' })
    expect([reply.status, reply.headers['x-cutover-version']]).toEqual([status, version])
    if (status === 200) {
      const wanted = { assigned: 'v2', version: 'v2', pinned: true, propensity: 1 }
      expect((await rig.recorder.recorded(1))[0]).toMatchObject(wanted)
    } else expect(Object.keys(reply.json() as object)).toEqual(['error'])
  })

  test('an unknown version is answered with the names of those that exist', async () => {
    rig = await startRig()
    const reply = await ask(rig.port, { path: inferPath, headers: { 'x-cutover-version': 'v9' }, body: '{}' })
    expect(reply.json()).toEqual({ error: 'endpoint digits has no version v9; it has v1, v2' })
  })

  test('a pinned version without a ready instance is not replaced', async () => {
    rig = await startRig({ fleets: fleetsOf({ v1: naming('v1') }) })
    const reply = await ask(rig.port, { path: inferPath, headers: { 'x-cutover-version': 'v2' }, body: '{}' })
    expect([reply.status, reply.headers['retry-after'], reply.headers['x-cutover-version']]).toEqual([503, '1', 'v2'])
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({
      version: 'v2',
      status: 503,
      failed: true,
      pinned: true,
    })
  })
})

describe('a version that is not ready', () => {
  test('is replaced by the stable one, and the record tells both', async () => {
    rig = await startRig({ table: tenth, fleets: fleetsOf({ v1: naming('v1') }) })
    const reply = await ask(rig.port, { path: inferPath, headers: { 'x-cutover-unit': unitOn('v2') }, body: '{}' })
    expect([reply.status, reply.headers['x-cutover-version']]).toEqual([200, 'v1'])
    const wanted = { assigned: 'v2', version: 'v1', propensity: 0.1, failed: false }
    expect((await rig.recorder.recorded(1))[0]).toMatchObject(wanted)
  })

  test('without a ready stable version is a 503 that says when to come back', async () => {
    rig = await startRig({ table: tenth, fleets: fleetsOf({}) })
    const reply = await ask(rig.port, { path: '/endpoints/digits/x', headers: { 'x-cutover-unit': unitOn('v2') } })
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(reply.json()).toMatchObject({
      type: 'urn:cutover:not-ready',
      status: 503,
      detail: 'version v2 of endpoint digits has no ready instance, nor has the stable version v1 a ready one',
    })
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ assigned: 'v2', version: 'v2', failed: true })
  })
})

describe('prediction ids', () => {
  test('the caller’s own id is used, in answer, record and towards the model server', async () => {
    rig = await startRig()
    const question = { path: inferPath, body: '{}', headers: { 'x-cutover-prediction-id': 'order/7#a' } }
    const first = await ask(rig.port, question)
    const second = await ask(rig.port, question)
    const ids = [first, second].map(reply => reply.headers['x-cutover-prediction-id'])
    expect(ids).toEqual(['order/7#a', 'order/7#a'])
    expect((await rig.recorder.recorded(2)).map(record => record.id)).toEqual(ids)
  })

  test.each([
    ['with a space', 'a b'],
    ['beyond ASCII', 'caf\xe9'],
    ['over the limit', 'x'.repeat(129)],
  ])('an id %s is refused', async (_name, id) => {
    rig = await startRig()
    const question = { path: '/endpoints/digits/x', headers: { 'x-cutover-prediction-id': id } }
    const reply = await ask(rig.port, question)
    expect(reply.status).toBe(400)
    expect(reply.json()).toMatchObject({ problems: [{ path: 'header x-cutover-prediction-id' }] })
  })

  test('made ids differ, also between gateways', async () => {
    rig = await startRig()
    const other = await startRig()
    const ports = [rig.port, rig.port, other.port, other.port]
    const replies = await Promise.all(ports.map(port => ask(port, { path: '/endpoints/digits/x' })))
    expect(new Set(replies.map(reply => reply.headers['x-cutover-prediction-id'])).size).toBe(4)
    await other.close()
  })
})

test('an endpoint that does not exist is a 404 that names those that do', async () => {
  rig = await startRig({ table: sole() })
  const reply = await ask(rig.port, { path: '/endpoints/letters/x' })
  expect(reply.status).toBe(404)
  expect(reply.json()).toMatchObject({ detail: 'there is no endpoint letters; there are digits' })
})

describe('a control of the stable version', () => {
  const table = split({ v1: 0, 'v1~control': 500_000, v2: 500_000 })
  const unitOfControl = (): string => {
    for (let i = 0; ; i++) if (assignedTo(`u${i}`, table) === 'v1~control') return `u${i}`
  }

  test('answers as that version, in headers and counters, and is recorded apart', async () => {
    const fleets = fleetsOf({ v1: naming('v1'), 'v1~control': naming('control'), v2: naming('v2') })
    rig = await startRig({ table, fleets })
    const { headers, text } = await ask(rig.port, {
      path: '/endpoints/digits/',
      headers: { 'x-cutover-unit': unitOfControl() },
    })
    expect(headers['x-cutover-version']).toBe('v1')
    expect(text).toContain('control')
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ assigned: 'v1~control', version: 'v1~control' })
    const counted = rig.gateway.stats().requests.filter(({ count }) => count > 0)
    expect(counted).toMatchObject([{ version: 'v1', count: 1 }])
  })

  test('cannot be asked for by name', async () => {
    rig = await startRig({ table })
    const { status } = await ask(rig.port, {
      path: '/endpoints/digits/',
      headers: { 'x-cutover-version': 'v1~control' },
    })
    expect(status).toBe(404)
  })
})

describe('the scope of a release', () => {
  const source = { from: 'header' as const, name: 'X-Tenant' }
  const rules = [
    { source, fits: { kind: 'in' as const, values: ['acme', 'globex'] } },
    { source: { from: 'cookie' as const, name: 'plan' }, fits: { kind: 'prefix' as const, prefix: 'beta' } },
  ]
  const scopedTable: TrafficTable = { ...split({ v1: 0, v2: 1_000_000 }), scope: { rules, outside: 'v1' } }
  const asked: [string, Record<string, string>, string, boolean][] = [
    ['a tenant in it takes part', { 'x-tenant': 'acme' }, 'v2', false],
    ['a cookie in it takes part', { cookie: 'a=b; plan=beta-3' }, 'v2', false],
    ['another tenant stays on the stable version', { 'x-tenant': 'initech' }, 'v1', true],
    ['a caller who says nothing stays on the stable version', {}, 'v1', true],
    ['a caller who pins a version gets it', { 'x-cutover-version': 'v2' }, 'v2', true],
  ]
  test.each(asked)('%s', async (_rule, headers, version, pinned) => {
    rig = await startRig({ table: scopedTable })
    const reply = await ask(rig.port, { path: '/endpoints/digits/', headers })
    expect(reply.headers['x-cutover-version']).toBe(version)
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ version, pinned, propensity: 1 })
  })
})
