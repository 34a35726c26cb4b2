/** A watched stable version for tests of what shows it: a feature that drifted, one that waits, a broken limit. */
import type { SignalReport } from '../../src/core/label-delays.ts'
import type { StreamEvidence, WatchEvidence } from '../../src/core/monitor/evidence.ts'
import { lookAt } from '../../src/core/monitor/look.ts'
import type { Look, MonitoringState } from '../../src/core/monitor/report.ts'
import { featureDrift } from '../../src/stats/drift/feature-drift.ts'
import { insufficient } from '../../src/stats/result.ts'

export const watching = {
  features: { age: { pointer: '/age' }, country: { pointer: '/country', type: 'category' } },
  drift: { reference: 1_000, window: 500 },
  monitor: { 'error-rate': { max: '2%' } },
}

const values = (count: number, from: number) => Array.from({ length: count }, (_, n) => from + ((n * 37) % 100))
const nothing = { predictions: 0, fromMs: 0, toMs: 0 }
const fromMs = Date.UTC(2026, 0, 1)

const age: StreamEvidence = {
  name: 'age',
  source: 'feature',
  type: 'number',
  reference: { predictions: 1_000, fromMs, toMs: fromMs + 1_000 },
  current: { predictions: 500, fromMs: fromMs + 2_000, toMs: fromMs + 3_000 },
  drift: featureDrift({ reference: values(1_000, 0), current: values(500, 30), alpha: 0.01 }),
}
const country: StreamEvidence = {
  name: 'country',
  source: 'feature',
  type: 'category',
  reference: nothing,
  current: null,
  drift: insufficient('the reference has 0 of 1000 predictions'),
}

const evidence: WatchEvidence = {
  version: 'v1',
  sinceMs: fromMs,
  streams: [age, country],
  quality: {
    reference: { labelled: 300, wrong: 3 },
    rateMax: null,
    labelled: 0,
    isAlarmed: false,
    change: insufficient('the reference has 300 of 1000 labelled answers'),
  },
  limits: [
    {
      metric: 'error-rate',
      window: { trials: 50, events: 20 },
      last: null,
      stretch: { trials: 50, events: 20 },
    },
  ],
}

export function aLook(known: MonitoringState): Look {
  const drift = {
    by: 'unit',
    reference: 1_000,
    window: 500,
    atMostMs: 1_000,
    alpha: 0.01,
    toleratedPsi: 0,
    onDrift: 'alert',
  } as const
  const monitor = {
    checks: [{ metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 }],
    alpha: 0.01,
    window: 1_000,
    atMostMs: 1_000,
    onBreach: 'alert',
  } as const
  return lookAt({ drift, monitor }, known, evidence)
}

export const watchedSince: MonitoringState = {
  version: 'v1',
  status: 'ok',
  alarms: [],
  sinceMs: fromMs,
  sinceEpoch: 1,
  changedAtMs: fromMs,
}

export const labelDelays: SignalReport = {
  name: 'label',
  metrics: ['accuracy'],
  atMs: fromMs,
  delay: { p50Ms: 2_000, p90Ms: 60_000, p99Ms: 3_600_000, horizonMs: 7_200_000 },
  maturity: { known: true, ageMs: 600_000, source: 'learned', arrivedShare: 0.8 },
  versions: [
    {
      version: 'v1',
      predicted: 1_000,
      arrived: 700,
      matured: 800,
      maturedArrived: 600,
      maturity: 0.9,
      cohorts: [{ fromMs, toMs: fromMs + 1_000, predicted: 1_000, arrived: 700 }],
    },
    { version: 'v2', predicted: 10, arrived: 0, matured: 0, maturedArrived: 0, maturity: null, cohorts: [] },
  ],
}
