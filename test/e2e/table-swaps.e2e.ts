/** Tables that change under full load: no request fails, and each goes where a table in force sends its unit. */
import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { HttpInstance } from '../../src/adapters/deployer/http/http-instance.ts'
import { unpackPredictions } from '../../src/adapters/packed-predictions/unpack.ts'
import { assign, saltSeed } from '../../src/core/assign.ts'
import { limits } from '../../src/core/limits.ts'
import { moveTable, soleTable, type TrafficTable } from '../../src/core/traffic.ts'
import { createGateway } from '../../src/gateway/gateway.ts'
import type { Instance } from '../../src/ports/backend.ts'
import type { TrafficSink } from '../../src/ports/traffic-sink.ts'
import { GatewayPool } from '../../src/workers/gateway-pool.ts'
import { assertPortFree } from '../../src/workers/port-probe.ts'
import { startThread } from '../../src/workers/start-thread.ts'
import { endpoint } from '../support/gateway-rig.ts'
import { ask } from '../support/http-caller.ts'

const swaps = 1_000
const callers = 32
const silent = { warn() {}, error() {} }
const spec = endpoint({ protocol: 'http', unit: { from: 'header', name: 'x-user-id' }, answer: null })

/** A table for each epoch from 1 on; any two that follow each other differ by a random share of the units. */
function tablesOf(count: number): TrafficTable[] {
  const tables = [soleTable({ endpoint: spec.name, version: 'v1', epoch: 1, salt: 'swaps' })]
  for (let step = 1; step < count; step += 1) {
    const v2 = (step * 377_773) % limits.ppmTotal
    const before = tables[step - 1] as TrafficTable
    tables.push(moveTable(before, { weights: { v1: limits.ppmTotal - v2, v2 }, stable: 'v1', release: null }))
  }
  return tables
}

const seed = saltSeed('swaps')
const versionBy = (table: TrafficTable | undefined, unit: string): string | null =>
  table === undefined ? null : assign(table, { unit, seed, header: () => undefined, features: null }).version

async function modelServer(version: string): Promise<HttpInstance> {
  const server = createServer((request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ answeredBy: version }))
  })
  server.keepAliveTimeout = 60_000
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const instance = new HttpInstance(version, `http://127.0.0.1:${port}`, { judged() {} })
  onTestFinished(async () => {
    await instance.close()
    server.closeAllConnections()
    server.close()
  })
  return instance
}

type Row = { epoch: number; unit: string; version: string }
type Rig = { traffic: TrafficSink; port: number; close(): Promise<void>; rows: Row[] }

async function oneGateway(instances: Readonly<Record<string, Instance>>): Promise<Rig> {
  const rows: Row[] = []
  const gateway = createGateway({
    fleets: {
      pick: (_, version) => instances[version] ?? null,
      readyCount: (_, version) => (instances[version] === undefined ? 0 : 1),
    },
    recorder: {
      record: ({ epoch, unit, version }) => void rows.push({ epoch, unit, version }),
      feedback: async () => [],
      stats: () => ({ recorded: rows.length, dropped: 0, queued: 0, featuresMalformed: 0 }),
    },
    ...{ clock: systemClock, version: '0', logger: silent },
  })
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 })
  return { traffic: gateway, port, rows, close: () => gateway.close({ drainMs: 5_000 }) }
}

async function twoWorkers(instances: Readonly<Record<string, HttpInstance>>): Promise<Rig> {
  const rows: Row[] = []
  const pool = new GatewayPool({
    ...{ workers: 2, version: '0', logLevel: 'silent', uptime: systemClock, logger: silent },
    listener: { auth: 'none', tls: null, cors: null, connectionsMax: limits.callerConnections },
    tracing: null,
    start: startThread,
    probe: assertPortFree,
    call: async call => {
      if (call.kind === 'append')
        for (const { epoch, unit, version } of unpackPredictions(call.packed)) rows.push({ epoch, unit, version })
      return { kind: 'appended', read: null }
    },
  })
  for (const [version, instance] of Object.entries(instances))
    pool.fleets.changed({ endpoint: spec.name, version }, [instance])
  const { port } = await pool.listen({ host: '127.0.0.1', port: 0 })
  return { traffic: pool, port, rows, close: () => pool.close({ drainMs: 5_000 }) }
}

it.each([
  ['one gateway', oneGateway],
  ['two workers', twoWorkers],
])(
  `%s: ${swaps} tables under load, not one request failed or went where no table in force sends it`,
  async (_, start) => {
    const { traffic, port, rows, close } = await start({ v1: await modelServer('v1'), v2: await modelServer('v2') })
    const tables = tablesOf(swaps + 1)
    await traffic.apply({ spec, table: tables[0] as TrafficTable })
    // Places in `tables`: in force everywhere, and given out.
    let inForce = 0
    let given = 0
    let isOver = false
    const met = { answered: 0, failed: [] as string[], misrouted: [] as string[] }
    const visit = async (caller: number): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      for (let nth = 0; !isOver; nth += 1) {
        const unit = `user-${(nth * callers + caller) % 5_000}`
        const from = inForce
        const path = '/endpoints/digits/predict'
        const reply = await ask(port, { path, body: '{"x":1}', headers: { 'x-user-id': unit }, agent })
        const { answeredBy } = reply.json() as { answeredBy?: string }
        if (reply.status !== 200) met.failed.push(`${reply.status} ${reply.text}`)
        const allowed = new Set(tables.slice(from, given + 1).map(table => versionBy(table, unit)))
        if (!allowed.has(answeredBy ?? null))
          met.misrouted.push(`${unit} to ${answeredBy} between ${from} and ${given}`)
        met.answered += 1
      }
      agent.destroy()
    }
    const visits = Array.from({ length: callers }, (__, caller) => visit(caller))
    for (let next = 1; next <= swaps; next += 1) {
      given = next
      await traffic.apply({ spec, table: tables[next] as TrafficTable })
      inForce = next
      await new Promise(resume => setTimeout(resume, 2))
    }
    isOver = true
    await Promise.all(visits)
    await close()
    expect(met.failed).toEqual([])
    expect(met.misrouted).toEqual([])
    expect(met.answered).toBeGreaterThan(swaps)
    // What was recorded belongs, exactly, to the table of its epoch; and there is a record of each answer.
    expect(rows.filter(({ epoch, unit, version }) => versionBy(tables[epoch - 1], unit) !== version)).toEqual([])
    expect(rows).toHaveLength(met.answered)
    expect(new Set(rows.map(({ epoch }) => epoch)).size).toBeGreaterThan(swaps / 4)
  },
)
