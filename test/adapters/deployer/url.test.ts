import { PassThrough, Readable } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { BackendRequest } from '../../../src/adapters/deployer/by-promise.ts'
import { createDeployer } from '../../../src/adapters/deployer/deployer.ts'
import type { Logger } from '../../../src/adapters/deployer/logger.ts'
import type { VersionSpec } from '../../../src/core/endpoint.ts'
import { limits } from '../../../src/core/limits.ts'
import { deployerContract } from '../../contract/deployer.contract.ts'
import { type ModelServer, startModelServer } from '../../fixtures/model-server.ts'
import { send as ask } from '../../support/send.ts'
import { rawServer } from './raw-server.ts'
import { json, request, text } from './requests.ts'
import { closing, collectReports, type Finished, fastClock, pick, silentLogger, until, version } from './support.ts'

const ready = { path: '/health', timeoutMs: 60_000, unknownIsReady: false }
const url = (name: string, addresses: readonly string[]) => version(name, { kind: 'url', addresses, ready })

async function server(finished: Finished = onTestFinished): Promise<ModelServer> {
  const started = await startModelServer()
  finished(() => started.stop().catch(() => {}))
  return started
}

function deployerOf(speed = 20, logger: Logger = silentLogger) {
  const reports = collectReports()
  const options = { clock: fastClock(speed), logger, report: reports.report }
  return { reports, deployer: closing(createDeployer(options)) }
}

async function serve(connections?: number) {
  const model = await server()
  const { deployer, reports } = deployerOf()
  const { backend, ...rest } = url('v1', [model.address])
  const one = { ...rest, backend: { ...backend, ...(connections !== undefined && { connections }) } } as VersionSpec
  deployer.ensure({ endpoint: 'digits', version: one, readyTimeoutMs: 60_000 })
  await reports.next('ready')
  return { instance: pick(deployer, 'v1'), model, fleets: deployer.fleets }
}

deployerContract('url', async finished => {
  const models = await Promise.all([server(finished), server(finished)])
  const unready = await server(finished)
  unready.health = 503
  return {
    create: report => createDeployer({ clock: fastClock(20), logger: silentLogger, report }),
    good: (name, instances) =>
      url(
        name,
        models.slice(0, instances).map(({ address }) => address),
      ),
    bad: name => url(name, [unready.address]),
    fixedSize: 'a url version has as many instances as addresses',
    hold: (instance, signal = new AbortController().signal) => ({
      answer: ask(instance, request({ path: '/hold?key=a', signal })),
      release: () => {
        for (const model of models) void model.arrived('/hold?key=a').then(() => model.release('a'))
      },
    }),
  }
})

describe('a request reaches a server as it came', () => {
  test('method, path, query, header bytes and body are unchanged; fields of the connection stay behind', async () => {
    const { instance, model } = await serve()
    const headers = ['X-Case', 'a', 'x-case', 'b', 'X-Latin', 'caf\xe9', 'Host', 'other', 'Content-Length', '5']
    const dropped = ['Connection', 'close', 'Transfer-Encoding', 'chunked', 'Expect', '100-continue', 'TE', 'trailers']
    const sent = request({
      method: 'PATCH',
      path: '/echo?q=%20%41',
      headers: [...headers, ...dropped],
      body: Buffer.from('hello'),
    })
    const echo = (await json(await ask(instance, sent))) as Record<string, unknown>
    expect(echo).toMatchObject({ method: 'PATCH', url: '/echo?q=%20%41', body: 'hello' })
    const host = new URL(model.address).host
    const expected = ['host', host, 'connection', 'keep-alive', ...headers.slice(0, 6), 'content-length', '5']
    expect(echo['rawHeaders']).toEqual(expected)
  })

  test('a path of the address comes first', async () => {
    const model = await server()
    const { deployer, reports } = deployerOf()
    const address = `${model.address}/missing/`
    deployer.ensure({ endpoint: 'digits', version: url('v1', [address]), readyTimeoutMs: 5_000 })
    expect((await reports.next('failed')).reason).toContain('/missing/health answered 404')
  })

  test('a body without content and a body that streams', async () => {
    const { instance } = await serve()
    const none = await ask(instance, request({ method: 'GET', path: '/echo', headers: ['content-length', '0'] }))
    expect(await json(none)).toMatchObject({ method: 'GET', body: '' })
    const chunks = Array.from({ length: 100 }, () => Buffer.alloc(10_000))
    expect(await text(await ask(instance, request({ path: '/upload', body: Readable.from(chunks) })))).toBe('1000000')
  })
})

describe('an answer comes back as it was', () => {
  const raw = (text: string) => ({ path: '/raw', body: Buffer.from(text, 'latin1') })

  test('status, repeated fields and bytes are unchanged; fields of the connection stay behind', async () => {
    const { instance } = await serve()
    const head =
      'HTTP/1.1 418 T\r\nSet-Cookie: a\r\nset-cookie: b\r\nX-L: \xe9\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\n'
    const answer = await ask(instance, request(raw(`${head}\xff\x00`)))
    expect(answer.status).toBe(418)
    expect(answer.headers).toEqual(['Set-Cookie', 'a', 'set-cookie', 'b', 'X-L', '\xe9', 'content-length', '2'])
    expect(await text(answer)).toBe('\xff\x00')
  })

  test('interim answers are not taken for the answer', async () => {
    const { instance } = await serve()
    const head = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    expect((await ask(instance, request(raw(head)))).status).toBe(200)
  })

  test.each([
    ['a status below 100', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['a status above 599', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['too many header bytes', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(limits.headerBytesMax)}\r\n\r\n`],
    ['nothing at all', ''],
  ])('%s rejects with backend-failed', async (_, text) => {
    const { instance } = await serve()
    await expect(ask(instance, request(raw(text)))).rejects.toMatchObject({ code: 'backend-failed' })
    expect(instance.inFlight).toBe(0)
    expect((await ask(instance, request({ path: '/status?key=204' }))).status).toBe(204)
  })

  test.each([
    ['a connection that is cut', { path: '/cut' }],
    ['a chunk that is cut', raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab')],
  ])('%s in mid-answer fails the body rather than ending it', async (_, parts) => {
    const { instance } = await serve()
    const answer = await ask(instance, request(parts))
    expect(answer.status).toBe(200)
    await expect(text(answer)).rejects.toMatchObject({ code: 'backend-failed' })
    expect(instance.inFlight).toBe(0)
  })

  test('a chunk that is malformed right behind its head is no answer', async () => {
    const { instance } = await serve()
    const parts = raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab')
    await expect(ask(instance, request(parts))).rejects.toMatchObject({ code: 'backend-failed' })
    expect(instance.inFlight).toBe(0)
  })

  test('a body that nobody reads waits, and one that is destroyed cuts the connection', async () => {
    const { instance, model } = await serve()
    const answer = await ask(instance, request({ path: '/stall' }))
    expect(instance.inFlight).toBe(1)
    if (answer.body instanceof Readable) answer.body.destroy()
    await model.left('/stall')
    expect(instance.inFlight).toBe(0)
  })
})

describe('what goes wrong has a name', () => {
  const quick = { connectMs: 2_000, firstByteMs: 50, idleMs: 50 }

  test('no answer in time is a timeout, and the server is told', async () => {
    const { instance, model } = await serve()
    const sent = ask(instance, request({ path: '/silent', timeouts: quick }))
    await expect(sent).rejects.toMatchObject({
      code: 'backend-timeout',
      message: /did not begin to answer within 50 ms/,
    })
    await model.left('/silent')
  })

  test('a stall in mid-answer is a timeout', async () => {
    const { instance } = await serve()
    const body = text(await ask(instance, request({ path: '/stall', timeouts: quick })))
    await expect(body).rejects.toMatchObject({ code: 'backend-timeout', message: /sent nothing for 50 ms/ })
  })

  test('a server that is gone is unreachable', async () => {
    const { instance, model } = await serve()
    await model.stop()
    const sent = ask(instance, request({ path: '/echo' }))
    await expect(sent).rejects.toMatchObject({ code: 'backend-unreachable', message: /ECONNREFUSED/ })
  })

  test('with no more connections than its version says, and none free in time, nothing is sent', async () => {
    const { instance, model, fleets } = await serve(3)
    const caller = new AbortController()
    const busy = Array.from({ length: 3 }, () => {
      return ask(instance, request({ path: '/silent', signal: caller.signal })).catch(() => {})
    })
    for (let one = 0; one < 3; one += 1) await model.arrived('/silent')
    const timeouts = { ...quick, connectMs: 100 }
    const late = ask(instance, request({ path: '/late', timeouts }))
    await until(() => fleets.waiting?.('digits', 'v1') === 1)
    await expect(late).rejects.toMatchObject({
      code: 'overloaded',
      message: expect.stringContaining('all 3 connections'),
    })
    caller.abort()
    await Promise.all(busy)
    expect((await ask(instance, request({ path: '/status?key=200' }))).status).toBe(200)
    expect(await Promise.race([model.arrived('/late'), 'never'])).toBe('never')
  })

  test("an upload that the caller breaks off is the caller's", async () => {
    const { instance, model } = await serve()
    const body = new PassThrough()
    body.write('half')
    const sent = ask(instance, request({ path: '/upload', body }))
    await model.arrived('/upload')
    body.destroy(new Error('aborted'))
    await expect(sent).rejects.toMatchObject({ code: 'client-closed' })
  })

  test("a length that is not that of the body is the caller's", async () => {
    const { instance } = await serve()
    const body = Readable.from([Buffer.from('abc')])
    const sent = ask(instance, request({ path: '/upload', headers: ['content-length', '5'], body }))
    await expect(sent).rejects.toMatchObject({ code: 'invalid-request' })
  })

  test('a caller who leaves before there is a connection', async () => {
    const { instance, model } = await serve()
    const caller = new AbortController()
    const sent = ask(instance, { ...request({ path: '/unsent' }), signal: caller.signal })
    caller.abort()
    await expect(sent).rejects.toMatchObject({ code: 'client-closed' })
    expect(instance.inFlight).toBe(0)
    await ask(instance, request({ path: '/status?key=200' }))
    expect(await Promise.race([model.arrived('/unsent'), 'never'])).toBe('never')
  })

  test('what is still in flight when the drain is over is cut', async () => {
    const model = await server()
    const { deployer, reports } = deployerOf()
    deployer.ensure({ endpoint: 'digits', version: url('v1', [model.address]), readyTimeoutMs: 60_000 })
    await reports.next('ready')
    const answer = await ask(pick(deployer, 'v1'), request({ path: '/stall' }))
    const body = text(answer)
    await Promise.all([
      expect(body).rejects.toMatchObject({ code: 'backend-failed' }),
      deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 500 }),
    ])
  })
})

describe('addresses come and go', () => {
  async function pair() {
    const models = await Promise.all([server(), server()])
    const { deployer, reports } = deployerOf()
    const addresses = models.map(({ address }) => address)
    deployer.ensure({ endpoint: 'digits', version: url('v1', addresses), readyTimeoutMs: 10_000 })
    const count = (wanted: number) => until(() => deployer.fleets.readyCount('digits', 'v1') === wanted)
    await count(2)
    const send = (parts: Partial<BackendRequest> & { path: string }) =>
      ask(pick(deployer, 'v1'), request(parts)).catch(() => {})
    return { models, deployer, reports, count, send }
  }

  test('the log says at which address an instance is', async () => {
    const model = await server()
    const told: object[] = []
    const { deployer, reports } = deployerOf(20, { ...silentLogger, info: fields => void told.push(fields) })
    deployer.ensure({ endpoint: 'digits', version: url('v1', [model.address]), readyTimeoutMs: 60_000 })
    await reports.next('ready')
    expect(told).toMatchObject([{ instance: 'digits/v1/0', address: model.address }])
  })

  test('one ready address makes the fleet ready, and the others join', async () => {
    const [model, late] = await Promise.all([server(), server()])
    await late.stop()
    const { deployer, reports } = deployerOf()
    deployer.ensure({ endpoint: 'digits', version: url('v1', [late.address, model.address]), readyTimeoutMs: 60_000 })
    await reports.next('ready')
    expect(deployer.fleets.readyCount('digits', 'v1')).toBe(1)
    await late.start()
    await until(() => deployer.fleets.readyCount('digits', 'v1') === 2)
    expect(reports.all).toHaveLength(1)
  })

  test('an address that says it is not ready is out at once, and back when it is', async () => {
    const { models, deployer, count } = await pair()
    if (models[0]) models[0].health = 503
    await count(1)
    expect(deployer.status('digits', 'v1')[0]).toMatchObject({ state: 'unhealthy', detail: /health answered 503/ })
    if (models[0]) models[0].health = 200
    await count(2)
  })

  test('requests that fail in a row set an address aside for a while', async () => {
    const { models, deployer, count } = await pair()
    await models[0]?.stop()
    await models[0]?.start()
    for (let sent = 0; sent < 2 * limits.outlierFailures; sent += 1) {
      const first = pick(deployer, 'v1')
      if (first.id.endsWith('/0')) await ask(first, request({ path: '/status?key=503' }))
    }
    expect(deployer.status('digits', 'v1')[0]).toMatchObject({
      state: 'unhealthy',
      detail: /set aside for 10 s: 5 requests in a row failed, the last with: status 503/,
    })
    expect(pick(deployer, 'v1').id).toBe('digits/v1/1')
    await count(2)
  })

  test('a good answer in between starts the count again', async () => {
    const { deployer, send } = await pair()
    for (let sent = 0; sent < 8 * limits.outlierFailures; sent += 1) {
      await send({ path: Math.floor(sent / 2) % 3 === 0 ? '/status?key=500' : '/status?key=502' })
    }
    expect(deployer.fleets.readyCount('digits', 'v1')).toBe(2)
  })

  test('the last address standing is not set aside', async () => {
    const { models, deployer, count, send } = await pair()
    if (models[0]) models[0].health = 503
    await count(1)
    for (let sent = 0; sent < 3 * limits.outlierFailures; sent += 1) await send({ path: '/status?key=503' })
    expect(deployer.fleets.readyCount('digits', 'v1')).toBe(1)
  })

  test('a fleet without any healthy address fails in time, and is ready again when one is back', async () => {
    const { models, reports, deployer } = await pair()
    await Promise.all(models.map(model => model.stop()))
    const { reason } = await reports.next('failed')
    expect(reason).toMatch(/^none of 2 addresses was ready within 10 s: .*ECONNREFUSED; .*ECONNREFUSED$/)
    expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
    await models[1]?.start()
    await reports.next('ready')
  })

  test.each(['ftp://host', 'nonsense', 'http://host/?q=1'])('the address %s is refused', async address => {
    const { deployer } = deployerOf()
    const checked = deployer.check(url('v1', ['http://127.0.0.1:1', address]))
    await expect(checked).rejects.toMatchObject({
      code: 'invalid-resource',
      problems: [{ path: 'url[1]', value: address }],
    })
  })
})

test.each([
  [4, 1],
  [undefined, 4],
])('with pipelining %s four requests of one turn share %s connections', async (pipelining, connections) => {
  const socketOf = new Map<string, object>()
  const server = await rawServer(onTestFinished, (socket, head) => {
    socketOf.set(head.split(' ')[1] ?? '', socket)
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  const { deployer, reports } = deployerOf()
  const backend = { kind: 'url', addresses: [server.address], ready, ...(pipelining && { pipelining }) } as const
  deployer.ensure({ endpoint: 'digits', version: version('v1', backend), readyTimeoutMs: 60_000 })
  await reports.next('ready')
  const instance = pick(deployer, 'v1')
  await ask(instance, request({ path: '/first' }))
  const paths = ['/1', '/2', '/3', '/4']
  await Promise.all(paths.map(path => ask(instance, request({ path }))))
  expect(new Set(paths.map(path => socketOf.get(path))).size).toBe(connections)
})
