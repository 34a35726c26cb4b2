/**
 * What a release hears: of fleets, traffic, time, trials, gates and judgements. Fleets are made ready, stages run one after
 * another, then everybody moves to the candidate or back to stable. Pure: a draft in, a draft out.
 */
import { isBreachedSignal, type Judgement } from '../judge/judgement.ts'
import { type StagePlan, stageAt } from '../stage-plans.ts'
import { candidateOf, type Hold, isBetweenStages, type ReleaseState } from '../state.ts'
import type { Judged } from '../strategies/strategy.ts'
import { endsWhileBlocked, mindsFleets, watchesWhilePaused } from '../strategies/table.ts'
import type { TrialReport } from '../trial.ts'
import type { GatePlace } from '../webhook.ts'
import { type Draft, endIdleControl, noteGap, setPhase } from './draft.ts'
import { askGate, awaitGateAgain, gateAwaited } from './gates.ts'
import { finishPromotion, promoteReady } from './promotion.ts'
import { isReplaced } from './queue.ts'
import { beginRestart, endRestart, isSettling } from './restarts.ts'
import {
  beginReturn,
  enterStage,
  enterWhenReady,
  goOnPassed,
  neededBy,
  passGate,
  prepareStage,
  stepStaged,
} from './stages.ts'
import { endHoldOf, hasGap, hold, standStill, waysOut } from './waits.ts'
import { finishReturn, shiftBack } from './way-back.ts'

export function begin(draft: Draft, atMs: number): Draft {
  return prepareStage(draft, 0, atMs)
}

export type FleetNews =
  | { version: string; state: 'ready'; instances: number }
  | { version: string; state: 'failed'; reason: string }
  | { version: string; state: 'stopped' }

export function fleetChanged(draft: Draft, news: FleetNews, atMs: number): Draft {
  return endRestart(heardOfFleet(draft, news, atMs), atMs)
}

function heardOfFleet(draft: Draft, news: FleetNews, atMs: number): Draft {
  const { phase, plan } = draft.release
  const staged = mindedStage(draft)
  if (staged !== null) return stepStaged(draft, { type: 'fleet', atMs, ...news })
  if (news.state === 'failed') return fleetFailed(draft, news, atMs)
  if (news.state !== 'ready') return draft
  if (phase.kind === 'starting') return enterWhenReady(draft, phase.stageIndex ?? 0, atMs)
  if (phase.kind === 'promoting' && news.version === candidateOf(draft.release)) return promoteReady(draft, atMs)
  if (phase.kind === 'returning' && phase.awaiting === 'fleet' && news.version === plan.from)
    return shiftBack(draft, phase, atMs)
  return draft
}

/** The stage that hears of fleets: one that goes back in its own way, or that minds its fleets. */
function mindedStage({ release: { phase, plan } }: Draft): StagePlan | null {
  if (phase.kind === 'returning') return phase.awaiting === 'stage' ? stageAt(plan.stages, phase.stageIndex ?? 0) : null
  if (phase.kind !== 'running') return null
  const stage = stageAt(plan.stages, phase.stageIndex)
  return mindsFleets(stage) ? stage : null
}

function fleetFailed(draft: Draft, { version, reason }: { version: string; reason: string }, atMs: number): Draft {
  const { phase, plan } = draft.release
  const candidate = candidateOf(draft.release)
  if (phase.kind === 'starting') {
    return neededBy(draft, phase.stageIndex ?? 0).includes(version) && version !== plan.from
      ? beginReturn(draft, 'never-ready', `${version} did not become ready: ${reason}`, atMs)
      : draft
  }
  const serving = phase.kind === 'running' || phase.kind === 'promoting' || phase.kind === 'probation'
  return serving && version === candidate
    ? beginReturn(draft, 'fleet-lost', `${version} cannot be kept running: ${reason}`, atMs)
    : draft
}

export function trafficApplied(asIs: Draft, epoch: number, atMs: number): Draft {
  const before = epoch > asIs.endpoint.table.epoch ? asItWas(asIs, atMs) : asIs
  const draft = epoch >= before.endpoint.table.epoch ? noteGap(before, atMs) : before
  return endIdleControl(routed(draft, epoch, atMs))
}

/** Logs of before fleets were waited for confirm tables that would not have been made yet: they fold as they ever did. */
function asItWas(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  return phase.kind === 'starting' && isBetweenStages(phase)
    ? enterStage(draft, phase.stageIndex ?? 0, atMs)
    : promoteReady(draft, atMs)
}

function routed(draft: Draft, epoch: number, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind === 'promoting' && phase.awaitsFleet !== true && epoch >= phase.epoch) {
    const watchMs = Math.max(plan.probationMs, phase.keepMs ?? 0)
    // A group is watched until all of it is promoted.
    const isOver = watchMs === 0 && draft.release.members === undefined
    if (isOver || isReplaced(draft.endpoint)) return finishPromotion(draft, atMs)
    return setPhase(draft, { kind: 'probation', untilMs: atMs + watchMs })
  }
  if (phase.kind === 'returning' && phase.awaiting === 'traffic' && epoch >= phase.epoch)
    return finishReturn(draft, phase, atMs)
  return epoch >= draft.endpoint.table.epoch ? stepStaged(draft, { type: 'applied', atMs, epoch }) : draft
}

export function timePassed(asIs: Draft, atMs: number): Draft {
  const draft = endRestart(asIs, atMs)
  const { phase } = draft.release
  if (phase.kind === 'probation')
    return atMs >= phase.untilMs && draft.release.members === undefined ? finishPromotion(draft, atMs) : draft
  if (phase.kind === 'starting') return enterWhenReady(draft, phase.stageIndex ?? 0, atMs)
  if (phase.kind !== 'running') return stepStaged(draft, { type: 'tick', atMs })
  if (phase.paused || isHeldByBreach(draft)) return draft
  const frozen = standStill(draft, atMs)
  if (frozen !== null) return frozen
  const goesOn = goOnPassed(draft, atMs)
  if (goesOn !== null) return goesOn
  const free = endHoldOf(draft, 'freeze', 'flag')
  // What has passed is decided, and time decides it no other way.
  return phase.passed === undefined ? stepStaged(free, { type: 'tick', atMs }) : free
}

export function trialEnded(draft: Draft, report: TrialReport, atMs: number): Draft {
  return stepStaged(draft, { type: 'trial', atMs, report })
}

/** A server came up: fleets start anew, trials and questions to gates are lost. */
export function restarted(asIs: Draft, { settles }: { settles?: true }, atMs: number): Draft {
  const draft = settles === true ? beginRestart(asIs, atMs) : asIs
  const { phase } = draft.release
  if (phase.kind === 'starting' && phase.awaitsGate === true) {
    const { awaitsGate: _asked, ...starting } = phase
    return setPhase(draft, starting)
  }
  const asked = gateAwaited(draft.release) === 'promotion' ? askGate(draft, 'promotion') : draft
  return stepStaged(asked, { type: 'restarted', atMs })
}

export function gateAnswered(
  draft: Draft,
  answer: { before: GatePlace; confirmed: boolean; reason: string },
  atMs: number,
): Draft {
  if (gateAwaited(draft.release) !== answer.before) return draft
  return answer.confirmed
    ? passGate(draft, answer.before, atMs)
    : beginReturn(draft, 'refused', `refused before the ${answer.before}: ${answer.reason}`, atMs)
}

export function judged(draft: Draft, judgement: Judgement, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind === 'starting') return judgedBetween(draft, judgement, atMs)
  if (phase.kind !== 'running' && phase.kind !== 'probation') return draft
  if (judgement.verdict === 'fail') {
    if (plan.onFail === 'rollback' || phase.kind === 'probation')
      return beginReturn(draft, 'guardrail', judgement.reason, atMs)
    return hold(draft, { sinceMs: atMs, cause: 'guardrail', reason: `${judgement.reason}; ${waysOut(draft)}` })
  }
  if (phase.kind === 'probation') return draft
  if (phase.paused || isHeldByBreach(draft) || isSettling(draft.release))
    return watchedWhilePaused(draft, judgement, atMs)
  const frozen = standStill(draft, atMs)
  if (frozen !== null) return watchedWhilePaused(frozen, judgement, atMs)
  const blocked = blockedBy(judgement)
  const event = { type: 'judged', atMs, judgement, notBeforeMs: promotableFromMs(draft.release) } as const
  if (blocked !== null) return heldBy(hold(draft, { sinceMs: atMs, ...blocked }), { ...event, blocked: blocked.reason })
  const unblocked = endHoldOf(draft, 'invalid', 'signal', 'freeze', 'flag')
  const goesOn = goOnPassed(unblocked, atMs)
  if (goesOn !== null) return goesOn
  if (phase.passed === undefined) return stepStaged(unblocked, event)
  // What has passed is decided: only a breach takes it back.
  const awaited = gateAwaited(unblocked.release) === 'promotion' ? awaitGateAgain(unblocked, atMs) : unblocked
  return watchedWhilePaused(awaited, judgement, atMs)
}

/** While the next stage is made ready the candidate keeps its traffic, so that a breach takes it back. */
function judgedBetween(draft: Draft, judgement: Judgement, atMs: number): Draft {
  const { phase, plan } = draft.release
  return isBetweenStages(phase) && judgement.verdict === 'fail' && plan.onFail === 'rollback'
    ? beginReturn(draft, 'guardrail', judgement.reason, atMs)
    : draft
}

/** With `on-fail: hold` a breach stands until somebody says what is to be done, whatever later looks say. Nobody is kept waiting in a gap for that. */
function isHeldByBreach(draft: Draft): boolean {
  const { phase } = draft.release
  return phase.kind === 'running' && phase.hold?.cause === 'guardrail' && !hasGap(draft)
}

/** What holds a release may never go away; a stage that ends by time ends then too. */
function heldBy(draft: Draft, event: Judged): Draft {
  const { phase, plan } = draft.release
  const hears = phase.kind === 'running' && endsWhileBlocked(stageAt(plan.stages, phase.stageIndex))
  return hears && phase.passed === undefined ? stepStaged(draft, event) : draft
}

function watchedWhilePaused(draft: Draft, judgement: Judgement, atMs: number): Draft {
  const { phase, plan } = draft.release
  const hears = phase.kind === 'running' && watchesWhilePaused(stageAt(plan.stages, phase.stageIndex))
  return hears && blockedBy(judgement) === null
    ? stepStaged(draft, { type: 'judged', atMs, judgement, paused: true })
    : draft
}

/** Why the release cannot go on now although no guardrail failed; null if nothing is in its way. */
function blockedBy(judgement: Judgement): Pick<Hold, 'cause' | 'reason'> | null {
  if (judgement.verdict === 'invalid') return { cause: 'invalid', reason: judgement.reason }
  const signal = judgement.checks.find(one => isBreachedSignal(one) && one.check.dryRun !== true)
  return signal === undefined ? null : { cause: 'signal', reason: signal.reason }
}

function promotableFromMs({ startedAtMs, plan }: ReleaseState): number {
  return startedAtMs + (plan.minimumAgeMs ?? 0)
}

/** New arms are in the plan from now on; retired ones stay in it, out of the race. */
export function armsChanged(
  draft: Draft,
  { add, retire, actor }: { add: readonly string[]; retire: readonly string[]; actor: string },
  atMs: number,
): Draft {
  const { phase, plan } = draft.release
  if (phase.kind !== 'running') return draft
  const stages = plan.stages.map((stage, index) =>
    index === phase.stageIndex && stage.kind === 'bandit' ? { ...stage, arms: [...stage.arms, ...add] } : stage,
  )
  const planned = { ...draft, release: { ...draft.release, plan: { ...plan, stages } } }
  return stepStaged(planned, { type: 'arms', atMs, add, retire, actor })
}

/** Another release takes the place: what has been promoted stays so, what has not goes back. */
export function giveWay(draft: Draft, reason: string, atMs: number): Draft {
  switch (draft.release.phase.kind) {
    case 'starting':
    case 'running':
      return beginReturn(draft, 'replaced', reason, atMs)
    case 'probation':
      return finishPromotion(draft, atMs)
    default:
      return draft
  }
}
