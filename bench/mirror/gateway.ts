/** The gateway as the product runs it, recording to disk, with mirrors that the parent asks for. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { createDeployer } from '../../src/adapters/deployer/deployer.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import { createRecorder } from '../../src/adapters/recorder/recorder.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { limits } from '../../src/core/limits.ts'
import type { MirrorBudget } from '../../src/core/stage-plans.ts'
import { soleTable } from '../../src/core/traffic.ts'
import { createGateway } from '../../src/gateway/gateway.ts'
import type { MirrorStats } from '../../src/gateway/mirror/counters.ts'
import type { Behaviour, UpstreamPorts } from './upstream.ts'

export type Ask = { mirror: { challenger: Behaviour; fractionPpm: number } | null }
export type Told = { port: number; cpuMicros: number; mirrors: readonly MirrorStats[]; recordsDropped: number }

export const budget: MirrorBudget = {
  ratePerSecondMax: null,
  concurrencyMax: 64,
  queueMax: 1_000,
  bodyBytesMax: 256 * 1024,
  timeoutMs: 1_000,
}

const spec: Omit<EndpointSpec, 'versions'> = {
  name: 'bench',
  protocol: 'http',
  unit: { from: 'header', name: 'x-user-id' },
  stable: 'v1',
  allowPin: false,
  answer: { output: '/label', read: 'value' },
  metrics: {},
  timeouts: { connectMs: 1_000, firstByteMs: 5_000, idleMs: 5_000 },
  bodyBytesMax: 1024 * 1024,
  payloadSamplePpm: 0,
}

/** Each message asks for a table and is answered with what has been used so far. */
export async function runGateway(ports: UpstreamPorts): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  process.on('disconnect', () => process.exit(0))
  const log = await openSqlitePredictionLog({ file: join(folder, 'predictions.db'), clock: systemClock })
  const recorder = createRecorder({
    log,
    clock: systemClock,
    onCommitted: () => {},
    flushMs: limits.recorderFlushMs,
    batchMax: limits.recorderBatchMax,
    queueMax: limits.recorderQueueMax,
  })
  const versions = versionsAt({ v1: ports.answers, ...ports })
  const deployer = createDeployer({
    clock: systemClock,
    logger: { info() {}, warn() {}, error() {} },
    report: () => {},
  })
  for (const version of Object.values(versions)) deployer.ensure({ endpoint: 'bench', version, readyTimeoutMs: 5_000 })
  while (Object.keys(versions).some(name => deployer.fleets.readyCount('bench', name) === 0)) await nextTurn()
  const gateway = createGateway({ fleets: deployer.fleets, recorder, clock: systemClock, version: 'bench' })
  let epoch = 0
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 })
  process.on('message', ({ mirror }: Ask) => {
    epoch += 1
    const table = soleTable({ endpoint: 'bench', version: 'v1', epoch, salt: 'bench' })
    const mirrors = mirror === null ? [] : [mirrorOf(mirror)]
    gateway.apply({ spec: { ...spec, versions }, table: { ...table, mirrors } })
    const { user, system } = process.cpuUsage()
    const { mirrors: copies } = gateway.stats()
    const told: Told = { port, cpuMicros: user + system, mirrors: copies, recordsDropped: recorder.stats().dropped }
    process.send?.(told)
  })
  process.send?.('up')
}

function versionsAt(ports: Readonly<Record<string, number>>): EndpointSpec['versions'] {
  const ready = { path: '/', timeoutMs: 1_000, unknownIsReady: true }
  const versions = Object.entries(ports).map(([name, port]) => {
    const backend = { kind: 'url', addresses: [`http://127.0.0.1:${port}`], ready } as const
    return [name, { name, backend, instances: 1 }] as const
  })
  return Object.fromEntries(versions)
}

function mirrorOf({ challenger, fractionPpm }: NonNullable<Ask['mirror']>) {
  return { version: challenger, fractionPpm, methods: ['POST'], paths: null, budget }
}
