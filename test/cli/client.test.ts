import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../src/cli/client.ts'
import { runCli } from '../support/run-cli.ts'
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

/** Answers every question with the same JSON. */
async function someServer(status: number, body: string): Promise<string> {
  const server = createHttpServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const commands = [
  ['get', 'endpoints'],
  ['get', 'flags', 'x'],
  ['describe', 'endpoint', 'digits'],
  ['status'],
  ['status', 'digits-1'],
  ['status', 'digits-1', '--watch'],
  ['explain', 'digits-1'],
  ['promote', 'digits-1'],
  ['release', 'digits', '--to', 'v2'],
  ['release', 'digits', '--to', 'v2', '--dry-run'],
  ['advise', 'digits', '--no-input'],
  ['backtest', 'digits', '--policy', 'v2=100%'],
  ['feedback', '--prediction', 'p', '--label', '1'],
  ['keys', 'list'],
  ['keys', 'create', 'ci'],
  ['flags', 'list'],
  ['flags', 'enable', 'x'],
  ['flags', 'evaluate', 'x'],
  ['segments', 'list'],
]

test.each([
  [200, '{}'],
  [200, 'null'],
  [200, '[]'],
  [200, '{"items": null, "results": 1, "decisions": "none"}'],
  [200, '{'],
  [404, 'null'],
  [403, '{"message": "go away"}'],
])('what answers %d with %s is not taken for Cutover by any command', async (status, body) => {
  const base = await someServer(status, body)
  for (const command of commands) {
    const { code, out, err } = await runCli(['--server', base, '--inference', base, ...command])
    expect([command, code, out, err]).toEqual([
      command,
      1,
      '',
      expect.stringContaining(`${base} answers, but not as Cutover does (status ${status})`),
    ])
  }
})
