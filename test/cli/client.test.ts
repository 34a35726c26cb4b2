import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../src/cli/client.ts'
import { pem } from '../support/tls.ts'

async function tlsPort(): Promise<number> {
  const server = createServer({ cert: pem('server.crt'), key: pem('server.key') }, socket => socket.destroy())
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

test.each([
  ['an untrusted certificate', 'https', /^the certificate of https:.* is not trusted \(.*\); .* NODE_EXTRA_CA_CERTS$/],
  [
    'TLS that was not meant',
    'http',
    /^no Cutover server answers at http:.*; start it, or write https:\/\/ if it has TLS$/,
  ],
])('%s is told for what it is', async (_, scheme, said) => {
  const base = `${scheme}://127.0.0.1:${await tlsPort()}`
  const client = createClient({ base, flag: '--server', start: 'start it', actor: null, key: () => null })
  await expect(client.get('/healthz')).rejects.toMatchObject({ code: 'unreachable', message: said })
})
