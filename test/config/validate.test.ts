import { describe, expect, it } from 'vitest'
import { validateResource } from '../../src/config/compile.ts'
import { metricKeys, metricTypes } from '../../src/contract/metric-names.ts'
import { requestTimeMaxMs } from '../../src/contract/resource-parts.ts'
import { limits } from '../../src/core/limits.ts'
import { changed, digits, toV2 } from '../support/documents.ts'
import { thrownBy } from '../support/thrown.ts'

const upToADay = ['1ms to 1d']
const headerNames = ['x-user-id', 'content-type']
const durations = ['500ms', '30s', '10m', '1.5h', '14d']
const names = ['digits', 'v2', 'fraud-eu']
const versionKeys = [
  'onnx',
  'command',
  'url',
  'headers',
  'model',
  'price',
  'stream-usage',
  'tls',
  'pipelining',
  'connections',
  'instances',
  'cwd',
  'env',
  'ready',
]
const addresses = ['http://host:port', 'https://host/v1']
const tls = { cert: '/c.pem', key: '/k.pem' }
const backends = ['onnx', 'command', 'url']
const quantiles = ['latency-p50', 'latency-p90', 'latency-p95', 'latency-p99', 'latency-p99.9']
const limitNames = ['error-rate', ...quantiles, 'accuracy']
const protocols = ['open-inference', 'openai', 'tensorflow-serving', 'http']
const steps = ['stages', 0, 'canary', 'steps']
const zones = ['UTC', 'Europe/Berlin', 'America/New_York']

type Case = [
  rule: string,
  at: (string | number)[],
  value: unknown,
  path: string,
  allowed: readonly string[] | undefined,
]

function check(document: unknown, [, at, value, path, allowed]: Case): void {
  const { code, problems } = thrownBy(() => validateResource(changed(document, at, value)))
  expect(code).toBe('invalid-resource')
  expect(problems.map(problem => ({ path: problem.path, allowed: problem.allowed }))).toEqual([{ path, allowed }])
}

describe('an Endpoint document is refused for', () => {
  it.each<Case>([
    ['an unknown kind', ['kind'], 'Model', 'kind', ['Endpoint', 'Release', 'Flag', 'Segment']],
    ['an unknown key', ['strategy'], 'canary', 'strategy', Object.keys({ ...keysOfEndpoint() })],
    ['an unknown key deep inside', ['versions', 'v1', 'instancs'], 2, 'versions.v1.instancs', versionKeys],
    ['a name that no path can hold', ['name'], 'a/b', 'name', names],
    ['a name that YAML reads as a number', ['stable'], 1, 'stable', ['"1"', 'v2']],
    ['a unit in a header that cannot be', ['unit'], { header: 'x user' }, 'unit.header', headerNames],
    ['a unit in a cookie that cannot be', ['unit'], { cookie: 'a;b' }, 'unit.cookie', ['session']],
    ['a unit by a pointer that leads nowhere', ['unit'], { pointer: '/a~b' }, 'unit.pointer', ['/user/id']],
    [
      'a rule by a header that cannot be',
      ['rules'],
      [{ header: 'größe', equals: 'x', version: 'v1' }],
      'rules[0].header',
      headerNames,
    ],
    ['a version name that no path can hold', ['versions', 'a b'], { onnx: '/x' }, 'versions.a b', names],
    ['a missing stable version', ['stable'], undefined, 'stable', names],
    ['a stable version that is none', ['stable'], 'v9', 'stable', ['v1', 'v2', 'v3']],
    ['no versions', ['versions'], {}, 'versions', undefined],
    ['two backends in one version', ['versions', 'v1', 'url'], 'http://h:1', 'versions.v1', backends],
    ['no backend', ['versions', 'v1'], { instances: 1 }, 'versions.v1', backends],
    ['a model that is no path', ['versions', 'v1', 'onnx'], 3, 'versions.v1.onnx', ['string', 'object']],
    ['an onnx without a model', ['versions', 'v1', 'onnx'], {}, 'versions.v1.onnx.model', ['string']],
    [
      'an unknown key of onnx',
      ['versions', 'v1', 'onnx'],
      { model: '/m.onnx', batch: 2 },
      'versions.v1.onnx.batch',
      ['model', 'max-batch', 'max-wait'],
    ],
    [
      'a batch of one row',
      ['versions', 'v1', 'onnx'],
      { model: '/m.onnx', 'max-batch': 1 },
      'versions.v1.onnx.max-batch',
      ['integers from 2 to 1024'],
    ],
    [
      'a wait for others of no batch',
      ['versions', 'v1', 'onnx'],
      { model: '/m.onnx', 'max-wait': '2ms' },
      'versions.v1.onnx.max-wait',
      ['max-batch'],
    ],
    [
      'a wait that callers would notice for long',
      ['versions', 'v1', 'onnx'],
      { model: '/m.onnx', 'max-batch': 8, 'max-wait': '2s' },
      'versions.v1.onnx.max-wait',
      ['up to 1s'],
    ],
    ['too few instances', ['versions', 'v1', 'instances'], 0, 'versions.v1.instances', ['at least 1']],
    ['too many instances', ['versions', 'v1', 'instances'], 65, 'versions.v1.instances', ['at most 64']],
    [
      'instances of servers elsewhere',
      ['versions', 'v3', 'instances'],
      2,
      'versions.v3.instances',
      ['url', 'ready', 'headers'],
    ],
    ['env where nothing is started', ['versions', 'v1', 'env'], { A: 'b' }, 'versions.v1.env', ['onnx', 'instances']],
    ['an address that is no http', ['versions', 'v3', 'url'], 'ftp://h', 'versions.v3.url', addresses],
    ['an address in a list', ['versions', 'v3', 'url', 1], 'h:1', 'versions.v3.url[1]', addresses],
    ['TLS of a file', ['versions', 'v1', 'tls'], {}, 'versions.v1.tls', ['onnx', 'instances']],
    ['pipelining of a file', ['versions', 'v1', 'pipelining'], 2, 'versions.v1.pipelining', ['onnx', 'instances']],
    ['connections of a file', ['versions', 'v1', 'connections'], 2, 'versions.v1.connections', ['onnx', 'instances']],
    ['TLS of plain addresses', ['versions', 'v3', 'tls'], tls, 'versions.v3.tls', ['https://host:port']],
    [
      'a certificate without its key',
      ['versions', 'v3'],
      { url: 'https://h', tls: { cert: '/c.pem' } },
      'versions.v3.tls.key',
      ['both'],
    ],
    [
      'an authority that does not count',
      ['versions', 'v3'],
      { url: 'https://h', tls: { ca: '/ca.pem', insecure: true } },
      'versions.v3.tls.insecure',
      ['one of them'],
    ],
    [
      'a command that is not told its port',
      ['versions', 'v2', 'command'],
      ['serve'],
      'versions.v2.command',
      ['--port {port} as words', 'PORT: "{port}" under env'],
    ],
    [
      'a command in one text',
      ['versions', 'v2', 'command'],
      'python3 serve.py --port {port}',
      'versions.v2.command',
      ['one item for each word'],
    ],
    ['an empty command', ['versions', 'v2', 'command', 1], '', 'versions.v2.command[1]', ['at least 1']],
    ['a variable that is no text', ['versions', 'v2', 'env'], { N: 1 }, 'versions.v2.env.N', ['string']],
    [
      'a readiness path that is none',
      ['versions', 'v3', 'ready'],
      { path: 'health' },
      'versions.v3.ready.path',
      ['/v2/health/ready'],
    ],
    ['two units', ['unit'], { header: 'a', cookie: 'b' }, 'unit', ['header', 'cookie', 'pointer']],
    ['no unit', ['unit'], {}, 'unit', ['header', 'cookie', 'pointer']],
    ['an unknown protocol', ['protocol'], 'grpc', 'protocol', protocols],
    ['a duration without unit', ['timeouts'], { connect: '5' }, 'timeouts.connect', durations],
    ['a duration that is a number', ['timeouts'], { idle: 5 }, 'timeouts.idle', durations],
    ['a time-out that a timer would not keep', ['timeouts'], { idle: '30d' }, 'timeouts.idle', upToADay],
    ['a time-out in which nothing can be done', ['timeouts'], { 'first-byte': '0s' }, 'timeouts.first-byte', upToADay],
    ['a breaker that never lets through', ['breaker'], { open: '25h' }, 'breaker.open', upToADay],
    [
      'a wait that a timer would not keep',
      ['concurrency'],
      { 'per-version': 1, wait: '60d' },
      'concurrency.wait',
      ['0s to 1d'],
    ],
    ['a percentage over the whole', ['payload-sample'], '101%', 'payload-sample', ['0.01% to 100%']],
    ['a capacity below a version', ['capacity'], { instances: 2 }, 'versions.v2.instances', ['up to 2']],
    ['a body limit over the listener’s', ['body-limit'], 1e9, 'body-limit', ['at most 67108864']],
    [
      'a metric under a built-in name',
      ['metrics', 'latency-p42'],
      { type: 'accuracy' },
      'metrics.latency-p42',
      undefined,
    ],
    ['a type that is none', ['metrics', 'top1'], { type: 'top1' }, 'metrics.top1.type', [...metricTypes]],
    ['a mean of nothing', ['metrics', 'm'], { type: 'mean' }, 'metrics.m.of', allowedKeys('mean')],
    ['f1 of no class', ['metrics', 'm'], { type: 'f1' }, 'metrics.m.class', allowedKeys('f1')],
    [
      'a covariate of rows',
      ['metrics', 'm'],
      { type: 'mean', of: 'x', covariate: 'y' },
      'metrics.m.covariate',
      ['unit-level: true'],
    ],
    ['a ranking of labels', ['metrics', 'm'], { type: 'ndcg' }, 'prediction.read', undefined],
    ['accuracy without a predicted value', ['prediction'], undefined, 'metrics.accuracy', undefined],
    ['accuracy of something', ['metrics', 'accuracy', 'of'], 'x', 'metrics.accuracy.of', ['type', 'unit-level']],
    [
      'a feature from two places',
      ['features'],
      { a: { pointer: '/a', input: 'x' } },
      'features.a',
      ['pointer', 'input'],
    ],
    ['a feature from nowhere', ['features'], { a: {} }, 'features.a', ['pointer', 'input']],
    ['an index without a tensor', ['features'], { a: { pointer: '/a', index: 1 } }, 'features.a.index', ['input']],
    [
      'a category of a whole tensor',
      ['features'],
      { a: { input: 'x', type: 'category' } },
      'features.a.index',
      ['0', '1', '2'],
    ],
    [
      'a feature of unknown type',
      ['features'],
      { a: { pointer: '/a', type: 'text' } },
      'features.a.type',
      ['number', 'category'],
    ],
    ['a pointer that is none', ['features'], { a: { pointer: 'a' } }, 'features.a.pointer', ['/customer/age']],
    ['limits that are none', ['monitor'], {}, 'monitor', limitNames],
    [
      'a limit that nothing can break',
      ['monitor'],
      { 'error-rate': { max: '100%' } },
      'monitor.error-rate.max',
      ['above 0% and below 100%'],
    ],
    ['an accuracy of 1', ['monitor'], { accuracy: { min: 1 } }, 'monitor.accuracy.min', ['less than 1']],
    [
      'a latency without a number',
      ['monitor'],
      { 'latency-p99': { max: '300ms' } },
      'monitor.latency-p99.max',
      ['number'],
    ],
    ['a reference of nothing', ['drift'], { reference: 10 }, 'drift.reference', ['at least 100']],
    ['a reaction that is none', ['drift'], { 'on-drift': 'return' }, 'drift.on-drift', ['alert', 'ignore']],
    [
      'a quantile of errors',
      ['metrics', 'm'],
      { type: 'quantile', of: 'error', quantile: 0.5 },
      'metrics.m.of',
      ['mean', 'count', 'rate'],
    ],
    ['a way of reading that is none', ['prediction', 'read'], 'max', 'prediction.read', ['value', 'argmax', 'ranking']],
  ])('%s', (...row) => check(digits, row))

  it('no time-out that requests can have, up to the limit', () => {
    const timeouts = { connect: '1ms', 'first-byte': '24h', idle: '1d', total: '1d' }
    const concurrency = { 'per-version': 1, wait: '0s' }
    expect(() => validateResource({ ...(digits as object), timeouts, concurrency })).not.toThrow()
    expect(requestTimeMaxMs).toBe(limits.requestTimeMsMax)
    expect(limits.requestTimeMsMax).toBeLessThan(limits.timerMsMax)
  })

  it('more versions than the limit', () => {
    const many = Array.from({ length: limits.versionsPerEndpointMax }, (_, i) => [`w${i}`, { onnx: '/x' }])
    const versions = { ...digits.versions, ...Object.fromEntries(many) }
    check(digits, ['', ['versions'], versions, 'versions', ['at most 100']])
  })
})

describe('where the predicted value is', () => {
  it.each([
    ['http', '', 'an answer that is the value itself, as of BentoML'],
    ['http', '/0/label', 'a pointer'],
    ['open-inference', 'label', 'a tensor'],
  ])('may in %s be "%s": %s', (protocol, output) => {
    expect(() => validateResource({ ...digits, protocol, prediction: { output } })).not.toThrow()
  })

  it.each([
    ['open-inference', '', ['label']],
    ['http', 'label', ['/label']],
    ['http', '/a~b', ['/a~0b']],
  ])('is refused in %s at "%s", which would never be found', (protocol, output, allowed) => {
    check({ ...digits, protocol }, ['', ['prediction'], { output }, 'prediction.output', allowed])
  })
})

describe('what is watched is refused where there is nothing to watch:', () => {
  const { prediction: _, metrics: __, ...bare } = digits

  it('drift without features and predicted values', () => {
    check({ ...bare, drift: {} }, ['', ['name'], 'digits', 'drift', undefined])
  })

  it('accuracy without a predicted value', () => {
    check({ ...bare, monitor: { accuracy: { min: 0.9 } } }, ['', ['name'], 'digits', 'monitor.accuracy', undefined])
  })

  it('features of bodies that are not kept, and tensors of other protocols', () => {
    const features = { a: { input: 'x' } }
    const document = { ...digits, features, 'payload-sample': '0%' }
    check(document, ['', ['name'], 'digits', 'payload-sample', ['above 0%']])
    const prediction = { output: '/label' }
    check({ ...digits, features, prediction }, ['', ['protocol'], 'http', 'features.a.input', ['pointer']])
  })

  it('more features than the limit', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, { pointer: '/x' }]))
    const most = limits.featuresPerEndpointMax
    check(digits, ['', ['features'], many(most + 1), 'features', [`at most ${most}`]])
    expect(() => validateResource({ ...digits, features: many(most) })).not.toThrow()
  })
})

describe('a user in an address is refused, and not shown,', () => {
  const user = 'http://ops:s3cret@h:9000/x'
  it.each<[what: string, at: (string | number)[], value: unknown, path: string]>([
    ['of a webhook', ['webhooks'], { ops: { url: user } }, 'webhooks.ops.url'],
    [
      'of a metric at an address',
      ['external'],
      { kpi: { http: { url: `${user}?v={{version}}`, pointer: '/a' } } },
      'external.kpi.http.url',
    ],
    [
      'before the address is filled in',
      ['external'],
      { kpi: { http: { url: 'http://ops:s3cret@{{version}}', pointer: '/a' } } },
      'external.kpi.http.url',
    ],
    ['of Prometheus', ['external'], { kpi: { prometheus: { url: user, query: 'up' } } }, 'external.kpi.prometheus.url'],
    ['of a model server', ['versions', 'v3', 'url'], user, 'versions.v3.url'],
    ['of one of several', ['versions', 'v3', 'url', 1], user, 'versions.v3.url[1]'],
  ])('%s', (_, at, value, path) => {
    const { problems } = thrownBy(() => validateResource(changed(digits, at, value)))
    expect(problems.map(problem => problem.path)).toEqual([path])
    expect(problems[0]?.message).toMatch(/^holds a user or a password/)
    expect(JSON.stringify(problems)).not.toContain('s3cret')
  })

  it('of a gate', () => {
    const confirm = [{ before: 'start', url: user }]
    const { problems } = thrownBy(() => validateResource({ ...toV2, confirm }))
    expect(problems).toMatchObject([{ path: 'confirm[0].url', value: 'http://(hidden)@h:9000/x' }])
  })

  it('but an @ elsewhere is one of the address', () => {
    const webhooks = { ops: { url: 'http://h:9000/@ops?to=a@b' } }
    expect(validateResource({ ...digits, webhooks })).toMatchObject({ webhooks })
  })
})

function keysOfEndpoint() {
  const optional = { protocol: 0, unit: 0, stable: 0, versions: 0, 'allow-pin': 0, prediction: 0, metrics: 0 }
  const watching = { features: 0, rules: 0, drift: 0, monitor: 0, registry: 0 }
  return {
    kind: 0,
    name: 0,
    ...optional,
    external: 0,
    timeouts: 0,
    retry: 0,
    breaker: 0,
    concurrency: 0,
    recording: 0,
    'body-limit': 0,
    webhooks: 0,
    'label-window': 0,
    capacity: 0,
    'payload-sample': 0,
    ...watching,
  }
}

describe('a Release document is refused for', () => {
  it.each<Case>([
    ['no stages', ['stages'], [], 'stages', ['at least 1']],
    ['a stage without strategy', ['stages', 0], {}, 'stages[0]', undefined],
    ['a stage with two', ['stages', 0, 'shadow'], {}, 'stages[0]', undefined],
    ['a strategy that is none', ['stages', 0], { canari: {} }, 'stages[0].canari', undefined],
    ['weights that fall', [...steps, 1], '1%', 'stages[0].canary.steps[1]', ['above 1% and below 100%']],
    ['a weight of nothing', [...steps, 0], '0%', 'stages[0].canary.steps[0]', ['above 0% and below 100%']],
    ['a whole before the end', [...steps, 1], '100%', 'stages[0].canary.steps[1]', ['above 1% and below 100%']],
    ['a weight too fine', [...steps, 0], '0.00001%', 'stages[0].canary.steps[0]', ['0.01% to 100%']],
    ['a weight without unit', [...steps, 0], 5, 'stages[0].canary.steps[0]', ['0.01% to 100%', 'object']],
    ['nothing but the whole', steps, ['100%'], 'stages[0].canary.steps', ['1%', '5%', '25%', '50%']],
    ['waiting at the whole', [...steps, 3], { weight: '100%', for: '1m' }, 'stages[0].canary.steps[3]', ['100%']],
    [
      'an unknown key in a step',
      [...steps, 2, 'until'],
      '1m',
      'stages[0].canary.steps[2].until',
      ['weight', 'for', 'at-most', 'approve'],
    ],
    [
      'a floor above the ceiling',
      [...steps, 2],
      { weight: '25%', for: '2h', 'at-most': '1h' },
      'stages[0].canary.steps[2].for',
      ['up to 1h'],
    ],
    ['a time that no calendar ends', ['probation'], '99999999d', 'probation', ['up to 3650d']],
    ['a floor above the stage’s ceiling', [...steps, 2, 'for'], '2d', 'stages[0].canary.steps[2].for', ['up to 24h']],
    [
      'a relative margin of a rate',
      ['guardrails', 'error-rate', 'margin'],
      '5%',
      'guardrails.error-rate.margin',
      ['such as 0.5pp'],
    ],
    [
      'an absolute margin of a latency',
      ['guardrails', 'latency-p99', 'margin'],
      '1pp',
      'guardrails.latency-p99.margin',
      ['a percentage such as 20%'],
    ],
    [
      'a margin that is none',
      ['guardrails', 'error-rate', 'margin'],
      'little',
      'guardrails.error-rate.margin',
      ['percentage points such as 0.5pp', 'a relative change such as 20%', 'a number in the unit of the metric'],
    ],
    [
      'a quantile that is not kept',
      ['guardrails', 'latency-p42'],
      { margin: '5%' },
      'guardrails.latency-p42',
      quantiles,
    ],
    ['one metric in two roles', ['signals'], { 'error-rate': { margin: '1pp' } }, 'signals.error-rate', undefined],
    [
      'an alpha that is no chance',
      ['guardrails', 'error-rate', 'alpha'],
      1,
      'guardrails.error-rate.alpha',
      ['less than 0.5'],
    ],
    ['an unknown way to fail', ['on-fail'], 'ignore', 'on-fail', ['rollback', 'hold']],
    [
      'a way back whose weights rise',
      ['stages', 0, 'canary', 'return'],
      { steps: ['10%', '50%'] },
      'stages[0].canary.return.steps[1]',
      ['above 0% and below 10%'],
    ],
    [
      'a control that gets less than the candidate',
      ['stages', 0, 'canary'],
      { control: 'equal', steps: ['10%', '60%'] },
      'stages[0].canary.steps[1]',
      ['up to 50%'],
    ],
    ['a scope by two things', ['match'], [{ header: 'a', cookie: 'b', equals: 'c' }], 'match[0]', ['header', 'cookie']],
    ['a scope by a header that cannot be', ['match'], [{ header: 'a:', equals: 'c' }], 'match[0].header', headerNames],
    ['a scope of no value', ['match'], [{ header: 'a' }], 'match[0]', ['equals', 'in', 'prefix']],
    ['a scope of nobody', ['match'], [], 'match', ['at least 1']],
    [
      'a group without its own endpoint',
      ['group'],
      { name: 'spring', endpoints: ['letters', 'faces'] },
      'group.endpoints',
      undefined,
    ],
    ['a group of one', ['group'], { name: 'spring', endpoints: ['digits'] }, 'group.endpoints', ['at least 2']],
    ['a freeze of no time', ['freeze'], [{ zone: 'UTC' }], 'freeze[0]', ['days', 'from and to']],
    ['a freeze that begins and does not end', ['freeze'], [{ from: '22:00' }], 'freeze[0].to', ['both or neither']],
    ['a time of day that is none', ['freeze'], [{ from: '24:00', to: '06:00' }], 'freeze[0].from', ['00:00 to 23:59']],
    ['a zone that is none', ['freeze'], [{ days: ['sat'], zone: 'Mars' }], 'freeze[0].zone', zones],
    [
      'a gate that is waited for too long',
      ['confirm'],
      [{ before: 'start', url: 'http://127.0.0.1:9100/ask', timeout: '30d' }],
      'confirm[0].timeout',
      upToADay,
    ],
    ['a probation without unit', ['probation'], '60', 'probation', durations],
  ])('%s', (_, at, value, path, allowed) => {
    const kinds = ['recreate', 'rolling', 'blueGreen', 'canary', 'shadow', 'abTest', 'bandit', 'flag']
    if (path !== 'stages[0].canari') return check(toV2, [_, at, value, path, allowed])
    const { problems } = thrownBy(() => validateResource(changed(toV2, at, value)))
    expect(problems[0]).toMatchObject({ path, allowed: kinds })
  })
})

describe('a document with several faults', () => {
  it('is answered with all of them at once', () => {
    const document = {
      kind: 'Endpoint',
      name: 'a b',
      stable: 'v9',
      versions: { v1: { onnx: '/x', cwd: '/y' }, v2: { command: ['serve'], instances: 'many' } },
      timeouts: { connect: 'soon' },
      metrics: { accuracy: { type: 'accuracy' } },
    }
    const { problems } = thrownBy(() => validateResource(document))
    expect(problems.map(({ path }) => path).toSorted()).toEqual(
      [
        'metrics.accuracy',
        'name',
        'stable',
        'timeouts.connect',
        'versions.v1.cwd',
        'versions.v2.command',
        'versions.v2.instances',
      ].toSorted(),
    )
    expect(problems.find(({ path }) => path === 'timeouts.connect')?.value).toBe('soon')
  })

  it('shows long values shortened', () => {
    const { problems } = thrownBy(() => validateResource(changed(digits, ['name'], 'x'.repeat(10_000))))
    expect(JSON.stringify(problems).length).toBeLessThan(600)
  })
})

function allowedKeys(type: keyof typeof metricKeys): string[] {
  const { needs, takes } = metricKeys[type]
  return ['type', ...needs, ...takes]
}
