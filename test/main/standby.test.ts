/** A server that stands by, over real sockets: what it does with those it handed on once it takes over. */
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createServerLog } from '../../src/adapters/server-log/server-log.ts'
import { limits } from '../../src/core/limits.ts'
import { standBy } from '../../src/main/standby.ts'
import { freePort } from '../support/free-port.ts'

const host = '127.0.0.1'

/** `peerPort` where others are to reach it once it decides. */
async function standingBy({ control, peerPort = 0 }: { control: number; peerPort?: number }) {
  const open = { host, auth: 'none', tls: null, cors: null } as const
  const standby = await standBy({
    settings: {
      inference: { ...open, port: await freePort(), connectionsMax: 10 },
      control: { ...open, port: control },
      ...{ grpc: null, peerPort, workers: 1, logLevel: 'silent', tracing: null },
    },
    certificates: undefined,
    holder: 'another one',
    version: '1.2.3',
    logger: createServerLog({ level: 'silent', base: null }),
    toldToEnd: new Promise(() => {}),
  })
  onTestFinished(() => standby.close())
  return standby
}

test('a server that could not let others in once it decides says so before it stands by', async () => {
  const other = createServer()
  await new Promise<void>(done => other.listen(0, host, done))
  onTestFinished(() => void other.close())
  const { port: peerPort } = other.address() as { port: number }
  const control = await freePort()
  await expect(standingBy({ control, peerPort })).rejects.toMatchObject({
    code: 'port-in-use',
    message: expect.stringMatching(`port ${peerPort} .* --peer-port`),
  })
  // And leaves nothing that listens.
  await standingBy({ control })
})

test('a server that is told of its own control listener, as by loopback of another machine, asks itself once', async () => {
  const control = await freePort()
  const standby = await standingBy({ control })
  const own = { host, port: control }
  standby.sees({ inference: own, control: own, grpc: null }, 1)
  const answer = await fetch(`http://${host}:${control}/api/v1/endpoints`)
  expect([answer.status, await answer.json()]).toMatchObject([503, { detail: expect.stringContaining('this server') }])
})

test('a stream of a server that hangs does not hold up the one that takes over', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  })
  await new Promise<void>(done => server.listen(0, host, done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const control = await freePort()
  const standby = await standingBy({ control })
  standby.sees({ inference: { host, port }, control: { host, port }, grpc: null }, 1)
  const stream = await fetch(`http://${host}:${control}/api/v1/releases/digits-1/events`)
  const rest = stream.text()
  const beganAtMs = performance.now()
  await Promise.all([standby.end(2), expect(rest).rejects.toThrow()])
  expect(performance.now() - beganAtMs).toBeLessThan(limits.shutdownTimeoutMs / 2)
})
