/** A server that stands by, over real sockets: what it does with those it handed on once it takes over. */
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createServerLog } from '../../src/adapters/server-log/server-log.ts'
import { limits } from '../../src/core/limits.ts'
import { standBy } from '../../src/main/standby.ts'
import { freePort } from '../support/free-port.ts'

const host = '127.0.0.1'

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
  const open = { host, auth: 'none', tls: null, cors: null } as const
  const [inference, control] = [await freePort(), await freePort()]
  const standby = await standBy({
    settings: {
      inference: { ...open, port: inference, connectionsMax: 10 },
      control: { ...open, port: control },
      ...{ grpc: null, workers: 1, logLevel: 'silent', tracing: null },
    },
    certificates: undefined,
    holder: 'another one',
    version: '1.2.3',
    logger: createServerLog({ level: 'silent', base: null }),
    toldToEnd: new Promise(() => {}),
  })
  onTestFinished(() => standby.close())
  standby.sees({ inference: { host, port }, control: { host, port }, grpc: null }, 1)
  const stream = await fetch(`http://${host}:${control}/api/v1/releases/digits-1/events`)
  const rest = stream.text()
  const beganAtMs = performance.now()
  await Promise.all([standby.end(), expect(rest).rejects.toThrow()])
  expect(performance.now() - beganAtMs).toBeLessThan(limits.shutdownTimeoutMs / 2)
})
