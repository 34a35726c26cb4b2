import { describe, expect, it } from 'vitest'
import type { EpochEvidence } from '../../src/core/evidence.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { CheckResult, Judgement } from '../../src/core/judge/judgement.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import type { AbTestPlan } from '../../src/core/stage-plans.ts'
import type { AbTestState } from '../../src/core/strategies/ab-test-state.ts'
import { gaussianComparison } from '../../src/stats/bayes/gaussian.ts'
import { cuped } from '../../src/stats/fixed/cuped.ts'
import { miettinenNurminenInterval } from '../../src/stats/fixed/miettinen-nurminen.ts'
import { relativeLift } from '../../src/stats/fixed/relative-lift.ts'
import { welchTest } from '../../src/stats/fixed/welch.ts'
import { compareMeans } from '../../src/stats/sequential/compare-means.ts'
import {
  abTestPlan,
  conversion,
  epochsOf,
  hypothesis,
  improvement,
  served,
  testingRelease,
  two,
  units,
} from '../support/ab-tests.ts'

type Around = {
  state?: Partial<AbTestState>
  release?: Partial<ReleasePlan>
  epochs?: readonly Record<string, number>[]
}

const judged = (plan: AbTestPlan, evidence: readonly EpochEvidence[], around: Around = {}): Judgement =>
  judge(testingRelease(plan, around), evidence)

function goalOf({ arms }: Judgement, version = 'v2'): CheckResult {
  const check = arms?.[version]?.checks[0]
  if (check?.role !== 'goal') throw new Error(`${version} has no goal`)
  return check
}

const [stable, better] = [units(20_000, 0.1), units(20_000, 0.12)]
const pairSeen = (candidate = better) => epochsOf({ v1: served(stable), v2: served(candidate) })
const absolute = { kind: 'metric', spec: conversion, scale: 'absolute' } as const

describe('a sequential test', () => {
  it('is the comparison of means by unit of this stage alone', () => {
    const earlier = { v1: served(units(5_000, 0.3)), v2: served(units(5_000, 0.1)) }
    const release = {
      ...testingRelease(abTestPlan()),
      epochs: [
        { epoch: 2, candidatePpm: 100_000, sinceMs: 0 },
        { epoch: 3, candidatePpm: 500_000, sinceMs: 0, stageIndex: 1 },
      ],
    }
    const inSecondStage = {
      ...release,
      plan: { ...release.plan, stages: [abTestPlan(), abTestPlan()] },
      phase: { ...release.phase, stageIndex: 1 } as typeof release.phase,
    }
    const goal = goalOf(judge(inSecondStage, epochsOf(earlier, { v1: served(stable), v2: served(better) })))
    const arm = (mean: number) => ({ n: 20_000, mean, variance: mean * (1 - mean) })
    const expected = compareMeans({
      strata: [{ candidate: arm(0.12), stable: arm(0.1) }],
      margin: 0,
      scale: 'relative',
      alpha: 0.05,
    })
    expect(expected).toMatchObject({ ok: true, above: true })
    if (!expected.ok) return
    expect(goal.harm).toEqual({ estimate: -expected.estimate, lower: -expected.upper, upper: -expected.lower })
    expect(goal).toMatchObject({ verdict: 'pass', logEvidenceBelow: expected.logEvidenceAbove })
    expect(goal.harm.estimate).toBeCloseTo(-0.2, 12)
  })

  it('is tuned for its planned sample, where its limits are then tighter than without', () => {
    const seen = epochsOf({ v1: served(units(300_000, 0.1)), v2: served(units(300_000, 0.1)) })
    const planned = abTestPlan({ hypothesis: hypothesis({ v1: 300_001, v2: 300_001 }) })
    const [tuned, plain] = [planned, abTestPlan()].map(plan => goalOf(judged(plan, seen)))
    expect(tuned?.method).toContain('tuned for 600002')
    expect((tuned?.harm.upper ?? 1) / (plain?.harm.upper ?? 1)).toBeLessThan(0.9)
  })

  it('shares its alpha among the variants, so that each is held against more', () => {
    const evidence = epochsOf({ v1: served(stable), v2: served(better), v3: served(stable) })
    const weights = { v1: 400_000, v2: 300_000, v3: 300_000 }
    const alone = goalOf(judged(abTestPlan(), evidence))
    const among = goalOf(
      judged(abTestPlan({ ...two, splitPpm: { v2: 300_000, v3: 300_000 } }), evidence, { epochs: [weights] }),
    )
    expect(among.check.alpha).toBe(0.025)
    expect(among.harm.upper).toBeGreaterThan(alone.harm.upper ?? 0)
    expect(among.logEvidenceBelow).toBe(alone.logEvidenceBelow)
  })

  it("by Holm's step-down shows a second variant at the whole of alpha once the first is shown", () => {
    // Evidence of v3 between log(1/0.05) and log(2/0.05).
    const third = units(20_000, 0.1096)
    const evidence = epochsOf({ v1: served(stable), v2: served(better), v3: served(third) })
    const plan = (correction: AbTestPlan['correction']) => abTestPlan({ ...two, correction })
    const evidenceOfThird = goalOf(judged(plan('holm'), evidence), 'v3').logEvidenceBelow ?? 0
    expect(evidenceOfThird).toBeGreaterThan(Math.log(20))
    expect(evidenceOfThird).toBeLessThan(Math.log(40))
    const verdicts = (correction: AbTestPlan['correction']) =>
      ['v2', 'v3'].map(version => goalOf(judged(plan(correction), evidence, { epochs: [sameShares] }), version).verdict)
    expect(verdicts('bonferroni')).toEqual(['pass', 'insufficient'])
    expect(verdicts('holm')).toEqual(['pass', 'pass'])
    // Without the first the second has not been stepped down to.
    const only = epochsOf({ v1: served(stable), v2: served(stable), v3: served(third) })
    expect(goalOf(judged(plan('holm'), only, { epochs: [sameShares] }), 'v3').verdict).toBe('insufficient')
  })

  it('asks for the goals of the release as well', () => {
    const accuracy = {
      metric: 'accuracy',
      measure: { kind: 'accuracy' },
      margin: 0.01,
      alpha: 0.05,
      minEvents: 100,
    } as const
    const release = { goals: [{ ...accuracy, goal: { kind: 'no-worse' as const } }] }
    const labelled = (wrong: number) => ({ labelled: 5_000, wrong })
    const arms = (wrong: number) =>
      judged(abTestPlan(), epochsOf({ v1: served(stable, labelled(500)), v2: served(better, labelled(wrong)) }), {
        release,
      }).arms?.['v2']?.goal?.verdict
    expect([arms(400), arms(520), arms(900)]).toEqual(['pass', 'insufficient', 'fail'])
  })
})

const sameShares = { v1: 333_334, v2: 333_333, v3: 333_333 }

describe('a fixed test', () => {
  const plan = abTestPlan({ mode: 'fixed', hypothesis: hypothesis({ v1: 20_000, v2: 20_000 }) })

  it("is Welch's test at its planned look, one-sided, with the lift's interval", () => {
    const goal = goalOf(judged(plan, pairSeen(units(20_000, 0.106))))
    const moments = (mean: number) => ({ n: 20_000, mean, m2: mean * (1 - mean) * 19_999 })
    const [candidate, control] = [moments(0.106), moments(0.1)]
    const test = welchTest({ candidate, stable: control, alpha: 0.1 })
    const lift = relativeLift({ candidate, stable: control, alpha: 0.1 })
    if (!test.ok || !lift.ok) throw new Error('both are expected to answer')
    expect(goal.verdict).toBe(test.greater.pValue <= 0.05 ? 'pass' : 'insufficient')
    expect(goal.verdict).toBe('pass')
    expect(goal.logEvidenceBelow).toBeCloseTo(-test.greater.logPValue, 9)
    expect(goal.harm.upper).toBeCloseTo(-lift.lift.lower, 9)
    expect(goal.harm.lower).toBeCloseTo(-lift.lift.upper, 9)
    // By hand: the difference is 0.006, its standard error sqrt((0.106*0.894 + 0.1*0.9) / 20000).
    expect(test.t).toBeCloseTo(0.006 / Math.sqrt((0.106 * 0.894 + 0.09) / 20_000), 9)
  })

  it('tells numbers before and after its look and decides nothing by them', () => {
    const early = goalOf(judged(plan, epochsOf({ v1: served(units(19_999, 0.1)), v2: served(units(19_999, 0.13)) })))
    expect(early).toMatchObject({ verdict: 'insufficient', harm: { estimate: expect.closeTo(-0.3, 9) } })
    expect(early.reason).toContain('descriptive')
    const worse = units(30_000, 0.08)
    const after = judged(plan, epochsOf({ v1: served(units(30_000, 0.1)), v2: served(worse) }), {
      state: { shown: ['v2'] },
    })
    expect(goalOf(after)).toMatchObject({
      verdict: 'pass',
      reason: expect.stringContaining('decided at the planned look'),
    })
    const none = judged(plan, epochsOf({ v1: served(stable), v2: served(better) }), { state: { shown: [] } })
    expect(goalOf(none).verdict).toBe('insufficient')
  })

  it('looks at the end of its time where the sample was not reached', () => {
    const few = epochsOf({ v1: served(units(2_000, 0.1)), v2: served(units(2_000, 0.16)) })
    expect(goalOf(judged(plan, few)).verdict).toBe('insufficient')
    expect(goalOf(judged(plan, few, { state: { isOver: true } })).verdict).toBe('pass')
  })

  it('does not look before its floor has passed', () => {
    expect(goalOf(judged({ ...plan, floorMs: 10 }, pairSeen())).verdict).toBe('insufficient')
    expect(goalOf(judged({ ...plan, floorMs: 10 }, pairSeen(), { state: { isMature: true } })).verdict).toBe('pass')
  })

  it.each([
    { better: 'higher', candidate: -10.3, margin: 0.05 },
    { better: 'lower', candidate: -10.3, margin: 0.05 },
    { better: 'higher', candidate: -9, margin: 0 },
  ] as const)('decides nothing by shares of a control below 0: $candidate where $better is better', seen => {
    const spec = { ...conversion, better: seen.better }
    const goal = improvement({
      measure: { kind: 'metric', spec, scale: 'relative' },
      margin: seen.margin,
      goal: { kind: 'no-worse' },
    })
    const evidence = epochsOf({ v1: served(units(2_000, -10, 1)), v2: served(units(2_000, seen.candidate, 1)) })
    const found = goalOf(judged(abTestPlan({ mode: 'fixed', goal }), evidence, { state: { isOver: true } }))
    expect(found).toMatchObject({ verdict: 'insufficient', harm: { estimate: null } })
    expect(found.reason).toContain('needs a stable mean above 0; it is -10')
  })

  it('of shares by row is the score test, whose interval agrees with it', () => {
    const goal = improvement({
      metric: 'error-rate',
      measure: { kind: 'error-rate' },
      goal: { kind: 'improve', direction: 'decrease', minimumEffect: 0.01 },
    })
    const counts = (errors: number) => served(null, { requests: 10_000, newUnits: 10_000, errors })
    const verdict = goalOf(
      judged(abTestPlan({ mode: 'fixed', goal }), epochsOf({ v1: counts(500), v2: counts(440) }), {
        state: { isOver: true },
      }),
    )
    const interval = miettinenNurminenInterval({
      candidate: { events: 440, trials: 10_000 },
      stable: { events: 500, trials: 10_000 },
      alpha: 0.1,
    })
    expect(verdict).toMatchObject({ verdict: 'pass', harm: { estimate: expect.closeTo(-0.006, 12) } })
    if (interval.ok)
      expect(verdict.harm).toEqual({ estimate: interval.estimate, lower: interval.lower, upper: interval.upper })
  })

  it('over epochs of other weights is not fooled by a base that drifts', () => {
    const seen = epochsOf(
      { v1: served(units(40_000, 0.05)), v2: served(units(2_000, 0.05)) },
      { v1: served(units(2_000, 0.2)), v2: served(units(40_000, 0.2)) },
    )
    const epochs = [
      { v1: 950_000, v2: 50_000 },
      { v1: 50_000, v2: 950_000 },
    ]
    const goal = goalOf(judged(plan, seen, { epochs, state: { isOver: true } }))
    expect(goal.harm.estimate).toBeCloseTo(0, 12)
    expect(goal.verdict).toBe('insufficient')
  })

  it('with a covariate is CUPED', () => {
    const spec = { ...conversion, covariate: 'before' }
    const goal = improvement({ measure: { kind: 'metric', spec, scale: 'absolute' } })
    const [n, sx, sy, rho] = [5_000, 2, 1, 0.8]
    const cov = rho * sx * sy
    const arm = (y: number, x: number) =>
      served({
        form: 'moments',
        moments: {
          n,
          mean: [y, x, 1],
          covariance: [
            [sy * sy, cov, 0],
            [cov, sx * sx, 0],
            [0, 0, 0],
          ],
        },
        shared: [],
      })
    const seen = epochsOf({ v1: arm(1, 3), v2: arm(1.08, 3.05) })
    const found = goalOf(judged(abTestPlan({ mode: 'fixed', goal }), seen, { state: { isOver: true } }))
    const joint = (y: number, x: number) => ({
      n,
      meanX: x,
      meanY: y,
      m2X: sx * sx * (n - 1),
      m2Y: sy * sy * (n - 1),
      coXY: cov * (n - 1),
    })
    const expected = cuped({ candidate: joint(1.08, 3.05), stable: joint(1, 3), alpha: 0.1, theta: 'pooled' })
    if (!expected.ok) throw new Error(expected.reason)
    expect(found.harm.estimate).toBeCloseTo(-expected.difference.estimate, 10)
    // 0.08 less theta (0.4) times the difference of the covariates.
    expect(found.harm.estimate).toBeCloseTo(-(0.08 - 0.4 * 0.05), 10)
    expect((found.harm.upper ?? 0) / -expected.difference.lower).toBeCloseTo(1, 3)
    const plain = goalOf(
      judged(
        abTestPlan({ mode: 'fixed', goal: improvement({ measure: absolute }) }),
        epochsOf({ v1: served(units(n, 1, 1)), v2: served(units(n, 1.08, 1)) }),
        { state: { isOver: true } },
      ),
    )
    const width = ({ harm }: CheckResult) => (harm.upper ?? 0) - (harm.lower ?? 0)
    expect(width(found) / width(plain)).toBeCloseTo(Math.sqrt(1 - rho * rho), 2)
  })
})

describe('a Bayesian test', () => {
  const plan = abTestPlan({ mode: 'bayesian', threshold: { loss: 0.002, chance: 0.95, prior: 0.02 } })

  it('ships by the chance to be better and the expected loss of the posterior', () => {
    const goal = goalOf(judged(plan, pairSeen(units(20_000, 0.112))))
    const arm = (mean: number) => ({ n: 20_000, mean, variance: mean * (1 - mean) })
    const found = compareMeans({
      strata: [{ candidate: arm(0.112), stable: arm(0.1) }],
      margin: 0,
      scale: 'relative',
      alpha: 0.05,
    })
    if (!found.ok) throw new Error(found.reason)
    const expected = gaussianComparison({
      estimate: found.estimate,
      standardError: found.standardError,
      prior: { mean: 0, standardDeviation: 0.02 },
      alpha: 0.1,
    })
    if (!expected.ok) throw new Error(expected.reason)
    expect(goal.posterior).toEqual({ chance: expected.chanceToWin, loss: expected.expectedLoss })
    expect(goal.harm.estimate).toBeCloseTo(-expected.credible.estimate, 12)
    expect(goal.verdict).toBe('pass')
    // The prior draws an effect of 12 % that is known to 3 % towards none.
    expect(goal.harm.estimate).toBeGreaterThan(-0.06)
  })

  it('keeps by the same measure, and waits in between', () => {
    const verdict = (mean: number) => goalOf(judged(plan, pairSeen(units(20_000, mean)))).verdict
    expect([verdict(0.088), verdict(0.1), verdict(0.112)]).toEqual(['fail', 'insufficient', 'pass'])
  })
})

describe('units of which all do one thing', () => {
  const threshold = { loss: 0.002, chance: 0.95, prior: 0.02 }
  it.each(['sequential', 'bayesian'] as const)('decide a %s test', mode => {
    const plan = abTestPlan({ mode, threshold: mode === 'bayesian' ? threshold : null })
    const verdict = (v1: number, v2: number, n = 1_000) =>
      goalOf(judged(plan, epochsOf({ v1: served(units(n, v1)), v2: served(units(n, v2)) }))).verdict
    expect([verdict(0, 1), verdict(1, 0), verdict(1, 1), verdict(0, 0)]).toEqual([
      'pass',
      'fail',
      'insufficient',
      'insufficient',
    ])
  })
})

describe('whether the comparison says anything', () => {
  const plan = abTestPlan(two)
  const shares = { v1: 500_000, v2: 200_000, v3: 300_000 }
  const met = (newUnits: number) => served(null, { newUnits, unitsServed: newUnits })
  const validityOf = (evidence: readonly EpochEvidence[]) => judged(plan, evidence, { epochs: [shares] })

  it('checks the split of all versions at once', () => {
    const right = validityOf(epochsOf({ v1: met(5_000), v2: met(2_000), v3: met(3_000) }))
    expect(right.validity).toMatchObject({
      verdict: 'pass',
      observed: [5_000, 2_000, 3_000],
      expected: [5_000, 2_000, 3_000],
    })
    // v1 and v2 are as they should be to each other; only v3 lost a third of its units.
    const wrong = validityOf(epochsOf({ v1: met(5_000), v2: met(2_000), v3: met(2_000) }))
    expect(wrong).toMatchObject({
      verdict: 'invalid',
      validity: { reason: expect.stringContaining('5000 and 2000 and 2000') },
    })
  })

  it('is invalid when units meet several versions at the same weights', () => {
    const twice = (unitsShared: number) =>
      validityOf(epochsOf({ v1: { ...met(5_000), unitsShared }, v2: met(2_000), v3: met(3_000) })).verdict
    expect([twice(0), twice(100), twice(101)]).toEqual(['pass', 'pass', 'invalid'])
    const few = epochsOf({ v1: { ...met(50), unitsShared: 9 }, v2: met(20), v3: met(30) })
    expect(validityOf(few).verdict).toBe('pass')
  })
})

describe('guardrails of variants', () => {
  const guardrails = [
    { metric: 'error-rate', measure: { kind: 'error-rate' }, margin: 0.01, alpha: 0.01, minEvents: 100 },
  ] as const
  const errors = (share: number) => served(units(5_000, 0.1), { errors: 5_000 * share })
  const looked = (v2: number, v3: number, state: Partial<AbTestState> = {}) =>
    judged(abTestPlan(two), epochsOf({ v1: errors(0.01), v2: errors(v2), v3: errors(v3) }), {
      epochs: [sameShares],
      release: { guardrails },
      state,
    })

  it('are judged for each beside the goal; the whole fails only when no variant is left', () => {
    expect(looked(0.01, 0.2)).toMatchObject({
      verdict: 'pass',
      arms: { v2: { verdict: 'pass' }, v3: { verdict: 'fail' } },
    })
    expect(looked(0.2, 0.2).verdict).toBe('fail')
    expect(looked(0.01, 0.2, { dropped: { v2: 'gone' } }).verdict).toBe('fail')
    expect(looked(0.2, 0.01, { dropped: { v2: 'gone' } }).verdict).toBe('pass')
  })

  it('hold by a signal of any variant', () => {
    const signals = guardrails
    const evidence = epochsOf({ v1: errors(0.01), v2: errors(0.01), v3: errors(0.2) })
    const { verdict, checks } = judged(abTestPlan(two), evidence, { epochs: [sameShares], release: { signals } })
    expect(verdict).toBe('pass')
    expect(checks.find(one => one.verdict === 'fail')).toMatchObject({ role: 'signal', candidate: { version: 'v3' } })
  })
})
