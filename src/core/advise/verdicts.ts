/** The evidence that each stage of a plan needs: what it asks, of how many, with which power, and how long that takes. */
import type { EndpointSpec } from '../endpoint.ts'
import { assertNever } from '../errors.ts'
import type { Forecast } from '../forecast.ts'
import { hypothesisOf } from '../hypothesis.ts'
import type { ReleasePlan } from '../plan.ts'
import type { AbTestPlan, BanditPlan, ShadowPlan, StageKind, StagePlan } from '../stage-plans.ts'
import { boundsOf, lengthOf } from '../strategies/roll-plan.ts'
import { turned } from './baseline.ts'
import { marginOf } from './choices.ts'
import { guardrailSample, pairsSample, plannedPower, type Sample, sampleOf } from './samples.ts'
import type { Situation } from './situation.ts'

export type VerdictNeed = {
  stage: StageKind
  /** What the sample is of. */
  asks: string
  of: 'requests' | 'units' | 'pairs' | 'nothing'
  /** Null where it cannot be planned; `says` tells why. */
  sample: Sample | null
  /** Until the stage's own verdict at the present traffic; null where that is not known. */
  expectedMs: number | null
  says: string
}

const dayMs = 86_400_000

export function verdictsOf(situation: Situation, plan: ReleasePlan, told: Forecast): VerdictNeed[] {
  return plan.stages.map((stage, index) => {
    const gates = told.stages[index]?.gates ?? []
    const times = gates.map(({ expectedMs }) => expectedMs)
    const gatesMs = times.includes(null) ? null : times.reduce<number>((sum, ms) => sum + (ms ?? 0), 0)
    return verdictOf(situation, { plan, stage, gatesMs })
  })
}

/** Of all stages, one after the other; null as soon as one is not known. */
export function totalMs(verdicts: readonly VerdictNeed[]): number | null {
  return verdicts.reduce<number | null>(
    (sum, { expectedMs }) => (sum === null || expectedMs === null ? null : sum + expectedMs),
    0,
  )
}

type Of<Stage extends StagePlan = StagePlan> = { plan: ReleasePlan; stage: Stage; gatesMs: number | null }

function verdictOf(situation: Situation, of: Of): VerdictNeed {
  const { stage, plan, gatesMs } = of
  switch (stage.kind) {
    case 'recreate':
      return nothingShown(
        stage.kind,
        'nothing is compared: the new version is kept if it can be kept running',
        stage.watchMs,
      )
    case 'rolling':
      if (stage.minRequests === 0)
        return nothingShown(stage.kind, 'batches wait for fleets alone: nobody calls the endpoint', gatesMs ?? 0)
      return guarded(situation, of, shareOfFirst(situation.spec, plan, stage))
    case 'canary':
      return guarded(situation, of, shareOfFirst(situation.spec, plan, stage))
    case 'blueGreen':
      // Before against after: as many of either.
      return guarded(situation, of, 0.5)
    case 'shadow':
      return paired(situation, { plan, stage, gatesMs })
    case 'abTest':
      return tested(situation, stage)
    case 'bandit':
      return raced(situation, stage)
    default:
      return assertNever(stage)
  }
}

function nothingShown(stage: StageKind, says: string, expectedMs: number): VerdictNeed {
  return { stage, asks: 'nothing', of: 'nothing', sample: null, expectedMs, says }
}

/** The candidate's share where callers first meet it, above 0 and below 1. */
export function shareOfFirst(spec: EndpointSpec, plan: ReleasePlan, stage: StagePlan): number {
  const share = firstShare(spec, plan, stage)
  return Math.min(0.99, Math.max(1e-6, share))
}

function firstShare({ versions }: EndpointSpec, { from, to }: ReleasePlan, stage: StagePlan): number {
  const sizeOf = (version: string) => versions[version]?.instances ?? 1
  switch (stage.kind) {
    case 'canary':
      return (stage.steps[0]?.weightPpm ?? 10_000) / 1_000_000
    case 'abTest':
      return Math.max(...Object.values(stage.splitPpm)) / 1_000_000
    case 'bandit':
      return 1 / stage.arms.length
    case 'rolling':
      return (
        (lengthOf(boundsOf(stage, { stable: sizeOf(from), candidate: sizeOf(to) })).sharesPpm[0] ?? 500_000) / 1_000_000
      )
    default:
      return 0.5
  }
}

/** The sample by which a guardrail would catch the harm that is feared. */
export function harmSample(situation: Situation, plan: ReleasePlan, share: number): Sample | null {
  const { harm, errorRate, wrongRate } = situation
  const { metric, by } = harm.value
  const check = plan.guardrails.find(({ measure }) => measure.kind === metric)
  return guardrailSample({
    rate: metric === 'error-rate' ? errorRate.value : (wrongRate.value ?? 0.1),
    harm: by,
    margin: check?.margin ?? marginOf(situation, metric),
    alpha: check?.alpha ?? 0.01,
    share,
  })
}

function guarded(situation: Situation, { plan, stage, gatesMs }: Of, share: number): VerdictNeed {
  const { metric, by } = situation.harm.value
  const late = metric === 'accuracy' ? situation.labelDelayMs.value : 0
  return {
    stage: stage.kind,
    asks: `a harm of ${points(by)} in ${metric} is caught`,
    of: 'requests',
    sample: harmSample(situation, plan, share),
    expectedMs: gatesMs === null ? null : gatesMs + late,
    says: 'requests of the candidate; a good one goes on as soon as its checks have enough and none is over its margin',
  }
}

function paired(situation: Situation, { stage, gatesMs }: Of<ShadowPlan>): VerdictNeed {
  const isShown = stage.goal !== null
  const margin = stage.goal?.margin ?? marginOf(situation, 'accuracy')
  const late = isShown ? situation.labelDelayMs.value : 0
  const isReplay = stage.mode === 'replay'
  return {
    stage: 'shadow',
    asks: isShown
      ? `${stage.goal?.metric} is no worse than ${points(margin)}`
      : `at least ${Math.round((stage.agreement?.least ?? 0) * 100)} % of the answers agree`,
    of: 'pairs',
    sample: isShown ? pairsSample({ discordance: situation.discordance.value, margin }) : null,
    // Recorded requests are there already.
    expectedMs: isReplay ? 0 : gatesMs === null ? null : gatesMs + late,
    says: isShown
      ? `${stage.pairs} pairs, of which ${points(situation.discordance.value)} are taken to be discordant`
      : `${stage.pairs} ${isReplay ? 'recorded requests' : 'pairs'}; how many would be needed depends on how often the versions agree`,
  }
}

function tested(situation: Situation, stage: AbTestPlan): VerdictNeed {
  const { hypothesis } = stage
  const fixed = fixedOf(situation, stage)
  const needed = hypothesis?.needed ?? null
  const days = hypothesis?.days ?? null
  const of = stage.goal.measure.kind === 'metric' && stage.goal.measure.spec.unitLevel === true ? 'units' : 'requests'
  return {
    stage: 'abTest',
    asks: `${stage.goal.metric} changes by the minimum effect`,
    of,
    sample:
      needed === null || fixed === null
        ? null
        : sampleOf({ alpha: stage.goal.alpha, fixed: mostOf(fixed, stage), needed: mostOf(needed, stage) }),
    expectedMs: days === null ? null : Math.max(stage.floorMs, days * dayMs) + situation.goalDelayMs.value,
    says: hypothesis?.unknown ?? `of each variant; ${days} days at the traffic that was recorded, at most`,
  }
}

function mostOf(needed: Readonly<Record<string, number>>, { variants }: AbTestPlan): number {
  return Math.max(1, ...variants.map(name => needed[name] ?? 0))
}

function fixedOf({ stable, baseline }: Situation, stage: AbTestPlan): Readonly<Record<string, number>> | null {
  if (baseline.value === null) return null
  const known = { known: true, baseline: turned(stage.goal, baseline.value) } as const
  return hypothesisOf({ ...stage, mode: 'fixed' }, stable, known).needed
}

/**
 * A race ends when its leader is shown to be the best: about what an even test of the minimum effect would need of each
 * arm. What it saves is paid to users, not time.
 */
function raced(situation: Situation, stage: BanditPlan): VerdictNeed {
  const test = evenTest(situation, stage)
  const need: VerdictNeed | null = test === null ? null : tested(situation, test)
  const says =
    need === null
      ? situation.baseline.note || 'the reward is not known of the stable version'
      : 'of each arm, as an even test would need; traffic that follows rewards gives the lesser arms fewer'
  return {
    stage: 'bandit',
    asks: `the best of ${stage.arms.length} arms in ${stage.reward.metric}`,
    of: need?.of ?? 'requests',
    sample: need?.sample ?? null,
    expectedMs: need?.expectedMs ?? null,
    says,
  }
}

/** The race as a test with even shares, planned as tests are; null without a baseline or a definition of the reward. */
function evenTest({ stable, goal, baseline }: Situation, { arms, reward, ceilingMs }: BanditPlan): AbTestPlan | null {
  const variants = arms.filter(arm => arm !== stable)
  const effect = effectOf(goal.value?.effect, baseline.value?.mean ?? 0)
  if (
    baseline.value === null ||
    reward.spec === null ||
    goal.value === null ||
    variants.length === 0 ||
    effect === null
  )
    return null
  const share = Math.floor(1_000_000 / (variants.length + 1))
  const plan: AbTestPlan = {
    kind: 'abTest',
    variants,
    splitPpm: Object.fromEntries(variants.map(arm => [arm, share])),
    goal: {
      metric: reward.metric,
      measure: { kind: 'metric', spec: { ...reward.spec, unitLevel: true }, scale: 'absolute' },
      margin: 0,
      alpha: 0.05,
      minEvents: 100,
      goal: { kind: 'improve', direction: goal.value.improve, minimumEffect: effect },
    },
    mode: 'sequential',
    correction: 'bonferroni',
    power: plannedPower,
    threshold: null,
    floorMs: 0,
    ceilingMs,
    approval: false,
  }
  return { ...plan, hypothesis: hypothesisOf(plan, stable, { known: true, baseline: baseline.value }) }
}

/** In the unit of the metric. */
function effectOf(text: string | undefined, mean: number): number | null {
  if (text === undefined) return null
  const size = Number.parseFloat(text)
  const effect = text.endsWith('pp') ? size / 100 : text.endsWith('%') ? (size / 100) * Math.abs(mean) : size
  return effect > 0 ? effect : null
}

function points(rate: number): string {
  return `${Number((rate * 100).toPrecision(3))} pp`
}
