import { describe, expect, it } from 'vitest'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { changed, digits, toV2 } from '../support/documents.ts'
import { thrownBy } from '../support/thrown.ts'

const compiled = (document: unknown) => compileResource(validateResource(document))
const steps = ['stages', 0, 'canary', 'steps']

describe('compiling an Endpoint', () => {
  it('fills in every default and converts every unit', () => {
    expect(compiled(digits)).toEqual({
      kind: 'Endpoint',
      spec: {
        name: 'digits',
        protocol: 'open-inference',
        unit: { from: 'header', name: 'x-cutover-unit' },
        stable: 'v1',
        versions: {
          v1: { name: 'v1', backend: { kind: 'onnx', path: '/models/v1.onnx' }, instances: 1 },
          v2: {
            name: 'v2',
            backend: {
              kind: 'command',
              argv: ['python3', 'serve.py', '--port', '{port}'],
              cwd: '/models',
              env: {},
              ready: { path: '/v2/health/ready', timeoutMs: 60_000, unknownIsReady: true },
            },
            instances: 3,
          },
          v3: {
            name: 'v3',
            backend: {
              kind: 'url',
              addresses: ['http://10.0.0.5:8000', 'http://10.0.0.6:8000'],
              ready: { path: '/v2/health/ready', timeoutMs: 60_000, unknownIsReady: true },
            },
            instances: 2,
          },
        },
        allowPin: true,
        answer: { output: 'probabilities', read: 'argmax' },
        metrics: { accuracy: { type: 'accuracy' } },
        timeouts: { connectMs: 2_000, firstByteMs: 60_000, idleMs: 60_000 },
        bodyBytesMax: 16 * 1024 * 1024,
        payloadSamplePpm: 10_000,
      },
    })
  })

  it.each([
    [{ model: '/m.onnx' }, {}],
    [{ model: '/m.onnx', 'max-batch': 32 }, { batch: { rowsMax: 32, waitMs: 0 } }],
    [{ model: '/m.onnx', 'max-batch': 8, 'max-wait': '2ms' }, { batch: { rowsMax: 8, waitMs: 2 } }],
  ])('reads how an ONNX model runs: %o', (onnx, expected) => {
    const { spec } = compiled(changed(digits, ['versions', 'v1', 'onnx'], onnx)) as { spec: EndpointSpec }
    expect(spec.versions['v1']?.backend).toEqual({ kind: 'onnx', path: '/m.onnx', ...expected })
  })

  it.each([
    [{ header: 'X-User-Id' }, { from: 'header', name: 'x-user-id' }],
    [{ cookie: 'Session' }, { from: 'cookie', name: 'Session' }],
    [{ pointer: '/user/id' }, { from: 'body', pointer: '/user/id' }],
  ])('reads the unit %o', (unit, expected) => {
    expect(compiled({ ...digits, unit })).toMatchObject({ spec: { unit: expected } })
  })

  it.each([
    [['versions', 'v1', 'onnx'], 'models/v1.onnx', 'versions.v1.onnx'],
    [['versions', 'v1', 'onnx'], { model: 'models/v1.onnx' }, 'versions.v1.onnx.model'],
    [['versions', 'v2', 'cwd'], '.', 'versions.v2.cwd'],
    [['versions', 'v2', 'cwd'], undefined, 'versions.v2.cwd'],
  ])('refuses paths that mean nothing to a server: %s = %s', (at, value, path) => {
    const { code, problems } = thrownBy(() => compiled(changed(digits, at, value)))
    expect({ code, paths: problems.map(problem => problem.path) }).toEqual({ code: 'invalid-resource', paths: [path] })
  })

  it.each([
    [
      { type: 'mean', of: 'converted', 'unit-level': true },
      { type: 'mean', of: { from: 'reported', name: 'converted' }, unitLevel: true },
    ],
    [
      { type: 'ratio', of: 'reward', per: 'latency-ms' },
      { type: 'ratio', of: { from: 'reward' }, per: { from: 'latency' } },
    ],
    [
      { type: 'rate', of: 'error', 'unit-level': true },
      { type: 'rate', of: { from: 'error' }, better: 'lower', unitLevel: true },
    ],
    [
      { type: 'auc', positive: 'fraud' },
      { type: 'auc', positive: 'fraud', classes: null },
    ],
    [
      { type: 'expression', expression: 'outcome.reward * 2', better: 'lower', winsorise: 5 },
      { type: 'expression', expression: 'outcome.reward * 2', better: 'lower', winsorise: 5 },
    ],
  ])('defines the metric %j', (metric, spec) => {
    expect(compiled(changed(digits, ['metrics', 'm'], metric))).toMatchObject({ spec: { metrics: { m: spec } } })
  })

  it('says what is watched, with every default filled in and every limit as a rate', () => {
    const document = {
      ...digits,
      features: { mean: { input: 'image' }, first: { input: 'image', index: 0, type: 'category' } },
      drift: { 'at-most': '1h' },
      monitor: { 'error-rate': { max: '2%' }, 'latency-p99': { max: 300 }, accuracy: { min: 0.9 } },
    }
    expect(compiled(document)).toMatchObject({
      spec: {
        features: {
          mean: { source: { from: 'input', tensor: 'image', index: null }, type: 'number' },
          first: { source: { from: 'input', tensor: 'image', index: 0 }, type: 'category' },
        },
        drift: {
          by: 'unit',
          reference: 2_000,
          window: 1_000,
          atMostMs: 3_600_000,
          alpha: 0.01,
          toleratedPsi: 0,
          onDrift: 'alert',
        },
        monitor: {
          checks: [
            { metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 },
            { metric: 'latency-p99', event: { kind: 'slow', quantile: 0.99, maxMs: 300 }, rateMax: 0.01 },
            { metric: 'accuracy', event: { kind: 'wrong' }, rateMax: 0.1 },
          ],
          alpha: 0.01,
          window: 1_000,
          atMostMs: 24 * 3_600_000,
          onBreach: 'alert',
        },
      },
    })
    for (const key of ['features', 'drift', 'monitor']) expect(compiled(digits)).not.toHaveProperty(`spec.${key}`)
  })

  it('reads the scores of the classes where a metric needs them', () => {
    const answerWith = (metric: unknown) => compiled(changed(digits, ['metrics', 'm'], metric))
    expect(answerWith({ type: 'brier' })).toMatchObject({ spec: { answer: { scores: 'probabilities' } } })
    expect(answerWith({ type: 'f1', class: 3 })).not.toHaveProperty('spec.answer.scores')
  })
})

describe('compiling a Release', () => {
  it('fills in every default and converts every unit', () => {
    const dayMs = 24 * 3_600_000
    expect(compiled(toV2)).toEqual({
      kind: 'Release',
      plan: {
        endpoint: 'digits',
        to: 'v2',
        stages: [
          {
            kind: 'canary',
            steps: [
              { weightPpm: 10_000, floorMs: 0, ceilingMs: dayMs },
              { weightPpm: 50_000, floorMs: 0, ceilingMs: dayMs },
              { weightPpm: 250_000, floorMs: 600_000, ceilingMs: dayMs },
              { weightPpm: 500_000, floorMs: 0, ceilingMs: dayMs },
            ],
            approval: false,
            minRequests: 50,
          },
        ],
        guardrails: [
          { metric: 'error-rate', measure: { kind: 'error-rate' }, margin: 0.005, alpha: 0.01, minEvents: 100 },
          {
            metric: 'latency-p99',
            measure: { kind: 'latency', quantile: 0.99 },
            margin: 0.2,
            alpha: 0.01,
            minEvents: 100,
          },
        ],
        signals: [],
        goals: [],
        minimumAgeMs: 0,
        coverageAlpha: 0.001,
        onFail: 'rollback',
        probationMs: 0,
        sampleRatioAlpha: 0.001,
        drainMs: 30_000,
      },
    })
  })

  it.each([
    ['error-rate', '1pp', { kind: 'error-rate' }],
    ['latency-p50', '10%', { kind: 'latency', quantile: 0.5 }],
    ['latency-p90', '10%', { kind: 'latency', quantile: 0.9 }],
    ['latency-p95', '10%', { kind: 'latency', quantile: 0.95 }],
    ['latency-p99', '10%', { kind: 'latency', quantile: 0.99 }],
    ['latency-p99.9', '10%', { kind: 'latency', quantile: 0.999 }],
    ['top1', '1pp', { kind: 'declared', scale: 'absolute' }],
    ['top1', '10%', { kind: 'declared', scale: 'relative' }],
    ['top1', 0.2, { kind: 'declared', scale: 'absolute' }],
  ])('finds what %s measures', (metric, margin, measure) => {
    const document = { ...toV2, signals: {}, guardrails: { [metric]: { margin } } }
    expect(compiled(document)).toMatchObject({ plan: { guardrails: [{ metric, measure }] } })
  })

  it('guards a release that names no guardrail by its error rate', () => {
    expect(compiled(changed(toV2, ['guardrails'], undefined))).toMatchObject({
      plan: { guardrails: [{ metric: 'error-rate', margin: 0.01, alpha: 0.01, minEvents: 100 }] },
    })
  })

  it('takes a last step of 100% for the promotion that it is', () => {
    expect(compiled(changed(toV2, steps, ['10%', '100%']))).toMatchObject({
      plan: { stages: [{ steps: [{ weightPpm: 100_000 }] }] },
    })
  })

  it('lets a step have a ceiling of its own', () => {
    const step = { weight: '10%', for: '1m', 'at-most': '2m' }
    expect(compiled(changed(toV2, steps, [step]))).toMatchObject({
      plan: { stages: [{ steps: [{ floorMs: 60_000, ceilingMs: 120_000 }] }] },
    })
  })

  it('shares the chance of a false promotion among the goals', () => {
    const goals = { accuracy: { 'no-worse-than': '1pp' }, revenue: { improve: 'increase', 'minimum-effect': '2%' } }
    expect(compiled({ ...toV2, goals, 'minimum-age': '2h' })).toMatchObject({
      plan: {
        minimumAgeMs: 7_200_000,
        goals: [
          { metric: 'accuracy', margin: 0.01, alpha: 0.025, goal: { kind: 'no-worse' } },
          {
            metric: 'revenue',
            measure: { kind: 'declared', scale: 'relative' },
            margin: 0,
            alpha: 0.025,
            goal: { kind: 'improve', direction: 'increase', minimumEffect: 0.02 },
          },
        ],
      },
    })
  })

  it('keeps a shadow stage with its defaults, and compares by whatever it names', () => {
    const stageOf = (shadow: unknown) => {
      const document = compiled(changed(toV2, ['stages', 0], { shadow }))
      return document.kind === 'Release' ? document.plan.stages[0] : null
    }
    const goal = { metric: 'accuracy', 'no-worse-than': '1pp' }
    expect(stageOf({ fraction: '100%', until: { pairs: 2_000 }, goal })).toEqual({
      kind: 'shadow',
      challengers: ['v2'],
      mode: 'live',
      fractionPpm: 1_000_000,
      budget: {
        ratePerSecondMax: null,
        concurrencyMax: 16,
        queueMax: 256,
        bodyBytesMax: 1024 * 1024,
        timeoutMs: 10_000,
      },
      methods: ['GET', 'POST'],
      paths: null,
      comparator: null,
      pairs: 2_000,
      floorMs: 0,
      ceilingMs: 24 * 3_600_000,
      agreement: null,
      goal: {
        metric: 'accuracy',
        measure: { kind: 'declared', scale: 'absolute' },
        margin: 0.01,
        alpha: 0.05,
        minEvents: 100,
        goal: { kind: 'no-worse' },
      },
      examples: 10,
    })
    expect(stageOf({})).toMatchObject({ pairs: 1_000, agreement: { least: 0.9, alpha: 0.05 }, goal: null })
    expect(stageOf({ agreement: 'any' })).toMatchObject({ agreement: null })
    expect(stageOf({ challengers: ['v3'], agreement: { least: '99%', alpha: 0.01 } })).toMatchObject({
      challengers: ['v3', 'v2'],
      agreement: { least: 0.99, alpha: 0.01 },
    })
    const comparators = [
      ['label', { kind: 'label' }],
      ['shape', { kind: 'shape' }],
      [{ number: { absolute: 0.5 } }, { kind: 'number', absolute: 0.5, relative: 0.01 }],
      [{ vector: {} }, { kind: 'vector', absolute: 0, relative: 0.01 }],
      [{ cosine: 0.99 }, { kind: 'cosine', least: 0.99 }],
      [{ ranking: { least: 0.8 } }, { kind: 'ranking', persistence: 0.9, least: 0.8 }],
      [{ text: 0.7 }, { kind: 'text', least: 0.7 }],
    ]
    for (const [compare, comparator] of comparators) expect(stageOf({ compare })).toMatchObject({ comparator })
  })

  it.each([
    ['two ways to compare', { compare: { text: 0.9, cosine: 0.9 } }, 'stages[0].shadow.compare'],
    ['a floor over its ceiling', { until: { for: '2h', 'at-most': '1h' } }, 'stages[0].shadow.until.for'],
    ['a latency as a goal', { goal: { metric: 'latency-p99', 'no-worse-than': '5%' } }, 'stages[0].shadow.goal.metric'],
    ['a goal without what it is', { goal: { metric: 'accuracy' } }, 'stages[0].shadow.goal'],
    [
      'a goal of a replay',
      { mode: 'replay', goal: { metric: 'accuracy', 'no-worse-than': '1pp' } },
      'stages[0].shadow.goal',
    ],
    ['a replay of too many', { mode: 'replay', until: { pairs: 1_001 } }, 'stages[0].shadow.until.pairs'],
  ])('refuses a shadow stage with %s', (_, shadow, path) => {
    const { code, problems } = thrownBy(() => compiled(changed(toV2, ['stages', 0], { shadow })))
    expect([code, problems.map(problem => problem.path)]).toEqual(['invalid-resource', [path]])
  })

  it('keeps what a canary asks for beyond its weights', () => {
    const canary = {
      steps: [{ weight: '0.01%', approve: true }, '1%'],
      control: 'equal',
      return: { steps: ['0.5%'], every: '5s', 'on-breach': 'paced' },
    }
    expect(compiled(changed(toV2, ['stages', 0], { canary }))).toMatchObject({
      plan: {
        stages: [
          {
            steps: [{ weightPpm: 100, approve: true }, { weightPpm: 10_000 }],
            control: 'equal',
            return: { stepsPpm: [5_000], everyMs: 5_000, onBreach: true },
          },
        ],
      },
    })
  })

  it('reads a scope in any of its forms', () => {
    const match = [
      { header: 'X-Tenant', in: ['acme', 'globex'] },
      { cookie: 'plan', prefix: 'beta' },
      { header: 'x-region', equals: 'eu' },
    ]
    expect(compiled({ ...toV2, match })).toMatchObject({
      plan: {
        match: [
          { source: { from: 'header', name: 'x-tenant' }, fits: { kind: 'in', values: ['acme', 'globex'] } },
          { source: { from: 'cookie', name: 'plan' }, fits: { kind: 'prefix', prefix: 'beta' } },
          { source: { from: 'header', name: 'x-region' }, fits: { kind: 'in', values: ['eu'] } },
        ],
      },
    })
  })

  it('counts freeze windows in minutes, and refuses those that leave no time', () => {
    const freeze = [{ days: ['sat', 'sun'] }, { from: '22:30', to: '06:00', zone: 'Europe/Berlin' }]
    expect(compiled({ ...toV2, freeze, 'on-conflict': 'queue' })).toMatchObject({
      plan: {
        onConflict: 'queue',
        freeze: [
          { days: ['sat', 'sun'], zone: 'UTC' },
          { fromMinute: 1_350, toMinute: 360, zone: 'Europe/Berlin' },
        ],
      },
    })
    const { code, problems } = thrownBy(() => compiled({ ...toV2, freeze: [{ from: '12:00', to: '12:00' }] }))
    expect([code, problems[0]?.path]).toEqual(['invalid-resource', 'freeze'])
  })
})
