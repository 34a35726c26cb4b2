/** Documents for tests: valid ones, and a way to change one place in them. */

export const digits = {
  kind: 'Endpoint',
  name: 'digits',
  stable: 'v1',
  versions: {
    v1: { onnx: '/models/v1.onnx' },
    v2: { command: ['python3', 'serve.py', '--port', '{port}'], cwd: '/models', instances: 3 },
    v3: { url: ['http://10.0.0.5:8000/', 'http://10.0.0.6:8000'] },
  },
  prediction: { output: 'probabilities', read: 'argmax' },
  metrics: { accuracy: { type: 'accuracy' } },
}

export const toV2 = {
  kind: 'Release',
  endpoint: 'digits',
  to: 'v2',
  guardrails: { 'error-rate': { margin: '0.5pp' }, 'latency-p99': { margin: '20%' } },
  stages: [{ canary: { steps: ['1%', '5%', { weight: '25%', for: '10m' }, '50%'] } }],
}

/** A copy with the value at a path replaced; `undefined` removes the key. */
export function changed<Document>(document: Document, path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(document) as Record<string | number, unknown>
  let at = copy
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>
  const last = path.at(-1) ?? ''
  if (value === undefined) delete at[last]
  else at[last] = value
  return copy
}
