/** What the endpoint adds to a bandit, what it refuses, and which arms of one under way a document changes. */
import { isDeepStrictEqual } from 'node:util'
import { canReward } from '../../core/bandit/rewards.ts'
import type { EndpointSpec } from '../../core/endpoint.ts'
import type { Problem } from '../../core/errors.ts'
import { builtinReward, builtinRewardSpec, formOf, isHigherBetter } from '../../core/metrics/spec.ts'
import type { BanditPlan, StagePlan } from '../../core/stage-plans.ts'
import type { ReleaseState } from '../../core/state.ts'
import { racing } from '../../core/strategies/bandit-state.ts'
import type { ReleaseRequest } from '../control-plane.ts'
import { askedOf } from './asked.ts'
import { contextProblems } from './context.ts'

/** The definition of the reward as it is now, and the arms where none are named. */
export function completeBandit(stage: StagePlan, at: { spec: EndpointSpec; stable: string; to: string }): StagePlan {
  if (stage.kind !== 'bandit') return stage
  const { reward } = stage
  const declared = Object.hasOwn(at.spec.metrics, reward.metric) ? at.spec.metrics[reward.metric] : undefined
  const spec = declared ?? (reward.metric === builtinReward ? builtinRewardSpec : null)
  const arms = stage.arms.length > 0 ? stage.arms : [...new Set([at.stable, at.to])]
  if (spec === null) return { ...stage, arms }
  const better = reward.better ?? (isHigherBetter(spec) ? 'higher' : 'lower')
  const family = reward.family ?? (formOf(spec) === 'counts' ? 'bernoulli' : 'gaussian')
  return { ...stage, arms, reward: { ...reward, spec, better, family } }
}

/** Of a release that waits for its turn: another version may be stable by then, and arms that nobody named follow it. */
export function withoutUnnamedArms(planned: readonly StagePlan[], asked: readonly StagePlan[]): StagePlan[] {
  return planned.map((stage, index) => {
    const named = asked[index]
    return stage.kind === 'bandit' && named?.kind === 'bandit' && named.arms.length === 0
      ? { ...stage, arms: [] }
      : stage
  })
}

export function banditProblems(request: ReleaseRequest, at: { spec: EndpointSpec; stable: string }): Problem[] {
  return request.stages.flatMap((stage, index) => {
    if (stage.kind !== 'bandit') return []
    const path = `stages[${index}].bandit`
    return [
      ...armProblems(stage, path, { ...at, to: request.to }),
      ...rewardProblems(stage, path, at.spec),
      ...contextProblems(stage, path, at.spec),
    ]
  })
}

function armProblems(
  { arms }: BanditPlan,
  path: string,
  { spec, stable, to }: { spec: EndpointSpec; stable: string; to: string },
): Problem[] {
  const allowed = Object.keys(spec.versions)
  const unknown = arms.flatMap((value, index): Problem[] =>
    Object.hasOwn(spec.versions, value)
      ? []
      : [{ path: `${path}.arms[${index}]`, message: 'the endpoint has no such version', value, allowed }],
  )
  const missing: Problem[] = arms.includes(to)
    ? []
    : [{ path: `${path}.arms`, message: `the candidate ${to} is to be one of the arms`, value: arms, allowed: [to] }]
  const alone: Problem[] =
    to === stable ? [{ path: 'to', message: `${to} is stable already; the candidate is another arm`, value: to }] : []
  return [...unknown, ...missing, ...alone]
}

function rewardProblems({ reward }: BanditPlan, path: string, spec: EndpointSpec): Problem[] {
  const at = `${path}.reward.metric`
  const allowed = [
    builtinReward,
    ...Object.entries(spec.metrics).flatMap(([name, one]) => (canReward(one) ? [name] : [])),
  ]
  if (reward.spec === null)
    return [{ path: at, message: 'the endpoint declares no such metric', value: reward.metric, allowed }]
  if (!canReward(reward.spec))
    return [
      {
        path: at,
        message: `a metric of type ${reward.spec.type} is no reward of single rows or units`,
        value: reward.metric,
        allowed,
      },
    ]
  if (reward.spec.type === 'accuracy' && spec.answer === null)
    return [{ path: at, message: 'the endpoint does not say what is compared with the label: give it `prediction`' }]
  return []
}

export type ArmsChange = { add: readonly string[]; retire: readonly string[] }

/**
 * The arms that a document changes in the bandit that runs, if it changes nothing else; null if it asks for another
 * release. Arms that were retired stay so: what was learned of them is not asked again.
 */
export function armsChangeOf(release: ReleaseState, request: ReleaseRequest): ArmsChange | null {
  const { phase, plan } = release
  if (phase.kind !== 'running' || phase.stage.kind !== 'bandit') return null
  const { stageIndex, stage: state } = phase
  const running = plan.stages[stageIndex]
  const asked = request.stages[stageIndex]
  if (running?.kind !== 'bandit' || asked?.kind !== 'bandit') return null
  const stages = request.stages.map((stage, index) => (index === stageIndex ? { ...asked, arms: running.arms } : stage))
  if (!isDeepStrictEqual(askedOf(plan), { ...request, stages })) return null
  // Without stable, or without the candidate, it would be another race.
  const isSame = (version: string) => running.arms.includes(version) === asked.arms.includes(version)
  if (!isSame(plan.from) || !isSame(plan.to)) return null
  return {
    add: asked.arms.filter(arm => !running.arms.includes(arm)),
    retire: racing(running, state).filter(arm => !asked.arms.includes(arm)),
  }
}
