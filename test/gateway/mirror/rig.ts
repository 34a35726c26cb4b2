/** A gateway whose every request is copied to challengers on real sockets, through the connections that the product uses. */
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { HttpInstance } from '../../../src/adapters/deployer/http/http-instance.ts'
import type { EndpointSpec } from '../../../src/core/endpoint.ts'
import type { MirrorBudget } from '../../../src/core/stage-plans.ts'
import type { Mirror, TrafficTable } from '../../../src/core/traffic.ts'
import type { MirrorStats } from '../../../src/gateway/mirror/counters.ts'
import type { Instance } from '../../../src/ports/backend.ts'
import { endpoint, fleetsOf, type Rig, sole, startRig } from '../../support/gateway-rig.ts'

export const budget: MirrorBudget = {
  ratePerSecondMax: null,
  concurrencyMax: 8,
  queueMax: 100,
  bodyBytesMax: 1024 * 1024,
  timeoutMs: 5_000,
}

export function mirror(parts: Partial<Omit<Mirror, 'budget'>> & { budget?: Partial<MirrorBudget> } = {}): Mirror {
  const all = { version: 'v2', fractionPpm: 1_000_000, methods: ['POST'], paths: null, ...parts }
  return { ...all, budget: { ...budget, ...parts.budget } }
}

export function mirrored(mirrors: readonly Mirror[], table: TrafficTable = sole()): TrafficTable {
  return { ...table, mirrors }
}

/** An instance at a port, as the product makes it. */
export function instanceAt(port: number): Instance {
  const instance = new HttpInstance(`i${port}`, `http://127.0.0.1:${port}`, { judged: () => {} })
  onTestFinished(() => instance.close())
  return instance
}

/** What a challenger got. */
export type Got = { path: string; headers: IncomingMessage['headers']; body: Buffer }

/** A model server that keeps what it got and answers as it is told. */
export async function startServer(answer: (res: ServerResponse, got: Got) => void = answerLabel) {
  const got: Got[] = []
  const server = createHttpServer(async (req, res) => {
    const one = { path: req.url ?? '', headers: req.headers, body: await buffer(req).catch(() => Buffer.alloc(0)) }
    got.push(one)
    answer(res, one)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { got, instance: instanceAt((server.address() as AddressInfo).port) }
}

export function answerLabel(res: ServerResponse, { body }: Got): void {
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ label: body.length }))
}

/** A challenger that does to its connections what it is told, once a request has begun to come. */
export async function startSocketServer(misbehave: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.once('data', () => misbehave(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { sockets, instance: instanceAt((server.address() as AddressInfo).port) }
}

export type MirrorRig = Rig & {
  /** Of challenger v2, unless another one is named. */
  mirrorStats(version?: string): MirrorStats
}

/** v1 answers callers, v2 and v3 copies. */
export async function startMirrorRig(setup: {
  champion: Instance
  challengers: Readonly<Record<string, Instance>>
  mirrors?: readonly Mirror[]
  table?: TrafficTable
  spec?: Partial<EndpointSpec>
}): Promise<MirrorRig> {
  const { champion, challengers, mirrors = [mirror()], table, spec } = setup
  const rig = await startRig({
    fleets: fleetsOf({ v1: champion, ...challengers }),
    spec: endpoint({
      versionNames: ['v1', 'v2', 'v3'],
      protocol: 'http',
      answer: { output: '/label', read: 'value' },
      ...spec,
    }),
    table: mirrored(mirrors, table),
  })
  onTestFinished(() => rig.close())
  const mirrorStats = (version = 'v2') => {
    const found = rig.gateway.stats().mirrors.find(one => one.version === version)
    if (found === undefined) throw new Error(`no counts of ${version}`)
    return found
  }
  return { ...rig, mirrorStats }
}

/** Waits, turn by turn, for what comes without a caller; the test's own time bounds it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}

export const path = '/endpoints/digits/predict?deep=1'
