/** Advice from the domain to the wire; the release file of each plan as YAML. */
import { stringify } from 'yaml'
import type { WireAdvice, WireAdvicePlan } from '../contract/wire/advice.ts'
import type { Advice, Advised, Reason } from '../core/advise/advise.ts'
import type { Fact, Situation } from '../core/advise/situation.ts'
import { sources } from '../core/advise/sources.ts'

export function adviceView(situation: Situation, { plans, flags }: Advised): WireAdvice {
  const { spec, stable, ...facts } = situation
  const known = Object.entries(facts).map(([name, { value, from, note }]) => ({ name, value, from, note }))
  return {
    endpoint: spec.name,
    stable,
    situation: known,
    plans: plans.map(planView),
    flags: { wanted: flags.wanted, reasons: flags.reasons.map(reasonView) },
    open: asked.flatMap(([name, fact]) => (situation[fact].from === 'assumed' ? [name] : [])),
  }
}

/** What only people know, by the names of the request. */
const asked: readonly [string, Fact][] = [
  ['exposure', 'exposure'],
  ['downtime', 'downtime'],
  ['within', 'withinMs'],
  ['goal', 'goal'],
  ['onlyGoal', 'onlyGoal'],
  ['change', 'change'],
  ['expensive', 'expensive'],
  ['idempotent', 'idempotent'],
  ['groups', 'groups'],
  ['harm', 'harm'],
]

function planView(advice: Advice): WireAdvicePlan {
  const { rank, name, stages, possible, score, fit, misfit, refusals, figures, draft } = advice
  const { verdicts, capacity, exposure, rollback, ...plain } = figures
  return {
    rank,
    name,
    stages: [...stages],
    possible,
    score,
    fit: fit.map(reasonView),
    misfit: misfit.map(reasonView),
    refusals: refusals.map(({ allowed, ...one }) => ({
      ...one,
      ...(allowed !== undefined && { allowed: [...allowed] }),
    })),
    ...plain,
    rollback: { ...rollback },
    capacity: { ...capacity },
    verdicts: verdicts.map(need => ({ ...need, sample: need.sample === null ? null : { ...need.sample } })),
    exposure: { ...exposure },
    file: stringify(draft, { lineWidth: 100 }),
    document: { ...draft },
  }
}

function reasonView({ rule, effect, says, source }: Reason): WireAdvicePlan['fit'][number] {
  return { rule, effect, says, source: { ...sources[source] } }
}
