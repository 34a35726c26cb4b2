import { describe, expect, it } from 'vitest'
import type { PairEvidence } from '../../src/core/evidence.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { MetricCheck } from '../../src/core/metric-check.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import type { ShadowPlan } from '../../src/core/stage-plans.ts'
import { DDSketch } from '../../src/stats/summaries/ddsketch.ts'
import { canaryPlan } from '../support/releases.ts'
import { accuracyGoal, pairEvidence, pairsSeen, shadowPlan, shadowRelease } from '../support/shadows.ts'

const alike = pairEvidence({ pairs: 2_000, compared: 2_000, agreed: 1_990 })
const labels = (challengerOnly: number, championOnly: number): Partial<PairEvidence> => ({
  labelled: { bothRight: 1_800 - challengerOnly, challengerOnly, championOnly, bothWrong: 200 - championOnly },
})

function judgedPairs(
  pairs: Readonly<Record<string, PairEvidence>>,
  over: { stage?: Partial<ShadowPlan>; plan?: Partial<ReleasePlan>; state?: object } = {},
) {
  const stage = shadowPlan({ challengers: Object.keys(pairs), ...over.stage })
  const release = shadowRelease(stage, { plan: over.plan ?? {}, state: over.state ?? {} })
  return judge(release, pairsSeen(pairs))
}

const declared = (spec: MetricSpec, over: Partial<MetricCheck> = {}): MetricCheck => ({
  metric: 'own',
  measure: { kind: 'metric', spec, scale: 'absolute' },
  margin: 0.1,
  alpha: 0.01,
  minEvents: 10,
  ...over,
})

describe('a challenger', () => {
  it('passes on pairs without more failures than the champion', () => {
    const found = judgedPairs({ v2: alike })
    expect(found).toMatchObject({ verdict: 'pass', stepRequests: 2_000, exposedRequests: 0, exposedUnits: 0 })
    expect(found.arms?.['v2']).toMatchObject({ verdict: 'pass', requests: 2_000, pairs: { compared: 2_000 } })
  })

  it('fails on failures of its own; what both fail is no harm', () => {
    const failures = (challenger: number, both: number) => ({ ...alike, failures: { challenger, champion: 0, both } })
    expect(judgedPairs({ v2: failures(80, 0) })).toMatchObject({ verdict: 'fail' })
    expect(judgedPairs({ v2: failures(0, 80) })).toMatchObject({ verdict: 'pass' })
  })

  it('is not judged by a champion that is broken itself', () => {
    const failures = { challenger: 0, champion: 1_500, both: 0 }
    expect(judgedPairs({ v2: { ...alike, failures } })).toMatchObject({ verdict: 'invalid', reason: /control broken/ })
  })

  it('shows agreement, refutes it, or waits', () => {
    const stage = { agreement: { least: 0.95, alpha: 0.05 } }
    const agreed = (share: number) => ({ ...alike, agreed: Math.round(2_000 * share) })
    const verdict = (share: number) => judgedPairs({ v2: agreed(share) }, { stage }).arms?.['v2']?.verdict
    expect([verdict(0.99), verdict(0.953), verdict(0.9)]).toEqual(['pass', 'insufficient', 'fail'])
    expect(judgedPairs({ v2: pairEvidence({ pairs: 2_000 }) }, { stage }).verdict).toBe('insufficient')
  })

  it('is held against the label on the same rows: no worse by less than the margin, or better', () => {
    const stage = { goal: accuracyGoal }
    const better = {
      ...accuracyGoal,
      margin: 0,
      goal: { kind: 'improve', direction: 'increase', minimumEffect: null },
    } as const
    const goal = (evidence: Partial<PairEvidence>, one: Partial<ShadowPlan>) =>
      judgedPairs({ v2: { ...alike, ...evidence } }, { stage: one }).goal?.verdict
    expect(goal(labels(10, 10), stage)).toBe('pass')
    expect(goal(labels(100, 100), stage)).toBe('insufficient')
    expect(goal(labels(10, 150), stage)).toBe('fail')
    expect(goal(labels(60, 20), { goal: better })).toBe('pass')
    expect(goal(labels(20, 60), { goal: better })).toBe('fail')
  })

  it('of several has a share of the chance of a false pass', () => {
    const found = judgedPairs({ v2: alike, v3: alike }, { stage: { goal: accuracyGoal } })
    expect(found.arms?.['v3']?.checks.find(({ role }) => role === 'goal')?.check.alpha).toBe(0.025)
  })

  it('is guarded by latencies of the same requests', () => {
    const sketch = (ms: number) => {
      const made = new DDSketch()
      for (let index = 0; index < 1_000; index += 1) made.add(ms + (index % 10))
      return made
    }
    const guardrails: MetricCheck[] = [
      { metric: 'latency-p50', measure: { kind: 'latency', quantile: 0.5 }, margin: 0.2, alpha: 0.01, minEvents: 100 },
    ]
    const verdict = (ms: number) =>
      judgedPairs(
        { v2: { ...alike, latencyMs: { champion: sketch(20), challenger: sketch(ms) } } },
        { plan: { guardrails } },
      ).verdict
    expect([verdict(20), verdict(60)]).toEqual(['pass', 'fail'])
  })

  it('has the means of other metrics compared pair by pair, in the direction that is better', () => {
    const moments = (mean: readonly number[], rho: number) => ({
      n: 2_000,
      mean,
      covariance: [
        [1, rho],
        [rho, 1],
      ],
    })
    const verdict = (spec: MetricSpec, mean: readonly number[], rho: number) =>
      judgedPairs(
        { v2: { ...alike, metrics: { own: moments(mean, rho) } } },
        { plan: { guardrails: [declared(spec)] } },
      ).verdict
    expect(verdict({ type: 'mae' }, [1, 1], 0.9)).toBe('pass')
    expect(verdict({ type: 'mae' }, [1, 1.2], 0.9)).toBe('fail')
    expect(verdict({ type: 'mae' }, [1, 1.2], 0)).toBe('insufficient')
    expect(verdict({ type: 'mrr', at: 10 }, [1, 1.2], 0.9)).toBe('pass')
    expect(verdict({ type: 'mrr', at: 10 }, [1, 0.8], 0.9)).toBe('fail')
  })
})

describe('what pairs cannot tell', () => {
  const guardrails = [declared({ type: 'mean', of: { from: 'reward' } })]

  it('is told as such, and is no pass where no later stage judges it', () => {
    const found = judgedPairs({ v2: alike }, { plan: { guardrails } })
    expect(found.checks[0]).toMatchObject({ verdict: 'insufficient', reason: /not judged on pairs: callers met/ })
    expect(found.verdict).toBe('insufficient')
  })

  it('is told as such and left to a later stage', () => {
    const stages = [shadowPlan(), canaryPlan()]
    const found = judgedPairs({ v2: alike }, { plan: { guardrails, stages } })
    expect(found.checks[0]).toMatchObject({ verdict: 'insufficient', reason: /not judged on pairs/ })
    expect(found.verdict).toBe('pass')
  })
})

describe('of several challengers', () => {
  const broken = { ...alike, failures: { challenger: 200, champion: 0, both: 0 } }

  it('the whole fails when all of them are harmful', () => {
    expect(judgedPairs({ v2: broken, v3: alike }).verdict).toBe('insufficient')
    expect(judgedPairs({ v2: broken, v3: broken }).verdict).toBe('fail')
    const worse = { ...alike, ...labels(10, 150) }
    expect(judgedPairs({ v2: worse, v3: broken }, { stage: { goal: accuracyGoal } }).verdict).toBe('insufficient')
  })

  it('those that are dropped are looked at no more', () => {
    const dropped = [{ version: 'v2', cause: 'guardrail', reason: 'failed' }]
    const found = judgedPairs({ v2: broken, v3: alike }, { state: { dropped } })
    expect([Object.keys(found.arms ?? {}), found.verdict]).toEqual([['v3'], 'pass'])
  })
})

it('a replay is judged by its report: failures and agreement, and nothing else', () => {
  const report = { id: 'r', version: 'v2', sent: 500, answered: 500, compared: 500, agreed: 470, reason: '' }
  const examples = [{ prediction: 'p1', reason: 'another answer', expected: '3', answered: '5' }]
  const replays = { v2: { state: 'reported' as const, runs: 1, sinceMs: 0, report: { ...report, examples } } }
  const stage = { mode: 'replay', agreement: { least: 0.9, alpha: 0.05 } } as const
  const found = judgedPairs({ v2: pairEvidence() }, { stage, state: { replays } })
  expect(found.verdict).toBe('pass')
  expect(found.arms?.['v2']?.pairs).toMatchObject({
    pairs: 500,
    agreed: 470,
    examples: [{ prediction: 'p1', note: 'another answer: 3 against 5' }],
  })
})

it('in probation late labels of pairs still take the winner back', () => {
  const release = shadowRelease(shadowPlan({ goal: accuracyGoal }))
  const late = { ...release, phase: { kind: 'probation', untilMs: 1e6 } as const }
  expect(judge(late, pairsSeen({ v2: { ...alike, ...labels(10, 150) } })).verdict).toBe('fail')
  expect(judge(late, pairsSeen({ v2: { ...alike, ...labels(10, 10) } })).verdict).not.toBe('fail')
})
