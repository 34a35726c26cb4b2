import { type Outcome, type Prediction, shadowIdOf } from '../../src/core/prediction.ts'

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

/** What a challenger answered to a copy of the request of p1. */
export function aShadow(version: string, parts: Partial<Prediction> = {}): Prediction {
  const answered = { answer: [5], latencyMs: 9.5, status: 201 }
  return aPrediction({
    id: shadowIdOf('p1', version),
    shadowOf: 'p1',
    version,
    assigned: version,
    ...answered,
    ...parts,
  })
}

export function anOutcome(parts: Partial<Outcome> = {}): Outcome {
  const id = parts.id ?? 'o1'
  return { id, prediction: 'p1', row: 0, label: 3, reward: null, metrics: {}, atMs: 1_700_000_060_000, ...parts }
}
