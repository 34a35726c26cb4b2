import { describe, expect, it } from 'vitest'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { resolvePaths } from '../../src/contract/resource-paths.ts'
import { changed } from '../support/documents.ts'
import { thrownBy } from '../support/thrown.ts'

const support = {
  kind: 'Endpoint',
  name: 'support',
  protocol: 'openai',
  stable: 'large',
  versions: {
    large: {
      url: 'https://api.example.com/v1/',
      model: 'gpt-x',
      headers: { Authorization: { env: 'OPENAI_KEY', prefix: 'Bearer ' }, 'X-Team': 'support' },
      price: { input: '2.5/1M', output: '10/1M', 'cached-input': '1.25/1M' },
    },
    own: { url: 'http://127.0.0.1:8000/v1', headers: { 'x-api-key': { file: 'key.txt' } }, 'stream-usage': false },
  },
  metrics: {
    cost: { type: 'mean', of: 'cost' },
    speed: { type: 'mean', of: 'tokens-per-second' },
    wait: { type: 'quantile', of: 'time-to-first-token-ms', quantile: 0.95 },
    stars: { type: 'mean', of: 'stars' },
  },
}

function specOf(document: unknown) {
  const compiled = compileResource(validateResource(resolvePaths(document, '/models')))
  if (compiled.kind !== 'Endpoint') throw new Error('not an endpoint')
  return compiled.spec
}

function problemAt(at: (string | number)[], value: unknown) {
  return thrownBy(() => validateResource(changed(support, at, value))).problems.map(({ path }) => path)
}

describe('an endpoint in OpenAI’s style', () => {
  it('has versions with a model, fields and prices of their own', () => {
    const { versions } = specOf(support)
    expect(versions['large']?.backend).toEqual({
      kind: 'url',
      addresses: ['https://api.example.com/v1'],
      ready: { path: '/v1/models', timeoutMs: 60_000, unknownIsReady: true },
      headers: {
        authorization: { from: 'env', name: 'OPENAI_KEY', prefix: 'Bearer ' },
        'x-team': { from: 'text', text: 'support' },
      },
      provider: {
        model: 'gpt-x',
        price: { inputPerToken: 2.5e-6, outputPerToken: 1e-5, cachedInputPerToken: 1.25e-6 },
        asksForUsage: true,
      },
    })
    expect(versions['own']?.backend).toMatchObject({
      headers: { 'x-api-key': { from: 'file', path: '/models/key.txt', prefix: '' } },
      provider: { model: null, price: null, asksForUsage: false },
    })
  })

  it('measures tokens, times and cost by name; what it does not know is reported by callers', () => {
    expect(specOf(support).metrics).toEqual({
      cost: { type: 'mean', of: { from: 'measured', name: 'cost' }, better: 'lower' },
      speed: { type: 'mean', of: { from: 'measured', name: 'tokens-per-second' } },
      wait: {
        type: 'quantile',
        of: { from: 'measured', name: 'time-to-first-token-ms' },
        quantile: 0.95,
        better: 'lower',
      },
      stars: { type: 'mean', of: { from: 'reported', name: 'stars' } },
    })
  })

  it.each([
    ['a secret in plain text', ['versions', 'large', 'headers', 'Authorization'], 'Bearer sk-1', 'Authorization'],
    ['a field of the connection', ['versions', 'large', 'headers', 'Connection'], 'close', 'Connection'],
    ['a field of the gateway', ['versions', 'large', 'headers', 'X-Cutover-Unit'], 'u', 'X-Cutover-Unit'],
    ['a field twice', ['versions', 'large', 'headers', 'x-team'], 'other', 'x-team'],
  ])('takes no %s', (_, at, value, name) => {
    expect(problemAt(at, value)).toEqual([`versions.large.headers.${name}`])
  })

  it.each([
    ['a value with a line break', ['versions', 'large', 'headers', 'X-Team'], 'a\r\nx: y'],
    ['a name that is none', ['versions', 'large', 'headers', 'x y'], 'a'],
    ['two sources of a secret', ['versions', 'large', 'headers', 'Authorization'], { env: 'A', file: '/b' }],
    ['a price without its unit', ['versions', 'large', 'price', 'input'], '2.5'],
    ['a price of nothing', ['versions', 'large', 'price', 'input'], '2.5/0'],
    ['a model without a name', ['versions', 'large', 'model'], ''],
    ['an ONNX model', ['versions', 'large'], { onnx: '/m.onnx' }],
    ['fields of a command', ['versions', 'large'], { command: ['a', '{port}'], headers: { a: 'b' } }],
    ['a quantile of speed', ['metrics', 'wait', 'of'], 'tokens-per-second'],
  ])('takes no %s', (_, at, value) => {
    expect(problemAt(at, value).length).toBe(1)
  })
})

describe('endpoints of other protocols', () => {
  const plain = { ...support, protocol: 'http', metrics: { cost: { type: 'mean', of: 'cost' } } }

  it('take fields with secrets, but neither models nor prices', () => {
    const { problems } = thrownBy(() => validateResource(plain))
    expect(problems.map(({ path }) => path)).toEqual([
      'versions.large.model',
      'versions.large.price',
      'versions.own.stream-usage',
    ])
  })

  it('report a cost themselves', () => {
    const { url, headers } = support.versions.large
    const { metrics, versions } = specOf({ ...plain, versions: { large: { url, headers } } })
    expect(metrics).toEqual({ cost: { type: 'mean', of: { from: 'reported', name: 'cost' } } })
    expect(versions['large']?.backend).not.toHaveProperty('provider')
  })
})
