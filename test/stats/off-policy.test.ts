import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawNormal, randomFrom } from '../../src/stats/numerics/random.ts'
import { addToAnytime, anytimeOffPolicy, estimateAnytime, startAnytime } from '../../src/stats/off-policy/anytime.ts'
import {
  doublyRobust,
  inversePropensity,
  selfNormalizedDoublyRobust,
  selfNormalizedInversePropensity,
  shrinkageDoublyRobust,
  switchDoublyRobust,
} from '../../src/stats/off-policy/estimators.ts'
import type { LoggedRow } from '../../src/stats/off-policy/logged-row.ts'
import {
  addToOffPolicy,
  estimateOffPolicy,
  evaluateOffPolicy,
  mergeOffPolicy,
  type OffPolicyMethod,
  type OffPolicyState,
  startOffPolicy,
} from '../../src/stats/off-policy/off-policy.ts'
import { overlap } from '../../src/stats/off-policy/overlap.ts'
import reference from '../reference/off_policy.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

type Recipe = { rows: number; spread: number; offset: number; scale: number }

const uniform = (index: number, step: number) => ((index * step + 17) % 10007) / 10007

/** The same doubles as `row` of the reference script. */
function rowsOf({ rows, spread, offset, scale }: Recipe): LoggedRow[] {
  return Array.from({ length: rows }, (_, index) => {
    const loggingPropensity = 0.2 + 0.7 * uniform(index, 7919)
    return {
      loggingPropensity,
      evaluationPropensity: Math.min(1, loggingPropensity * (1 - spread + 2 * spread * uniform(index, 3571))),
      reward: offset + scale * (uniform(index, 2389) + uniform(index, 3571)),
      modelledReward: offset + scale * (0.4 + 0.7 * uniform(index, 3571)),
      modelledValue: offset + scale * (0.8 + 0.3 * uniform(index, 4993)),
    }
  })
}

function methodOf(kind: string, lambda: number | null): OffPolicyMethod {
  if (kind === 'switch' || kind === 'dros') return { kind, lambda: lambda ?? 0 }
  if (kind === 'ips' || kind === 'snips' || kind === 'dr' || kind === 'sndr') return { kind }
  throw new Error(kind)
}

function stateOf(rows: readonly LoggedRow[], method: OffPolicyMethod): OffPolicyState {
  return rows.reduce<OffPolicyState>(
    (state, row) => numbers(addToOffPolicy({ state, row })).state,
    numbers(startOffPolicy({ method })).state,
  )
}

const methods: OffPolicyMethod[] = [
  { kind: 'ips' },
  { kind: 'snips' },
  { kind: 'dr' },
  { kind: 'sndr' },
  { kind: 'switch', lambda: 1.2 },
  { kind: 'dros', lambda: 2 },
]

describe('off-policy estimates', () => {
  test.each(reference.estimates)(
    'agree with 40-digit arithmetic: $kind $lambda of $rows rows, spread $spread, offset $offset',
    expected => {
      const result = numbers(
        evaluateOffPolicy({ rows: rowsOf(expected), method: methodOf(expected.kind, expected.lambda), alpha: 0.05 }),
      )
      expectClose(result.estimate, expected.estimate, 1e-13)
      // Sums of terms near the offset are rounded to its last bit, whatever the estimator.
      const rounding = 20 * Number.EPSILON * (Math.abs(expected.offset) / expected.scale)
      expectClose(result.standardError / expected.standardError, 1, 1e-11 + rounding)
      expectClose(result.upper - result.estimate, 1.959963984540054 * expected.standardError, 1e-6)
      for (const [name, value] of Object.entries(expected.overlap))
        expectClose(numbers(overlap({ rows: rowsOf(expected) }))[name as 'rows'], value, 1e-11)
      expect(allFinite(result)).toBe(true)
    },
  )

  test.each(methods)('of merged sums are those of all rows: $kind', method => {
    const rows = rowsOf({ rows: 500, spread: 0.6, offset: 2, scale: 3 })
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 499 }), { maxLength: 4 }), cuts => {
        const ends = [0, ...cuts.toSorted((a, b) => a - b), rows.length]
        const parts = ends.slice(1).map((end, index) => stateOf(rows.slice(ends[index], end), method))
        const restored = parts.map(part => JSON.parse(JSON.stringify(part)) as OffPolicyState)
        const merged = restored.reduce((first, second) => numbers(mergeOffPolicy({ first, second })).state)
        const whole = numbers(evaluateOffPolicy({ rows, method, alpha: 0.1 }))
        const result = numbers(estimateOffPolicy({ state: merged, alpha: 0.1 }))
        for (const name of ['estimate', 'standardError', 'lower', 'upper'] as const)
          expectClose(result[name], whole[name], 1e-12)
        expectClose(result.overlap.effectiveRows, whole.overlap.effectiveRows, 1e-12)
      }),
      { numRuns: 20 },
    )
  })

  test('the named estimators are those of their methods, and a constant added to all rewards is added to SNIPS', () => {
    const rows = rowsOf({ rows: 400, spread: 0.6, offset: 0, scale: 1 })
    const named = [
      inversePropensity({ rows, alpha: 0.1 }),
      selfNormalizedInversePropensity({ rows, alpha: 0.1 }),
      doublyRobust({ rows, alpha: 0.1 }),
      selfNormalizedDoublyRobust({ rows, alpha: 0.1 }),
      switchDoublyRobust({ rows, alpha: 0.1, lambda: 1.2 }),
      shrinkageDoublyRobust({ rows, alpha: 0.1, lambda: 2 }),
    ]
    expect(named).toEqual(methods.map(method => evaluateOffPolicy({ rows, method, alpha: 0.1 })))
    const moved = rows.map(row => ({ ...row, reward: row.reward + 7 }))
    const before = numbers(selfNormalizedInversePropensity({ rows, alpha: 0.1 }))
    const after = numbers(selfNormalizedInversePropensity({ rows: moved, alpha: 0.1 }))
    expectClose(after.estimate - 7, before.estimate, 1e-13)
    expectClose(after.standardError, before.standardError, 1e-13)
  })

  test('of a policy on its own logs are the mean reward with its textbook standard error', () => {
    const rows = rowsOf({ rows: 200, spread: 0, offset: 0, scale: 1 })
    const result = numbers(inversePropensity({ rows, alpha: 0.05 }))
    const mean = rows.reduce((sum, { reward }) => sum + reward, 0) / 200
    expectClose(result.estimate, mean, 1e-14)
    expectClose(
      result.standardError ** 2 * 200,
      rows.reduce((s, { reward }) => s + (reward - mean) ** 2, 0) / 199,
      1e-13,
    )
    expectClose(
      numbers(selfNormalizedInversePropensity({ rows, alpha: 0.05 })).standardError,
      result.standardError,
      1e-13,
    )
  })

  test('cover the true value about as often as they say', () => {
    const selected = methods.slice(0, 4)
    const covered = selected.map(() => 0)
    let answered = 0
    for (let seed = 1; seed <= 150; seed += 1) {
      const rows = simulated(seed, 400)
      // One run in some 370 has a mean weight 3 standard errors from 1 by chance.
      if (numbers(overlap({ rows })).verdict === 'fail') continue
      answered += 1
      for (const [index, method] of selected.entries()) {
        const { lower, upper } = numbers(evaluateOffPolicy({ rows, method, alpha: 0.1 }))
        if (lower <= TRUE_VALUE && TRUE_VALUE <= upper) covered[index] = (covered[index] ?? 0) + 1
      }
    }
    expect(answered).toBeGreaterThan(145)
    for (const count of covered)
      expect(Math.abs(count / answered - 0.9)).toBeLessThanOrEqual(3 * Math.sqrt(0.09 / answered))
  })
})

/** Of the policy that takes action 1 with probability 3/4 in the first context and 1/4 in the second. */
const TRUE_VALUE = (0.75 * 1 + 0.25 * 2 + 0.25 * 0 + 0.75 * 3) / 2
function simulated(seed: number, count: number): LoggedRow[] {
  const random = randomFrom(seed)
  const means = [
    [2, 1],
    [3, 0],
  ]
  const targets = [0.75, 0.25]
  const loggers = [0.5, 0.3]
  return Array.from({ length: count }, () => {
    const context = random.next() < 0.5 ? 0 : 1
    const logger = loggers[context] ?? 0
    const target = targets[context] ?? 0
    const action = random.next() < logger ? 1 : 0
    const model = (at: number) => (means[context]?.[at] ?? 0) + 0.5
    return {
      loggingPropensity: action === 1 ? logger : 1 - logger,
      evaluationPropensity: action === 1 ? target : 1 - target,
      reward: (means[context]?.[action] ?? 0) + drawNormal(random),
      modelledReward: model(action),
      modelledValue: target * model(1) + (1 - target) * model(0),
    }
  })
}

describe('the overlap', () => {
  const logged = (loggingPropensity: number, evaluationPropensity: number, times: number): LoggedRow[] =>
    Array.from({ length: times }, (_, index) => ({ loggingPropensity, evaluationPropensity, reward: index % 2 }))

  test.each<[string, LoggedRow[], string[]]>([
    ['a policy against itself', logged(0.3, 0.3, 100), []],
    ['the same propensity up to rounding', logged(0.1 + 0.2, 0.3, 100), []],
    ['too few rows', logged(0.5, 0.5, 99), ['effective-rows']],
    [
      'weights of 1/2 alone: the evaluation policy acts where nothing was logged',
      logged(0.8, 0.4, 1000),
      ['mean-weight'],
    ],
    ['all weights 0', logged(0.5, 0, 1000), ['mean-weight', 'effective-rows', 'effective-share']],
    [
      'uniform against a log with propensities down to 1e-6, as in a public log of bandits',
      [...logged(0.5, 0.025, 9998), ...logged(1e-6, 0.025, 2)],
      ['effective-rows', 'effective-share', 'greatest-share'],
    ],
    [
      'one row that outweighs a tenth',
      [...logged(0.5, 0.5, 900), ...logged(0.004, 1, 1)],
      ['greatest-share', 'effective-rows'],
    ],
  ])('is judged by its weights: %s', (_name, rows, rules) => {
    const result = numbers(overlap({ rows }))
    expect(result.alarms.map(({ rule }) => rule).toSorted()).toEqual(rules.toSorted())
    expect(Object.keys(result)[1]).toBe('verdict')
    expect(result.verdict).toBe(rules.length === 0 ? 'pass' : 'fail')
    expect(allFinite(result)).toBe(true)
    const estimate = inversePropensity({ rows, alpha: 0.05 })
    if (rules.length === 0) expect(estimate.ok).toBe(true)
    else expect(refusal(estimate)).toMatchObject({ kind: 'insufficient', reason: expect.stringMatching(/overlap.*\d/) })
    if (rules.length > 0) expect(refusal(anytimeOffPolicy({ rows, alpha: 0.05 })).kind).toBe('insufficient')
  })

  test('has the effective size of Kish: rows of weights 1 and 3 in equal numbers are worth 80 %', () => {
    const rows = [...logged(0.3, 0.15, 100), ...logged(0.2, 0.3, 100)]
    expectClose(numbers(overlap({ rows })).effectiveRows, 160, 1e-13)
  })
})

describe('the always-valid interval', () => {
  test.each(reference.anytime)(
    'is where the integrated normal mixture reaches 1/alpha: $rows rows, alpha $alpha',
    expected => {
      const { alpha, plannedRows, burnInRows } = expected
      const result = numbers(anytimeOffPolicy({ rows: rowsOf(expected), alpha, plannedRows, burnInRows }))
      expectClose(result.estimate, expected.estimate, 1e-13)
      expectClose((result.upper - result.estimate) / expected.halfWidth, 1, 1e-6)
      expectClose((result.estimate - result.lower) / expected.halfWidth, 1, 1e-6)
    },
  )

  test('seldom misses the true value at any of many looks, and is wider than that of one look', () => {
    let missed = 0
    for (let seed = 1; seed <= 100; seed += 1) {
      let { state } = numbers(startAnytime({ alpha: 0.1, plannedRows: 500 }))
      let out = false
      for (const row of simulated(seed, 600)) {
        state = numbers(addToAnytime({ state, row })).state
        if (state.increments.n % 4 !== 0) continue
        const look = estimateAnytime(state)
        if (look.ok) out ||= look.lower > TRUE_VALUE || look.upper < TRUE_VALUE
      }
      if (out) missed += 1
      const last = estimateAnytime(JSON.parse(JSON.stringify(state)))
      const once = doublyRobust({ rows: simulated(seed, 600), alpha: 0.1 })
      expect(last.ok).toBe(once.ok)
      if (!last.ok || !once.ok) continue
      expectClose(last.estimate, once.estimate, 1e-12)
      expect(last.upper).toBeGreaterThan(once.upper)
    }
    expect(missed / 100).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt(0.09 / 100))
  })

  test('waits for about ten rare rewards', () => {
    const rows = (events: number): LoggedRow[] =>
      Array.from({ length: 10_000 }, (_, index) => ({
        loggingPropensity: 0.5,
        evaluationPropensity: 0.5,
        reward: index % Math.floor(10_000 / events) === 1 ? 1 : 0,
      }))
    expect(refusal(anytimeOffPolicy({ rows: rows(5), alpha: 0.05 }))).toMatchObject({ kind: 'insufficient' })
    expect(anytimeOffPolicy({ rows: rows(20), alpha: 0.05 }).ok).toBe(true)
  })
})

describe('what has no off-policy estimate', () => {
  const rows = rowsOf({ rows: 200, spread: 0.3, offset: 0, scale: 1 })
  const good: LoggedRow = { loggingPropensity: 0.5, evaluationPropensity: 0.5, reward: 1 }
  const withRow = (change: Partial<LoggedRow>) => [...rows, { ...good, ...change }]
  test.each<[string, LoggedRow[], string]>([
    ['no rows', [], 'insufficient'],
    ['one row', [good], 'insufficient'],
    ['constant rewards of one policy', Array.from({ length: 200 }, () => good), 'insufficient'],
    ['an action that the logging policy never takes', withRow({ loggingPropensity: 0 }), 'invalid'],
    ['a row logged with probability 0', withRow({ loggingPropensity: 0, evaluationPropensity: 0 }), 'invalid'],
    ['a propensity above 1', withRow({ evaluationPropensity: 1.1 }), 'invalid'],
    ['a propensity of NaN', withRow({ loggingPropensity: Number.NaN }), 'invalid'],
    ['a weight beyond squaring', withRow({ loggingPropensity: 1e-200 }), 'invalid'],
    ['an infinite reward', withRow({ reward: Number.POSITIVE_INFINITY }), 'invalid'],
    ['rewards too far apart for a double', [...withRow({ reward: 1e308 }), ...withRow({ reward: -1e308 })], 'invalid'],
  ])('is refused: %s', (_name, all, kind) => {
    expect(refusal(inversePropensity({ rows: all, alpha: 0.05 })).kind).toBe(kind)
    expect(refusal(selfNormalizedInversePropensity({ rows: all, alpha: 0.05 })).kind).toBe(kind)
    expect(refusal(anytimeOffPolicy({ rows: all, alpha: 0.05 })).kind).toBe(kind)
  })

  test.each<[string, () => ReturnType<typeof doublyRobust>]>([
    ['DR without a model', () => doublyRobust({ rows: withRow({}), alpha: 0.05 })],
    ['a lambda of 0', () => switchDoublyRobust({ rows, alpha: 0.05, lambda: 0 })],
    ['an infinite lambda', () => shrinkageDoublyRobust({ rows, alpha: 0.05, lambda: Number.POSITIVE_INFINITY })],
    ['an alpha of 0', () => inversePropensity({ rows, alpha: 0 })],
  ])('is invalid: %s', (_name, estimate) => {
    expect(refusal(estimate()).kind).toBe('invalid')
  })

  test('states of different methods, and plans that cannot be', () => {
    const [first, second] = [stateOf([], { kind: 'dr' }), stateOf([], { kind: 'dros', lambda: 2 })]
    expect(refusal(mergeOffPolicy({ first, second })).kind).toBe('invalid')
    expect(refusal(startAnytime({ alpha: 0.05, burnInRows: 50 })).kind).toBe('invalid')
    expect(refusal(startAnytime({ alpha: 0.05, plannedRows: 0.5 })).kind).toBe('invalid')
    expect(refusal(anytimeOffPolicy({ rows: rows.slice(0, 120), alpha: 0.05, burnInRows: 150 })).kind).toBe(
      'insufficient',
    )
  })
})
