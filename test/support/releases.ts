/** Small builders for release tests: plans, judgements, events. */

import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { ControlEvent } from '../../src/core/event.ts'
import type { Judgement, Verdict } from '../../src/core/judge/judgement.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import type { BlueGreenPlan, CanaryPlan, SmokeRequest } from '../../src/core/stage-plans.ts'
import type { StageContext } from '../../src/core/strategies/strategy.ts'
import type { TrialReport } from '../../src/core/trial.ts'

export function endpointSpec(over: Partial<EndpointSpec> = {}): EndpointSpec {
  const version = (name: string) => ({
    name,
    backend: { kind: 'onnx' as const, path: `/models/${name}.onnx` },
    instances: 1,
  })
  return {
    name: 'digits',
    protocol: 'open-inference',
    unit: { from: 'header', name: 'x-cutover-unit' },
    stable: 'v1',
    versions: { v1: version('v1'), v2: version('v2'), v3: version('v3') },
    allowPin: true,
    answer: { output: 'label', read: 'value' },
    metrics: { accuracy: { type: 'accuracy' } },
    timeouts: { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000 },
    bodyBytesMax: 1_000_000,
    payloadSamplePpm: 0,
    ...over,
  }
}

export function canaryPlan(over: Partial<CanaryPlan> = {}): CanaryPlan {
  const step = (percent: number) => ({ weightPpm: percent * 10_000, floorMs: 0, ceilingMs: null })
  return { kind: 'canary', steps: [step(1), step(10), step(50)], approval: false, minRequests: 10, ...over }
}

export function blueGreenPlan(over: Partial<BlueGreenPlan> = {}): BlueGreenPlan {
  return {
    kind: 'blueGreen',
    preview: { header: 'x-cutover-preview', equals: 'green' },
    smoke: [smokeRequest()],
    replay: {
      requests: 200,
      agreement: 0.9,
      alpha: 0.05,
      concurrencyMax: 4,
      methods: ['POST'],
      paths: null,
    },
    promotion: 'automatic',
    afterMs: 0,
    watchMs: 1_000,
    keepMs: 10_000,
    shares: [],
    ...over,
  }
}

export function smokeRequest(over: Partial<SmokeRequest> = {}): SmokeRequest {
  const expect = { statuses: [200], within: null, contains: null }
  return { method: 'GET', path: '/health', headers: {}, body: null, expect, ...over }
}

export function trialReport(id: string, over: Partial<TrialReport> = {}): TrialReport {
  const counts = { sent: 1, answered: 1, compared: 1, agreed: 1 }
  return { id, version: 'v2', ...counts, examples: [], reason: 'as it went', ...over }
}

export function releasePlan(over: Partial<ReleasePlan> = {}): ReleasePlan {
  return {
    planVersion: 1,
    endpoint: 'digits',
    from: 'v1',
    to: 'v2',
    stages: [canaryPlan()],
    guardrails: [{ metric: 'error-rate', measure: { kind: 'error-rate' }, margin: 0.01, alpha: 0.01, minEvents: 10 }],
    signals: [],
    onFail: 'rollback',
    probationMs: 0,
    sampleRatioAlpha: 0.001,
    readyTimeoutMs: 1_000,
    drainMs: 1_000,
    ...over,
  }
}

export function judgement(verdict: Verdict, over: Partial<Judgement> = {}): Judgement {
  return {
    verdict,
    reason: `the evidence says ${verdict}`,
    validity: {
      verdict: verdict === 'invalid' ? 'invalid' : 'pass',
      reason: '',
      logEvidence: null,
      observed: [],
      expected: [],
    },
    checks: [],
    stepRequests: 100,
    exposedRequests: 100,
    exposedUnits: 10,
    ...over,
  }
}

export function stageContext(over: Partial<StageContext> = {}): StageContext {
  return {
    release: 'digits-1',
    stable: 'v1',
    candidate: 'v2',
    fleets: { v1: 'ready', v2: 'ready' },
    declared: { v1: 1, v2: 1, v3: 1 },
    wanted: { v1: 1, v2: 1, v3: 1 },
    weights: { v1: 1_000_000 },
    epoch: 1,
    appliedEpoch: 1,
    ...over,
  }
}

export const happen = {
  applied: (spec = endpointSpec()): ControlEvent => ({ type: 'endpoint-applied', spec, actor: 'test' }),
  released: (plan = releasePlan(), release = 'digits-1'): ControlEvent => ({
    type: 'release-started',
    release,
    plan,
    actor: 'test',
  }),
  ready: (version: string): ControlEvent => ({ type: 'fleet-ready', endpoint: 'digits', version }),
  lost: (version: string): ControlEvent => ({
    type: 'fleet-failed',
    endpoint: 'digits',
    version,
    reason: 'exited with code 1',
  }),
  routed: (epoch: number): ControlEvent => ({ type: 'traffic-applied', endpoint: 'digits', epoch }),
  judged: (verdict: Verdict, over: Partial<Judgement> = {}): ControlEvent => ({
    type: 'judged',
    release: 'digits-1',
    judgement: judgement(verdict, over),
  }),
  told: (verb: Extract<ControlEvent, { type: 'operator' }>['verb'], release = 'digits-1'): ControlEvent => ({
    type: 'operator',
    release,
    verb,
    actor: 'test',
    note: null,
  }),
  tried: (id: string, over: Partial<TrialReport> = {}): ControlEvent => ({
    type: 'trial-ended',
    release: 'digits-1',
    report: trialReport(id, over),
  }),
  stepped: (): ControlEvent => ({
    type: 'operator',
    release: 'digits-1',
    verb: 'promote',
    actor: 'test',
    note: null,
    step: true,
  }),
  passed: (): ControlEvent => ({ type: 'tick', release: 'digits-1' }),
  restarted: (): ControlEvent => ({ type: 'server-started' }),
}
