import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackendResponse } from '../../src/adapters/deployer/by-promise.ts'
import { limits } from '../../src/core/limits.ts'
import { fleetsOf, instance, type Rig, startRig } from '../support/gateway-rig.ts'
import { ask, dial, keepAlive, readUntil, sendRaw } from '../support/http-caller.ts'

let rig: Rig
const held: ((response: BackendResponse) => void)[] = []
const fine: BackendResponse = { status: 200, headers: [], body: Buffer.from('fine') }

/** `/slow` is answered when a test says so. */
const answer = ({ path }: { path: string }) =>
  path === '/slow' ? new Promise<BackendResponse>(resolve => held.push(resolve)) : fine

beforeAll(async () => {
  rig = await startRig({ fleets: fleetsOf({ v1: instance(answer, { wantsWholeBody: true }) }) })
})
afterAll(async () => {
  await rig.close()
  keepAlive.destroy()
})

const get = 'GET /endpoints/digits/x HTTP/1.1\r\n'
const post = 'POST /endpoints/digits/x HTTP/1.1\r\nHost: a\r\n'

describe('bytes that are not a request are answered, the connection closes, the server lives', () => {
  const cases: readonly [string, string, number][] = [
    ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', 400],
    ['a request line without a version', 'GET /\r\nHost: a\r\n\r\n', 505],
    ['HTTP/0.9', 'GET /\r\n\r\n', 505],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['an unknown method', 'FOO / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a space in the path', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['bytes over 127 in the path', 'GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['no Host', `${get}\r\n`, 400],
    ['two Hosts', `${get}Host: a\r\nHost: b\r\n\r\n`, 400],
    ['two equal Hosts', `${get}Host: a\r\nhost: a\r\n\r\n`, 400],
    ['an impossible Host', `${get}Host: a/b\r\n\r\n`, 400],
    ['a space before the colon', `${get}Host : a\r\n\r\n`, 400],
    ['a folded field', `${get}Host: a\r\nX: 1\r\n 2\r\n\r\n`, 400],
    ['a NUL in a value', `${get}Host: a\r\nX: a\x00b\r\n\r\n`, 400],
    ['a bare CR in a value', `${get}Host: a\r\nX: a\rb\r\n\r\n`, 400],
    ['a length and chunks', `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunks and a length', `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`, 400],
    ['two lengths', `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 400],
    ['a signed length', `${post}Content-Length: +1\r\n\r\na`, 400],
    ['a negative length', `${post}Content-Length: -1\r\n\r\na`, 400],
    ['a hexadecimal length', `${post}Content-Length: 0x1\r\n\r\na`, 400],
    ['an enormous length', `${post}Content-Length: 99999999999999999999\r\n\r\na`, 400],
    ['an unknown transfer coding', `${post}Transfer-Encoding: gzip\r\n\r\n`, 501],
    ['a transfer coding under the chunks', `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    ['chunked twice', `${post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunks in HTTP/1.0', `${post.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a bad chunk', `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
    ['a chunk with a bare line feed', `${post}Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n`, 400],
    ['more than a chunk holds', `${post}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`, 400],
    ['a target that is no path', 'GET * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 400],
    ['a tunnel', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 501],
    ['an upgrade', `${get}Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 501],
    ['fields over the limit', `${get}Host: a\r\nX: ${'x'.repeat(limits.headerBytesMax)}\r\n\r\n`, 431],
    ['too many fields', `${get}Host: a\r\n${'X: 1\r\n'.repeat(limits.headerFieldsMax)}\r\n`, 431],
    ['a target over the limit', `GET /${'x'.repeat(limits.headerBytesMax)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ]

  test.each(cases)('%s', async (_name, bytes, status) => {
    const text = await sendRaw(rig.port, bytes)
    expect(text.slice(0, 12)).toBe(`HTTP/1.1 ${status}`)
    expect(text).toMatch(/\r\nconnection: close\r\n/i)
    expect(JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n')))).toMatchObject({ status, code: 'invalid-request' })
    expect((await ask(rig.port, { path: '/v2/health/live' })).status).toBe(200)
  })

  test('refusals on the paths of the Open Inference Protocol speak its dialect', async () => {
    const text = await sendRaw(rig.port, 'GET /v2 HTTP/1.1\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1.1 400 [\s\S]*\{"error":"the request has no Host field; HTTP\/1.1 needs one"\}$/)
  })
})

describe('what is unusual but right is served', () => {
  const cases: readonly [string, string][] = [
    ['HTTP/1.0 without a Host', 'GET /endpoints/digits/x HTTP/1.0\r\n\r\n'],
    ['an empty Host', `${get}Host:\r\nConnection: close\r\n\r\n`],
    ['an IPv6 Host', `${get}Host: [::1]:80\r\nConnection: close\r\n\r\n`],
    [
      'an offer to upgrade to h2c',
      `${get}Host: a\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n`,
    ],
    ['an Upgrade that Connection does not name', `${get}Host: a\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n`],
    ['very many fields', `${get}Host: a\r\n${'X:1\r\n'.repeat(limits.headerFieldsMax - 2)}Connection: close\r\n\r\n`],
    ['an empty line before', `\r\n${get}Host: a\r\nConnection: close\r\n\r\n`],
    ['chunk extensions', `${post}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1;x=y\r\na\r\n0\r\n\r\n`],
  ]

  test.each(cases)('%s', async (_name, bytes) => {
    expect(await sendRaw(rig.port, bytes)).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*fine$/)
  })
})

describe('one connection, several requests', () => {
  test('answers come in the order of the requests', async () => {
    const paths = ['/v2/health/live', '/endpoints/digits/x', '/v2', '/nowhere']
    const requests = paths.map(path => `GET ${path} HTTP/1.1\r\nHost: a\r\n`)
    const text = await sendRaw(rig.port, `${requests.join('\r\n')}Connection: close\r\n\r\n`)
    expect([...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(match => match[1])).toEqual(['200', '200', '200', '404'])
  })

  test('garbage behind a request does not spoil the answer under way', async () => {
    const socket = await dial(rig.port)
    socket.write('GET /endpoints/digits/slow HTTP/1.1\r\nHost: a\r\n\r\n\x00garbage\r\n\r\n')
    while (held.length === 0) await new Promise(resolve => setImmediate(resolve))
    held.pop()?.(fine)
    const text = await readUntil(socket)
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*fineHTTP\/1.1 400 Bad Request\r\n/)
  })

  test('a connection that is reset leaves no trace', async () => {
    const socket = await dial(rig.port)
    socket.write(get)
    socket.resetAndDestroy()
    await once(socket, 'close')
    expect((await ask(rig.port, { path: '/v2/health/live' })).status).toBe(200)
  })
})

test('what nothing serves is a 404 that names what is served', async () => {
  const reply = await ask(rig.port, { path: '/metrics' })
  expect([reply.status, reply.headers['content-type']]).toEqual([404, 'application/problem+json'])
  const { detail } = reply.json() as { detail: string }
  expect(detail).toContain('/endpoints/{endpoint}/{path}')
  expect(detail).toContain('POST /v1/feedback')
})

test.each([
  ['no body', ''],
  ['a body', 'Content-Length: 4\r\n'],
  ['chunks', 'Transfer-Encoding: chunked\r\n'],
])(
  'OPTIONS of the server as a whole is answered, whoever asks, and what comes behind it with %s is heard',
  async (_, field) => {
    const body = field === '' ? '' : field.startsWith('C') ? 'body' : '4\r\nbody\r\n0\r\n\r\n'
    const asked = `OPTIONS * HTTP/1.1\r\nHost: a\r\n${field}\r\n${body}`
    const last = `${get}Host: a\r\nConnection: close\r\n\r\n`
    const heard = await sendRaw(rig.port, `${asked}${asked}${last}`)
    const statuses = [...heard.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(match => match[1])
    expect(statuses).toEqual(['204', '204', '200'])
    expect(heard).toMatch(/^allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r$/m)
    expect(heard.endsWith('fine')).toBe(true)
  },
)
