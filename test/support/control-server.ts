/** The control API over a real socket, with the control plane in memory. */

import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { type ControlApi, createApi } from '../../src/api/api.ts'
import type { ApiDependencies } from '../../src/api/context.ts'
import { compileResource } from '../../src/config/compile.ts'
import { behaviourLike, compileScenario } from '../../src/config/compile-scenario.ts'
import { withStrategy } from '../../src/config/strategies.ts'
import type { Outcome, Prediction } from '../../src/core/prediction.ts'
import type { Phase } from '../../src/core/state.ts'
import type { SummaryQuery, SummaryRow } from '../../src/ports/analytics.ts'
import type { PredictionQuery } from '../../src/ports/prediction-log.ts'
import { createFakeControl, type FakeControl } from './fake-control.ts'
import { inProcess } from './simulations.ts'

export type ControlServer = {
  url: string
  port: number
  control: FakeControl
  api: ControlApi
  /** Lets the heartbeats of open streams beat once. */
  beat(): void
  internalErrors: unknown[]
  close(): Promise<void>
}

export async function startControlServer(overrides: Partial<ApiDependencies> = {}): Promise<ControlServer> {
  const control = createFakeControl()
  const beats = new Set<() => void>()
  const internalErrors: unknown[] = []
  const api = createApi({
    control,
    compile: compileResource,
    health: { ready: () => true },
    predictions: { find: async query => findPredictions(query) },
    metrics: { text: async () => 'cutover_up 1\n', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    deliveries: { list: () => [] },
    analytics: { summarise: async query => [summaryRow(query.groupBy)], offPolicyRows: async () => {} },
    recorded: {
      evidence: { replay: async () => ({ predictions: 0, isWhole: true }) },
      traffic: { measure: async () => null },
    },
    simulations: inProcess,
    expressions: createExpressions(),
    rehearsals: { scenario: compileScenario, withStrategy, behaviour: behaviourLike },
    version: '1.2.3',
    clock: {
      nowMs: () => Date.UTC(2026, 0, 1),
      every: (_, run) => {
        beats.add(run)
        return () => beats.delete(run)
      },
    },
    onInternalError: error => internalErrors.push(error),
    ...overrides,
  })
  const { url, port } = await api.listen({ host: '127.0.0.1', port: 0 })
  const beat = () => {
    for (const run of beats) run()
  }
  return { url, port, control, api, beat, internalErrors, close: () => api.close() }
}

const prediction: Prediction = {
  id: 'p-1',
  endpoint: 'digits',
  epoch: 3,
  release: 'digits-1',
  unit: 'user-7',
  assigned: 'v2',
  version: 'v1',
  propensity: 0.05,
  pinned: false,
  atMs: Date.UTC(2026, 0, 1),
  latencyMs: 4.2,
  status: 200,
  failed: false,
  answer: [7],
  scores: null,
  features: null,
  payload: { request: Buffer.from('{"a":1}'), response: Buffer.from('{"b":2}') },
}
/** What a challenger answered to a copy of the same request. */
const shadow: Prediction = { ...prediction, id: 'p-1~v3', version: 'v3', assigned: 'v3', shadowOf: 'p-1' }

const outcome: Outcome = { id: 'o-1', prediction: 'p-1', row: 0, label: '7', reward: null, metrics: {}, atMs: 0 }

function findPredictions({ id, endpoint = 'digits', shadows = true, limit }: PredictionQuery) {
  return [shadow, prediction]
    .filter(one => one.id === (id ?? one.id) && one.endpoint === endpoint)
    .filter(({ shadowOf }) => shadows || shadowOf === undefined)
    .map(one => ({ prediction: one, outcomes: [outcome] }))
    .slice(0, limit)
}

/** As if one prediction had been recorded. */
function summaryRow(groupBy: SummaryQuery['groupBy']): SummaryRow {
  const key = { version: 'v2', day: Date.UTC(2026, 0, 1) }
  return {
    key: Object.fromEntries(Object.entries(key).filter(([name]) => groupBy.some(dimension => dimension === name))),
    requests: 1,
    errors: 0,
    units: 1,
    labelled: 1,
    wrong: 0,
    rewards: { count: 0, sum: 0 },
    latencyMs: null,
    firstMs: Date.UTC(2026, 0, 1),
    lastMs: Date.UTC(2026, 0, 1),
  }
}

export const running: Phase & { kind: 'running' } = {
  kind: 'running',
  stageIndex: 0,
  stage: { kind: 'canary', stepIndex: 1, stepSinceMs: 0, awaitsApproval: false, held: false },
  paused: false,
  hold: null,
}

export const promoted: Phase = { kind: 'promoted', atMs: Date.UTC(2026, 0, 1, 1) }
export const rolledBack: Phase = {
  kind: 'rolled-back',
  atMs: Date.UTC(2026, 0, 1, 1),
  cause: 'guardrail',
  reason: 'error-rate rose',
}
