/**
 * What another fixed policy (one version, or a split) would have earned, from a log whose choices were made by chance with
 * known propensities. Whether the log can answer comes first; where it cannot, there is a reason and no number. Pure.
 */
import { compareCoverage } from '../stats/delay/coverage.ts'
import { normalQuantile } from '../stats/numerics/special.ts'
import { addGroupToOffPolicy, type LoggedGroup } from '../stats/off-policy/grouped-rows.ts'
import {
  estimateOffPolicy,
  type OffPolicyEstimate,
  type OffPolicyMethod,
  type OffPolicyState,
  startOffPolicy,
} from '../stats/off-policy/off-policy.ts'
import { estimateOverlap, type Overlap } from '../stats/off-policy/overlap.ts'
import { type Failure, insufficient, type Result } from '../stats/result.ts'
import { emptyMoments, type Moments, mergeMoments } from '../stats/summaries/moments.ts'
import { limits } from './limits.ts'
import type { Weights } from './traffic.ts'

/** Predictions in which a version was chosen with one probability, and the values of those that have one. */
export type ChosenRows = { version: string; propensity: number; predictions: number; values: Moments | null }

/** `logged`: what the rows earned as they were served. */
export type Valuation = {
  refused: string | null
  requests: { byChance: number; valued: number; leftOut: number }
  overlap: Overlap | null
  logged: Interval | null
  estimates: readonly Estimate[]
  cautions: readonly string[]
}

export type Interval = { estimate: number; lower: number; upper: number }
export type Estimate = { method: string } & ({ refused: string } | (Interval & { standardError: number }))

/**
 * `halves`: the log before and after a moment. Doubly robust estimates need a model of rewards that has not seen the rows
 * it is used on: the mean of each version in the other half.
 */
export function valuePolicy({
  policy,
  halves,
  alpha,
}: {
  policy: Weights
  halves: readonly [readonly ChosenRows[], readonly ChosenRows[]]
  alpha: number
}): Valuation {
  const all = halves.flat()
  // Who could get one version only says nothing about others, and would make policies answer for different callers.
  const byChance = all.filter(({ propensity }) => propensity < 1)
  const requests = {
    byChance: count(byChance),
    valued: byChance.reduce((sum, { values }) => sum + (values?.n ?? 0), 0),
    leftOut: count(all) - count(byChance),
  }
  const cautions = cautionsOf(byChance, alpha)
  const refuse = (refused: string, overlap: Overlap | null): Valuation => ({
    refused,
    requests,
    overlap,
    logged: null,
    estimates: [],
    cautions,
  })
  const unsupported = Object.keys(policy).find(
    version => share(policy, version) > 0 && !byChance.some(one => one.version === version && (one.values?.n ?? 0) > 0),
  )
  if (unsupported !== undefined) return refuse(noSupport(unsupported, requests), null)
  const weighed = estimated({ kind: 'snips' }, grouped(policy, byChance), alpha)
  if (weighed.overlap === null) return refuse(weighed.reason, null)
  if (weighed.overlap.verdict === 'fail') {
    const why = weighed.overlap.alarms.map(({ reason }) => reason).join('; ')
    return refuse(`the log cannot value this policy: ${why}. ${rangeHint}`, weighed.overlap)
  }
  const [first, second] = halves.map(rows => rows.filter(({ propensity }) => propensity < 1))
  const modelled = modelledGroups(policy, first ?? [], second ?? [])
  return {
    refused: null,
    requests,
    overlap: weighed.overlap,
    logged: loggedValue(byChance, alpha),
    estimates: [
      shown('ips', estimated({ kind: 'ips' }, grouped(policy, byChance), alpha).result),
      shown('snips', weighed.result),
      shown('dr', modelled.ok ? estimated({ kind: 'dr' }, modelled.groups, alpha).result : modelled),
    ],
    cautions,
  }
}

const rangeHint = 'Name a release, or a range of time, in which every version of the policy had a share of the traffic'

function noSupport(version: string, { byChance, leftOut }: Valuation['requests']): string {
  if (byChance + leftOut === 0)
    return 'nothing is recorded in this range, so nothing was assigned by chance: is the release one of this endpoint, and does the range hold its time?'
  if (byChance === 0) return `no request in this range was assigned by chance between versions. ${rangeHint}`
  return `${version} has no value of a request that it got by chance: what it would earn is not in the log. ${rangeHint}`
}

function count(rows: readonly ChosenRows[]): number {
  return rows.reduce((sum, { predictions }) => sum + predictions, 0)
}

function share(policy: Weights, version: string): number {
  return (policy[version] ?? 0) / limits.ppmTotal
}

function grouped(policy: Weights, rows: readonly ChosenRows[]): LoggedGroup[] {
  return rows.flatMap(({ version, propensity, values }) =>
    values === null
      ? []
      : [{ loggingPropensity: propensity, evaluationPropensity: share(policy, version), rewards: values }],
  )
}

/** Each half with what the other knows of the versions. */
function modelledGroups(
  policy: Weights,
  first: readonly ChosenRows[],
  second: readonly ChosenRows[],
): Result<{ groups: readonly LoggedGroup[] }> {
  const groups: LoggedGroup[] = []
  for (const [rows, others] of [
    [first, second],
    [second, first],
  ] as const) {
    const means = meansOf(others)
    const missing = Object.keys(policy).find(version => share(policy, version) > 0 && !means.has(version))
    if (missing !== undefined) return insufficient(`${missing} has no values in one half of the range to model it by`)
    const value = [...means].reduce((sum, [version, { mean }]) => sum + share(policy, version) * mean, 0)
    const overall = merged([...means.values()]).mean
    for (const group of rows) {
      const modelledReward = means.get(group.version)?.mean ?? overall
      groups.push(...grouped(policy, [group]).map(one => ({ ...one, modelledReward, modelledValue: value })))
    }
  }
  return { ok: true, groups }
}

function meansOf(rows: readonly ChosenRows[]): Map<string, Moments> {
  const means = new Map<string, Moments>()
  for (const { version, values } of rows)
    if (values !== null && values.n > 0) means.set(version, merged([means.get(version) ?? emptyMoments, values]))
  return means
}

function merged(all: readonly Moments[]): Moments {
  return all.reduce((sum, one) => {
    const next = mergeMoments(sum, one)
    if (!next.ok) throw new Error(`the values of the log were refused: ${next.reason}`)
    return next.moments
  }, emptyMoments)
}

type Estimated =
  | { overlap: Overlap; result: Result<OffPolicyEstimate> }
  | { overlap: null; reason: string; result: Failure }

function estimated(method: OffPolicyMethod, groups: readonly LoggedGroup[], alpha: number): Estimated {
  const state = stateOf(method, groups)
  if (!state.ok) return { overlap: null, reason: state.reason, result: state }
  const overlap = estimateOverlap(state.state.overlap)
  if (!overlap.ok) return { overlap: null, reason: overlap.reason, result: overlap }
  return { overlap, result: estimateOffPolicy({ state: state.state, alpha }) }
}

function stateOf(method: OffPolicyMethod, groups: readonly LoggedGroup[]): Result<{ state: OffPolicyState }> {
  let next = startOffPolicy({ method })
  for (const group of groups) {
    if (!next.ok) return next
    next = addGroupToOffPolicy({ state: next.state, group })
  }
  return next
}

function shown(method: string, result: Result<OffPolicyEstimate>): Estimate {
  if (!result.ok) return { method, refused: result.reason }
  const { estimate, lower, upper, standardError } = result
  return { method, estimate, lower, upper, standardError }
}

function loggedValue(rows: readonly ChosenRows[], alpha: number): Interval | null {
  const { n, mean, m2 } = merged(rows.map(({ values }) => values ?? emptyMoments))
  if (n < 2) return null
  const half = -normalQuantile(alpha / 2) * Math.sqrt(m2 / (n - 1) / n)
  return { estimate: mean, lower: mean - half, upper: mean + half }
}

/** Values that are known for different shares of the versions' requests may be no fair sample. */
function cautionsOf(rows: readonly ChosenRows[], alpha: number): string[] {
  const byVersion = new Map<string, { matured: number; labelled: number }>()
  for (const { version, predictions, values } of rows) {
    const known = byVersion.get(version) ?? { matured: 0, labelled: 0 }
    const labelled = Math.min(predictions, values?.n ?? 0)
    byVersion.set(version, { matured: known.matured + predictions, labelled: known.labelled + labelled })
  }
  const [most, ...others] = [...byVersion].toSorted(([, a], [, b]) => b.matured - a.matured)
  if (most === undefined) return []
  return others.flatMap(([version, candidate]) => {
    const result = compareCoverage({ strata: [{ candidate, stable: most[1] }], alpha: alpha / others.length })
    if (!result.ok || !result.alarm) return []
    const percent = (one: { matured: number; labelled: number }) =>
      `${((one.labelled / one.matured) * 100).toFixed(1)} %`
    return [
      `values are known for ${percent(candidate)} of the requests of ${version} and ${percent(most[1])} of those of ${most[0]}: the estimates hold only if what is unknown is like what is known`,
    ]
  })
}
