/**
 * What is known in the field about choosing a strategy, as data: when a rule holds, of which plans, with which weight, in
 * one sentence, from which source. Weights add up; a veto excludes. A weight of 1 is a preference, 2 a reason, 3 a strong
 * one, 4 what the strategy is made for. Every further stage of a plan costs 2, so that one is added for a reason only.
 */
import type { Problem } from '../../errors.ts'
import type { StageKind } from '../../stage-plans.ts'
import type { Figures } from '../figures.ts'
import type { Option } from '../options.ts'
import type { Situation } from '../situation.ts'
import type { SourceName } from '../sources.ts'
import type { VerdictNeed } from '../verdict-need.ts'
import { plural, span } from '../words.ts'

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

export const dayMs = 86_400_000
/** Arms from which on a bandit's saving is worth its price. */
export const manyArms = 3
/** Rewards that take more than this share of the time there is come too late to be followed. */
export const lateShare = 0.2

export const hasGoal = ({ situation }: View): boolean => situation.goal.value !== null
/** Somebody said what is to improve, or that it is all that counts. */
export const wantsGoal = ({ situation }: View): boolean =>
  situation.goal.value !== null && (situation.goal.from === 'stated' || situation.onlyGoal.value)
export const isSeveral = ({ situation }: View): boolean => situation.candidates.value.length > 1
export const needMs = ({ figures }: View): number | null => figures.totalMs
export const timeMs = ({ situation }: View): number => situation.withinMs.value ?? 28 * dayMs
export const isInTime = (view: View): boolean => {
  const ms = needMs(view)
  return ms !== null && ms <= timeMs(view)
}
/** A stage whose time is not known makes no plan earlier: what is known of the others, and of its sample, is its least. */
export const leastMs = (view: View): number =>
  view.figures.verdicts.reduce((sum, verdict) => sum + (verdict.expectedMs ?? sampleMs(view, verdict)), 0)
export const isTooLate = (view: View): boolean => leastMs(view) > timeMs(view)
export const isUrgent = ({ situation }: View): boolean =>
  (situation.withinMs.value ?? Number.POSITIVE_INFINITY) <= 7 * dayMs
export const followsShadow = ({ option }: View): boolean => option[0] === 'shadow'
export const endsIn =
  (kind: StageKind) =>
  ({ option }: View): boolean =>
    option.at(-1) === kind
export const isScarce = ({ situation }: View): boolean =>
  (situation.requestsPerSecond.value ?? Number.POSITIVE_INFINITY) < 0.1
export const comparesSeveral: ReadonlySet<StageKind> = new Set(['shadow', 'abTest', 'bandit'])

/** A unit or a pair takes a request at the least; 0 where traffic or sample are not known. */
function sampleMs({ situation }: View, { sample }: VerdictNeed): number {
  const rate = situation.requestsPerSecond.value ?? 0
  return sample === null || rate === 0 ? 0 : (sample.needed * 1_000) / rate
}

export function armsOf({ situation }: View): number {
  return situation.candidates.value.length + 1
}

export function showsGoal(kind: StageKind): boolean {
  return kind === 'abTest' || kind === 'bandit'
}

export function extraFleet({ figures }: View): string {
  return `${plural(figures.capacity.extraInstances, 'instance')} above the ${plural(figures.capacity.peakInstances - figures.capacity.extraInstances, 'instance')} of today`
}

export function instanceHours({ figures }: View): string {
  const { instanceHours: hours } = figures.capacity
  return hours === null ? '' : `${Math.round(hours)} instance-hours more`
}

export function sampleOfTest({ figures }: View): string {
  const need = figures.verdicts.find(({ stage }) => stage === 'abTest')
  if (need?.sample == null || need.expectedMs === null) return ''
  return `${need.sample.needed} ${need.of} of each variant, about ${span(need.expectedMs)}`
}
