/** Requests to the control listener of a server that stands by, over real sockets. */
import { createServer, type RequestListener } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { passOn as passOnUntil } from '../../../src/adapters/standby/pass-on.ts'
import type { Address } from '../../../src/adapters/standby/relay.ts'
import { freePort } from '../../support/free-port.ts'

const host = '127.0.0.1'

/** Never cut unless a test says when. */
const passOn = (request: Request, at: Address, cut = new AbortController()) => passOnUntil(request, at, cut.signal)

async function serverThat(answers: RequestListener) {
  const server = createServer(answers)
  await new Promise<void>(done => server.listen(0, host, done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return { host, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

test('method, target, fields and body go on, and so does all of the answer', async () => {
  const zipped = gzipSync('{"ok":true}')
  const at = await serverThat((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      const { method, url, headers } = request
      response.writeHead(409, {
        'content-encoding': 'gzip',
        'x-heard': `${method} ${url} ${headers['x-key']} ${body}`,
        'set-cookie': ['a=1', 'b=2'],
      })
      response.end(zipped)
    })
  })
  const asked = { method: 'POST', headers: { 'x-key': 'k', connection: 'close' }, body: '{"a":1}' }
  const answer = await passOn(new Request('http://standby/api/v1/x%20y?z=%2F', asked), at)
  expect(answer.status).toBe(409)
  expect(answer.headers.get('x-heard')).toBe('POST /api/v1/x%20y?z=%2F k {"a":1}')
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(answer.headers.get('connection')).toBeNull()
  expect(Buffer.from(await answer.arrayBuffer()).equals(zipped)).toBe(true)
})

test.each([
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 304],
])('the answer to %s with %i has no body', async (method, status) => {
  const at = await serverThat((_, response) => response.writeHead(status, { etag: '"7"' }).end())
  const answer = await passOn(new Request('http://standby/', { method }), at)
  expect([answer.status, answer.headers.get('etag'), await answer.text()]).toEqual([status, '"7"', ''])
})

test('a stream goes on event by event, and ends where the caller leaves', async () => {
  const left = Promise.withResolvers<void>()
  const at = await serverThat((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    response.on('close', left.resolve)
  })
  const answer = await passOn(new Request('http://standby/events'), at)
  const reader = answer.body?.getReader()
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n')
  await reader?.cancel()
  await left.promise
})

test('a server that is not there is told as that', async () => {
  await expect(passOn(new Request('http://standby/'), { host, port: await freePort() })).rejects.toThrow(/ECONNREFUSED/)
})

test('a caller who asks first whether to send the body is no failure', async () => {
  const at = await serverThat((_, response) => response.end('taken'))
  const asked = { method: 'POST', headers: { expect: '100-continue' }, body: '{}' }
  expect(await (await passOn(new Request('http://standby/', asked), at)).text()).toBe('taken')
})
