/** A gateway on a real socket, with fleets and a recorder that a test can look into. */
import { EventEmitter, once } from 'node:events'
import { type BackendRequest, type BackendResponse, dispatchBySend } from '../../src/adapters/deployer/by-promise.ts'
import { readAnswer } from '../../src/core/answer.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { Outcome, OutcomeReceipt, Prediction } from '../../src/core/prediction.ts'
import { moveTable, soleTable, type TrafficTable, type Weights } from '../../src/core/traffic.ts'
import type { Gateway, GatewayOptions } from '../../src/gateway/gateway.ts'
import { createGateway } from '../../src/gateway/gateway.ts'
import type { FleetView, Instance, ModelMetadata } from '../../src/ports/backend.ts'
import type { RawPrediction, Recorder } from '../../src/ports/recorder.ts'

export function endpoint(overrides: Partial<EndpointSpec> & { versionNames?: readonly string[] } = {}): EndpointSpec {
  const { versionNames = ['v1', 'v2'], ...rest } = overrides
  const backend = {
    kind: 'url',
    addresses: [],
    ready: { path: '/v2/health/ready', timeoutMs: 1_000, unknownIsReady: false },
  } as const
  return {
    name: 'digits',
    protocol: 'open-inference',
    unit: { from: 'request' },
    stable: 'v1',
    versions: Object.fromEntries(versionNames.map(name => [name, { name, backend, instances: 1 }])),
    allowPin: true,
    answer: null,
    metrics: {},
    timeouts: { connectMs: 1_000, firstByteMs: 5_000, idleMs: 5_000 },
    bodyBytesMax: 16 * 1024 * 1024,
    payloadSamplePpm: 0,
    ...rest,
  }
}

export function sole(version = 'v1', epoch = 1): TrafficTable {
  return soleTable({ endpoint: 'digits', version, epoch, salt: 'salt' })
}

export function split(weights: Weights, stable = 'v1'): TrafficTable {
  return moveTable(sole(stable), { weights, stable, release: 'r1' })
}

type Answer = (request: BackendRequest) => BackendResponse | Promise<BackendResponse>

export function instance(
  answer: Answer,
  options: { id?: string; wantsWholeBody?: boolean; metadata?: ModelMetadata } = {},
): Instance {
  return {
    id: options.id ?? 'i1',
    inFlight: 0,
    wantsWholeBody: options.wantsWholeBody ?? false,
    dispatch: (call, sink) => dispatchBySend(async request => answer(request), call, sink),
    metadata: () => options.metadata ?? null,
  }
}

/** An instance that answers its own name in JSON. */
export function naming(version: string): Instance {
  const body = Buffer.from(JSON.stringify({ model_name: 'digits', answeredBy: version }))
  const headers = ['Content-Type', 'application/json']
  return instance(() => ({ status: 200, headers, body }), { id: version })
}

export type Fleets = FleetView & { set(version: string, instances: readonly Instance[], endpoint?: string): void }

export function fleetsOf(ready: Readonly<Record<string, Instance>>): Fleets {
  const fleets = new Map(Object.entries(ready).map(([version, one]) => [`digits/${version}`, [one]]))
  return {
    set: (version, instances, endpoint = 'digits') => {
      fleets.set(`${endpoint}/${version}`, [...instances])
    },
    pick: (endpoint, version) => fleets.get(`${endpoint}/${version}`)?.[0] ?? null,
    readyCount: (endpoint, version) => fleets.get(`${endpoint}/${version}`)?.length ?? 0,
  }
}

export type MemoryRecorder = Recorder & {
  readonly records: RawPrediction[]
  readonly outcomes: Map<string, Outcome>
  /** Resolves once this many predictions have been recorded. */
  recorded(count: number): Promise<readonly RawPrediction[]>
}

/** The values that were read, or can be read, of a recorded answer; null for none. */
export function answerOf(record: RawPrediction | undefined): Prediction['answer'] {
  if (record?.answered !== undefined) return record.answered.answer
  const raw = record?.raw ?? null
  return raw === null ? null : readAnswer(raw).answer
}

export function memoryRecorder(): MemoryRecorder {
  const records: RawPrediction[] = []
  const outcomes = new Map<string, Outcome>()
  const events = new EventEmitter()
  const take = (outcome: Outcome): OutcomeReceipt => {
    if (outcomes.has(outcome.id)) return { status: 'duplicate' }
    outcomes.set(outcome.id, outcome)
    return { status: records.some(record => record.id === outcome.prediction) ? 'joined' : 'pending' }
  }
  return {
    records,
    outcomes,
    record: prediction => {
      records.push(prediction)
      events.emit('record')
    },
    recorded: async count => {
      while (records.length < count) await once(events, 'record')
      return records
    },
    feedback: async batch => batch.map(take),
    stats: () => ({ recorded: records.length, dropped: 0, queued: 0, featuresMalformed: 0 }),
  }
}

export type Rig = {
  gateway: Gateway
  port: number
  fleets: Fleets
  recorder: MemoryRecorder
  close(): Promise<void>
}

export async function startRig(
  setup: {
    fleets?: Fleets
    spec?: EndpointSpec
    table?: TrafficTable
    recorder?: MemoryRecorder
    options?: Partial<GatewayOptions>
  } = {},
): Promise<Rig> {
  const fleets = setup.fleets ?? fleetsOf({ v1: naming('v1'), v2: naming('v2') })
  const recorder = setup.recorder ?? memoryRecorder()
  const clock = { nowMs: () => 1_750_000_000_000, every: () => () => {} }
  const gateway = createGateway({ fleets, recorder, clock, version: '1.2.3', ...setup.options })
  gateway.apply({ spec: setup.spec ?? endpoint(), table: setup.table ?? sole() })
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 })
  return { gateway, port, fleets, recorder, close: () => gateway.close({ drainMs: 0 }) }
}
