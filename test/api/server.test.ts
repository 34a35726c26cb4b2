import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WirePrediction } from '../../src/contract/wire/prediction.ts'
import { errorTable, statusByCode } from '../../src/core/errors.ts'
import { limits } from '../../src/core/limits.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call, rawStatus } from '../support/http.ts'
import { endpointSpec } from '../support/releases.ts'

let server: ControlServer
let isReady = false
beforeAll(async () => {
  server = await startControlServer({ health: { ready: () => isReady } })
})
afterAll(() => server.close())

const get = (path: string) => call(`${server.url}${path}`)

describe('the server about itself', () => {
  it('is alive before it is ready', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok', version: '1.2.3' } })
    expect((await get('/readyz')).status).toBe(503)
    isReady = true
    expect((await get('/readyz')).status).toBe(200)
  })

  it('shows Prometheus metrics with their own content type', async () => {
    const { headers, body } = await get('/metrics')
    expect([headers.get('content-type'), body]).toEqual(['text/plain; version=0.0.4; charset=utf-8', 'cutover_up 1\n'])
  })

  it('has a page whose links all lead somewhere', async () => {
    const { headers, body } = await call<string>(`${server.url}/`)
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    const links = [...body.matchAll(/href="([^"]+)"/g)].map(([, href]) => href ?? '')
    expect(links.length).toBeGreaterThan(5)
    expect(await Promise.all(links.map(async href => (await get(href)).status))).toEqual(links.map(() => 200))
  })
})

describe('predictions', () => {
  it('are added up by what is asked for', async () => {
    await call(`${server.url}/api/v1/endpoints`, { json: digits })
    const { body } = await get('/api/v1/predictions/summary?endpoint=digits&by=version,day&since=2026-01-01T00:00:00Z')
    expect(body).toMatchObject({
      items: [{ key: { version: 'v2', day: '2026-01-01T00:00:00.000Z' }, requests: 1, latencyMs: null }],
    })
  })

  it('are listed without payloads and shown with them', async () => {
    const { body } = await get('/api/v1/predictions?endpoint=digits&limit=1')
    expect(body).toMatchObject({
      items: [{ id: 'p-1', assigned: 'v2', version: 'v1', payload: null, outcomes: [{ label: '7' }] }],
    })
    const payload = {
      request: Buffer.from('{"a":1}').toString('base64'),
      response: Buffer.from('{"b":2}').toString('base64'),
    }
    expect((await get('/api/v1/predictions/p-1')).body).toMatchObject({ id: 'p-1', payload })
  })

  it('of shadows are listed where they are asked for, each with the prediction that the caller got', async () => {
    const listed = async (query: string) =>
      (await call<{ items: WirePrediction[] }>(`${server.url}/api/v1/predictions${query}`)).body.items.map(
        ({ id, shadowOf, version }) => [id, shadowOf, version],
      )
    const champion = ['p-1', null, 'v1']
    expect(await listed('')).toEqual([champion])
    expect(await listed('?shadows=false')).toEqual([champion])
    expect(await listed('?shadows=true')).toEqual([['p-1~v3', 'p-1', 'v3'], champion])
    expect((await get('/api/v1/predictions/p-1~v3')).body).toMatchObject({
      shadowOf: 'p-1',
      outcomes: [{ label: '7' }],
    })
  })

  it.each([
    ['/api/v1/predictions?shadows=maybe', 400, 'invalid-request'],
    ['/api/v1/predictions/p-2', 404, 'prediction-not-found'],
    ['/api/v1/predictions?limit=0', 400, 'invalid-request'],
    ['/api/v1/predictions?limit=1001', 400, 'invalid-request'],
    ['/api/v1/predictions?limit=x', 400, 'invalid-request'],
    ['/api/v1/events?after=-1', 400, 'invalid-request'],
    ['/api/v1/events?after=', 400, 'invalid-request'],
    ['/api/v1/events?after=0x2', 400, 'invalid-request'],
    ['/api/v1/events?after=1e3', 400, 'invalid-request'],
    ['/api/v1/events?limit=1&limit=2', 400, 'invalid-request'],
    ['/healthz?_=123', 200, undefined],
    ['/api/v1/predictions/summary', 400, 'invalid-request'],
    ['/api/v1/predictions/summary?endpoint=nobody', 404, 'endpoint-not-found'],
    ['/api/v1/predictions/summary?endpoint=digits&by=moon', 400, 'invalid-request'],
    ['/api/v1/predictions/summary?endpoint=digits&since=yesterday', 400, 'invalid-request'],
    ['/api/v1/predictions/summary?endpoint=digits&release=digits-9', 404, 'release-not-found'],
    [
      '/api/v1/predictions/summary?endpoint=digits&since=2026-01-02T00:00:00Z&until=2026-01-02T01:00:00%2B01:00',
      400,
      'invalid-request',
    ],
  ])('%s answers %i', async (path, status, code) => {
    const answer = await get(path)
    expect([answer.status, answer.body['code']]).toEqual([status, code])
  })

  it('a time that a query cannot have is told with one that it can', async () => {
    const { body } = await get('/api/v1/predictions/summary?endpoint=digits&since=2026-01-01')
    expect(body['problems']).toMatchObject([
      {
        path: 'query.since',
        message: 'is not a time with its zone',
        allowed: expect.arrayContaining(['2026-11-29T12:00:00Z']),
      },
    ])
  })

  it('a number that a query cannot have is told with those that it can', async () => {
    const { body } = await get('/api/v1/events?limit=0x2')
    const path = 'query.limit'
    expect(body['problems']).toMatchObject([{ path, value: '0x2', allowed: ['a whole number from 1 to 1000'] }])
  })
})

describe('events of the log', () => {
  it('come in pages', async () => {
    await call(`${server.url}/api/v1/endpoints`, { json: digits })
    await call(`${server.url}/api/v1/releases`, { json: { endpoint: 'digits', to: 'v2' } })
    const first = await get('/api/v1/events?limit=1')
    expect(first.body).toMatchObject({
      items: [{ seq: 1, type: 'endpoint-applied', endpoint: 'digits', release: null }],
      next: 1,
    })
    const second = await get('/api/v1/events?after=1')
    expect(second.body).toMatchObject({ items: [{ seq: 2, type: 'release-started', release: 'digits-1' }], next: 2 })
    expect((await get('/api/v1/events?after=2')).body).toEqual({ items: [], next: 2 })
  })

  it('of one release are found however much of others stands before, and `next` goes past all that was looked at', async () => {
    const long = await startControlServer()
    const page = (query: string) => call(`${long.url}/api/v1/events?release=digits-1&${query}`)
    const applied = { actor: 'test', dryRun: false }
    const others = 2 * limits.pageMax + 50
    for (let pin = 0; pin < others; pin++)
      await long.control.applyEndpoint({ ...applied, spec: endpointSpec({ allowPin: pin % 2 === 0 }) })
    await call(`${long.url}/api/v1/releases`, { json: { endpoint: 'digits', to: 'v2' } })
    await call(`${long.url}/api/v1/releases/digits-1/pause`, { method: 'POST' })
    const first = await page('limit=1')
    expect(first.body).toMatchObject({ items: [{ type: 'release-started' }], next: others + 1 })
    const rest = await page(`after=${first.body['next']}`)
    expect(rest.body).toMatchObject({ items: [{ type: 'operator' }], next: others + 2 })
    await long.control.applyEndpoint({ ...applied, spec: endpointSpec({ allowPin: true }) })
    const none = await page(`after=${rest.body['next']}`)
    expect(none.body).toEqual({ items: [], next: others + 3 })
    await long.close()
  })

  it('of a release that is not there are refused', async () => {
    expect(await get('/api/v1/events?release=nope')).toMatchObject({ status: 404, body: { code: 'release-not-found' } })
  })
})

describe('refusals', () => {
  it.each([
    ['GET', '/nope', 404, 'route-not-found', null],
    ['GET', '/api/v1/nope', 404, 'route-not-found', null],
    ['PUT', '/api/v1/endpoints', 405, 'method-not-allowed', 'GET, POST'],
    ['POST', '/api/v1/endpoints/digits', 405, 'method-not-allowed', 'GET, DELETE'],
    ['DELETE', '/api/v1/releases/digits-1', 405, 'method-not-allowed', 'GET'],
    ['POST', '/healthz', 405, 'method-not-allowed', 'GET'],
    ['GET', '/api/v1/flags/nothing', 404, 'flag-not-found', null],
  ])('%s %s answers %i', async (method, path, status, code, allow) => {
    const { status: got, headers, body } = await call(`${server.url}${path}`, { method })
    expect([got, body['code'], headers.get('allow')]).toEqual([status, code, allow])
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(body).toMatchObject({
      type: `urn:cutover:${code}`,
      status,
      title: expect.any(String),
      detail: expect.any(String),
    })
  })

  it.each([
    ['broken JSON', '{"a":', 'application/json'],
    ['a form', 'a=1', 'application/x-www-form-urlencoded'],
    ['text', '{}', 'text/plain'],
  ])('of %s as a body', async (_, body, type) => {
    const answer = await call(`${server.url}/api/v1/apply`, { body, headers: { 'content-type': type } })
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-request' } })
  })

  it('of a body over the limit, with or without a stated length', async () => {
    const body = 'x'.repeat(limits.controlBodyBytesMax + 1)
    const headers = { 'content-type': 'application/json' }
    expect((await call(`${server.url}/api/v1/apply`, { body, headers })).status).toBe(413)
    const stream = new Blob([body]).stream()
    const init = { method: 'POST', headers, body: stream, duplex: 'half' } as RequestInit
    expect((await fetch(`${server.url}/api/v1/apply`, init)).status).toBe(413)
  })

  it('say nothing of the inside when the program is wrong', async () => {
    const broken = await startControlServer({
      predictions: { find: () => Promise.reject(new Error('the password is x')) },
    })
    const { status, body } = await call(`${broken.url}/api/v1/predictions`)
    await broken.close()
    expect([status, body['code'], JSON.stringify(body).includes('password')]).toEqual([500, 'internal', false])
    expect(broken.internalErrors).toHaveLength(1)
  })

  it('have a status for every code', () => {
    expect(Object.keys(statusByCode)).toEqual(Object.keys(errorTable))
  })

  it('of a port that is taken, saying how to take another', async () => {
    const other = await startControlServer()
    await other.close()
    const listening = other.api.listen({ host: '127.0.0.1', port: server.port })
    await expect(listening).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringContaining('--control-port'),
    })
  })
})

describe('pages of other origins', () => {
  const post = (headers: Record<string, string>) =>
    rawStatus(`${server.url}/api/v1/apply?x`, { method: 'POST', headers })
  const own = () => `127.0.0.1:${server.port}`
  // 400 either way: an empty body is refused too, so the code tells them apart by a route that answers 404.
  const pause = (headers: Record<string, string>) =>
    rawStatus(`${server.url}/api/v1/releases/none/pause`, { method: 'POST', headers: { host: own(), ...headers } })

  it('may not change anything', async () => {
    expect(await pause({})).toBe(404)
    expect(await pause({ origin: `http://${own()}` })).toBe(404)
    expect(await pause({ origin: 'https://cutover.example', 'sec-fetch-site': 'same-origin' })).toBe(404)
    expect(await pause({ origin: 'http://evil.example' })).toBe(400)
    expect(await pause({ origin: 'null' })).toBe(400)
    expect(await pause({ origin: `http://127.0.0.1:${server.port + 1}` })).toBe(400)
    expect(await post({ host: own(), origin: 'http://evil.example' })).toBe(400)
  })

  it.each([
    ['localhost:9999', 200],
    ['[::1]:8081', 200],
    ['cutover.localhost', 200],
    ['evil.example', 400],
    ['127.999.999.999', 400],
    ['127.0.0.1.evil.example', 400],
    ['localhost.evil.example:8081', 400],
  ])('reach nothing under the name %s', async (host, status) => {
    expect(await rawStatus(`${server.url}/healthz`, { method: 'GET', headers: { host } })).toBe(status)
  })
})
