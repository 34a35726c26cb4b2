import { describe, expect, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { createTrials } from '../../src/adapters/trials/trials.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { limits } from '../../src/core/limits.ts'
import type { Prediction, SentHead } from '../../src/core/prediction.ts'
import type { Comparator, SmokeRequest } from '../../src/core/stage-plans.ts'
import type { Trial } from '../../src/core/trial.ts'
import { aPrediction } from '../contract/samples.ts'
import { endpointSpec, smokeRequest } from '../support/releases.ts'
import { type Answer, type Asked, inMemory, overHttp, type Serve } from './trials-rig.ts'

type Setup = {
  serve: Serve
  green: Answer
  recorded?: readonly Prediction[]
  spec?: Partial<EndpointSpec>
  timeoutMs?: number
}

async function trialsOn({ serve, green, recorded = [], spec = {}, timeoutMs }: Setup) {
  const fleets = await serve({ v2: green })
  const predictions = createMemoryPredictionLog({ clock: createManualClock() })
  await predictions.appendPredictions(recorded)
  const endpoint = endpointSpec(spec)
  const specOf = (name: string) => (name === 'digits' ? endpoint : undefined)
  return createTrials({ fleets, predictions, specOf, ...(timeoutMs !== undefined && { timeoutMs }) })
}

const smokeTrial = (requests: readonly SmokeRequest[], id = 'digits-1/smoke/1'): Trial => ({
  kind: 'smoke',
  id,
  version: 'v2',
  requests,
})

type ReplayTrial = Extract<Trial, { kind: 'replay' }>
const replayTrial = (over: Partial<ReplayTrial> = {}): Trial => ({
  kind: 'replay',
  id: 'digits-1/replay/1',
  version: 'v2',
  against: 'v1',
  requests: 10,
  methods: ['POST'],
  paths: null,
  concurrencyMax: 2,
  comparator: null,
  ...over,
})

const expecting = (expect: Partial<SmokeRequest['expect']>, over: Partial<SmokeRequest> = {}): SmokeRequest =>
  smokeRequest({ path: '/x', ...over, expect: { statuses: [200], within: null, contains: null, ...expect } })

const tensor = (label: number) => JSON.stringify({ outputs: [{ name: 'label', shape: [1], data: [label] }] })

/** One that v1 answered with this label. */
function recordedOf(
  id: string,
  label: number,
  over: Partial<Prediction> = {},
  sent: Partial<SentHead> = {},
): Prediction {
  const head = {
    method: 'POST',
    path: '/v2/models/digits/infer',
    headers: [['content-type', 'application/json']],
    ...sent,
  }
  return aPrediction({
    id,
    answer: [label],
    payload: { request: Buffer.from(`{"n":${label}}`), response: Buffer.from(tensor(label)), sent: head as SentHead },
    ...over,
  })
}

const recordedTen = Array.from({ length: 10 }, (_, index) => recordedOf(`p${index}`, index))
const labelIn = (asked: Asked): number => (JSON.parse(asked.body) as { n: number }).n
const run = (trials: ReturnType<typeof createTrials>, trial: Trial) => trials.run({ endpoint: 'digits', trial })

describe.each([
  ['in memory', inMemory],
  ['over HTTP', overHttp],
])('a trial %s', (_name, serve) => {
  test('sends smoke requests as they are written, marked as a trial', async () => {
    const seen: Asked[] = []
    const green: Answer = asked => {
      seen.push(asked)
      return { body: '{"ok":true}' }
    }
    const trials = await trialsOn({ serve, green })
    const body = '{"a":1}'
    const request = smokeRequest({ method: 'POST', path: '/a?b=c', headers: { 'x-tenant': 't' }, body })
    const report = await run(trials, smokeTrial([request]))
    expect(report).toMatchObject({ version: 'v2', sent: 1, answered: 1, compared: 1, agreed: 1, examples: [] })
    expect(report.latencyMs?.p50).toBeGreaterThanOrEqual(0)
    expect(seen).toMatchObject([
      { method: 'POST', path: '/a?b=c', body, headers: { 'x-tenant': 't', 'x-cutover-trial': 'smoke' } },
    ])
    expect(seen[0]?.headers['content-length']).toBe('7')
  })

  const faults: [string, Answer, SmokeRequest, RegExp][] = [
    ['another status', () => ({ status: 500, body: 'oops' }), expecting({}), /GET \/x: status 500/],
    ['a text that is missing', () => ({ body: 'pear' }), expecting({ contains: 'apple' }), /another answer/],
    ['an answer that breaks off', () => null, expecting({}), /GET \/x: .*brok/],
  ]
  test.each(faults)('tells %s with what was expected', async (_what, green, request, reason) => {
    const trials = await trialsOn({ serve, green })
    const report = await run(trials, smokeTrial([request]))
    expect(report).toMatchObject({ sent: 1, compared: 1, agreed: 0 })
    expect(report.examples[0]?.reason).toMatch(reason)
    expect(report.reason).toBe('v2 answered 0 of 1 as expected')
  })

  test('takes any of the statuses that are expected', async () => {
    const trials = await trialsOn({ serve, green: () => ({ status: 204 }) })
    expect((await run(trials, smokeTrial([expecting({ statuses: [200, 204] })]))).agreed).toBe(1)
  })

  test('tells an answer that came later than it may', async () => {
    let tick = 0
    const green: Answer = () => {
      const untilMs = performance.now() + 3
      while (performance.now() < untilMs) tick += 1
      return { body: '{}' }
    }
    const trials = await trialsOn({ serve, green })
    const report = await run(trials, smokeTrial([expecting({ within: 1 })]))
    expect(report.examples).toMatchObject([{ reason: 'GET /x: too slow', expected: 'within 1 ms' }])
    expect(tick).toBeGreaterThan(0)
  })

  test('sends recorded requests again and finds answers alike', async () => {
    const seen: Asked[] = []
    const green: Answer = asked => {
      seen.push(asked)
      return { body: tensor(labelIn(asked)) }
    }
    const trials = await trialsOn({ serve, green, recorded: recordedTen })
    const report = await run(trials, replayTrial())
    expect(report).toMatchObject({ sent: 10, answered: 10, compared: 10, agreed: 10, examples: [] })
    expect(seen.map(labelIn).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (const { method, path, headers } of seen) {
      expect([method, path]).toEqual(['POST', '/v2/models/digits/infer'])
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-cutover-trial': 'replay' })
    }
  })

  test('counts another label, an error and an answer that breaks off as not alike, each with an example', async () => {
    const green: Answer = asked => {
      const label = labelIn(asked)
      if (label === 1) return { body: tensor(9) }
      if (label === 2) return { status: 503, body: 'busy' }
      return label === 3 ? null : { body: tensor(label) }
    }
    const trials = await trialsOn({ serve, green, recorded: recordedTen })
    const report = await run(trials, replayTrial({ concurrencyMax: 1 }))
    expect(report).toMatchObject({ sent: 10, answered: 8, compared: 10, agreed: 7 })
    const byId = Object.fromEntries(report.examples.map(one => [one.prediction, one]))
    expect(byId['p1']).toMatchObject({ reason: 'another answer', expected: '1', answered: '9' })
    expect(byId['p2']).toMatchObject({ reason: 'status 503', answered: 'status 503: busy' })
    expect(byId['p3']?.reason).toMatch(/brok/)
    expect(report.reason).toMatch(/7 of 10 recorded requests of v1 were answered alike by v2/)
  })
})

describe('a replay', () => {
  const echo: Answer = asked => ({ body: tensor(labelIn(asked)) })

  test('takes the newest requests, as many as asked for', async () => {
    const seen: number[] = []
    const green: Answer = asked => {
      seen.push(labelIn(asked))
      return echo(asked)
    }
    const trials = await trialsOn({ serve: inMemory, green, recorded: recordedTen })
    await run(trials, replayTrial({ requests: 3 }))
    expect(seen.toSorted()).toEqual([7, 8, 9])
  })

  test('leaves out what may not be sent again: other versions, methods, paths, failures, whom the caller pinned', async () => {
    const recorded = [
      recordedOf('good', 1),
      recordedOf('other-version', 2, { version: 'v3' }),
      recordedOf('other-method', 3, {}, { method: 'DELETE' }),
      recordedOf('other-path', 4, {}, { path: '/admin' }),
      recordedOf('failed', 5, { status: 500, failed: true }),
      recordedOf('pinned', 6, { pinned: true }),
      aPrediction({ id: 'old', payload: { request: Buffer.from('{"n":7}'), response: Buffer.from(tensor(7)) } }),
    ]
    const trials = await trialsOn({ serve: inMemory, green: echo, recorded })
    const report = await run(trials, replayTrial({ paths: ['/v2/models/'] }))
    expect(report).toMatchObject({ sent: 1, compared: 1, agreed: 1 })
    expect(report.reason).toMatch(/only 1 of 10 were recorded/)
  })

  test('that finds nothing says what it takes', async () => {
    const trials = await trialsOn({ serve: inMemory, green: echo })
    const report = await run(trials, replayTrial())
    expect(report).toMatchObject({ sent: 0, compared: 0 })
    expect(report.reason).toMatch(/no recorded request of v1 can be sent again: it takes payload-sample/)
  })

  test('never has more under way than it may', async () => {
    let [underWay, most] = [0, 0]
    const green: Answer = async asked => {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise(resolve => setImmediate(resolve))
      underWay -= 1
      return echo(asked)
    }
    const trials = await trialsOn({ serve: inMemory, green, recorded: recordedTen })
    await run(trials, replayTrial({ concurrencyMax: 3 }))
    expect(most).toBe(3)
  })

  test.each<[string, Comparator, number]>([
    ['labels', { kind: 'label' }, 6],
    ['numbers within a tolerance', { kind: 'number', absolute: 1, relative: 0 }, 8],
    ['the shape of their bodies', { kind: 'shape' }, 9],
  ])('compares %s, where the trial names it', async (_what, comparator, agreed) => {
    const green: Answer = asked => {
      const label = labelIn(asked)
      if (label === 9) return { body: '{"outputs":"none"}' }
      return { body: tensor(label >= 8 ? label + 3 : label >= 6 ? label + 1 : label) }
    }
    const trials = await trialsOn({ serve: inMemory, green, recorded: recordedTen })
    expect(await run(trials, replayTrial({ comparator }))).toMatchObject({ sent: 10, compared: 10, agreed })
  })

  test('leaves out what the version answered to copies as a challenger', async () => {
    const copied = recordedOf('p1~v1', 1, { shadowOf: 'p1' })
    const trials = await trialsOn({ serve: inMemory, green: echo, recorded: [recordedOf('p2', 2), copied] })
    expect(await run(trials, replayTrial())).toMatchObject({ sent: 1, agreed: 1 })
  })

  const json = (value: unknown) => JSON.stringify(value)
  const whole: [string, string, string, { compared: number; agreed: number }][] = [
    ['the same JSON in another order is alike', json({ a: 1, b: [2] }), '{"b":[2], "a":1}', { compared: 1, agreed: 1 }],
    ['another JSON is not', json({ a: 1 }), json({ a: 2 }), { compared: 1, agreed: 0 }],
    ['no JSON where there was one is not', json({ a: 1 }), 'oops', { compared: 1, agreed: 0 }],
    [
      'of the protocol the outputs alone count',
      json({ model_version: '1', outputs: [1] }),
      json({ model_version: '2', outputs: [1] }),
      { compared: 1, agreed: 1 },
    ],
    ['nothing is said where the recorded answer cannot be read', '\xff', json({}), { compared: 0, agreed: 0 }],
  ]
  test.each(whole)('where the endpoint reads no value, %s', async (_what, then, now, counts) => {
    const head = { method: 'POST', path: '/x', headers: [] }
    const payload = { request: Buffer.from('{}'), response: Buffer.from(then, 'latin1'), sent: head }
    const recorded = [aPrediction({ id: 'p', answer: null, payload })]
    const trials = await trialsOn({ serve: inMemory, green: () => ({ body: now }), recorded, spec: { answer: null } })
    expect(await run(trials, replayTrial())).toMatchObject({ sent: 1, answered: 1, ...counts })
  })
})

describe('trials', () => {
  const silent: Answer = () => new Promise(() => {})

  test('one that runs is joined by who asks for it again', async () => {
    let asked = 0
    const green: Answer = () => {
      asked += 1
      return { body: '{}' }
    }
    const trials = await trialsOn({ serve: inMemory, green })
    const trial = smokeTrial([smokeRequest()])
    const [first, second] = await Promise.all([run(trials, trial), run(trials, trial)])
    expect(second).toBe(first)
    expect(asked).toBe(1)
    await run(trials, trial)
    expect(asked).toBe(2)
  })

  test('end with what they have when their time is over', async () => {
    const trials = await trialsOn({ serve: inMemory, green: silent, recorded: recordedTen, timeoutMs: 20 })
    const [smoke, replay] = await Promise.all([run(trials, smokeTrial([smokeRequest()])), run(trials, replayTrial())])
    expect(smoke).toMatchObject({ agreed: 0, reason: expect.stringMatching(/^broken off/) })
    expect(replay).toMatchObject({ sent: 0, reason: expect.stringMatching(/broken off after 0 of 10/) })
  })

  test('are broken off when they are closed', async () => {
    const trials = await trialsOn({ serve: overHttp, green: silent })
    const running = run(trials, smokeTrial([smokeRequest({ path: '/silent' })]))
    await trials.close()
    expect((await running).reason).toMatch(/^broken off/)
  })

  test('say so where nothing is ready, or the endpoint is gone', async () => {
    const trials = await trialsOn({ serve: inMemory, green: silent })
    const elsewhere = await run(trials, { ...smokeTrial([smokeRequest()]), version: 'v3' })
    expect(elsewhere.examples[0]?.reason).toMatch(/v3 has no ready instance/)
    const gone = await trials.run({ endpoint: 'nobody', trial: smokeTrial([smokeRequest()]) })
    expect(gone).toMatchObject({ sent: 0, reason: 'there is no endpoint nobody any more' })
  })

  test('keep a few examples, shortened', async () => {
    const long = 'x'.repeat(1_000)
    const trials = await trialsOn({ serve: inMemory, green: () => ({ status: 400, body: long }) })
    const { examples } = await run(trials, smokeTrial(Array.from({ length: 30 }, () => smokeRequest())))
    expect(examples).toHaveLength(limits.trialExamplesMax)
    expect(examples[0]?.answered).toHaveLength(limits.trialExampleChars)
  })
})
