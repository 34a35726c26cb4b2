/**
 * Which strategy to use: every plan that is known is drafted, planned as the server would plan it, measured, and weighed by
 * the rules. Pure and deterministic: the same situation gives the same advice, and each rank says which sentences made it.
 */
import type { Problem } from '../errors.ts'
import type { GoalCheck } from '../metric-check.ts'
import { withHypotheses } from './baseline.ts'
import { draftOf, type ReleaseDraft } from './draft.ts'
import { type Figures, figuresOf, type Planned } from './figures.ts'
import { nameOf, type Option, options } from './options.ts'
import type { Rule, View } from './rules/rule.ts'
import { rules } from './rules/rules.ts'
import type { Situation } from './situation.ts'
import type { SourceName } from './sources.ts'

/** What the server would make of a document: compiled, completed by the endpoint, and everything it would refuse. */
export type Planner = (draft: ReleaseDraft) => Planned

export type Reason = { rule: string; effect: number | 'veto'; says: string; source: SourceName }

export type Advice = {
  /** From 1. */
  rank: number
  name: string
  stages: Option
  /** No rule excludes it, and the server would start it. */
  possible: boolean
  /** The sum of the weights of its reasons. */
  score: number
  fit: readonly Reason[]
  misfit: readonly Reason[]
  refusals: readonly Problem[]
  figures: Figures
  draft: ReleaseDraft
}

export type Advised = {
  plans: readonly Advice[]
  flags: { wanted: boolean; reasons: readonly Reason[] }
}

export function advise(situation: Situation, planner: Planner): Advised {
  const weighed = options.flatMap(option => {
    const draft = draftOf(situation, option)
    return draft === null ? [] : [weigh(situation, { option, draft, planned: planner(draft) })]
  })
  const ranked = weighed.map(({ advice }) => advice).toSorted(byMerit)
  const [first] = weighed
  const reasons = first === undefined ? [] : reasonsOf(first.view, 'flags')
  return {
    plans: ranked.map((advice, index) => ({ ...advice, rank: index + 1 })),
    flags: { wanted: scoreOf(reasons) > 0, reasons },
  }
}

/** The check of a test on the goal, with its definition: what a baseline is asked for. Null where there is no goal. */
export function goalCheckOf(situation: Situation, planner: Planner): GoalCheck | null {
  const draft = situation.goal.value === null ? null : draftOf(situation, ['abTest'])
  const stage = draft === null ? undefined : planner(draft).plan.stages[0]
  return stage?.kind === 'abTest' && stage.goal.measure.kind !== 'declared' ? stage.goal : null
}

type Drafted = { option: Option; draft: ReleaseDraft; planned: Planned }

function weigh(situation: Situation, { option, draft, planned: bare }: Drafted): { view: View; advice: Advice } {
  const planned = { ...bare, plan: withHypotheses(situation, bare.plan) }
  const figures = figuresOf(situation, planned)
  const view = { situation, option, figures, problems: planned.problems }
  const reasons = reasonsOf(view, 'any', ...option)
  const isExcluded = reasons.some(({ effect }) => effect === 'veto')
  const advice: Advice = {
    rank: 0,
    name: nameOf(option),
    stages: option,
    possible: !isExcluded && planned.problems.length === 0,
    score: scoreOf(reasons),
    fit: reasons.filter(({ effect }) => effect !== 'veto' && effect > 0),
    misfit: reasons.filter(({ effect }) => effect === 'veto' || effect < 0),
    refusals: planned.problems,
    figures,
    draft,
  }
  return { view, advice }
}

function reasonsOf(view: View, ...of: readonly Rule['of'][]): Reason[] {
  return rules
    .filter(rule => of.includes(rule.of) && rule.when(view))
    .map(rule => {
      const detail = rule.detail?.(view) ?? ''
      const says = detail === '' ? rule.says : `${rule.says} (${detail})`
      return { rule: rule.name, effect: rule.effect, says, source: rule.source }
    })
}

function scoreOf(reasons: readonly Reason[]): number {
  return reasons.reduce((sum, { effect }) => sum + (effect === 'veto' ? 0 : effect), 0)
}

/** What is possible first, then by weight, then by how few would meet a bad candidate; otherwise in the order of the options. */
function byMerit(a: Advice, b: Advice): number {
  if (a.possible !== b.possible) return a.possible ? -1 : 1
  if (a.score !== b.score) return b.score - a.score
  return met(a) - met(b)
}

function met({ figures }: Advice): number {
  return figures.exposure.requests ?? Number.MAX_SAFE_INTEGER
}
