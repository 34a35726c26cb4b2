/** API keys on the control listener: who may do what, and how keys are made, rotated and revoked. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createKeyring } from '../../src/adapters/access/keyring.ts'
import { nodeSecrets } from '../../src/adapters/access/node-secrets.ts'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { watchListener } from '../../src/adapters/tls/listener-certificates.ts'
import { deedOf } from '../../src/api/access.ts'
import { parseKey, writeKey } from '../../src/core/access/api-key.ts'
import { keysOf } from '../../src/core/access/registry.ts'
import { limits } from '../../src/core/limits.ts'
import { type ControlServer, running, startControlServer } from '../support/control-server.ts'
import { digits, toV2 } from '../support/documents.ts'
import { openEvents } from '../support/http.ts'
import { askSecurely, tlsFile } from '../support/tls.ts'

type Reply = { status: number; body: Record<string, unknown>; headers: Headers }

let server: ControlServer
const { id, secret } = { id: 'root', secret: nodeSecrets.make().secret }
const root = writeKey({ id, secret })
const clock = createManualClock(Date.UTC(2026, 0, 1))

beforeEach(async () => {
  const limits = { endpoints: null, rate: null, concurrencyMax: null, createdAtMs: 0, expiresAtMs: null }
  const key = { id, name: 'root', hash: nodeSecrets.hash(secret), role: 'admin', ...limits } as const
  const keyring = createKeyring({ secrets: nodeSecrets, clock, fixed: [key] })
  server = await startControlServer({ access: keyring })
  server.control.subscribe(() => keyring.sync(keysOf(server.control.state())))
})
afterEach(() => server.close())

async function ask(method: string, path: string, key?: string, body?: unknown): Promise<Reply> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers }
}

async function made(request: Record<string, unknown>): Promise<string> {
  const { status, body } = await ask('POST', '/api/v1/keys', root, request)
  expect([status, parseKey(String(body['key']))]).toEqual([201, expect.anything()])
  return String(body['key'])
}

describe('a control listener that asks for keys', () => {
  it('tells nobody without one anything but its health and an empty page', async () => {
    for (const path of ['/metrics', '/api/openapi.json', '/api/v1/endpoints', '/nowhere']) {
      const { status, body, headers } = await ask('GET', path)
      expect([path, status, body['code']]).toEqual([path, 401, 'unauthenticated'])
      expect(headers.get('www-authenticate')).toBe('Bearer realm="cutover"')
    }
    expect((await fetch(`${server.url}/`)).status).toBe(200)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
  })

  it.each([
    ['call', 403, 403, 403],
    ['read', 200, 403, 403],
    ['operate', 200, 404, 403],
    ['admin', 200, 404, 200],
  ])('%s: reads %i, operates %i, administers %i', async (role, reads, operates, administers) => {
    const key = await made({ name: 'one', role })
    expect((await ask('GET', '/api/v1/endpoints', key)).status).toBe(reads)
    expect((await ask('POST', '/api/v1/releases/none/abort', key, {})).status).toBe(operates)
    expect((await ask('GET', '/api/v1/keys', key)).status).toBe(administers)
  })

  it('answers under any name, for who has a key is no page of another origin', async () => {
    const response = await fetch(`${server.url}/api/v1/endpoints`, {
      headers: { host: 'cutover.example.com', authorization: `Bearer ${root}` },
    })
    expect(response.status).toBe(200)
  })

  it('knows which requests change nothing', () => {
    const deeds = [
      deedOf('GET', '/api/v1/releases'),
      deedOf('POST', '/api/v1/backtest'),
      deedOf('POST', '/api/v1/flags/ranker/evaluate'),
      deedOf('POST', '/api/v1/flags/evaluate'),
      deedOf('POST', '/api/v1/apply'),
      deedOf('DELETE', '/api/v1/endpoints/digits'),
      deedOf('GET', '/api/v1/keys'),
      deedOf('POST', '/api/v1/keys/app/rotate'),
    ]
    expect(deeds).toEqual(['read', 'read', 'read', 'operate', 'operate', 'operate', 'administer', 'administer'])
  })
})

describe('a key', () => {
  it('is told once, and never again', async () => {
    const { body, headers } = await ask('POST', '/api/v1/keys', root, {
      name: 'app',
      endpoints: ['digits', 'toString'],
      rate: { perSecond: 5 },
      concurrency: 3,
      expires: '30d',
    })
    const { key, id, ...rest } = body
    expect(headers.get('cache-control')).toBe('no-store')
    expect(rest).toEqual({
      name: 'app',
      role: 'call',
      endpoints: ['digits', 'toString'],
      unknownEndpoints: ['digits', 'toString'],
      rate: { perSecond: 5, burst: 5 },
      concurrency: 3,
      createdAt: expect.any(String),
      expiresAt: '2026-01-31T00:00:00.000Z',
      previousUntil: null,
    })
    const secret = parseKey(String(key))?.secret ?? ''
    const later = [await ask('GET', '/api/v1/keys', root), await ask('GET', '/api/v1/events', root)]
    expect(JSON.stringify(later)).not.toContain(secret)
    expect(JSON.stringify(later)).not.toContain(nodeSecrets.hash(secret))
    expect(JSON.stringify(later)).toContain(String(id))
  })

  it('is rotated with an overlap, and revoked at once', async () => {
    const first = await made({ name: 'app', role: 'read' })
    const works = async (key: string) => (await ask('GET', '/api/v1/endpoints', key)).status === 200
    const rotated = await ask('POST', '/api/v1/keys/app/rotate', root)
    const second = String(rotated.body['key'])
    expect(parseKey(second)?.id).toBe(parseKey(first)?.id)
    expect([await works(first), await works(second)]).toEqual([true, true])
    const third = String((await ask('POST', '/api/v1/keys/app/rotate', root, { keep: '0s' })).body['key'])
    expect([await works(first), await works(second), await works(third)]).toEqual([false, false, true])
    expect((await ask('DELETE', '/api/v1/keys/app', root)).status).toBe(204)
    expect(await works(third)).toBe(false)
    expect((await ask('DELETE', '/api/v1/keys/app', root)).body['code']).toBe('key-not-found')
  })

  it.each([
    ['revoked', () => ask('DELETE', '/api/v1/keys/app', root)],
    ['rotated without an overlap', () => ask('POST', '/api/v1/keys/app/rotate', root, { keep: '0s' })],
    ['expired', async () => clock.advance(3_600_000)],
  ])('that is %s is told nothing more of a release that it follows', async (_, end) => {
    await ask('POST', '/api/v1/endpoints', root, digits)
    expect((await ask('POST', '/api/v1/releases', root, toV2)).status).toBe(201)
    const key = await made({ name: 'app', role: 'read', expires: '1h' })
    const events = await openEvents(`${server.url}/api/v1/releases/digits-1/events`, { authorization: `Bearer ${key}` })
    expect(await events.next()).toMatchObject({ event: 'started' })
    await end()
    server.control.tell('digits-1', { kind: 'weight', text: 'to 1%' }, running)
    server.beat()
    expect(await events.next()).toBeNull()
  })

  it('has so many event streams at once that others find a place', async () => {
    await ask('POST', '/api/v1/endpoints', root, digits)
    await ask('POST', '/api/v1/releases', root, toV2)
    const follow = (key: string) =>
      openEvents(`${server.url}/api/v1/releases/digits-1/events`, { authorization: `Bearer ${key}` })
    const [greedy, other] = [await made({ name: 'greedy', role: 'read' }), await made({ name: 'other', role: 'read' })]
    const streams = await Promise.all(Array.from({ length: limits.eventStreamsPerKeyMax }, () => follow(greedy)))
    await Promise.all(streams.map(stream => stream.next()))
    expect((await follow(greedy)).response.status).toBe(503)
    expect((await follow(other)).response.status).toBe(200)
  })

  it('is named in the log by whoever made it', async () => {
    const admin = await made({ name: 'ops', role: 'admin' })
    await ask('POST', '/api/v1/keys', admin, { name: 'app' })
    const { body } = await ask('GET', '/api/v1/events', root)
    const events = body['items'] as { type: string; data: { actor: string } }[]
    expect(events.map(({ type, data }) => [type, data.actor])).toEqual([
      ['key-created', 'key:root'],
      ['key-created', 'key:ops'],
    ])
  })

  it.each([
    [{ name: 'a b' }, 'name'],
    [{ name: 'x', rol: 'call' }, 'rol'],
    [{ name: 'x', role: 'root' }, 'role'],
    [{ name: 'x', role: 'read', endpoints: ['digits'] }, 'endpoints'],
    [{ name: 'x', rate: { perSecond: 0 } }, 'rate.perSecond'],
    [{ name: 'x', expires: 'soon' }, 'expires'],
    [{ name: 'x', expires: '0s' }, 'expiresAt'],
    [{ name: 'x', expires: '9999999999d' }, 'expires'],
  ])('is refused: %j', async (request, path) => {
    const { status, body } = await ask('POST', '/api/v1/keys', root, request)
    expect(status).toBe(400)
    expect((body['problems'] as { path: string }[])[0]?.path).toBe(path)
  })

  it('has a name of its own', async () => {
    await made({ name: 'app' })
    expect((await ask('POST', '/api/v1/keys', root, { name: 'app' })).body['code']).toBe('in-use')
    expect((await ask('POST', '/api/v1/keys', root, { name: 'local' })).body['code']).toBe('in-use')
  })
})

it('speaks TLS with the certificate that it is given, and knows itself by https', async () => {
  const tls = { cert: tlsFile('server.crt'), key: tlsFile('server.key'), clientCa: null }
  const certificates = watchListener(tls, { clock, tell: () => {} })
  const secure = await startControlServer({ certificates })
  onTestFinished(() => secure.close())
  expect(secure.url).toMatch(/^https:/)
  expect(await askSecurely(secure.port, { path: '/healthz' })).toMatchObject({
    status: 200,
    subject: 'cutover-test-server',
  })
  // An empty body is refused with 400 as well, so the route is one that answers 404.
  const pause = (origin: string) =>
    askSecurely(secure.port, { method: 'POST', path: '/api/v1/releases/none/pause', headers: { origin } }).then(
      ({ status }) => status,
    )
  expect(await pause(`https://127.0.0.1:${secure.port}`)).toBe(404)
  expect(await pause(`http://127.0.0.1:${secure.port}`)).toBe(400)
})

it('lets pages of other origins ask as its settings say, also where they are refused', async () => {
  const app = 'https://app.example.com'
  const cors = {
    origins: [app],
    methods: ['GET'],
    headers: ['authorization'],
    exposed: [],
    credentials: false,
    maxAgeSeconds: 60,
  }
  const access = createKeyring({ secrets: nodeSecrets, clock, fixed: [] })
  const open = await startControlServer({ access, cors })
  onTestFinished(() => open.close())
  const allowed = async (method: string, headers: Record<string, string>) => {
    const response = await fetch(`${open.url}/api/v1/endpoints`, { method, headers: { origin: app, ...headers } })
    return [response.status, response.headers.get('access-control-allow-origin')]
  }
  expect(await allowed('OPTIONS', { 'access-control-request-method': 'GET' })).toEqual([204, app])
  expect(await allowed('GET', {})).toEqual([401, app])
})
