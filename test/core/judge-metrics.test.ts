import { describe, expect, it, test } from 'vitest'
import type { MetricEvidence, VersionEvidence } from '../../src/core/evidence.ts'
import { armOf } from '../../src/core/judge/arms.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { GoalCheck, Measure, MetricCheck, Scale } from '../../src/core/metric-check.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import { DDSketch } from '../../src/stats/summaries/ddsketch.ts'
import { runningRelease, seen } from '../support/evidence.ts'

const revenue: MetricSpec = { type: 'mean', of: { from: 'reward' }, unitLevel: true }

function moments(n: number, mean: number, variance: number, shared: SharedUnits = []): MetricEvidence {
  return { form: 'moments', moments: { n, mean: [mean], covariance: [[variance]] }, shared }
}
type SharedUnits = Extract<MetricEvidence, { form: 'moments' }>['shared']

function measured(metric: MetricEvidence): Partial<VersionEvidence> {
  return { requests: 5_000, metrics: { revenue: metric } }
}

const guardrail = (over: Partial<MetricCheck> = {}): MetricCheck => ({
  metric: 'revenue',
  measure: { kind: 'metric', spec: revenue, scale: 'relative' },
  margin: 0.05,
  alpha: 0.01,
  minEvents: 100,
  ...over,
})
const goal = (over: Partial<GoalCheck> = {}): GoalCheck => ({ ...guardrail(), goal: { kind: 'no-worse' }, ...over })
const improve = { kind: 'improve', direction: 'increase', minimumEffect: null } as const

/** What one epoch at 50 % says, of a candidate's mean against a stable mean of 10 with variance 25. */
function seenMean(candidate: number, n = 20_000) {
  return seen([{ percent: 50, stable: measured(moments(n, 10, 25)), candidate: measured(moments(n, candidate, 25)) }])
}

describe('a guardrail on a mean', () => {
  test.each([
    { candidate: 10, verdict: 'pass' },
    { candidate: 9.7, verdict: 'pass' },
    { candidate: 9.49, verdict: 'insufficient' },
    { candidate: 9, verdict: 'fail' },
    { candidate: 12, verdict: 'pass' },
  ])('at 5 % of 10 with a candidate of $candidate: $verdict', ({ candidate, verdict }) => {
    const release = runningRelease([50], { guardrails: [guardrail()] })
    expect(judge(release, seenMean(candidate)).verdict).toBe(verdict)
  })

  it('on a share by row takes a margin relative to the share itself', () => {
    const spec: MetricSpec = { type: 'rate', of: { from: 'reported', name: 'clicked' } }
    const check = guardrail({ metric: 'clicks', measure: { kind: 'metric', spec, scale: 'relative' } })
    const release = runningRelease([50], { guardrails: [check] })
    // Counted are rows without a click: 80 % of them here, 90 % there.
    const rows = (events: number) => ({
      requests: 20_000,
      metrics: { clicks: { form: 'counts' as const, trials: 20_000, events } },
    })
    const found = judge(release, seen([{ percent: 50, stable: rows(16_000), candidate: rows(18_000) }]))
    expect(found).toMatchObject({ verdict: 'fail', checks: [{ harm: { estimate: expect.closeTo(0.5, 12) } }] })
    expect(found.checks[0]).toMatchObject({ candidate: { value: 0.1 }, stable: { value: 0.2 } })
  })

  it('of what is better when it is lower turns around', () => {
    const spec: MetricSpec = { ...revenue, better: 'lower' }
    const release = runningRelease([50], {
      guardrails: [guardrail({ measure: { kind: 'metric', spec, scale: 'relative' } })],
    })
    expect(judge(release, seenMean(11)).verdict).toBe('fail')
    expect(judge(release, seenMean(9)).verdict).toBe('pass')
  })

  it('in the unit of the metric takes the margin as it is', () => {
    const release = runningRelease([50], {
      guardrails: [guardrail({ margin: 1, measure: { kind: 'metric', spec: revenue, scale: 'absolute' } })],
    })
    expect(judge(release, seenMean(9.5)).verdict).toBe('pass')
    expect(judge(release, seenMean(8.5)).verdict).toBe('fail')
  })

  it('tells how many values have come while they are too few for any comparison', () => {
    const early = (n: number) =>
      seen([{ percent: 50, stable: measured(moments(60, 10, 25)), candidate: measured(moments(n, 9, 25)) }])
    const release = runningRelease([50], { guardrails: [guardrail()] })
    const found = judge(release, early(12))
    expect(found).toMatchObject({
      verdict: 'insufficient',
      reason: 'revenue: v2 has 12 of 100 units with a value',
      checks: [{ candidate: { trials: 12 }, stable: { trials: 60 }, strata: [], harm: { estimate: null } }],
    })
    expect(judge(release, early(40)).reason).toBe('revenue: v2 has 40 of 100 units with a value')
  })

  it('counts no values of epochs that can never be compared as enough', () => {
    const short = { stable: measured(moments(29, 10, 25)), candidate: measured(moments(29, 5, 25)) }
    const percents = [10, 20, 30, 40, 50]
    const release = runningRelease(percents, { guardrails: [guardrail()] })
    const found = judge(release, seen(percents.map(percent => ({ percent, ...short }))))
    expect(found).toMatchObject({ verdict: 'insufficient', checks: [{ candidate: { trials: 0 } }] })
  })

  it('says what it rests on, so that it can be computed again', () => {
    const release = runningRelease([50], { guardrails: [guardrail()] })
    const [check] = judge(release, seenMean(9.7)).checks
    expect(check).toMatchObject({
      strata: [
        { epoch: 2, candidate: { n: 20_000, mean: 9.7, variance: 25 }, stable: { n: 20_000, mean: 10, variance: 25 } },
      ],
      method: expect.stringContaining('by units'),
      harm: { estimate: expect.closeTo(0.03, 12) },
    })
  })

  it('is not fooled by weights that change while the mean drifts', () => {
    // Pooled, the candidate has (1000 * 10 + 20000 * 5) / 21000 = 5.24 against 9.76 of stable: 46 % worse.
    const evidence = seen([
      { percent: 5, stable: measured(moments(20_000, 10, 25)), candidate: measured(moments(1_000, 10, 25)) },
      { percent: 95, stable: measured(moments(1_000, 5, 25)), candidate: measured(moments(20_000, 5, 25)) },
    ])
    const release = runningRelease([5, 95], { guardrails: [guardrail()] })
    expect(judge(release, evidence).checks[0]?.harm.estimate).toBeCloseTo(0, 12)
    expect(judge(release, evidence).verdict).not.toBe('fail')
  })

  it('reckons with units that come back in later epochs', () => {
    const both = (shared: number) => {
      const candidate = [{ epoch: 2, version: 'v2', units: 5_000, products: [[shared]] }]
      const stable = [{ epoch: 2, version: 'v1', units: 5_000, products: [[shared]] }]
      return seen([
        { percent: 50, stable: measured(moments(5_000, 10, 25)), candidate: measured(moments(5_000, 9.6, 25)) },
        {
          percent: 50,
          stable: measured(moments(5_000, 10, 25, stable)),
          candidate: measured(moments(5_000, 9.6, 25, candidate)),
        },
      ])
    }
    const release = runningRelease([50, 50], { guardrails: [guardrail({ margin: 0.01 })] })
    const widthOf = (shared: number) => {
      const harm = judge(release, both(shared)).checks[0]?.harm
      return (harm?.upper ?? 0) - (harm?.lower ?? 0)
    }
    // The same units with the same values: two epochs say no more than one.
    expect(widthOf(5_000 * 25) / widthOf(0)).toBeCloseTo(Math.SQRT2, 1)
    expect(widthOf(5_000 * 12.5)).toBeGreaterThan(widthOf(0))
  })
})

describe('a goal', () => {
  test.each([
    { rule: 'no worse than 5 % is shown', check: goal(), candidate: 9.9, verdict: 'pass' },
    { rule: 'no worse than 5 % is open near the margin', check: goal(), candidate: 9.52, verdict: 'insufficient' },
    { rule: 'an improvement is shown', check: goal({ margin: 0, goal: improve }), candidate: 10.5, verdict: 'pass' },
    {
      rule: 'an improvement is open',
      check: goal({ margin: 0, goal: improve }),
      candidate: 10.01,
      verdict: 'insufficient',
    },
  ] as const)('of $rule', ({ check, candidate, verdict }) => {
    const release = runningRelease([50], { guardrails: [], goals: [check] })
    const seenNow = judge(release, seenMean(candidate))
    expect(seenNow.goal?.verdict).toBe(verdict)
    expect(seenNow.verdict).toBe('pass')
  })

  it('that is refuted fails the release', () => {
    const release = runningRelease([50], { guardrails: [], goals: [goal()] })
    expect(judge(release, seenMean(9)).verdict).toBe('fail')
  })

  it('on a rate is shown by the exact evidence', () => {
    const accuracy: GoalCheck = goal({ metric: 'accuracy', measure: { kind: 'accuracy' }, margin: 0.02 })
    const release = runningRelease([50], { guardrails: [], goals: [accuracy] })
    const at = (labelled: number) =>
      judge(
        release,
        seen([
          {
            percent: 50,
            stable: { requests: labelled, labelled, wrong: labelled / 20 },
            candidate: { requests: labelled, labelled, wrong: labelled / 20 },
          },
        ]),
      ).goal
    expect(at(1_000)?.verdict).toBe('insufficient')
    expect(at(20_000)?.verdict).toBe('pass')
  })
})

type Apart = { candidate: number; stable: number; n?: number }

describe('values that are all alike in each version', () => {
  const failed: MetricSpec = { type: 'rate', of: { from: 'error' }, unitLevel: true, better: 'lower' }
  const converted: MetricSpec = { type: 'rate', of: { from: 'reward' }, unitLevel: true }
  const revenue: MetricSpec = { type: 'mean', of: { from: 'reward' }, unitLevel: true }
  const cost: MetricSpec = { type: 'mean', of: { from: 'reward' }, better: 'lower' }
  const still = (mean: number, n = 5_000) => measured(moments(n, mean, 0))
  const checked = (spec: MetricSpec, scale: Scale, of: { candidate: number; stable: number; n?: number }) => {
    const check = guardrail({ measure: { kind: 'metric', spec, scale }, margin: 0.02 })
    const { n } = of
    const evidence = seen([{ percent: 50, stable: still(of.stable, n), candidate: still(of.candidate, n) }])
    return judge(runningRelease([50], { guardrails: [check] }), evidence)
  }
  test.each([
    ['no unit met an error', failed, 'absolute', { candidate: 0, stable: 0 }, 'pass'],
    ['every unit met an error of the candidate', failed, 'absolute', { candidate: 1, stable: 0 }, 'fail'],
    ['every unit met one of both', failed, 'absolute', { candidate: 1, stable: 1 }, 'pass'],
    ['no unit converted with the candidate', converted, 'absolute', { candidate: 0, stable: 1 }, 'fail'],
    ['no unit met an error, by a share of none', failed, 'relative', { candidate: 0, stable: 0 }, 'pass'],
    ['every unit met an error, by a share of none', failed, 'relative', { candidate: 1, stable: 0 }, 'fail'],
    ['too few units', failed, 'absolute', { candidate: 0, stable: 0, n: 90 }, 'insufficient'],
    ['every answer costs the same', cost, 'relative', { candidate: 3, stable: 3 }, 'pass'],
    ['every answer costs less', cost, 'relative', { candidate: 2, stable: 3 }, 'pass'],
    ['every unit brings something, where none did', revenue, 'relative', { candidate: 2, stable: 0 }, 'pass'],
    ['every answer costs more', cost, 'relative', { candidate: 4, stable: 3 }, 'fail'],
    ['a few answers cost more', cost, 'relative', { candidate: 4, stable: 3, n: 3 }, 'insufficient'],
    ['every answer costs more, and may', cost, 'relative', { candidate: 3.03, stable: 3 }, 'pass'],
    ['no answer earns anything any more', revenue, 'relative', { candidate: 0, stable: 1 }, 'fail'],
  ] as const)('%s', (_name, spec, scale, of, verdict) => {
    const found = checked(spec, scale, of)
    expect(found.verdict).toBe(verdict)
    expect(found.checks[0]?.reason).not.toContain('0 of 1 strata')
  })

  test.each([
    ['every unit converts, and none did', converted, 'relative', { candidate: 1, stable: 0 }, 'pass'],
    ['none converts, and every unit did', converted, 'relative', { candidate: 0, stable: 1 }, 'fail'],
    ['each brings more', revenue, 'relative', { candidate: 12, stable: 10 }, 'pass'],
    ['each brings more, and is told in its own unit', revenue, 'absolute', { candidate: 12, stable: 10 }, 'pass'],
    ['each brings more than nothing', revenue, 'relative', { candidate: 12, stable: 0 }, 'pass'],
    ['each brings less', revenue, 'relative', { candidate: 9, stable: 10 }, 'fail'],
    ['each costs less', cost, 'relative', { candidate: 2, stable: 3 }, 'pass'],
    ['each brings as much', revenue, 'relative', { candidate: 10, stable: 10 }, 'insufficient'],
    ['too few bring more', revenue, 'relative', { candidate: 12, stable: 10, n: 90 }, 'insufficient'],
  ] as const)(
    'answer whether they are better: %s',
    (_name, spec, scale, { candidate, stable, n = 200 }: Apart, verdict) => {
      const goals = [goal({ measure: { kind: 'metric', spec, scale }, margin: 0, goal: improve })]
      const evidence = seen([{ percent: 50, stable: still(stable, n), candidate: still(candidate, n) }])
      expect(judge(runningRelease([50], { guardrails: [], goals }), evidence).goal?.verdict).toBe(verdict)
    },
  )

  it('show that no unit is harmed, from enough units on', () => {
    const goals = [goal({ measure: { kind: 'metric', spec: failed, scale: 'absolute' }, margin: 0.02 })]
    const verdictAt = (n: number) =>
      judge(
        runningRelease([50], { guardrails: [], goals }),
        seen([{ percent: 50, stable: still(0, n), candidate: still(0, n) }]),
      ).goal?.verdict
    expect([100, 20_000].map(verdictAt)).toEqual(['insufficient', 'pass'])
  })
})

describe('a relative margin beside a stable value that is nearly 0', () => {
  const failed: MetricSpec = { type: 'rate', of: { from: 'error' }, unitLevel: true, better: 'lower' }
  const share = (events: number) => measured(moments(5_000, events / 5_000, (events / 5_000) * (1 - events / 5_000)))
  const check = guardrail({ measure: { kind: 'metric', spec: failed, scale: 'relative' }, margin: 0.2 })
  test.each([
    { stable: 0, candidate: 1_500, verdict: 'fail' },
    { stable: 2, candidate: 1_500, verdict: 'fail' },
    { stable: 0, candidate: 5_000, verdict: 'fail' },
    { stable: 0, candidate: 3, verdict: 'insufficient' },
    { stable: 2, candidate: 3, verdict: 'insufficient' },
  ])(
    'is broken where no share of it could be so much: $candidate against $stable',
    ({ stable, candidate, verdict }) => {
      const release = runningRelease([50], { guardrails: [check] })
      const found = judge(release, seen([{ percent: 50, stable: share(stable), candidate: share(candidate) }]))
      expect(found.verdict).toBe(verdict)
    },
  )
})

describe('units of which hardly one says the rarer thing', () => {
  const failed: MetricSpec = { type: 'rate', of: { from: 'error' }, unitLevel: true, better: 'lower' }
  const of = (units: number, events: number) => {
    const mean = events / units
    return measured(moments(units, mean, mean * (1 - mean)))
  }
  const goals = [goal({ measure: { kind: 'metric', spec: failed, scale: 'absolute' }, margin: 0.01, alpha: 0.05 })]
  test.each([
    // One of 500, where 1 % would be 5: every 25th such sample has no more.
    { units: 500, events: 1, verdict: 'insufficient' },
    { units: 5_000, events: 5, verdict: 'pass' },
  ])('are counted exactly, not taken for normal: $events of $units', ({ units, events, verdict }) => {
    const evidence = seen([{ percent: 50, stable: of(units, 0), candidate: of(units, events) }])
    expect(judge(runningRelease([50], { guardrails: [], goals }), evidence).goal?.verdict).toBe(verdict)
  })
})

describe('events so rare that an arm may have met none by chance', () => {
  const failed: MetricSpec = { type: 'mean', of: { from: 'error' }, better: 'lower' }
  const ones = (n: number, events: number) => {
    const mean = events / n
    return measured(moments(n, mean, (mean * (1 - mean) * n) / (n - 1)))
  }
  const meanOfOnes: Measure = { kind: 'metric', spec: failed, scale: 'absolute' }

  test.each([
    // Where 1.1 % would be one or two, a fifth of all such samples have none.
    { candidate: ones(150, 0), stable: ones(1_350, 2), verdict: 'insufficient' },
    { candidate: ones(5_000, 5), stable: ones(45_000, 45), verdict: 'pass' },
  ])('a mean of zeros and ones is no better for it: $verdict', ({ candidate, stable, verdict }) => {
    const goals = [goal({ measure: meanOfOnes, margin: 0.01, alpha: 0.05 })]
    const found = judge(runningRelease([10], { guardrails: [], goals }), seen([{ percent: 10, stable, candidate }]))
    expect(found.goal?.verdict).toBe(verdict)
  })

  test.each([
    { stable: 1, verdict: 'insufficient' },
    { stable: 100, verdict: 'fail' },
  ])(
    'a share of what the stable version hardly showed is not known yet: of $stable events $verdict',
    ({ stable, verdict }) => {
      const spec: MetricSpec = { type: 'rate', of: { from: 'error' }, better: 'lower' }
      const check = guardrail({ measure: { kind: 'metric', spec, scale: 'relative' }, margin: 0.5, alpha: 0.05 })
      const rows = (events: number, trials: number) => measured({ form: 'counts', trials, events })
      const candidate = rows(100 * stable, 9_000 * stable)
      const one = { percent: 90, stable: rows(stable, 1_000 * stable), candidate }
      expect(judge(runningRelease([90], { guardrails: [check] }), seen([one])).verdict).toBe(verdict)
    },
  )

  test.each([
    { positives: 8, verdict: 'insufficient', reason: 'revenue: v2 has 8 of 50 rows of the rarer class' },
    { positives: 500, verdict: 'pass', reason: expect.stringContaining('shown') },
  ])('an AUC of $positives positives: $verdict', ({ positives, verdict, reason }) => {
    const spec: MetricSpec = { type: 'auc', positive: 1, classes: null }
    const scores: MetricEvidence = { form: 'scores', positives: [0, 1, positives - 1], negatives: [400, 100, 2] }
    const goals = [goal({ measure: { kind: 'metric', spec, scale: 'absolute' }, margin: 0.1, alpha: 0.05 })]
    const evidence = seen([{ percent: 50, stable: measured(scores), candidate: measured(scores) }])
    expect(judge(runningRelease([50], { guardrails: [], goals }), evidence).goal).toMatchObject({ verdict, reason })
  })
})

describe('a quantile that is 0', () => {
  const spec: MetricSpec = { type: 'quantile', of: { from: 'reported', name: 'retries' }, quantile: 0.5 }
  const check = guardrail({ metric: 'retries', measure: { kind: 'metric', spec, scale: 'relative' }, margin: 0.2 })
  const retries = (value: number): Partial<VersionEvidence> => {
    const sketch = new DDSketch()
    sketch.add(value, 2_000)
    return { requests: 2_000, metrics: { retries: { form: 'sketch', sketch } } }
  }
  test.each([
    { candidate: 0, verdict: 'pass', says: 'no breach' },
    { candidate: 1, verdict: 'fail', says: 'the margin is crossed' },
  ])('of both versions is no harm, and no wait for more: $candidate', ({ candidate, verdict, says }) => {
    const evidence = seen([{ percent: 50, stable: retries(0), candidate: retries(candidate) }])
    const [found] = judge(runningRelease([50], { guardrails: [check] }), evidence).checks
    expect(found).toMatchObject({ verdict, reason: expect.stringContaining(says) })
    expect(found?.reason).not.toContain('more requests')
  })
})

describe('labels', () => {
  it('that come for one version only invalidate what they would say', () => {
    const label = (matured: number, maturedLabelled: number) => ({ requests: 2_000, matured, maturedLabelled })
    const release = runningRelease([50], { coverageAlpha: 0.001 })
    const judgementOf = (labelled: number) =>
      judge(release, seen([{ percent: 50, stable: label(2_000, 1_800), candidate: label(2_000, labelled) }]))
    expect(judgementOf(1_790).validity.verdict).toBe('pass')
    expect(judgementOf(1_400)).toMatchObject({
      verdict: 'invalid',
      reason: expect.stringContaining('label coverage differs: 70.00 % of v2 against 90.00 % of v1'),
    })
  })

  it('that some callers give and others do not are compared by caller', () => {
    const release = runningRelease([5, 50], { coverageAlpha: 0.001 })
    // 1,000 callers of each version make 10 requests in each step, of which they label all or none.
    const side = (givers: number, isFirst: boolean) => ({
      requests: 10_000,
      unitsMet: isFirst ? 1_000 : 0,
      unitsServed: 1_000,
      matured: 10_000,
      maturedLabelled: 10 * givers,
    })
    const judgementOf = (givers: number) =>
      judge(
        release,
        seen(
          [5, 50].map((percent, step) => ({
            percent,
            stable: side(300, step === 0),
            candidate: side(givers, step === 0),
          })),
        ),
      )
    // What chance does in one of 20 releases, and what it never does.
    expect(judgementOf(340).validity).toMatchObject({ verdict: 'pass', coverage: { candidate: 0.34, stable: 0.3 } })
    expect(judgementOf(150)).toMatchObject({
      verdict: 'invalid',
      reason: expect.stringContaining('label coverage differs: 15.00 % of v2 against 30.00 % of v1'),
    })
  })

  it('that nobody gives are no alarm', () => {
    const release = runningRelease([50], { coverageAlpha: 0.001 })
    const side = { requests: 2_000, matured: 2_000, maturedLabelled: 0 }
    expect(judge(release, seen([{ percent: 50, stable: side, candidate: side }])).validity.verdict).toBe('pass')
  })
})

describe('the value of a version and its variance', () => {
  const value = (spec: MetricSpec, evidence: MetricEvidence) => {
    const result = armOf(spec, evidence)
    if (!result.ok) throw new Error(result.reason)
    return result.arm
  }
  const vector = (mean: number[], covariance: number[][]): MetricEvidence => ({
    form: 'moments',
    moments: { n: 100, mean, covariance },
    shared: [],
  })

  it('of a ratio follows the delta method', () => {
    const evidence = vector(
      [3, 2],
      [
        [4, 1],
        [1, 9],
      ],
    )
    const arm = value({ type: 'ratio', of: { from: 'reward' }, per: { from: 'latency' } }, evidence)
    // var = 4/4 + 9 * 9/16 - 2 * 1 * 3/8
    expect(arm).toMatchObject({ mean: 1.5, variance: expect.closeTo(1 + 81 / 16 - 0.75, 12) })
  })

  it('of R2 is one minus the unexplained share', () => {
    const arm = value(
      { type: 'r2' },
      vector(
        [2, 13, 1.8],
        [
          [9, 0, 0],
          [0, 1, 0],
          [0, 0, 1],
        ],
      ),
    )
    expect(arm.mean).toBeCloseTo(1 - 1.8 / 9, 12)
  })

  it('of an AUC counts ties half', () => {
    const arm = value(
      { type: 'auc', positive: 1, classes: null },
      { form: 'scores', positives: [1, 2, 3], negatives: [3, 2, 1] },
    )
    // Pairs won: 1 * 0 + 2 * 3 + 3 * 5, ties 1 * 3 + 2 * 2 + 3 * 1 by half, of 36.
    expect(arm.mean).toBeCloseTo((6 + 15 + 10 / 2) / 36, 12)
  })

  it('of a macro F1 is the mean over classes', () => {
    const arm = value(
      { type: 'f1-macro', classes: ['a', 'b'] },
      {
        form: 'confusion',
        matrix: [
          [40, 10],
          [20, 30],
        ],
      },
    )
    expect(arm.mean).toBeCloseTo((80 / 110 + 60 / 90) / 2, 12)
    expect(arm.n).toBe(100)
  })

  it('adjusted by a covariate is as precise as what the covariate leaves', () => {
    const spec: MetricSpec = { ...revenue, covariate: 'before' }
    const check = guardrail({ measure: { kind: 'metric', spec, scale: 'absolute' } })
    const arm = (mean: number): MetricEvidence => ({
      form: 'moments',
      moments: {
        n: 5_000,
        mean: [mean, 3, 1],
        covariance: [
          [25, 20, 0],
          [20, 20, 0],
          [0, 0, 0],
        ],
      },
      shared: [],
    })
    const evidence = seen([{ percent: 50, stable: measured(arm(10)), candidate: measured(arm(10)) }])
    const [result] = judge(runningRelease([50], { guardrails: [check] }), evidence).checks
    expect(result?.strata[0]?.candidate).toMatchObject({ mean: 10, variance: expect.closeTo(5, 9) })
  })
})
