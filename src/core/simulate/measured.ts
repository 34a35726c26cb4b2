/** Which metrics a plan looks at, and whether a scenario says enough of them. */
import type { EndpointSpec } from '../endpoint.ts'
import { CutoverError, type Problem } from '../errors.ts'
import type { GoalCheck, MetricCheck } from '../metric-check.ts'
import { type ReleasePlan, triedVersions } from '../plan.ts'
import { drawOf, type Measured, measuredAs, undrawnReason, unfitReason } from './metric-sums.ts'
import type { Behaviour, Scenario } from './scenario.ts'

export function measuredOf(plan: ReleasePlan): Measured[] {
  const found = new Map<string, Measured>()
  for (const { metric, measure } of checksOf(plan)) {
    if (measure.kind !== 'metric') continue
    const { spec, evidence = metric } = measure
    found.set(evidence, measuredAs(evidence, metric, spec))
  }
  for (const stage of plan.stages) {
    if (stage.kind !== 'bandit' || stage.reward.spec === null) continue
    const { metric, spec } = stage.reward
    // Accuracy by row is counted for every endpoint anyway.
    if (spec.type !== 'accuracy' || spec.unitLevel === true) found.set(metric, measuredAs(metric, metric, spec))
  }
  return [...found.values()]
}

function checksOf({ guardrails, signals, goals = [], stages }: ReleasePlan): (MetricCheck | GoalCheck)[] {
  const staged = stages.flatMap(stage => {
    if (stage.kind === 'abTest') return [stage.goal]
    return stage.kind === 'shadow' && stage.goal !== null ? [stage.goal] : []
  })
  return [...guardrails, ...signals, ...goals, ...staged]
}

/** Throws invalid-resource with all that is missing or cannot be simulated. */
export function refuseUnlikely(spec: EndpointSpec, plan: ReleasePlan, scenario: Scenario): void {
  const problems = [...versionProblems(spec, plan, scenario), ...planProblems(plan)]
  if (problems.length === 0) return
  const what = problems.map(({ path, message }) => `${path}: ${message}`).join('; ')
  throw new CutoverError('invalid-resource', `scenario ${scenario.name} cannot be simulated: ${what}`, problems)
}

function versionProblems(spec: EndpointSpec, plan: ReleasePlan, { versions }: Scenario): Problem[] {
  const needed = [...new Set([plan.from, ...triedVersions(plan)])]
  const unknown = Object.keys(versions).flatMap((version): Problem[] =>
    Object.hasOwn(spec.versions, version)
      ? []
      : [
          {
            path: `versions.${version}`,
            message: `${spec.name} has no such version`,
            allowed: Object.keys(spec.versions),
          },
        ],
  )
  const missing = needed.flatMap((version): Problem[] => {
    const own = versions[version]
    if (own === undefined)
      return [{ path: `versions.${version}`, message: `is missing: the release sends traffic to ${version}` }]
    const undrawn = measuredOf(plan).filter(one => undrawnReason(one.spec) === null && drawOf(one, own) === null)
    const unsaid = undrawn.map(
      ({ metric }): Problem => ({
        path: `versions.${version}.metrics.${metric}`,
        message: 'is missing: the release looks at this metric',
      }),
    )
    unsaid.push(...unfitProblems(plan, version, own))
    if (own.agreement === null && version !== plan.from && comparesAnswers(plan))
      unsaid.push({
        path: `versions.${version}.agreement`,
        message: 'is missing: the release asks how many answers are like those of the stable version',
      })
    const needsAccuracy = own.accuracy === null && looksAtAccuracy(plan)
    return needsAccuracy
      ? [...unsaid, { path: `versions.${version}.accuracy`, message: 'is missing: the release looks at it' }]
      : unsaid
  })
  return [...unknown, ...missing]
}

function unfitProblems(plan: ReleasePlan, version: string, own: Behaviour): Problem[] {
  return measuredOf(plan).flatMap((one): Problem[] => {
    const draw = drawOf(one, own)
    const path = `versions.${version}.metrics.${one.metric}`
    const reason = draw === null ? null : unfitReason(one.spec, draw)
    if (reason !== null) return [{ path, message: reason }]
    const isPaired = draw?.kind === 'shares' && plan.stages.some(({ kind }) => kind === 'shadow')
    return isPaired ? [{ path, message: `${one.spec.type} is not drawn for pairs, which the shadow is judged by` }] : []
  })
}

function comparesAnswers({ stages }: ReleasePlan): boolean {
  return stages.some(
    stage =>
      (stage.kind === 'shadow' && (stage.agreement !== null || stage.mode === 'replay')) ||
      (stage.kind === 'blueGreen' && stage.replay !== null),
  )
}

function looksAtAccuracy(plan: ReleasePlan): boolean {
  const isReward = plan.stages.some(stage => stage.kind === 'bandit' && stage.reward.spec?.type === 'accuracy')
  return isReward || checksOf(plan).some(({ measure }) => measure.kind === 'accuracy')
}

/** What rests on single requests, or on other systems, which are not drawn. */
function planProblems(plan: ReleasePlan): Problem[] {
  const metrics = measuredOf(plan).flatMap(({ metric, spec }): Problem[] => {
    const reason = undrawnReason(spec)
    return reason === null ? [] : [{ path: `metrics.${metric}`, message: reason }]
  })
  const external = checksOf(plan).flatMap(({ metric, measure }): Problem[] =>
    measure.kind === 'external'
      ? [
          {
            path: `guardrails.${metric}`,
            message: 'is measured by another system, and nothing is known of how it varies',
          },
        ]
      : [],
  )
  const stages = plan.stages.flatMap((stage, index): Problem[] =>
    stage.kind === 'bandit' && stage.context !== undefined
      ? [
          {
            path: `stages[${index}].bandit.policy`,
            message: 'chooses by features of requests, and these are not drawn',
            allowed: ['thompson', 'ucb1', 'epsilon-greedy', 'top-two'],
          },
        ]
      : [],
  )
  const group: Problem[] =
    plan.group === undefined
      ? []
      : [{ path: 'group', message: 'releases of several endpoints are not simulated together' }]
  return [...metrics, ...external, ...stages, ...group]
}
