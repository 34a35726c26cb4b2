/**
 * The life of a release: fleets are made ready, stages run one after another, then everybody moves to the candidate or
 * back to stable. Rollback brings capacity before it shifts traffic. Pure: a draft in, a draft out.
 */
import type { Command } from './command.ts'
import {
  contextOf,
  type Draft,
  endIdleControl,
  ensureFleet,
  hasExtras,
  isShrunk,
  noteEpoch,
  noteGap,
  setExtras,
  setPhase,
  setWeights,
  stopFleet,
  stopFleets,
} from './draft.ts'
import { assertNever } from './errors.ts'
import type { Judgement } from './judge/judgement.ts'
import { limits } from './limits.ts'
import { isReplaced, leaveQueue } from './queue.ts'
import { gateAwaited, gateOf, refusalOf, returnsInSteps, stageAt, type Word } from './refusals.ts'
import type { StagePlan } from './stage-plans.ts'
import { candidateOf, type Hold, type Passed, type Phase, type ReleaseState } from './state.ts'
import type { ReturnCause } from './state-words.ts'
import type { StageCommand, StageEvent } from './strategies/strategy.ts'
import {
  advanceStage,
  goesBack,
  initialStage,
  keepMsOf,
  mindsFleets,
  needsOf,
  type StageState,
  stepStage,
  watchesWhilePaused,
} from './strategies/table.ts'
import type { Weights } from './traffic.ts'
import type { TrialReport } from './trial.ts'
import {
  awaitGroup,
  endHold,
  endHoldOf,
  freezeHold,
  hasGap,
  hold,
  isFrozen,
  keptOnResume,
  standStill,
  startFrozen,
  waitPassed,
} from './waits.ts'
import type { GatePlace } from './webhook.ts'

type Returning = Extract<Phase, { kind: 'returning' }>

export function begin(draft: Draft, atMs: number): Draft {
  return prepareStage(draft, 0, atMs)
}

export type FleetNews =
  | { version: string; state: 'ready'; instances: number }
  | { version: string; state: 'failed'; reason: string }
  | { version: string; state: 'stopped' }

export function fleetChanged(draft: Draft, news: FleetNews, atMs: number): Draft {
  const { phase, plan } = draft.release
  const staged = mindedStage(draft)
  if (staged !== null) return stepStaged(draft, { type: 'fleet', atMs, ...news })
  if (news.state === 'failed') return fleetFailed(draft, news, atMs)
  if (news.state !== 'ready') return draft
  if (phase.kind === 'starting') return enterWhenReady(draft, phase.stageIndex ?? 0, atMs)
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
    return neededBy(draft.release, phase.stageIndex ?? 0).includes(version) && version !== plan.from
      ? beginReturn(draft, 'never-ready', `${version} did not become ready: ${reason}`, atMs)
      : draft
  }
  const serving = phase.kind === 'running' || phase.kind === 'promoting' || phase.kind === 'probation'
  return serving && version === candidate
    ? beginReturn(draft, 'fleet-lost', `${version} cannot be kept running: ${reason}`, atMs)
    : draft
}

export function trafficApplied(before: Draft, epoch: number, atMs: number): Draft {
  const draft = epoch >= before.endpoint.table.epoch ? noteGap(before, atMs) : before
  return endIdleControl(routed(draft, epoch, atMs))
}

function routed(draft: Draft, epoch: number, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind === 'promoting' && epoch >= phase.epoch) {
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

export function timePassed(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'probation')
    return atMs >= phase.untilMs && draft.release.members === undefined ? finishPromotion(draft, atMs) : draft
  if (phase.kind === 'starting') return enterWhenReady(draft, phase.stageIndex ?? 0, atMs)
  if (phase.kind === 'running' && phase.paused) return draft
  if (phase.kind !== 'running') return stepStaged(draft, { type: 'tick', atMs })
  const frozen = standStill(draft, atMs)
  if (frozen !== null) return frozen
  return promotePassed(draft, atMs) ?? stepStaged(endHoldOf(draft, 'freeze'), { type: 'tick', atMs })
}

export function trialEnded(draft: Draft, report: TrialReport, atMs: number): Draft {
  return stepStaged(draft, { type: 'trial', atMs, report })
}

/** A server came up: fleets start anew, trials and questions to gates are lost. */
export function restarted(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'starting' && phase.awaitsGate === true) {
    const { awaitsGate: _asked, ...starting } = phase
    return setPhase(draft, starting)
  }
  const asked = phase.kind === 'running' && phase.passed !== undefined ? askGate(draft, 'promotion') : draft
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
  if (phase.kind !== 'running' && phase.kind !== 'probation') return draft
  if (judgement.verdict === 'fail') {
    if (plan.onFail === 'rollback' || phase.kind === 'probation')
      return beginReturn(draft, 'guardrail', judgement.reason, atMs)
    return hold(draft, { sinceMs: atMs, cause: 'guardrail', reason: judgement.reason })
  }
  if (phase.kind === 'probation') return draft
  if (phase.paused) return watchedWhilePaused(draft, judgement, atMs)
  const frozen = standStill(draft, atMs)
  if (frozen !== null) return watchedWhilePaused(frozen, judgement, atMs)
  const blocked = blockedBy(judgement)
  if (blocked !== null) return hold(draft, { sinceMs: atMs, ...blocked })
  const unblocked = endHoldOf(draft, 'invalid', 'signal', 'freeze')
  const event = { type: 'judged', atMs, judgement, notBeforeMs: promotableFromMs(draft.release) } as const
  return promotePassed(unblocked, atMs) ?? stepStaged(unblocked, event)
}

function watchedWhilePaused(draft: Draft, judgement: Judgement, atMs: number): Draft {
  const { phase, plan } = draft.release
  const hears = phase.kind === 'running' && watchesWhilePaused(stageAt(plan.stages, phase.stageIndex))
  return hears && blockedBy(judgement) === null
    ? stepStaged(draft, { type: 'judged', atMs, judgement, paused: true })
    : draft
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

/** Why the release cannot go on now although no guardrail failed; null if nothing is in its way. */
function blockedBy(judgement: Judgement): Pick<Hold, 'cause' | 'reason'> | null {
  if (judgement.verdict === 'invalid') return { cause: 'invalid', reason: judgement.reason }
  const signal = judgement.checks.find(
    check => check.role === 'signal' && check.verdict === 'fail' && check.check.dryRun !== true,
  )
  return signal === undefined ? null : { cause: 'signal', reason: signal.reason }
}

export function operated(draft: Draft, word: Word & { actor: string; note: string | null }, atMs: number): Draft {
  if (refusalOf(draft.release, word, atMs) !== null) return draft
  const phase = draft.release.phase
  const reason = `${word.verb} by ${word.actor}${word.note === null ? '' : `: ${word.note}`}`
  switch (word.verb) {
    case 'pause':
      return phase.kind === 'running' ? setPhase(draft, { ...phase, paused: true }) : draft
    case 'resume':
      return phase.kind === 'running'
        ? setPhase(draft, { ...phase, paused: false, hold: keptOnResume(phase.hold) })
        : draft
    case 'approve': {
      const awaited = gateAwaited(draft.release)
      return awaited === null ? stepStaged(draft, { type: 'approved', atMs }) : passGate(draft, awaited, atMs)
    }
    case 'promote':
      return word.step === true ? advance(draft, atMs) : promoteByHand(draft, atMs)
    case 'abort':
    case 'rollback':
      if (phase.kind === 'queued') return leaveQueue(draft, reason, atMs)
      return returnsInSteps(draft.release) ? advance(draft, atMs) : beginReturn(draft, 'operator', reason, atMs)
    default:
      return assertNever(word.verb)
  }
}

/** What the running stage keeps warm although it has not passed; undefined if nothing. */
function keptByWord({ release: { phase, plan } }: Draft): number | undefined {
  const keepMs = phase.kind === 'running' ? keepMsOf(stageAt(plan.stages, phase.stageIndex)) : 0
  return keepMs > 0 ? keepMs : undefined
}

/** In a group it is this release's yes: the others are waited for. */
function promoteByHand(draft: Draft, atMs: number): Draft {
  const keepMs = keptByWord(draft)
  if (draft.release.members === undefined) return promote(draft, atMs, keepMs)
  return promoteWhenFree(draft, keepMs === undefined ? {} : { keepMs }, atMs)
}

/** Past the present step and no further; on the way back, to its end. */
function advance(draft: Draft, atMs: number): Draft {
  const { phase, plan } = draft.release
  const staged = stagedPhase(phase)
  if (staged === null) return draft
  const result = advanceStage(stageAt(plan.stages, staged.stageIndex), staged.stage, atMs, contextOf(draft))
  if (result === null) return draft
  const freed = phase.kind === 'running' ? setPhase(draft, { ...phase, hold: null }) : draft
  return carryOut(withStage(freed, result.state), result.commands, atMs)
}

/** The running stage, or the one that goes back in its own way. */
function stagedPhase(phase: Phase): { stageIndex: number; stage: StageState } | null {
  if (phase.kind === 'running') return phase
  if (phase.kind !== 'returning' || phase.awaiting !== 'stage') return null
  const { stageIndex, stage } = phase
  return stageIndex === undefined || stage === undefined ? null : { stageIndex, stage }
}

function stepStaged(draft: Draft, event: StageEvent): Draft {
  const staged = stagedPhase(draft.release.phase)
  if (staged === null) return draft
  const plan = stageAt(draft.release.plan.stages, staged.stageIndex)
  const result = stepStage(plan, staged.stage, event, contextOf(draft))
  return carryOut(withStage(draft, result.state), result.commands, event.atMs)
}

function withStage(draft: Draft, stage: StageState): Draft {
  const { phase } = draft.release
  if ((phase.kind !== 'running' && phase.kind !== 'returning') || phase.stage === stage) return draft
  return setPhase(draft, { ...phase, stage })
}

function carryOut(draft: Draft, commands: readonly StageCommand[], atMs: number): Draft {
  return commands.reduce((next, command) => carryOutOne(next, command, atMs), draft)
}

/** What a stage says after it has handed over counts for nothing. */
function carryOutOne(draft: Draft, command: StageCommand, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (stagedPhase(phase) === null) return draft
  switch (command.type) {
    case 'set-weight':
      return shareOut(draft, candidateWeights(draft.release, command.candidatePpm), atMs)
    case 'set-weights':
      return shareOut(draft, command.weights, atMs)
    case 'set-route':
      return noteEpoch(setExtras(draft, command.extras), atMs)
    case 'ensure':
      return ensureFleet(draft, command.version, command.instances)
    case 'stop':
      return stopFleet(draft, command.version)
    case 'run-trial': {
      const trial = {
        type: 'run-trial',
        endpoint: plan.endpoint,
        release: draft.release.id,
        trial: command.trial,
      } as const
      return { ...draft, commands: [...draft.commands, trial] }
    }
    case 'hold':
      return hold(draft, { sinceMs: atMs, cause: command.cause, reason: command.reason })
    case 'release-hold':
      return endHold(draft)
    case 'passed':
      return stagePassed(draft, command, atMs)
    case 'failed':
      return stageFailed(draft, command, atMs)
    case 'returned':
      return phase.kind === 'returning' ? bringBack(draft, phase, atMs) : draft
    default:
      return assertNever(command)
  }
}

function stagePassed(draft: Draft, passed: Extract<StageCommand, { type: 'passed' }>, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind !== 'running') return draft
  const isLast = phase.stageIndex + 1 >= plan.stages.length
  if (isLast && gateOf(draft.release, 'promotion') !== undefined) return awaitPromotionGate(draft, phase, passed, atMs)
  const chosen = passed.winner === undefined ? draft : withCandidate(draft, passed.winner)
  if (isLast) return promoteWhenFree(draft, passed, atMs)
  const undressed = hasExtras(chosen) ? setExtras(chosen, { gap: null, mirrors: null, rules: null }) : chosen
  return prepareStage(undressed, phase.stageIndex + 1, atMs)
}

/** The last stage has passed; a freeze window may keep the promotion waiting. */
function promoteWhenFree(draft: Draft, { winner, keepMs }: Passed, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind !== 'running') return draft
  if (!hasGap(draft) && isFrozen(draft.release, atMs))
    return waitPassed(draft, { winner, keepMs }, freezeHold(draft.release, atMs))
  if (draft.release.members === undefined)
    return promote(winner === undefined ? draft : withCandidate(draft, winner), atMs, keepMs)
  const waiting = `all stages passed; waiting for the others of the group ${plan.group?.name}`
  return waitPassed(draft, { winner, keepMs }, { sinceMs: atMs, cause: 'group', reason: waiting })
}

/** All of the group have passed. */
export function promoteTogether(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind !== 'running') return draft
  const { winner, keepMs } = phase.passed ?? {}
  return promote(winner === undefined ? draft : withCandidate(draft, winner), atMs, keepMs)
}

/** What has passed and was kept waiting is promoted; null where nothing has, or a gate is to be asked. */
function promotePassed(draft: Draft, atMs: number): Draft | null {
  const { release } = draft
  const { phase } = release
  if (phase.kind !== 'running' || (phase.hold !== null && phase.hold.cause !== 'freeze')) return null
  const isIt = phase.passed !== undefined && gateOf(release, 'promotion') === undefined
  return isIt ? promoteWhenFree(draft, phase.passed ?? {}, atMs) : null
}

function askGate(draft: Draft, before: GatePlace): Draft {
  const { release } = draft
  const gate = gateOf(release, before)
  if (gate === undefined) return draft
  const { endpoint, from } = release.plan
  const command: Command = { type: 'ask-gate', endpoint, release: release.id, from, to: candidateOf(release), gate }
  return { ...draft, commands: [...draft.commands, command] }
}

/** The stage goes on being judged meanwhile: a breach still takes the release back. */
function awaitPromotionGate(
  draft: Draft,
  phase: Extract<Phase, { kind: 'running' }>,
  { winner, keepMs }: Passed,
  atMs: number,
): Draft {
  const reason = 'all stages passed; waiting for the promotion to be confirmed'
  if (phase.passed !== undefined)
    return phase.hold === null ? hold(draft, { sinceMs: atMs, cause: 'gate', reason }) : draft
  const passed = { ...(winner !== undefined && { winner }), ...(keepMs !== undefined && { keepMs }) }
  return askGate(setPhase(draft, { ...phase, passed, hold: { sinceMs: atMs, cause: 'gate', reason } }), 'promotion')
}

function passGate(draft: Draft, before: GatePlace, atMs: number): Draft {
  const { release } = draft
  const { phase } = release
  const confirmed = { ...draft, release: { ...release, confirmed: [...(release.confirmed ?? []), before] } }
  if (phase.kind !== 'running') return enterWhenReady(confirmed, 0, atMs)
  return promoteWhenFree(confirmed, phase.passed ?? {}, atMs)
}

function withCandidate(draft: Draft, candidate: string): Draft {
  return candidate === candidateOf(draft.release) ? draft : { ...draft, release: { ...draft.release, candidate } }
}

function stageFailed(draft: Draft, failed: Extract<StageCommand, { type: 'failed' }>, atMs: number): Draft {
  if (draft.release.phase.kind !== 'running') return draft
  const { cause, reason } = failed
  return cause === 'stage-failed' && draft.release.plan.onFail === 'hold'
    ? hold(draft, { sinceMs: atMs, cause: 'guardrail', reason })
    : beginReturn(draft, cause, reason, atMs)
}

/** Makes ready what the stage needs, then enters it. The candidate of a release that begins is asked for in any case. */
function prepareStage(draft: Draft, stageIndex: number, atMs: number): Draft {
  const { release, endpoint } = draft
  const needed = neededBy(release, stageIndex)
  const isAsked = (version: string): boolean =>
    endpoint.fleets[version] !== 'ready' || (stageIndex === 0 && version !== release.plan.from)
  const missing = needed.filter(isAsked)
  if (missing.length === 0 && !isFrozen(release, atMs)) return enterStage(draft, stageIndex, atMs)
  const asked = missing.reduce((next, version) => ensureFleet(next, version), draft)
  const starting = setPhase(asked, { kind: 'starting', sinceMs: atMs, ...(stageIndex > 0 && { stageIndex }) })
  return missing.length === 0 ? enterWhenReady(starting, stageIndex, atMs) : starting
}

function enterWhenReady(draft: Draft, stageIndex: number, atMs: number): Draft {
  const { release, endpoint } = draft
  if (!neededBy(release, stageIndex).every(version => endpoint.fleets[version] === 'ready')) return draft
  return isFrozen(release, atMs) ? startFrozen(draft, atMs) : enterStage(draft, stageIndex, atMs)
}

/** A plan without stages moves everybody at once, to a version that has been stable: it needs that one alone. */
function neededBy(release: ReleaseState, stageIndex: number): readonly string[] {
  const { plan } = release
  const candidate = candidateOf(release)
  if (plan.stages.length === 0) return [candidate]
  return needsOf(stageAt(plan.stages, stageIndex), { stable: plan.from, candidate })
}

function enterStage(draft: Draft, stageIndex: number, atMs: number): Draft {
  const { plan, members } = draft.release
  if (stageIndex === 0 && gateOf(draft.release, 'start') !== undefined) return awaitStartGate(draft, atMs)
  if (stageIndex === 0 && plan.group !== undefined && members === undefined) return awaitGroup(draft, atMs)
  if (plan.stages.length === 0) return promote(draft, atMs)
  const stage = initialStage(stageAt(draft.release.plan.stages, stageIndex))
  const entered = setPhase(draft, { kind: 'running', stageIndex, stage, paused: false, hold: null })
  return stepStaged(entered, { type: 'entered', atMs })
}

/** Whether a member of a group waits for nothing but the others. */
export function awaitsGroup({ endpoint, release }: Draft, atMs: number): boolean {
  const { phase } = release
  if (phase.kind !== 'starting' || phase.hold?.cause !== 'group') return false
  return neededBy(release, 0).every(version => endpoint.fleets[version] === 'ready') && !isFrozen(release, atMs)
}

/** The group is whole: its members are known and begin. */
export function enterTogether(draft: Draft, members: readonly string[], atMs: number): Draft {
  return enterStage({ ...draft, release: { ...draft.release, members } }, 0, atMs)
}

/** The fleets are ready and nobody has met the candidate. */
function awaitStartGate(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'starting' && phase.awaitsGate === true) return draft
  const sinceMs = phase.kind === 'starting' ? phase.sinceMs : atMs
  return askGate(setPhase(draft, { kind: 'starting', sinceMs, awaitsGate: true }), 'start')
}

function candidateWeights(release: ReleaseState, candidatePpm: number): Weights {
  return { [release.plan.from]: limits.ppmTotal - candidatePpm, [candidateOf(release)]: candidatePpm }
}

function shareOut(draft: Draft, weights: Weights, atMs: number): Draft {
  return noteEpoch(setWeights(draft, { weights, stable: draft.release.plan.from, extras: 'keep' }), atMs)
}

function promote(draft: Draft, atMs: number, keepMs?: number): Draft {
  const candidate = candidateOf(draft.release)
  const moved = setWeights(draft, { weights: { [candidate]: limits.ppmTotal }, stable: candidate, extras: 'drop' })
  const exposed = { ...moved.release, exposedFromMs: moved.release.exposedFromMs ?? atMs }
  const phase = {
    kind: 'promoting',
    epoch: moved.endpoint.table.epoch,
    ...(keepMs !== undefined && { keepMs }),
  } as const
  return setPhase({ ...moved, release: exposed }, phase)
}

export function finishPromotion(draft: Draft, atMs: number): Draft {
  const { plan } = draft.release
  const stopped = stopFleets(draft, { first: plan.from, kept: candidateOf(draft.release) })
  return endRelease(stopped, { kind: 'promoted', atMs })
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

export function beginReturn(draft: Draft, cause: ReturnCause, reason: string, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'starting' && phase.stageIndex === undefined) return finishReturn(draft, { cause, reason }, atMs)
  const own = stageThatGoesBack(draft, cause)
  const returning = { kind: 'returning', cause, reason, awaiting: 'fleet', epoch: 0 } as const
  if (own === null) return bringBack(draft, returning, atMs)
  return stepStaged(setPhase(draft, { ...returning, awaiting: 'stage', ...own }), { type: 'return', atMs, reason })
}

/** The stage that has moved the fleets brings them back, even after it has passed. */
function stageThatGoesBack(draft: Draft, cause: ReturnCause): { stageIndex: number; stage: StageState } | null {
  const { phase, plan } = draft.release
  const stageIndex = phase.kind === 'running' ? phase.stageIndex : plan.stages.length - 1
  const stagePlan = plan.stages[stageIndex]
  if (phase.kind === 'starting' || stagePlan === undefined) return null
  if (!goesBack(stagePlan, { cause, stableShrunk: isShrunk(draft) })) return null
  return { stageIndex, stage: phase.kind === 'running' ? phase.stage : initialStage(stagePlan) }
}

/** Capacity of the stable version first, then its traffic. */
function bringBack(draft: Draft, { cause, reason }: Returning, atMs: number): Draft {
  const { from } = draft.release.plan
  const returning: Returning = { kind: 'returning', cause, reason, awaiting: 'fleet', epoch: 0 }
  if (draft.endpoint.fleets[from] === 'ready' && !isShrunk(draft)) return shiftBack(draft, returning, atMs)
  return setPhase(ensureFleet(draft, from), returning)
}

function shiftBack(draft: Draft, phase: Returning, atMs: number): Draft {
  const { from } = draft.release.plan
  const moved = setWeights(draft, { weights: { [from]: limits.ppmTotal }, stable: from, extras: 'drop' })
  const exposed = { ...moved.release, exposedToMs: atMs }
  return setPhase({ ...moved, release: exposed }, { ...phase, awaiting: 'traffic', epoch: moved.endpoint.table.epoch })
}

function finishReturn(draft: Draft, why: { cause: ReturnCause; reason: string }, atMs: number): Draft {
  const { plan } = draft.release
  const stopped = stopFleets(draft, { first: candidateOf(draft.release), kept: plan.from })
  return endRelease(stopped, { kind: 'rolled-back', atMs, cause: why.cause, reason: why.reason })
}

function endRelease(draft: Draft, phase: Phase): Draft {
  return setPhase({ ...draft, endpoint: { ...draft.endpoint, activeRelease: null } }, phase)
}

function promotableFromMs({ startedAtMs, plan }: ReleaseState): number {
  return startedAtMs + (plan.minimumAgeMs ?? 0)
}
