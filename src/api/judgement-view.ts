/** A look at the evidence from the domain to the wire. */

import type { WireJudgement, WirePairNumbers } from '../contract/wire/judgement.ts'
import { columnNames } from '../core/bandit/context.ts'
import type { Reading } from '../core/external-metric.ts'
import type {
  ArmJudgement,
  BanditNumbers,
  CheckResult,
  ContextNumbers,
  Judgement,
  PairNumbers,
  SideNumbers,
} from '../core/judge/judgement.ts'
import type { Measure } from '../core/metric-check.ts'
import { marginUnitOf } from './plan-view.ts'
import { isoTime } from './views.ts'

export function judgementView(judgement: Judgement): WireJudgement {
  const { stepRequests, exposedRequests, exposedUnits, arms } = judgement
  return {
    version: judgement.version ?? 1,
    ...lookView(judgement),
    ...(arms !== undefined && { arms: Object.fromEntries(Object.entries(arms).map(armView)) }),
    bandit: judgement.bandit === undefined ? null : banditView(judgement.bandit),
    stepRequests,
    exposedRequests,
    exposedUnits,
  }
}

function armView([version, arm]: [string, ArmJudgement]) {
  const { requests, pairs } = arm
  return [version, { ...lookView(arm), requests, ...(pairs !== undefined && { pairs: pairsView(pairs) }) }] as const
}

function pairsView({ failures, agreement, labelled, examples, ...counts }: PairNumbers): WirePairNumbers {
  return {
    ...counts,
    failures: { ...failures },
    agreement: { ...agreement },
    labelled: { ...labelled },
    examples: examples.map(example => ({ ...example })),
  }
}

function lookView({ verdict, reason, validity, checks, goal }: Omit<ArmJudgement, 'requests'>) {
  return {
    verdict,
    reason,
    validity: {
      verdict: validity.verdict,
      reason: validity.reason,
      logEvidence: finite(validity.logEvidence),
      observed: [...validity.observed],
      expected: [...validity.expected],
      coverage: validity.coverage ?? null,
    },
    checks: checks.map(checkView),
    goal: goal ?? noGoal,
  }
}

function banditView({ arms, weights, leader, evidence, ends, context }: BanditNumbers): WireJudgement['bandit'] {
  return {
    arms: arms.map(arm => ({ ...arm })),
    weightsPpm: { ...weights },
    leader,
    evidence: evidence === null ? null : { ...evidence },
    ends,
    context: context === undefined ? null : contextView(context),
  }
}

function contextView({ policy: { features, fit }, ...numbers }: ContextNumbers) {
  const columns = columnNames(features)
  if (fit === null) return { ...numbers, columns, fit: null }
  const arms = fit.arms.map(({ version, coefficients, factor }) => ({
    version,
    coefficients: [...coefficients],
    factor: factor.map(row => [...row]),
  }))
  return { ...numbers, columns, fit: { width: fit.rule.width, scales: [...fit.columns], arms } }
}

const noGoal = { verdict: 'pass' as const, reason: '' }

function checkView(result: CheckResult): WireJudgement['checks'][number] {
  const { check, role, verdict, reason, harm, method, strata } = result
  return {
    metric: check.metric,
    role,
    verdict,
    reason,
    margin: check.margin,
    marginUnit: marginUnitOf(check.measure),
    ...ownBound(check.measure),
    ...countedOf(result),
    alpha: check.alpha,
    minEvents: check.minEvents,
    candidate: sideView(result.candidate),
    stable: sideView(result.stable),
    harm: { estimate: finite(harm.estimate), lower: finite(harm.lower), upper: finite(harm.upper) },
    logEvidence: finite(result.logEvidence),
    logEvidenceBelow: finite(result.logEvidenceBelow ?? null),
    ...(result.posterior !== undefined && { posterior: result.posterior }),
    method,
    dryRun: check.dryRun === true,
    readings: result.readings === undefined ? null : readingsView(result.readings),
    strata: strata.map(({ epoch, candidate, stable }) => ({
      epoch,
      candidate: { ...candidate },
      stable: { ...stable },
    })),
  }
}

function ownBound(measure: Measure): Pick<WireJudgement['checks'][number], 'bound'> {
  if (measure.kind !== 'external' || measure.bound.kind === 'margin') return {}
  const { kind, bound: value } = measure.bound
  return { bound: { kind, value } }
}

/** A share of wrong answers beside the name `accuracy` would be read as its opposite. */
function countedOf({ check, candidate, stable }: CheckResult): Pick<WireJudgement['checks'][number], 'counted'> {
  if (candidate.events === null && stable.events === null) return {}
  switch (check.measure.kind) {
    case 'error-rate':
      return { counted: 'errors' }
    case 'accuracy':
      return { counted: 'wrong' }
    default:
      return { counted: 'shortfall' }
  }
}

function readingsView({ candidate, stable }: NonNullable<CheckResult['readings']>) {
  const view = ({ atMs, value, detail }: Reading) => ({ at: isoTime(atMs), value: finite(value), detail })
  return { candidate: candidate.map(view), stable: stable.map(view) }
}

function sideView({ version, trials, events, value }: SideNumbers): WireJudgement['checks'][number]['candidate'] {
  return { version, trials, events: finite(events), value: finite(value) }
}

/** JSON has no infinity: an open end of an interval is null, as one without data is. */
export function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null
}
