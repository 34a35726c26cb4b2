import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Backend, EndpointSpec } from '../../src/core/endpoint.ts'
import { forecast } from '../../src/core/forecast.ts'
import type { MetricCheck } from '../../src/core/metric-check.ts'
import { type Candidacy, peaks, preflightProblems } from '../../src/core/preflight.ts'
import type { Amount, StagePlan } from '../../src/core/stage-plans.ts'
import { canaryPlan, endpointSpec } from '../support/releases.ts'

const minute = 60_000
const url: Backend = {
  kind: 'url',
  addresses: ['http://10.0.0.5:80'],
  ready: { path: '/', timeoutMs: 1, unknownIsReady: true },
}

/** v1 has 4 instances, v2 has 3, v3 has 2. */
function spec(over: { capacity?: number; elsewhere?: readonly string[] } = {}): EndpointSpec {
  const versions = Object.entries({ v1: 4, v2: 3, v3: 2 }).map(([name, instances]) => {
    const backend: Backend = over.elsewhere?.includes(name) === true ? url : { kind: 'onnx', path: `/${name}.onnx` }
    return [name, { name, backend, instances }]
  })
  return endpointSpec({
    versions: Object.fromEntries(versions),
    ...(over.capacity !== undefined && { capacity: { instances: over.capacity } }),
  })
}

const stages = {
  recreate: { kind: 'recreate', holdMs: 0, retryAfterMs: 1 },
  rolling: (maxSurge: Amount, maxUnavailable: Amount = { count: 0 }) => ({
    kind: 'rolling',
    maxSurge,
    maxUnavailable,
    minReadyMs: 0,
    progressDeadlineMs: 1,
    minRequests: 1,
  }),
  shadow: (challengers: string[]) => ({
    kind: 'shadow',
    challengers,
    fractionPpm: 1_000_000,
    pairs: 500,
    floorMs: 0,
    ceilingMs: minute,
  }),
  bandit: { kind: 'bandit', arms: ['v1', 'v2', 'v3'] },
  blueGreen: { kind: 'blueGreen' },
} as const

function plan(...parts: readonly object[]): Candidacy {
  return { from: 'v1', to: 'v2', stages: parts as readonly StagePlan[], guardrails: [] }
}

describe('the peak of a stage', () => {
  const cases: [string, Candidacy, readonly number[]][] = [
    ['of a canary is both fleets', plan(canaryPlan()), [7]],
    ['of a canary with a control is a candidate’s more', plan(canaryPlan({ control: 'equal' })), [10]],
    ['of a blue-green switch is both fleets', plan(stages.blueGreen), [7]],
    ['of a recreation is the larger one', plan(stages.recreate), [4]],
    ['of a roll is the larger one and the surge', plan(stages.rolling({ count: 2 })), [6]],
    ['of a roll by shares is rounded up', plan(stages.rolling({ ppm: 10_000 })), [5]],
    ['of a shadow is stable and all challengers', plan(stages.shadow(['v2', 'v3'])), [9]],
    ['of a bandit is all arms', plan(stages.bandit), [9]],
    [
      'of a replay is stable and the largest challenger',
      plan({ ...stages.shadow(['v3', 'v2']), mode: 'replay' }, canaryPlan()),
      [7, 7],
    ],
    ['counts fleets that earlier stages started', plan(stages.shadow(['v2', 'v3']), canaryPlan()), [9, 9]],
    ['counts a control in its own stage alone', plan(canaryPlan({ control: 'equal' }), canaryPlan()), [10, 7]],
  ]
  it.each(cases)('%s', (_rule, one, totals) => {
    expect(peaks(spec(), one).map(({ total }) => total)).toEqual(totals)
  })

  it('counts no server that runs elsewhere', () => {
    expect(peaks(spec({ elsewhere: ['v1'] }), plan(canaryPlan()))[0]?.total).toBe(3)
  })
})

describe('a release is refused', () => {
  const cases: [string, EndpointSpec, Candidacy, string, RegExp, readonly string[]][] = [
    [
      'that needs more than there is, with what would fit',
      spec({ capacity: 5 }),
      plan(canaryPlan()),
      'stages[0].canary',
      /needs 7 instances at once \(v1 4, v2 3\).* capacity of 5/,
      ['rolling with max-surge 1 (5)', 'rolling with max-surge 0 and max-unavailable 1 (4)', 'recreate (4)'],
    ],
    [
      'whose control is too much',
      spec({ capacity: 8 }),
      plan(canaryPlan({ control: 'equal' })),
      'stages[0].canary',
      /needs 10 .*control of v1 3/,
      [
        'canary, shadow or blueGreen (7)',
        'rolling with max-surge 1 (5)',
        'rolling with max-surge 0 and max-unavailable 1 (4)',
        'recreate (4)',
      ],
    ],
    [
      'that stops servers which run elsewhere',
      spec({ elsewhere: ['v1'] }),
      plan(stages.recreate),
      'stages[0].recreate',
      /v1 runs elsewhere/,
      ['canary', 'blueGreen', 'shadow', 'abTest', 'bandit'],
    ],
    [
      'that would leave nobody serving until others have passed',
      spec(),
      { ...plan(stages.recreate), group: { name: 'spring', endpoints: ['digits', 'letters'] } },
      'stages[0].recreate',
      /nobody would serve while it waits for the others of the group spring/,
      ['canary', 'rolling', 'blueGreen', 'shadow', 'abTest', 'bandit'],
    ],
    [
      'whose control cannot be started',
      spec({ elsewhere: ['v1'] }),
      plan(canaryPlan({ control: 'equal' })),
      'stages[0].canary.control',
      /cannot start another one/,
      ['stable'],
    ],
    [
      'whose scope loses its stable version',
      spec(),
      {
        ...plan(stages.recreate),
        match: [{ source: { from: 'header', name: 'x' }, fits: { kind: 'in', values: ['a'] } }],
      },
      'stages[0].recreate',
      /those out of the scope stay on it/,
      ['canary', 'blueGreen', 'abTest', 'bandit'],
    ],
  ]
  it.each(cases)('%s', (_rule, endpoint, one, path, message, allowed) => {
    expect(preflightProblems(endpoint, one)).toMatchObject([{ path, message: expect.stringMatching(message), allowed }])
  })

  it('for nothing where it fits, or where no capacity is declared', () => {
    expect(preflightProblems(spec({ capacity: 7 }), plan(canaryPlan()))).toEqual([])
    expect(preflightProblems(spec(), plan(canaryPlan({ control: 'equal' })))).toEqual([])
  })

  it('if and only if a peak is over the capacity', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 14 }),
        fc.constantFrom(canaryPlan(), stages.recreate, stages.blueGreen),
        (capacity, stage) => {
          const [total = 0] = peaks(spec(), plan(stage)).map(one => one.total)
          expect(preflightProblems(spec({ capacity }), plan(stage)).length > 0).toBe(total > capacity)
        },
      ),
    )
  })
})

describe('a forecast', () => {
  const guard = (over: Partial<MetricCheck> = {}): MetricCheck => ({
    metric: 'error-rate',
    measure: { kind: 'error-rate' },
    margin: 0.01,
    alpha: 0.01,
    minEvents: 100,
    ...over,
  })
  const step = (weightPpm: number, ceilingMs: number | null = null, floorMs = 0) => ({ weightPpm, floorMs, ceilingMs })
  const canary = (steps: ReturnType<typeof step>[], guardrails: MetricCheck[] = [guard()]): Candidacy => ({
    ...plan(canaryPlan({ steps, minRequests: 50 })),
    guardrails,
  })
  const gates = (one: Candidacy, rate: number | null) =>
    forecast(spec(), one, rate).stages.flatMap(stage =>
      stage.gates.map(({ requests, expectedMs }) => [requests, expectedMs]),
    )

  it('is requests over the share of the traffic, step by step, each counting what came before', () => {
    expect(gates(canary([step(10_000), step(100_000), step(500_000)]), 10)).toEqual([
      [100, 1_000_000],
      [50, 50_000],
      [50, 10_000],
    ])
  })

  it('lasts as long as a step does at least', () => {
    expect(gates(canary([step(500_000, null, minute)]), 1_000)).toEqual([[100, minute]])
  })

  it('asks of a quantile as many as bound it, anew in each step', () => {
    const p99 = guard({ metric: 'latency-p99', measure: { kind: 'latency', quantile: 0.99 } })
    const [first, second] = gates(canary([step(100_000), step(500_000)], [p99]), 100)
    expect(first?.[0]).toBeGreaterThan(700)
    expect(second?.[0]).toBe(first?.[0])
  })

  it('waits for labels where a check does, until enough have come, and says so where it is not known how late they come', () => {
    const accuracy = guard({ metric: 'accuracy', measure: { kind: 'accuracy' } })
    const told = (labelDelayMs: number | null, checks = [accuracy]) =>
      forecast(spec(), canary([step(10_000), step(500_000)], checks), 100, labelDelayMs)
    const times = (one: ReturnType<typeof told>) => one.stages[0]?.gates.map(({ expectedMs }) => expectedMs)
    expect(times(told(120 * minute))).toEqual([100_000 + 120 * minute, 1_000])
    expect(told(120 * minute).warnings).toEqual([])
    expect(times(told(null))).toEqual([100_000, 1_000])
    expect(told(null).warnings).toEqual(['times leave out how late labels come, which is not known yet'])
    expect([times(told(120 * minute, [guard()])), told(null, [guard()]).warnings]).toEqual([[100_000, 1_000], []])
  })

  it('takes one look at least, whatever the traffic', () => {
    expect(gates(canary([step(500_000)]), 1_000_000)).toEqual([[100, 500]])
  })

  it('warns of a step that will hold at its ceiling, of no traffic, and of traffic that is not known', () => {
    const warnings = (one: Candidacy, rate: number | null) => forecast(spec(), one, rate).warnings
    expect(warnings(canary([step(10_000, minute)]), 1)).toEqual([
      'canary step 1 will hold at its ceiling of 60 s: 100 requests take about 3 h at 1 %',
    ])
    expect(warnings(canary([step(10_000, minute)]), 1_000)).toEqual([])
    expect(warnings(canary([step(10_000)]), 0)[0]).toMatch(/nobody calls/)
    expect(warnings(canary([step(10_000)]), null)[0]).toMatch(/cannot be told/)
    expect(warnings(plan(stages.recreate), null)).toEqual([])
  })

  it('tells the time of pairs, and the peak against the capacity', () => {
    expect(forecast(spec({ capacity: 9 }), plan(stages.shadow(['v2', 'v3'])), 10)).toMatchObject({
      capacity: 9,
      stages: [{ kind: 'shadow', peakInstances: 9, gates: [{ requests: 500, expectedMs: 50_000, ceilingMs: minute }] }],
    })
  })

  it('counts the requests of each batch of a roll by the share it will have, and none where the roll asks for none', () => {
    const roll = (minRequests: number) => ({
      ...plan({
        kind: 'rolling',
        maxSurge: { count: 1 },
        maxUnavailable: { count: 0 },
        minReadyMs: 0,
        progressDeadlineMs: 10 * minute,
        minRequests,
      }),
      guardrails: [guard({ minEvents: 60 })],
    })
    const shares = forecast(spec(), roll(60), 10).stages[0]?.gates.map(({ weightPpm }) => weightPpm) ?? []
    expect(shares.toSorted((a, b) => a - b)).toEqual(shares)
    expect(new Set(shares).size).toBeGreaterThan(1)
    for (const [index, [requests, expectedMs]] of gates(roll(60), 10).entries()) {
      expect(requests).toBe(60)
      expect(expectedMs).toBe(Math.ceil(60 / ((10 * (shares[index] ?? 0)) / 1_000_000_000)))
    }
    expect(gates(roll(0), 10)).toEqual([])
  })

  it('tells what blue must have answered before a switch, and green after it', () => {
    const switched = {
      ...plan({
        kind: 'blueGreen',
        preview: null,
        smoke: [],
        replay: null,
        promotion: 'automatic',
        afterMs: 0,
        watchMs: minute,
        keepMs: minute,
        shares: [],
      }),
      guardrails: [guard({ minEvents: 1_200 })],
    }
    expect(gates(switched, 10)).toEqual([
      [1_200, 2 * minute],
      [1_200, 2 * minute],
    ])
    expect(forecast(spec(), switched, 10).warnings[0]).toMatch(/blueGreen step 1 will hold at its ceiling of 60 s/)
  })

  it('takes the sample and the days of a test from its own plan', () => {
    const hypothesis = { baseline: null, needed: { v1: 4_000, v2: 3_000 }, days: 3, unknown: null }
    const test = { kind: 'abTest', variants: ['v2'], splitPpm: { v2: 500_000 }, goal: { ...guard(), minEvents: 100 } }
    const gate = (more: object) =>
      forecast(spec(), plan({ ...test, floorMs: 0, ceilingMs: 10 * minute, ...more }), 10).stages[0]?.gates[0]
    expect(gate({ hypothesis })).toMatchObject({ requests: 4_000, expectedMs: 3 * 86_400_000 })
    expect(gate({})).toMatchObject({ requests: 100, expectedMs: 20_000 })
  })

  it('gets no longer with more traffic', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 1e4, noNaN: true }),
        fc.double({ min: 1, max: 10, noNaN: true }),
        (rate, more) => {
          const one = canary([step(10_000), step(250_000)])
          const [slow, fast] = [gates(one, rate), gates(one, rate * more)]
          for (const [index, [, ms]] of fast.entries()) expect(Number(ms)).toBeLessThanOrEqual(Number(slow[index]?.[1]))
        },
      ),
    )
  })
})
