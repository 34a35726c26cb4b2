import type { Outcome, Prediction } from '../../src/core/prediction.ts'

export function aPrediction(parts: Partial<Prediction> = {}): Prediction {
  return {
    id: 'p1',
    endpoint: 'digits',
    epoch: 1,
    release: null,
    unit: 'ada',
    assigned: 'v1',
    version: 'v1',
    propensity: 0.95,
    pinned: false,
    atMs: 1_700_000_000_000,
    latencyMs: 3.25,
    status: 200,
    failed: false,
    answer: [3],
    scores: null,
    features: null,
    payload: null,
    ...parts,
  }
}

export function anOutcome(parts: Partial<Outcome> = {}): Outcome {
  const id = parts.id ?? 'o1'
  return { id, prediction: 'p1', row: 0, label: 3, reward: null, metrics: {}, atMs: 1_700_000_060_000, ...parts }
}
