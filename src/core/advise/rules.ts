/**
 * What is known in the field about choosing a strategy, as data: when a rule holds, of which plans, with which weight, in
 * one sentence, from which source. Weights add up; a veto excludes. A weight of 1 is a preference, 2 a reason, 3 a strong
 * one, 4 what the strategy is made for. Every further stage of a plan costs 2, so that one is added for a reason only.
 */
import type { Problem } from '../errors.ts'
import type { StageKind } from '../stage-plans.ts'
import type { Figures } from './figures.ts'
import type { Option } from './options.ts'
import type { Situation } from './situation.ts'
import type { SourceName } from './sources.ts'
import { plural, span } from './words.ts'

/** What a rule may look at. */
export type View = { situation: Situation; option: Option; figures: Figures; problems: readonly Problem[] }

export type Rule = {
  name: string
  /** Plans with this stage; any plan; or flags, which go with every plan. */
  of: StageKind | 'any' | 'flags'
  effect: number | 'veto'
  /** When it holds, in words. */
  if: string
  when(view: View): boolean
  says: string
  /** The numbers behind it, where there are any. */
  detail?(view: View): string
  source: SourceName
}

const dayMs = 86_400_000
/** Arms from which on a bandit's saving is worth its price. */
const manyArms = 3
/** Below this share of the verdict's time rewards are quick enough to follow. */
const lateShare = 0.2

const hasGoal = ({ situation }: View): boolean => situation.goal.value !== null
/** Somebody said what is to improve, or that it is all that counts. */
const wantsGoal = ({ situation }: View): boolean =>
  situation.goal.value !== null && (situation.goal.from === 'stated' || situation.onlyGoal.value)
const isSeveral = ({ situation }: View): boolean => situation.candidates.value.length > 1
const needMs = ({ figures }: View): number | null => figures.totalMs
const isInTime = (view: View): boolean => {
  const { value } = view.situation.withinMs
  const ms = needMs(view)
  return ms !== null && ms <= (value ?? 28 * dayMs)
}
const isTooLate = (view: View): boolean => needMs(view) !== null && !isInTime(view)
const isUrgent = ({ situation }: View): boolean => (situation.withinMs.value ?? Number.POSITIVE_INFINITY) <= 7 * dayMs
const followsShadow = ({ option }: View): boolean => option[0] === 'shadow'
const endsIn =
  (kind: StageKind) =>
  ({ option }: View): boolean =>
    option.at(-1) === kind
const isScarce = ({ situation }: View): boolean => (situation.requestsPerSecond.value ?? Number.POSITIVE_INFINITY) < 0.1
const comparesSeveral: ReadonlySet<StageKind> = new Set(['shadow', 'abTest', 'bandit'])

export const rules: readonly Rule[] = [
  {
    name: 'unjudged-exposure',
    of: 'any',
    effect: 'veto',
    if: 'users may not meet the candidate before it is judged, and the plan gives it their requests first',
    when: ({ situation, figures }) => !situation.exposure.value && figures.exposesUnjudged,
    says: 'callers would get answers that nothing has judged yet',
    source: 'sagemaker',
  },
  {
    name: 'downtime-not-allowed',
    of: 'any',
    effect: 'veto',
    if: 'callers must always be answered, and the plan stops the old version before the new one starts',
    when: ({ situation, figures }) => !situation.downtime.value && !figures.zeroDowntime,
    says: 'nobody serves between the end of the old version and the start of the new one',
    source: 'kubernetes',
  },
  {
    name: 'copies-repeat-effects',
    of: 'shadow',
    effect: 'veto',
    if: 'a request does something in the world',
    when: ({ situation }) => !situation.idempotent.value,
    says: 'a copy of a request would do again what the request did',
    source: 'sagemaker',
  },
  {
    name: 'test-without-goal',
    of: 'abTest',
    effect: 'veto',
    if: 'no metric of what users do is declared',
    when: view => !hasGoal(view),
    says: 'a test needs a hypothesis about a metric, and the endpoint declares none of what users do',
    source: 'kohavi',
  },
  {
    name: 'bandit-without-reward',
    of: 'bandit',
    effect: 'veto',
    if: 'no metric of what users do is declared',
    when: view => !hasGoal(view),
    says: 'a bandit needs a reward to follow, and the endpoint declares none',
    source: 'growthbook',
  },
  {
    name: 'tested-unseen',
    of: 'shadow',
    effect: 4,
    if: 'users may not meet the candidate before it is judged',
    when: ({ situation }) => !situation.exposure.value,
    says: 'it answers real requests while nobody but you sees the answers',
    source: 'sagemaker',
  },
  {
    name: 'complex-change-unseen',
    of: 'shadow',
    effect: 3,
    if: 'the change is complex',
    when: ({ situation }) => situation.change.value === 'complex',
    says: 'what a complex change breaks shows on real requests, and here it shows before anybody is hurt',
    source: 'huyen',
  },
  {
    name: 'pairs-need-fewer',
    of: 'shadow',
    effect: 3,
    if: 'there are fewer than six requests a minute',
    when: isScarce,
    says: 'two answers to the same request tell versions apart with a fraction of the requests that a split needs',
    source: 'shadow',
  },
  {
    name: 'several-on-the-same-requests',
    of: 'shadow',
    effect: 2,
    if: 'there are several candidates',
    when: isSeveral,
    says: 'all candidates answer the same requests and are compared with each other at once',
    source: 'shadow',
  },
  {
    name: 'copies-see-no-reaction',
    of: 'shadow',
    effect: -2,
    if: 'the shadow decides, and a goal is to improve',
    when: view => wantsGoal(view) && endsIn('shadow')(view),
    says: 'it cannot tell what users do with answers that they never got',
    source: 'huyen',
  },
  {
    name: 'shadow-then-everybody',
    of: 'shadow',
    effect: -2,
    if: 'the shadow is the last stage',
    when: endsIn('shadow'),
    says: 'after it everybody gets at once what no caller has met: let a step that can be taken back follow',
    source: 'sre',
  },
  {
    name: 'shadow-fleet-is-dear',
    of: 'shadow',
    effect: -2,
    if: 'instances are expensive, and no bodies are kept that one instance could answer instead',
    when: ({ situation }) => situation.expensive.value && situation.spec.payloadSamplePpm === 0,
    says: 'the challenger needs a fleet of its own beside the champion',
    detail: extraFleet,
    source: 'guardrails',
  },
  {
    name: 'simple-hypothesis',
    of: 'abTest',
    effect: 4,
    if: 'the change is simple, a goal is to improve, and the sample comes in time',
    when: view => view.situation.change.value === 'simple' && wantsGoal(view) && isInTime(view),
    says: 'one change, one metric and enough traffic: the effect is measured, not guessed',
    detail: sampleOfTest,
    source: 'kohavi',
  },
  {
    name: 'unbiased-effect',
    of: 'abTest',
    effect: 2,
    if: 'a goal is to improve, and other metrics, or what is learned, count too',
    when: view => wantsGoal(view) && isInTime(view) && !view.situation.onlyGoal.value,
    says: 'constant shares estimate every metric without bias, which traffic that follows rewards does not',
    source: 'growthbook',
  },
  {
    name: 'sample-not-known',
    of: 'abTest',
    effect: -2,
    if: 'nothing is known of the goal on the stable version',
    when: ({ situation }) => situation.goal.value !== null && situation.baseline.value === null,
    says: 'no sample can be planned, so nobody knows whether the test can end',
    detail: ({ situation }) => situation.baseline.note,
    source: 'kohavi',
  },
  {
    name: 'goal-is-not-all-yet',
    of: 'abTest',
    effect: -2,
    if: 'the change is complex',
    when: ({ situation }) => situation.change.value === 'complex',
    says: 'a test of one metric does not tell which part of a complex change made it move',
    source: 'kohavi',
  },
  {
    name: 'half-meets-it',
    of: 'abTest',
    effect: -1,
    if: 'the test is the first stage',
    when: ({ option }) => option[0] === 'abTest',
    says: 'a large share meets the candidate from the first minute on',
    source: 'strategies',
  },
  {
    name: 'test-fleets-are-dear',
    of: 'abTest',
    effect: -3,
    if: 'instances are expensive',
    when: ({ situation }) => situation.expensive.value,
    says: 'both fleets run in full for as long as the sample takes',
    detail: instanceHours,
    source: 'guardrails',
  },
  {
    name: 'arms-are-dear',
    of: 'bandit',
    effect: -2,
    if: 'instances are expensive',
    when: ({ situation }) => situation.expensive.value,
    says: 'every arm has a fleet of its own for as long as the race takes',
    detail: instanceHours,
    source: 'guardrails',
  },
  {
    name: 'many-arms-one-reward',
    of: 'bandit',
    effect: 4,
    if: 'there are three arms or more, and the goal is all that counts',
    when: view => hasGoal(view) && view.situation.onlyGoal.value && armsOf(view) >= manyArms,
    says: 'traffic leaves the lesser arms while they are found out',
    source: 'growthbook',
  },
  {
    name: 'reward-is-all',
    of: 'bandit',
    effect: 2,
    if: 'the goal is all that counts',
    when: view => hasGoal(view) && view.situation.onlyGoal.value,
    says: 'what is earned meanwhile counts, and nothing else has to be learned',
    source: 'growthbook',
  },
  {
    name: 'no-time-to-learn-first',
    of: 'bandit',
    effect: 2,
    if: 'a decision must fall within a week, and the goal is all that counts',
    when: view => isUrgent(view) && hasGoal(view) && view.situation.onlyGoal.value,
    says: 'there is no time to learn first and earn afterwards: a bandit does both at once',
    source: 'huyen',
  },
  {
    name: 'biased-by-design',
    of: 'bandit',
    effect: -3,
    if: 'other metrics, or what is learned, count too',
    when: ({ situation }) => !situation.onlyGoal.value,
    says: 'shares that follow one reward make every other estimate harder, and few requests are left for what lost early',
    source: 'growthbook',
  },
  {
    name: 'two-arms-are-a-test',
    of: 'bandit',
    effect: -2,
    if: 'there are two arms',
    when: view => armsOf(view) < manyArms,
    says: 'with two arms there is little to save, and a test says more',
    source: 'growthbook',
  },
  {
    name: 'late-rewards',
    of: 'bandit',
    effect: -3,
    if: 'rewards take longer than a fifth of the time there is',
    when: ({ situation }) => situation.goalDelayMs.value > lateShare * (situation.withinMs.value ?? 7 * dayMs),
    says: 'weights follow rewards that come too late to be followed',
    detail: ({ situation }) => `nine of ten have come after ${span(situation.goalDelayMs.value)}`,
    source: 'bandit',
  },
  {
    name: 'watched-in-small-shares',
    of: 'canary',
    effect: 4,
    if: 'users may meet the candidate before it is judged',
    when: ({ situation, option }) => situation.exposure.value && option[0] === 'canary',
    says: 'a small share meets it, is watched against the stable version at the same time, and grows on evidence',
    source: 'sre',
  },
  {
    name: 'judged-then-in-small-shares',
    of: 'canary',
    effect: 4,
    if: 'a shadow has judged the candidate before',
    when: followsShadow,
    says: 'callers meet what has passed on copies, first in small shares',
    source: 'sre',
  },
  {
    name: 'canary-before-the-test',
    of: 'canary',
    effect: 1,
    if: 'a test follows',
    when: ({ option }) => option.includes('abTest'),
    says: 'a version that is broken is found by few before half of the users meet it',
    source: 'strategies',
  },
  {
    name: 'shares-of-a-group',
    of: 'canary',
    effect: 1,
    if: 'exposure depends on groups of users',
    when: ({ situation }) => situation.groups.value.length > 0,
    says: 'it takes a share of the group and compares it with the rest of the group',
    source: 'releases',
  },
  {
    name: 'steps-without-traffic',
    of: 'canary',
    effect: -3,
    if: 'there are fewer than six requests a minute',
    when: isScarce,
    says: 'a small share of little traffic is no evidence: its steps would wait for days',
    source: 'evidence',
  },
  {
    name: 'both-fleets-are-dear',
    of: 'canary',
    effect: -2,
    if: 'instances are expensive',
    when: ({ situation }) => situation.expensive.value,
    says: 'both fleets run in full until the end',
    detail: extraFleet,
    source: 'argo',
  },
  {
    name: 'switch-at-once',
    of: 'blueGreen',
    effect: 4,
    if: 'callers must always be answered, and the change is complex',
    when: ({ situation }) => !situation.downtime.value && situation.change.value === 'complex',
    says: 'the whole of it is tried where no caller is, and everybody is switched, and back, in one moment',
    source: 'blue-green',
  },
  {
    name: 'never-side-by-side',
    of: 'blueGreen',
    effect: 1,
    if: 'always',
    when: () => true,
    says: 'no two versions answer callers at the same time',
    source: 'argo',
  },
  {
    name: 'double-fleet-is-dear',
    of: 'blueGreen',
    effect: -4,
    if: 'instances are expensive',
    when: ({ situation }) => situation.expensive.value,
    says: 'green stands beside blue in full, and blue stays warm after the switch',
    detail: extraFleet,
    source: 'guardrails',
  },
  {
    name: 'everybody-after-the-switch',
    of: 'blueGreen',
    effect: -1,
    if: 'the change is simple',
    when: ({ situation }) => situation.change.value === 'simple',
    says: 'after the switch everybody has met it, and before is compared with after',
    source: 'strategies',
  },
  {
    name: 'little-surplus',
    of: 'rolling',
    effect: 5,
    if: 'instances are expensive, and callers must always be answered',
    when: ({ situation }) => situation.expensive.value && !situation.downtime.value,
    says: 'it replaces instance by instance, with one above the fleet at most',
    detail: extraFleet,
    source: 'kubernetes',
  },
  {
    name: 'gradual-replacement',
    of: 'rolling',
    effect: 1,
    if: 'the fleet has three instances or more',
    when: ({ situation }) => situation.instances.value >= 3,
    says: 'each batch moves a small share of a large fleet',
    source: 'guardrails',
  },
  {
    name: 'shares-by-instances',
    of: 'rolling',
    effect: -2,
    if: 'the fleet has fewer than three instances',
    when: ({ situation }) => situation.instances.value < 3,
    says: 'shares go by instances: the first batch of so small a fleet is half of the traffic, or all',
    source: 'argo',
  },
  {
    name: 'capacity-leaves-with-it',
    of: 'rolling',
    effect: -1,
    if: 'instances are not expensive',
    when: ({ situation }) => !situation.expensive.value,
    says: 'the way back takes as long as the way there, since the old instances are gone',
    source: 'argo',
  },
  {
    name: 'one-fleet-at-a-time',
    of: 'recreate',
    effect: 5,
    if: 'downtime is allowed, and instances are expensive',
    when: ({ situation }) => situation.downtime.value && situation.expensive.value,
    says: 'it needs no instance more than the larger of the two fleets',
    source: 'kubernetes',
  },
  {
    name: 'downtime-is-fine',
    of: 'recreate',
    effect: 3,
    if: 'downtime is allowed',
    when: ({ situation }) => situation.downtime.value,
    says: 'it is the simplest way, and never runs two versions at once',
    source: 'kubernetes',
  },
  {
    name: 'compares-nothing',
    of: 'recreate',
    effect: -2,
    if: 'no limits of the endpoint are watched',
    when: ({ situation }) => situation.spec.monitor === undefined,
    says: 'a version that answers nonsense in time stays until somebody looks: give the endpoint a monitor',
    source: 'strategies',
  },
  {
    name: 'one-candidate-only',
    of: 'any',
    effect: -4,
    if: 'there are several candidates, and the first stage takes one',
    when: view => isSeveral(view) && view.option[0] !== undefined && !comparesSeveral.has(view.option[0]),
    says: 'it takes one candidate, and the others are never compared',
    detail: ({ situation }) => `${plural(situation.candidates.value.length, 'candidate')}`,
    source: 'huyen',
  },
  {
    name: 'improvement-not-shown',
    of: 'any',
    effect: -1,
    if: 'a goal is to improve, and no stage of the plan can show it',
    when: view => wantsGoal(view) && !view.option.some(showsGoal),
    says: 'it shows that the candidate does no harm, not that it is better',
    source: 'kohavi',
  },
  {
    name: 'too-late',
    of: 'any',
    effect: -6,
    if: 'its verdicts take longer than there is time; without a deadline, longer than four weeks',
    when: isTooLate,
    says: 'its verdict would come too late',
    detail: view => `about ${span(needMs(view) ?? 0)} of ${span(view.situation.withinMs.value ?? 28 * dayMs)}`,
    source: 'evidence',
  },
  {
    name: 'further-stages',
    of: 'any',
    effect: -2,
    if: 'there are two stages',
    when: ({ option }) => option.length === 2,
    says: 'a second stage takes its own time, fleets and attention',
    source: 'releases',
  },
  {
    name: 'third-stage',
    of: 'any',
    effect: -4,
    if: 'there are three stages',
    when: ({ option }) => option.length >= 3,
    says: 'two further stages take their own time, fleets and attention',
    source: 'releases',
  },
  {
    name: 'flags-for-groups',
    of: 'flags',
    effect: 4,
    if: 'exposure depends on groups of users',
    when: ({ situation }) => situation.groups.value.length > 0,
    says: 'a flag gates the release by group, and can be changed without another one; `match` does so for one release',
    source: 'toggles',
  },
  {
    name: 'flags-as-kill-switch',
    of: 'flags',
    effect: 2,
    if: 'the change is complex',
    when: ({ situation }) => situation.change.value === 'complex',
    says: 'a flag around each part of a complex change can end that part alone',
    source: 'toggles',
  },
  {
    name: 'flags-not-needed',
    of: 'flags',
    effect: -1,
    if: 'exposure depends on no groups, and the change is simple',
    when: ({ situation }) => situation.groups.value.length === 0 && situation.change.value === 'simple',
    says: 'a flag is a part to look after, and nothing here asks for one',
    source: 'toggles',
  },
]

function armsOf({ situation }: View): number {
  return situation.candidates.value.length + 1
}

function showsGoal(kind: StageKind): boolean {
  return kind === 'abTest' || kind === 'bandit'
}

function extraFleet({ figures }: View): string {
  return `${plural(figures.capacity.extraInstances, 'instance')} above the ${plural(figures.capacity.peakInstances - figures.capacity.extraInstances, 'instance')} of today`
}

function instanceHours({ figures }: View): string {
  const { instanceHours: hours } = figures.capacity
  return hours === null ? '' : `${Math.round(hours)} instance-hours more`
}

function sampleOfTest({ figures }: View): string {
  const need = figures.verdicts.find(({ stage }) => stage === 'abTest')
  if (need?.sample == null || need.expectedMs === null) return ''
  return `${need.sample.needed} ${need.of} of each variant, about ${span(need.expectedMs)}`
}
