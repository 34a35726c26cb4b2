/** Keys, pages and TLS on the inference listener, over sockets. */
import { Readable } from 'node:stream'
import { connect } from 'node:tls'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { createKeyring } from '../../src/adapters/access/keyring.ts'
import { nodeSecrets } from '../../src/adapters/access/node-secrets.ts'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { watchListener } from '../../src/adapters/tls/listener-certificates.ts'
import { type ApiKey, writeKey } from '../../src/core/access/api-key.ts'
import type { CorsRule } from '../../src/core/access/cors.ts'
import { limits } from '../../src/core/limits.ts'
import { endpoint, fleetsOf, instance, sole, startRig } from '../support/gateway-rig.ts'
import { ask, dial, keepAlive, sendRaw } from '../support/http-caller.ts'
import { askSecurely, certificateFolder, pem, tlsFile } from '../support/tls.ts'

type Sent = Parameters<Parameters<typeof instance>[0]>[0]

afterAll(() => keepAlive.destroy())

const clock = createManualClock(1_750_000_000_000)
const infer = '/v2/models/digits/infer'
const free = '/endpoints/digits/anything'

function keyOf(overrides: Partial<ApiKey> = {}) {
  const { id, secret } = nodeSecrets.make()
  const limit = { role: 'call', endpoints: null, rate: null, concurrencyMax: null, expiresAtMs: null } as const
  const key: ApiKey = { id, name: 'app', hash: nodeSecrets.hash(secret), createdAtMs: 0, ...limit, ...overrides }
  return { key, text: writeKey({ id, secret }) }
}

/** A gateway that asks for keys, before a model server that keeps what it got and answers when it is told to. */
async function guarded(keys: readonly ApiKey[], options: { cors?: CorsRule; hold?: Promise<void> } = {}) {
  const got: Sent[] = []
  const server = instance(async request => {
    got.push(request)
    await options.hold
    return {
      status: 200,
      headers: ['content-type', 'text/plain', 'access-control-allow-origin', 'https://of.the.model', 'Vary', 'Accept'],
      body: Buffer.from('served'),
    }
  })
  const access = createKeyring({ secrets: nodeSecrets, clock, fixed: keys })
  const spec = endpoint({ protocol: 'open-inference' })
  const rig = await startRig({
    fleets: fleetsOf({ v1: server, v2: server }),
    spec,
    options: { access, cors: options.cors },
  })
  onTestFinished(() => rig.close())
  return { ...rig, got, access }
}

const named = (request: Sent | undefined) =>
  (request?.headers ?? []).filter((_, at) => at % 2 === 0).map(name => name.toLowerCase())

describe('a listener that asks for keys', () => {
  it('answers whoever asks about the server as a whole, and says of no other target than that it is no path', async () => {
    const { port, got } = await guarded([keyOf().key])
    const asked = (method: string) => sendRaw(port, `${method} * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    expect(await asked('OPTIONS')).toMatch(/^HTTP\/1\.1 204 /)
    expect(await asked('GET')).toMatch(/^HTTP\/1\.1 400 /)
    expect(got).toEqual([])
  })

  it('notes with feedback whose predictions its sender may speak of', async () => {
    const [one, all] = [keyOf({ endpoints: ['digits'] }), keyOf()]
    const { port, recorder } = await guarded([one.key, all.key])
    for (const { text } of [one, all]) {
      const body = JSON.stringify({ prediction: 'p1', reward: 1, id: text })
      const headers = { 'x-api-key': text, 'content-type': 'application/json' }
      expect((await ask(port, { path: '/v1/feedback', body, headers })).status).toBe(200)
    }
    expect([...recorder.outcomes.values()].map(({ endpoints }) => endpoints)).toEqual([['digits'], undefined])
  })

  it('lets in who has one, by either field, and sends it to no model server', async () => {
    const { key, text } = keyOf()
    const { port, got } = await guarded([key])
    const foreign = 'Bearer sk-of-the-model-server'
    expect((await ask(port, { path: infer, body: '{}', headers: { authorization: `Bearer ${text}` } })).text).toBe(
      'served',
    )
    expect((await ask(port, { path: free, headers: { 'x-api-key': text, authorization: foreign } })).text).toBe(
      'served',
    )
    expect(
      (await ask(port, { path: free, headers: { 'x-api-key': text, authorization: `Bearer ${text}` } })).status,
    ).toBe(200)
    expect(JSON.stringify(got.map(({ headers }) => headers))).not.toContain(text)
    expect(named(got[0])).not.toContain('authorization')
    expect(got[1]?.headers).toContain(foreign)
    expect(named(got[2])).toEqual(expect.not.arrayContaining(['authorization', 'x-api-key']))
  })

  it('refuses the others in the dialect of the path, before any model server is asked', async () => {
    const { key } = keyOf()
    const { port, got, gateway } = await guarded([key])
    const plain = await ask(port, { path: infer, body: '{}' })
    expect([plain.status, plain.headers['www-authenticate']]).toEqual([401, 'Bearer realm="cutover"'])
    expect(plain.json()).toEqual({ error: expect.stringContaining('an API key is needed') })
    const wrong = await ask(port, { path: free, headers: { authorization: `Bearer ${keyOf().text}` } })
    expect(wrong.status).toBe(401)
    expect(wrong.headers['www-authenticate']).toBe('Bearer realm="cutover", error="invalid_token"')
    expect(wrong.json()).toMatchObject({ code: 'unauthenticated', status: 401 })
    for (const path of ['/v2', '/v2/models/digits', '/v1/feedback', '/nowhere'])
      expect([path, (await ask(port, { path })).status]).toEqual([path, 401])
    expect(got).toEqual([])
    expect(gateway.stats().errors).toContainEqual({ code: 'unauthenticated', count: 6 })
  })

  it('asks whoever reads the request: plain ones on sockets, the others by node:http', async () => {
    const { key, text } = keyOf()
    const { port, got } = await guarded([key])
    const chunked = (field: string) =>
      `POST ${free} HTTP/1.1\r\nhost: a\r\n${field}transfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n`
    expect(await sendRaw(port, chunked(''))).toMatch(/^HTTP\/1\.1 401 .*www-authenticate: Bearer/s)
    expect(got).toEqual([])
    expect(await sendRaw(port, chunked(`Authorization: BEARER ${text}\r\n`))).toMatch(/^HTTP\/1\.1 200 .*served/s)
    const two = `GET ${free} HTTP/1.1\r\nhost: a\r\nX-API-Key: ${text}\r\n\r\n`.repeat(2)
    expect((await sendRaw(port, two, /served.*served/s)).match(/ 200 OK/g)).toHaveLength(2)
    expect(JSON.stringify(got.map(({ headers }) => headers))).not.toContain('ck_')
  })

  it('answers health checks to everybody', async () => {
    const { port } = await guarded([])
    expect((await ask(port, { path: '/v2/health/live' })).status).toBe(200)
    expect((await ask(port, { path: '/v2/health/ready' })).status).toBe(200)
  })

  it('tells who has shown no key that the server is not ready, and no names', async () => {
    const { port, fleets } = await guarded([])
    fleets.set('v1', [])
    const reply = await ask(port, { path: '/v2/health/ready' })
    expect([reply.status, reply.json()]).toEqual([503, { error: 'the server is not ready' }])
  })

  it('lists the endpoints of a key, and no others', async () => {
    const [held, free] = [keyOf({ endpoints: ['digits', 'spam'] }), keyOf({ name: 'any' })]
    const { port, gateway } = await guarded([held.key, free.key])
    gateway.apply({ spec: endpoint({ name: 'fraud' }), table: { ...sole(), endpoint: 'fraud' } })
    const listedFor = async ({ text }: { text: string }) => {
      const question = { method: 'POST', path: '/v2/repository/index', headers: { 'x-api-key': text } }
      const entries = (await ask(port, question)).json() as { name: string }[]
      return [...new Set(entries.map(({ name }) => name))].toSorted()
    }
    expect(await listedFor(held)).toEqual(['digits'])
    expect(await listedFor(free)).toEqual(['digits', 'fraud'])
  })

  it('holds a key to its endpoints, whether there is such a one or not', async () => {
    const { key, text } = keyOf({ endpoints: ['digits'] })
    const { port } = await guarded([key])
    const headers = { 'x-api-key': text }
    expect((await ask(port, { path: infer, body: '{}', headers })).status).toBe(200)
    for (const path of ['/v2/models/fraud/infer', '/endpoints/fraud', '/v1/models/fraud:predict']) {
      const reply = await ask(port, { path, body: '{}', headers })
      expect([path, reply.status]).toEqual([path, 403])
      expect(reply.headers['www-authenticate']).toBe('Bearer realm="cutover", error="insufficient_scope"')
    }
    const reader = keyOf({ role: 'read' })
    const other = await guarded([reader.key])
    expect((await ask(other.port, { path: free, headers: { 'x-api-key': reader.text } })).status).toBe(403)
  })

  it('tells a key that is held to endpoints of no others', async () => {
    const { key, text } = keyOf({ endpoints: ['digits', 'spam'] })
    const { port, gateway } = await guarded([key])
    gateway.apply({ spec: endpoint({ name: 'fraud' }), table: { ...sole(), endpoint: 'fraud' } })
    const reply = await ask(port, { path: '/endpoints/spam', headers: { 'x-api-key': text } })
    expect([reply.status, reply.text]).toEqual([404, expect.stringContaining('there are digits')])
    expect(reply.text).not.toContain('fraud')
  })

  it('holds a key to its rate, and says when to come back', async () => {
    const { key, text } = keyOf({ rate: { perSecond: 0.25, burst: 2 } })
    const { port } = await guarded([key])
    const headers = { 'x-api-key': text }
    const statuses = []
    for (let i = 0; i < 3; i += 1) statuses.push((await ask(port, { path: free, headers })).status)
    expect(statuses).toEqual([200, 200, 429])
    const refused = await ask(port, { path: infer, body: '{}', headers })
    expect(refused.headers['retry-after']).toBe('4')
    expect(refused.json()).toEqual({ error: 'the key app may send 15 requests a minute' })
    clock.advance(4_000)
    expect((await ask(port, { path: free, headers })).status).toBe(200)
  })

  it('holds a key to its requests at once, and gives the place back when an answer ends or a caller leaves', async () => {
    const { key, text } = keyOf({ concurrencyMax: 1 })
    const { promise, resolve } = Promise.withResolvers<void>()
    const { port, got, access } = await guarded([key], { hold: promise })
    const headers = { 'x-api-key': text }
    const inFlight = () => access.counts()[0]?.inFlight
    const leaving = await dial(port)
    leaving.write(`GET ${free} HTTP/1.1\r\nhost: a\r\nx-api-key: ${text}\r\n\r\n`)
    await expect.poll(() => got.length).toBe(1)
    const crowded = await ask(port, { path: free, headers })
    expect([crowded.status, crowded.headers['retry-after']]).toEqual([429, '1'])
    leaving.destroy()
    await expect.poll(inFlight).toBe(0)
    const answered = ask(port, { path: free, headers })
    await expect.poll(() => got.length).toBe(2)
    expect(inFlight()).toBe(1)
    resolve()
    expect((await answered).status).toBe(200)
    await expect.poll(inFlight).toBe(0)
    // Answers of the gateway's own count as well, and errors.
    for (const path of ['/v2', '/nowhere']) await ask(port, { path, headers })
    await expect.poll(inFlight).toBe(0)
  })
})

describe('a listener that asks for none', () => {
  it('passes credentials of model servers on, and no Cutover key', async () => {
    const got: Sent[] = []
    const server = instance(request => {
      got.push(request)
      return { status: 200, headers: [], body: Buffer.from('{}') }
    })
    const rig = await startRig({ fleets: fleetsOf({ v1: server }) })
    onTestFinished(() => rig.close())
    const { text } = keyOf()
    await ask(rig.port, { path: free, headers: { authorization: 'Bearer sk-1', 'x-api-key': 'anything' } })
    await ask(rig.port, { path: free, headers: { authorization: `Bearer ${text}`, 'x-api-key': text } })
    expect(named(got[0])).toEqual(expect.arrayContaining(['authorization', 'x-api-key']))
    expect(named(got[1])).toEqual(expect.not.arrayContaining(['authorization', 'x-api-key']))
  })
})

describe('pages of other origins', () => {
  const app = 'https://app.example.com'
  const cors: CorsRule = {
    origins: [app],
    methods: ['POST'],
    headers: ['content-type', 'authorization'],
    exposed: ['x-cutover-version'],
    credentials: false,
    maxAgeSeconds: 60,
  }
  const preflight = (origin: string) => ({
    method: 'OPTIONS',
    path: infer,
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  })

  it('ask before they call, without a key and without a model server', async () => {
    const { port, got } = await guarded([], { cors })
    const reply = await ask(port, preflight(app))
    expect([reply.status, reply.headers['access-control-allow-origin']]).toEqual([204, app])
    expect(reply.headers['access-control-allow-headers']).toBe('authorization')
    const other = await ask(port, preflight('https://evil.example'))
    expect([other.status, other.headers['access-control-allow-origin']]).toEqual([204, undefined])
    expect(got).toEqual([])
  })

  it('read answers and errors, by the word of the listener and not of the model server', async () => {
    const { key, text } = keyOf()
    const { port } = await guarded([key], { cors })
    const served = await ask(port, { path: infer, body: '{}', headers: { origin: app, 'x-api-key': text } })
    expect(served.headers).toMatchObject({
      'access-control-allow-origin': app,
      'access-control-expose-headers': 'x-cutover-version',
    })
    expect(served.rawHeaders.filter(name => name.toLowerCase() === 'access-control-allow-origin')).toHaveLength(1)
    expect(served.headers['vary']?.toLowerCase().split(', ').toSorted()).toEqual(['accept', 'origin'])
    const refused = await ask(port, { path: infer, body: '{}', headers: { origin: app } })
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, app])
    const foreign = await ask(port, {
      path: infer,
      body: '{}',
      headers: { origin: 'https://evil.example', 'x-api-key': text },
    })
    expect(foreign.headers).not.toHaveProperty('access-control-allow-origin')
  })

  it('are the matter of the model server where the listener says nothing', async () => {
    const { key, text } = keyOf()
    const { port } = await guarded([key])
    const served = await ask(port, { path: infer, body: '{}', headers: { origin: app, 'x-api-key': text } })
    expect(served.headers['access-control-allow-origin']).toBe('https://of.the.model')
  })
})

describe('TLS', () => {
  async function secure(options: { clientCa?: string; server?: ReturnType<typeof instance> } = {}) {
    const folder = certificateFolder('server')
    const watchClock = createManualClock(Date.UTC(2026, 0, 1))
    const tls = { cert: folder.cert, key: folder.key, clientCa: options.clientCa ?? null }
    const certificates = watchListener(tls, { clock: watchClock, tell: () => {} })
    const { server } = options
    const rig = await startRig({ options: { certificates }, ...(server && { fleets: fleetsOf({ v1: server }) }) })
    onTestFinished(() => rig.close())
    return { ...rig, ...folder, look: () => watchClock.advance(limits.certificateLookMs) }
  }
  const question = { path: infer, method: 'POST', body: '{}' }

  it('serves as without it', async () => {
    const { port } = await secure()
    const reply = await askSecurely(port, question)
    expect([reply.status, reply.subject]).toEqual([200, 'cutover-test-server'])
    expect(reply.headers['x-cutover-version']).toBe('v1')
  })

  it('streams long answers and takes bodies of every framing', async () => {
    const bytes = Buffer.alloc(6 * 1024 * 1024, 'x')
    const chunks = Array.from({ length: 97 }, (_, at) =>
      bytes.subarray(Math.floor((at * bytes.length) / 97), Math.floor(((at + 1) * bytes.length) / 97)),
    )
    const server = instance(async ({ body, path }) => {
      if (path === '/long') return { status: 200, headers: [], body: Readable.from(chunks) }
      const sent: Buffer[] = []
      for await (const chunk of body instanceof Readable ? body : [body ?? Buffer.alloc(0)]) sent.push(chunk as Buffer)
      return { status: 200, headers: [], body: Buffer.from(String(Buffer.concat(sent).length)) }
    })
    const { port } = await secure({ server })
    expect((await askSecurely(port, { path: '/endpoints/digits/long' })).text.length).toBe(bytes.length)
    const upload = (length: number, headers = {}) =>
      askSecurely(port, { path: '/endpoints/digits/up', method: 'POST', body: 'x'.repeat(length), headers })
    expect((await upload(30_000)).text).toBe('30000')
    expect((await upload(3_000_000)).text).toBe('3000000')
    expect((await upload(3_000_000, { 'transfer-encoding': 'chunked' })).text).toBe('3000000')
  })

  it('takes a new certificate for new connections and cuts none that is open', async () => {
    const { port, put, look } = await secure()
    const open = connect({ host: '127.0.0.1', port, ca: pem('ca.crt') })
    const answers: string[] = []
    open.on('data', chunk => answers.push(chunk.toString()))
    const send = () => open.write(`GET /v2/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    const answered = () => answers.join('').match(/"live":true/g)?.length ?? 0
    send()
    await expect.poll(answered).toBe(1)
    put('renewed')
    look()
    expect((await askSecurely(port, question)).subject).toBe('cutover-test-renewed')
    send()
    await expect.poll(answered).toBe(2)
    expect(open.getPeerCertificate().subject.CN).toBe('cutover-test-server')
    open.destroy()
  })

  it('stays on the old one while the new one cannot be used', async () => {
    const { port, put, look } = await secure()
    put('renewed', 'cert')
    look()
    expect((await askSecurely(port, question)).subject).toBe('cutover-test-server')
  })

  it('lets in only callers with a certificate of the authority, if it asks for one', async () => {
    const { port } = await secure({ clientCa: tlsFile('ca.crt') })
    const own = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) })
    expect((await askSecurely(port, { ...question, tls: own('client') })).status).toBe(200)
    await expect(askSecurely(port, question)).rejects.toThrow()
    await expect(askSecurely(port, { ...question, tls: own('stranger') })).rejects.toThrow()
  })

  it('answers nobody who speaks plain HTTP, and goes on', async () => {
    const { port } = await secure()
    expect(await sendRaw(port, 'GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n')).not.toContain('200')
    expect((await askSecurely(port, question)).status).toBe(200)
  })
})
