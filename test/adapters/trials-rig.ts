/** Versions that answer by a function: in memory, and as HTTP servers on real sockets. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import type { BackendRequest } from '../../src/adapters/deployer/by-promise.ts'
import { createDeployer } from '../../src/adapters/deployer/deployer.ts'
import { createMemoryDeployer } from '../../src/adapters/deployer/memory.ts'
import type { Backend } from '../../src/core/endpoint.ts'
import type { FleetView } from '../../src/ports/backend.ts'
import { closing, collectReports, fastClock, silentLogger, version } from './deployer/support.ts'

export type Asked = { method: string; path: string; headers: Readonly<Record<string, string>>; body: string }
type Given = { status?: number; body?: string; type?: string } | null
export type Answer = (asked: Asked) => Given | Promise<Given>
export type Serve = (answers: Readonly<Record<string, Answer>>) => Promise<FleetView>

/** A version whose answer is null breaks off. */
export const inMemory: Serve = async answers => {
  const reports = collectReports()
  const deployer = closing(
    createMemoryDeployer({
      clock: fastClock(20),
      report: reports.report,
      answer: async (request, from) => {
        const answer = await answers[from.version]?.(await askedOf(request))
        if (answer === null || answer === undefined) throw new Error('broke off')
        const { status = 200, body = '', type = 'application/json' } = answer
        return { status, headers: ['Content-Type', type], body: Buffer.from(body) }
      },
    }),
  )
  for (const name of Object.keys(answers)) {
    const backend: Backend = { kind: 'onnx', path: `${name}.onnx` }
    deployer.ensure({ endpoint: 'digits', version: version(name, backend, 2), readyTimeoutMs: 60_000 })
    await reports.next('ready')
  }
  return deployer.fleets
}

async function askedOf({ method, path, headers, body }: BackendRequest): Promise<Asked> {
  const fields: Record<string, string> = {}
  for (let at = 0; at + 1 < headers.length; at += 2) fields[headers[at]?.toLowerCase() ?? ''] = headers[at + 1] ?? ''
  return { method, path, headers: fields, body: body === null ? '' : Buffer.from(body as Uint8Array).toString() }
}

export const overHttp: Serve = async answers => {
  const reports = collectReports()
  const deployer = closing(createDeployer({ clock: fastClock(20), logger: silentLogger, report: reports.report }))
  for (const [name, answer] of Object.entries(answers)) {
    const address = await httpServer(answer)
    const ready = { path: '/ready', timeoutMs: 60_000, unknownIsReady: true }
    const backend: Backend = { kind: 'url', addresses: [address], ready }
    deployer.ensure({ endpoint: 'digits', version: version(name, backend), readyTimeoutMs: 60_000 })
    await reports.next('ready')
  }
  return deployer.fleets
}

async function httpServer(answer: Answer): Promise<string> {
  const server = createServer(async (request, response) => {
    if (request.url === '/ready') {
      response.end()
      return
    }
    const { method = '', url: path = '', headers } = request
    const plain = headers as Record<string, string>
    const given = await answer({ method, path, headers: plain, body: (await buffer(request)).toString() })
    if (given === null) {
      response.destroy()
      return
    }
    response.writeHead(given.status ?? 200, { 'content-type': given.type ?? 'application/json' }).end(given.body ?? '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}
