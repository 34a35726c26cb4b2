import { describe, expect, it } from 'vitest'
import { judge } from '../../src/core/judge/judge.ts'
import type { Verdict } from '../../src/core/judge/judgement.ts'
import type { MetricCheck } from '../../src/core/metric-check.ts'
import { runningRelease, seen, versionEvidence } from '../support/evidence.ts'
import { canaryPlan } from '../support/releases.ts'

const errorRate: MetricCheck = {
  metric: 'error-rate',
  measure: { kind: 'error-rate' },
  margin: 0.01,
  alpha: 0.01,
  minEvents: 100,
}
const accuracy: MetricCheck = {
  metric: 'accuracy',
  measure: { kind: 'accuracy' },
  margin: 0.02,
  alpha: 0.01,
  minEvents: 100,
}
const latency: MetricCheck = {
  metric: 'latency-p95',
  measure: { kind: 'latency', quantile: 0.95 },
  margin: 0.5,
  alpha: 0.01,
  minEvents: 100,
}

type Case = {
  rule: string
  guardrails: MetricCheck[]
  signals?: MetricCheck[]
  epochs: Parameters<typeof seen>[0]
  expected: Verdict
  says: RegExp
}

const flat = (ms: number, count: number) => Array.from({ length: count }, (_, index) => ms * (1 + (index % 50) / 100))

const cases: Case[] = [
  {
    rule: 'no evidence at all is insufficient',
    guardrails: [errorRate],
    epochs: [{ percent: 10, stable: {}, candidate: {} }],
    expected: 'insufficient',
    says: /v2 has 0 of 100 requests/,
  },
  {
    rule: 'too few events are insufficient even if none is bad',
    guardrails: [errorRate],
    epochs: [{ percent: 10, stable: { requests: 5_000 }, candidate: { requests: 99 } }],
    expected: 'insufficient',
    says: /v2 has 99 of 100 requests/,
  },
  {
    rule: 'enough events without a breach pass',
    guardrails: [errorRate],
    epochs: [{ percent: 10, stable: { requests: 5_000, errors: 5 }, candidate: { requests: 500 } }],
    expected: 'pass',
    says: /no breach/,
  },
  {
    rule: 'a crossed margin fails, however few events there are',
    guardrails: [errorRate],
    epochs: [{ percent: 10, stable: { requests: 400 }, candidate: { requests: 30, errors: 30 } }],
    expected: 'fail',
    says: /the margin is crossed/,
  },
  {
    rule: 'an estimate over the margin that proves nothing yet is insufficient, not a pass',
    guardrails: [errorRate],
    epochs: [{ percent: 10, stable: { requests: 1_000 }, candidate: { requests: 100, errors: 2 } }],
    expected: 'insufficient',
    says: /not proven yet/,
  },
  {
    rule: 'wrong answers fail although every request succeeds',
    guardrails: [errorRate, accuracy],
    epochs: [
      {
        percent: 10,
        stable: { requests: 2_000, labelled: 2_000, wrong: 40 },
        candidate: { requests: 200, labelled: 200, wrong: 90 },
      },
    ],
    expected: 'fail',
    says: /accuracy \(wrong answers\) 45\.00 % against 2\.00 %/,
  },
  {
    rule: 'answers without labels are no evidence of accuracy',
    guardrails: [accuracy],
    epochs: [{ percent: 10, stable: { requests: 2_000 }, candidate: { requests: 2_000 } }],
    expected: 'insufficient',
    says: /labelled answers/,
  },
  {
    rule: 'a slow candidate fails on latency',
    guardrails: [latency],
    epochs: [
      {
        percent: 50,
        stable: { requests: 500, latenciesMs: flat(2, 500) },
        candidate: { requests: 500, latenciesMs: flat(20, 500) },
      },
    ],
    expected: 'fail',
    says: /latency-p95 .* margin is crossed/,
  },
  {
    rule: 'a burst of slow answers is no breach yet',
    guardrails: [latency],
    epochs: [
      {
        percent: 5,
        stable: { requests: 500, latenciesMs: flat(2, 500) },
        candidate: { requests: 10, latenciesMs: flat(20, 10) },
      },
    ],
    expected: 'insufficient',
    says: /v2 has 10 of 100 requests/,
  },
  {
    rule: 'latency waits until the quantile can be bounded',
    guardrails: [{ ...latency, minEvents: 10 }],
    epochs: [
      {
        percent: 50,
        stable: { requests: 20, latenciesMs: flat(2, 20) },
        candidate: { requests: 20, latenciesMs: flat(2, 20) },
      },
    ],
    expected: 'insufficient',
    says: /bound its quantile/,
  },
  {
    rule: 'latency of an earlier epoch is not compared with that of a later one',
    guardrails: [latency],
    epochs: [
      { percent: 10, stable: { latenciesMs: flat(2, 5_000) }, candidate: { latenciesMs: flat(2, 500) } },
      { percent: 50, stable: { latenciesMs: flat(30, 500) }, candidate: { latenciesMs: flat(30, 500) } },
    ],
    expected: 'pass',
    says: /no breach/,
  },
  {
    rule: 'a drifting base rate with moving weights is no breach (Simpson)',
    guardrails: [errorRate],
    // Pooled, the candidate has 5.0 % errors and stable 1.4 %: all of it comes from the hour, none from the version.
    epochs: [
      { percent: 5, stable: { requests: 19_000, errors: 190 }, candidate: { requests: 1_000, errors: 10 } },
      { percent: 90, stable: { requests: 2_000, errors: 110 }, candidate: { requests: 18_000, errors: 990 } },
    ],
    expected: 'pass',
    says: /no breach/,
  },
  {
    rule: 'a sample-ratio mismatch is invalid, whatever else is seen',
    guardrails: [errorRate],
    epochs: [
      {
        percent: 10,
        stable: { requests: 5_000, newUnits: 5_000 },
        candidate: { requests: 2_000, errors: 900, newUnits: 2_000 },
      },
    ],
    expected: 'invalid',
    says: /sample ratio mismatch/,
  },
  {
    rule: 'a control that is broken too is invalid',
    guardrails: [errorRate],
    epochs: [{ percent: 10, stable: { requests: 1_000, errors: 800 }, candidate: { requests: 100, errors: 99 } }],
    expected: 'invalid',
    says: /control broken too/,
  },
  {
    rule: 'a signal that fails does not fail the release',
    guardrails: [errorRate],
    signals: [accuracy],
    epochs: [
      {
        percent: 10,
        stable: { requests: 2_000, labelled: 2_000, wrong: 40 },
        candidate: { requests: 200, labelled: 200, wrong: 90 },
      },
    ],
    expected: 'pass',
    says: /no breach/,
  },
]

describe('a judgement', () => {
  it.each(cases)('$rule', ({ guardrails, signals = [], epochs, expected, says }) => {
    const release = runningRelease(
      epochs.map(epoch => epoch.percent),
      { guardrails, signals },
    )
    const found = judge(release, seen(epochs))
    expect(found.verdict).toBe(expected)
    expect(found.reason).toMatch(says)
  })

  it('holds finite numbers only and survives the log', () => {
    for (const { guardrails, epochs } of cases) {
      const found = judge(
        runningRelease(
          epochs.map(epoch => epoch.percent),
          { guardrails },
        ),
        seen(epochs),
      )
      expect(JSON.parse(JSON.stringify(found))).toEqual(found)
    }
  })
})

describe('a canary with a control', () => {
  const stages = [{ ...canaryPlan(), control: 'equal' as const }]
  const epochs = [
    { epoch: 2, candidatePpm: 10_000, sinceMs: 0, weights: { v1: 980_000, 'v1~control': 10_000, v2: 10_000 } },
  ]
  const rate = (requests: number, errors: number) => versionEvidence({ requests, errors })
  const evidence = [{ epoch: 2, versions: { v1: rate(50_000, 0), 'v1~control': rate(500, 50), v2: rate(500, 52) } }]

  it('is judged against the control alone, not against all of stable', () => {
    const { verdict, checks } = judge({ ...runningRelease([1], { stages }), epochs }, evidence)
    expect(verdict).not.toBe('fail')
    expect(checks[0]?.stable).toMatchObject({ version: 'v1~control', trials: 500, events: 50 })
    expect(judge({ ...runningRelease([1]), epochs }, evidence).verdict).toBe('fail')
  })

  it('is judged by the same in probation', () => {
    const release = { ...runningRelease([1], { stages }), epochs, phase: { kind: 'probation' as const, untilMs: 1 } }
    expect(judge(release, evidence).checks[0]?.stable.version).toBe('v1~control')
  })
})
