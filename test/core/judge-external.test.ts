import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ExternalBound, Reading, Readings } from '../../src/core/external-metric.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { Verdict } from '../../src/core/judge/judgement.ts'
import type { MetricCheck } from '../../src/core/metric-check.ts'
import { runningRelease, seen } from '../support/evidence.ts'

const metric = {
  source: { from: 'prometheus', url: 'http://127.0.0.1:9090', query: 'queue{version="{{version}}"}' },
  everyMs: 15_000,
  timeoutMs: 5_000,
} as const

function queue(bound: ExternalBound, over: { failures?: number; missing?: 'insufficient' | 'pass' } = {}): MetricCheck {
  const { failures = 3, missing = 'insufficient' } = over
  const measure = { kind: 'external', metric, bound, failures, missing } as const
  return { metric: 'queue', measure, margin: 0, alpha: 0.01, minEvents: 100 }
}

function readings(values: readonly (number | null)[]): Reading[] {
  return values.map((value, index) => ({ atMs: index * 15_000, value, detail: value === null ? 'refused' : '' }))
}

const of = (candidate: readonly (number | null)[], stable: readonly (number | null)[] = []): Readings => ({
  queue: { v2: readings(candidate), v1: readings(stable) },
})

const most10 = { kind: 'max', bound: 10 } as const
const cases: { rule: string; check: MetricCheck; readings: Readings; expected: Verdict; says: RegExp }[] = [
  {
    rule: 'nothing read yet is insufficient',
    check: queue(most10),
    readings: {},
    expected: 'insufficient',
    says: /nothing has been read/,
  },
  {
    rule: 'within the bound passes',
    check: queue(most10),
    readings: of([9, 10]),
    expected: 'pass',
    says: /10, at most 10: within/,
  },
  {
    rule: 'one reading beyond is no breach',
    check: queue(most10),
    readings: of([9, 11]),
    expected: 'insufficient',
    says: /1 of 3/,
  },
  {
    rule: 'as many in a row are one',
    check: queue(most10),
    readings: of([9, 11, 12, 13]),
    expected: 'fail',
    says: /3 times in a row/,
  },
  {
    rule: 'a good one begins the row anew',
    check: queue(most10),
    readings: of([11, 12, 9, 13]),
    expected: 'insufficient',
    says: /1 of 3/,
  },
  {
    rule: 'a missing one in between neither counts nor breaks the row',
    check: queue(most10),
    readings: of([11, 12, null, 13]),
    expected: 'fail',
    says: /3 times/,
  },
  {
    rule: 'a missing last one is insufficient',
    check: queue(most10),
    readings: of([9, null]),
    expected: 'insufficient',
    says: /missing: refused/,
  },
  {
    rule: 'unless a missing one is said to be fine',
    check: queue(most10, { missing: 'pass' }),
    readings: of([null]),
    expected: 'pass',
    says: /missing/,
  },
  {
    rule: 'a lower bound works from below',
    check: queue({ kind: 'min', bound: 5 }, { failures: 2 }),
    readings: of([4, 4]),
    expected: 'fail',
    says: /at least 5/,
  },
  {
    rule: 'a relative margin is of the stable version at the same time',
    check: queue({ kind: 'margin', margin: 0.2, scale: 'relative' }),
    readings: of([121, 122, 123], [90, 100]),
    expected: 'fail',
    says: /at most 120/,
  },
  {
    rule: 'without a reading of the stable version a margin says nothing',
    check: queue({ kind: 'margin', margin: 0.2, scale: 'relative' }),
    readings: of([500, 500, 500], [null]),
    expected: 'insufficient',
    says: /stable version has no reading/,
  },
]

function run(check: MetricCheck, given: Readings, role: 'guardrails' | 'signals' = 'guardrails') {
  const release = runningRelease([10], { guardrails: [], [role]: [check] })
  const evidence = seen([{ percent: 10, stable: { requests: 1_000 }, candidate: { requests: 100 } }])
  return judge(release, evidence, given)
}

describe('an external metric', () => {
  it.each(cases)('$rule', ({ check, readings: given, expected, says }) => {
    const judgement = run(check, given)
    expect(judgement.verdict).toBe(expected)
    expect(judgement.checks[0]?.reason).toMatch(says)
  })

  it('keeps with the decision what was read', () => {
    const [check] = run(queue(most10), of([11, 12, 13])).checks
    expect(check?.readings?.candidate.map(({ value }) => value)).toEqual([11, 12, 13])
  })

  it('never fails on fewer readings than it takes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.integer({ min: 0, max: 30 })), { maxLength: 12 }),
        fc.integer({ min: 1, max: 6 }),
        (values, failures) => {
          const { verdict } = run(queue(most10, { failures }), of(values))
          const beyond = values.filter(value => value !== null && value > 10).length
          if (verdict === 'fail') expect(beyond).toBeGreaterThanOrEqual(failures)
        },
      ),
    )
  })
})

describe('a dry run', () => {
  const dry = { ...queue(most10), dryRun: true as const }

  it('is told and not acted on', () => {
    const judgement = run(dry, of([11, 12, 13]))
    expect(judgement.checks[0]?.verdict).toBe('fail')
    expect(judgement.verdict).toBe('pass')
  })

  it('does not keep a release waiting either', () => {
    expect(run(dry, {}).verdict).toBe('pass')
  })
})
