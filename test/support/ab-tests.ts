/** Small builders for tests of A/B tests: plans, looks, evidence. */
import {
  type EpochEvidence,
  emptyVersionEvidence,
  type MetricEvidence,
  type VersionEvidence,
} from '../../src/core/evidence.ts'
import type { ArmJudgement, CheckResult, Judgement, Verdict } from '../../src/core/judge/judgement.ts'
import type { GoalCheck } from '../../src/core/metric-check.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import type { AbTestPlan } from '../../src/core/stage-plans.ts'
import type { ReleaseState } from '../../src/core/state.ts'
import { abTest } from '../../src/core/strategies/ab-test.ts'
import type { AbTestState } from '../../src/core/strategies/ab-test-state.ts'
import { judgement, releasePlan, stageContext } from './releases.ts'

export const conversion: MetricSpec = { type: 'mean', of: { from: 'reported', name: 'converted' }, unitLevel: true }

export function improvement(over: Partial<GoalCheck> = {}): GoalCheck {
  return {
    metric: 'conversion',
    measure: { kind: 'metric', spec: conversion, scale: 'relative' },
    margin: 0,
    alpha: 0.05,
    minEvents: 100,
    goal: { kind: 'improve', direction: 'increase', minimumEffect: 0.02 },
    ...over,
  }
}

export function abTestPlan(over: Partial<AbTestPlan> = {}): AbTestPlan {
  return {
    kind: 'abTest',
    variants: ['v2'],
    splitPpm: { v2: 500_000 },
    goal: improvement(),
    mode: 'sequential',
    correction: 'bonferroni',
    power: 0.8,
    threshold: null,
    floorMs: 0,
    ceilingMs: 1_000_000,
    approval: false,
    ...over,
  }
}

export const two = { variants: ['v2', 'v3'], splitPpm: { v2: 200_000, v3: 300_000 } } as const

export function hypothesis(needed: Readonly<Record<string, number>>): NonNullable<AbTestPlan['hypothesis']> {
  return { baseline: { n: 1_000, mean: 0.1, variance: 0.09, perDay: 1_000 }, needed, days: 7, unknown: null }
}

/** What one look says of a variant; benefit is relative, as an increase. */
export type ArmSeen = { goal: Verdict; benefit?: number; guards?: Verdict; trials?: number }

export function arm(version: string, { goal, benefit = 0, guards = 'pass', trials = 1_000 }: ArmSeen): ArmJudgement {
  const side = (name: string) => ({ version: name, trials, events: null, value: 0.1 })
  const check: CheckResult = {
    check: improvement(),
    role: 'goal',
    verdict: goal,
    reason: `the goal of ${version} says ${goal}`,
    candidate: side(version),
    stable: side('v1'),
    harm: { estimate: -benefit, lower: -benefit - 0.01, upper: -benefit + 0.01 },
    logEvidence: 0,
    logEvidenceBelow: 0,
    method: 'a test',
    strata: [],
  }
  return {
    verdict: guards,
    reason: `the guardrails of ${version} say ${guards}`,
    goal: { verdict: goal, reason: check.reason },
    validity: judgement('pass').validity,
    checks: [check],
    requests: trials,
  }
}

export function lookAt(arms: Readonly<Record<string, ArmSeen>>): Judgement {
  const told = Object.fromEntries(Object.entries(arms).map(([version, seen]) => [version, arm(version, seen)]))
  const verdicts = Object.values(told).map(({ verdict }) => verdict)
  const verdict = verdicts.every(one => one === 'fail') ? 'fail' : verdicts.includes('pass') ? 'pass' : 'insufficient'
  return judgement(verdict, { arms: told })
}

/** The state after the test was entered. */
export function enteredState(plan: AbTestPlan, over: Partial<AbTestState> = {}): AbTestState {
  return { ...abTest.step(plan, abTest.initial(plan), { type: 'entered', atMs: 0 }, stageContext()).state, ...over }
}

/** A release in its A/B test; epochs are of constant weights, beginning with epoch 2. */
export function testingRelease(
  plan: AbTestPlan,
  of: {
    epochs?: readonly Readonly<Record<string, number>>[]
    state?: Partial<AbTestState>
    release?: Partial<ReleasePlan>
  } = {},
): ReleaseState {
  const taken = Object.values(plan.splitPpm).reduce((sum, ppm) => sum + ppm, 0)
  const epochs = of.epochs ?? [{ v1: 1_000_000 - taken, ...plan.splitPpm }]
  return {
    id: 'digits-1',
    plan: releasePlan({ stages: [plan], guardrails: [], ...of.release }),
    actor: 'test',
    startedAtMs: 0,
    phase: { kind: 'running', stageIndex: 0, stage: enteredState(plan, of.state), paused: false, hold: null },
    epochs: epochs.map((weights, index) => ({
      epoch: index + 2,
      candidatePpm: weights['v2'] ?? 0,
      sinceMs: 0,
      weights,
    })),
    exposedFromMs: 0,
    exposedToMs: null,
  }
}

/** n units with a mean and the variance of one. */
export function units(n: number, mean: number, variance = mean * (1 - mean)): MetricEvidence {
  return { form: 'moments', moments: { n, mean: [mean], covariance: [[variance]] }, shared: [] }
}

export function served(metric: MetricEvidence | null, over: Partial<VersionEvidence> = {}): VersionEvidence {
  const n = metric?.form === 'moments' ? metric.moments.n : 0
  const metrics = metric === null ? {} : { conversion: metric }
  return {
    ...emptyVersionEvidence(),
    requests: n,
    answered: n,
    newUnits: n,
    unitsMet: n,
    unitsServed: n,
    metrics,
    ...over,
  }
}

export function epochsOf(...versions: readonly Readonly<Record<string, VersionEvidence>>[]): EpochEvidence[] {
  return versions.map((one, index) => ({ epoch: index + 2, versions: one }))
}
