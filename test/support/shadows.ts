/** Small builders for tests of challengers: plans, judgements of arms, evidence from counts. */
import { type EpochEvidence, emptyPairEvidence, type PairEvidence } from '../../src/core/evidence.ts'
import type { ArmJudgement, CheckResult, Judgement, PairNumbers, Verdict } from '../../src/core/judge/judgement.ts'
import type { GoalCheck } from '../../src/core/metric-check.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import type { ShadowPlan } from '../../src/core/stage-plans.ts'
import type { ReleaseState } from '../../src/core/state.ts'
import { shadow } from '../../src/core/strategies/shadow.ts'
import type { ShadowState } from '../../src/core/strategies/shadow-state.ts'
import { judgement, releasePlan } from './releases.ts'

export const accuracyGoal: GoalCheck = {
  metric: 'accuracy',
  measure: { kind: 'accuracy' },
  margin: 0.01,
  alpha: 0.05,
  minEvents: 100,
  goal: { kind: 'no-worse' },
}

export function shadowPlan(over: Partial<ShadowPlan> = {}): ShadowPlan {
  return {
    kind: 'shadow',
    challengers: ['v2'],
    mode: 'live',
    fractionPpm: 1_000_000,
    budget: { ratePerSecondMax: null, concurrencyMax: 4, queueMax: 16, bodyBytesMax: 1_000, timeoutMs: 1_000 },
    methods: ['POST'],
    paths: null,
    comparator: { kind: 'label' },
    pairs: 100,
    floorMs: 0,
    ceilingMs: null,
    agreement: null,
    goal: null,
    examples: 3,
    ...over,
  }
}

export type ArmFacts = {
  requests?: number
  goal?: Verdict
  /** Of the goal: the less the better. */
  harm?: number
  agreement?: Verdict
  guardrail?: Verdict
}

export function arm(verdict: Verdict, facts: ArmFacts = {}): ArmJudgement {
  const { requests = 100, goal = 'pass', agreement = 'pass' } = facts
  const { validity } = judgement(verdict === 'invalid' ? 'invalid' : 'pass')
  return {
    verdict,
    reason: `the pairs say ${verdict}`,
    goal: { verdict: goal, reason: `the goal is ${goal}` },
    validity,
    checks: [
      ...(facts.guardrail === undefined ? [] : [check('guardrail', facts.guardrail, null)]),
      check('goal', goal, facts.harm ?? 0),
    ],
    requests,
    pairs: pairNumbers(agreement),
  }
}

function check(role: 'guardrail' | 'goal', verdict: Verdict, harm: number | null): CheckResult {
  const side = (version: string) => ({ version, trials: 0, events: null, value: null })
  return {
    check: accuracyGoal,
    role,
    verdict,
    reason: '',
    candidate: side('v2'),
    stable: side('v1'),
    harm: { estimate: harm, lower: null, upper: null },
    logEvidence: null,
    method: '',
    strata: [],
  }
}

function pairNumbers(verdict: Verdict): PairNumbers {
  const { latencyMs: _latencyMs, metrics: _metrics, ...numbers } = emptyPairEvidence()
  return {
    ...numbers,
    agreement: { least: null, verdict, reason: '', estimate: null, lower: null, upper: null, alpha: 0.05 },
  }
}

/** A look at these challengers. */
export function seenArms(arms: Readonly<Record<string, ArmJudgement>>, over: Partial<Judgement> = {}): Judgement {
  return judgement('insufficient', { arms, ...over })
}

export function pairEvidence(over: Partial<PairEvidence> = {}): PairEvidence {
  return { ...emptyPairEvidence(), ...over }
}

/** Evidence of one epoch in which these challengers answered copies. */
export function pairsSeen(pairs: Readonly<Record<string, PairEvidence>>): EpochEvidence[] {
  return [{ epoch: 2, versions: {}, pairs }]
}

export function shadowRelease(
  stage: ShadowPlan,
  over: { plan?: Partial<ReleasePlan>; state?: Partial<ShadowState> } = {},
): ReleaseState {
  return {
    id: 'digits-1',
    plan: releasePlan({ stages: [stage], ...over.plan }),
    actor: 'test',
    startedAtMs: 0,
    phase: {
      kind: 'running',
      stageIndex: 0,
      stage: { ...shadow.initial(stage), sinceMs: 0, candidate: 'v2', ...over.state },
      paused: false,
      hold: null,
    },
    epochs: [{ epoch: 2, candidatePpm: 0, sinceMs: 0 }],
    exposedFromMs: null,
    exposedToMs: null,
  }
}
