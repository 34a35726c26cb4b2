/** The evidence that tests of a goal need: an A/B test as it would be planned, and a race as if it were one. */
import { hypothesisOf } from '../hypothesis.ts'
import type { AbTestPlan, BanditPlan } from '../stage-plans.ts'
import { turned } from './baseline.ts'
import { plannedPower, sampleOf } from './samples.ts'
import type { Situation } from './situation.ts'
import type { VerdictNeed } from './verdict-need.ts'
import { span } from './words.ts'

const dayMs = 86_400_000

export function tested(situation: Situation, stage: AbTestPlan): VerdictNeed {
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
    says:
      hypothesis?.unknown ??
      `of each variant; the sample alone takes ${span((days ?? 0) * dayMs)} of the traffic that was recorded`,
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
export function raced(situation: Situation, stage: BanditPlan): VerdictNeed {
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
