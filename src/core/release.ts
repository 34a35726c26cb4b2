/**
 * The life of a release: fleets are made ready, stages run one after another, then everybody moves to the candidate or
 * back to stable. Rollback brings capacity before it shifts traffic. Pure: a draft in, a draft out.
 */
import type { Command } from './command.ts'
import {
  contextOf,
  type Draft,
  ensureFleet,
  hasExtras,
  noteEpoch,
  noteGap,
  setExtras,
  setPhase,
  setWeights,
  stopFleet,
  stopFleets,
} from './draft.ts'
import { assertNever } from './errors.ts'
import type { OperatorVerb } from './event.ts'
import type { Judgement } from './judge/judgement.ts'
import { limits } from './limits.ts'
import type { StagePlan } from './stage-plans.ts'
import { candidateOf, type Hold, type Passed, type Phase, type ReleaseState } from './state.ts'
import type { ReturnCause } from './state-words.ts'
import type { StageCommand, StageEvent } from './strategies/strategy.ts'
import {
  goesBack,
  initialStage,
  keepMsOf,
  mindsFleets,
  needsOf,
  promotionRefusal,
  type StageState,
  stepStage,
  watchesWhilePaused,
} from './strategies/table.ts'
import type { Weights } from './traffic.ts'
import type { TrialReport } from './trial.ts'
import type { Gate, GatePlace } from './webhook.ts'

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
  const { phase, plan } = draft.release
  if (phase.kind === 'promoting' && epoch >= phase.epoch) {
    const watchMs = Math.max(plan.probationMs, phase.keepMs ?? 0)
    if (watchMs === 0) return finishPromotion(draft, atMs)
    return setPhase(draft, { kind: 'probation', untilMs: atMs + watchMs })
  }
  if (phase.kind === 'returning' && phase.awaiting === 'traffic' && epoch >= phase.epoch)
    return finishReturn(draft, phase, atMs)
  return epoch >= draft.endpoint.table.epoch ? stepStaged(draft, { type: 'applied', atMs, epoch }) : draft
}

export function timePassed(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'probation') return atMs >= phase.untilMs ? finishPromotion(draft, atMs) : draft
  if (phase.kind === 'running' && phase.paused) return draft
  return stepStaged(draft, { type: 'tick', atMs })
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
  const blocked = blockedBy(judgement)
  if (blocked !== null) return hold(draft, { sinceMs: atMs, ...blocked })
  const unblocked = phase.hold?.cause === 'invalid' || phase.hold?.cause === 'signal' ? endHold(draft) : draft
  return stepStaged(unblocked, { type: 'judged', atMs, judgement, notBeforeMs: promotableFromMs(draft.release) })
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
  const signal = judgement.checks.find(
    check => check.role === 'signal' && check.verdict === 'fail' && check.check.dryRun !== true,
  )
  return signal === undefined ? null : { cause: 'signal', reason: signal.reason }
}

/** Why the verb cannot be used now, as a sentence; null if it can. */
export function refusalOf(release: ReleaseState, verb: OperatorVerb): string | null {
  const { phase } = release
  const at = `release ${release.id} is ${phase.kind}`
  switch (verb) {
    case 'pause':
      return phase.kind === 'running' && !phase.paused
        ? null
        : `${at}${phase.kind === 'running' ? ' and paused already' : ''}; only a running release can be paused`
    case 'resume':
      return phase.kind === 'running' && (phase.paused || phase.hold !== null)
        ? null
        : `${at}; only a paused or holding release can be resumed`
    case 'approve':
      return (phase.kind === 'running' && phase.hold?.cause === 'approval') || gateAwaited(release) !== null
        ? null
        : `${at} and waits for no approval`
    case 'promote':
      return phase.kind === 'running'
        ? promotionRefusal(stageAt(release.plan.stages, phase.stageIndex), phase.stage)
        : `${at}; only a running release can be promoted`
    case 'abort':
    case 'rollback':
      return phase.kind === 'promoted' || phase.kind === 'rolled-back' || phase.kind === 'returning'
        ? `${at}; ${phase.kind === 'promoted' ? `release ${release.plan.from} again to go back` : 'there is nothing to take back'}`
        : null
    default:
      return assertNever(verb)
  }
}

export function operated(
  draft: Draft,
  word: { verb: OperatorVerb; actor: string; note: string | null },
  atMs: number,
): Draft {
  if (refusalOf(draft.release, word.verb) !== null) return draft
  const phase = draft.release.phase
  const reason = `${word.verb} by ${word.actor}${word.note === null ? '' : `: ${word.note}`}`
  switch (word.verb) {
    case 'pause':
      return phase.kind === 'running' ? setPhase(draft, { ...phase, paused: true }) : draft
    case 'resume':
      return phase.kind === 'running'
        ? setPhase(draft, { ...phase, paused: false, hold: approvalOnly(phase.hold) })
        : draft
    case 'approve': {
      const awaited = gateAwaited(draft.release)
      return awaited === null ? stepStaged(draft, { type: 'approved', atMs }) : passGate(draft, awaited, atMs)
    }
    case 'promote':
      return promote(draft, atMs, keptByWord(draft))
    case 'abort':
    case 'rollback':
      return beginReturn(draft, 'operator', reason, atMs)
    default:
      return assertNever(word.verb)
  }
}

/** What the running stage keeps warm although it has not passed; undefined if nothing. */
function keptByWord({ release: { phase, plan } }: Draft): number | undefined {
  const keepMs = phase.kind === 'running' ? keepMsOf(stageAt(plan.stages, phase.stageIndex)) : 0
  return keepMs > 0 ? keepMs : undefined
}

/** Resuming is no approval. */
function approvalOnly(held: Hold | null): Hold | null {
  return held?.cause === 'approval' || held?.cause === 'gate' ? held : null
}

function stageAt(stages: readonly StagePlan[], index: number): StagePlan {
  const stage = stages[index]
  if (stage === undefined) throw new Error(`stage ${index} does not exist`)
  return stage
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
  if (isLast) return promote(chosen, atMs, passed.keepMs)
  const undressed = hasExtras(chosen) ? setExtras(chosen, { gap: null, mirrors: null, rules: null }) : chosen
  return prepareStage(undressed, phase.stageIndex + 1, atMs)
}

/** A gate of the plan that has not said yes. */
function gateOf({ plan, confirmed }: ReleaseState, before: GatePlace): Gate | undefined {
  return confirmed?.includes(before) ? undefined : plan.gates?.find(gate => gate.before === before)
}

/** The gate that a release waits for; null if it waits for none. */
export function gateAwaited({ phase }: ReleaseState): GatePlace | null {
  if (phase.kind === 'starting' && phase.awaitsGate === true) return 'start'
  return phase.kind === 'running' && phase.passed !== undefined ? 'promotion' : null
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
  const { winner, keepMs } = phase.passed ?? {}
  return promote(winner === undefined ? confirmed : withCandidate(confirmed, winner), atMs, keepMs)
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
  if (missing.length === 0) return enterStage(draft, stageIndex, atMs)
  const asked = missing.reduce((next, version) => ensureFleet(next, version), draft)
  return setPhase(asked, { kind: 'starting', sinceMs: atMs, ...(stageIndex > 0 && { stageIndex }) })
}

function enterWhenReady(draft: Draft, stageIndex: number, atMs: number): Draft {
  const { release, endpoint } = draft
  return neededBy(release, stageIndex).every(version => endpoint.fleets[version] === 'ready')
    ? enterStage(draft, stageIndex, atMs)
    : draft
}

/** A plan without stages moves everybody at once, to a version that has been stable: it needs that one alone. */
function neededBy(release: ReleaseState, stageIndex: number): readonly string[] {
  const { plan } = release
  const candidate = candidateOf(release)
  if (plan.stages.length === 0) return [candidate]
  return needsOf(stageAt(plan.stages, stageIndex), { stable: plan.from, candidate })
}

function enterStage(draft: Draft, stageIndex: number, atMs: number): Draft {
  if (stageIndex === 0 && gateOf(draft.release, 'start') !== undefined) return awaitStartGate(draft, atMs)
  if (draft.release.plan.stages.length === 0) return promote(draft, atMs)
  const stage = initialStage(stageAt(draft.release.plan.stages, stageIndex))
  const entered = setPhase(draft, { kind: 'running', stageIndex, stage, paused: false, hold: null })
  return stepStaged(entered, { type: 'entered', atMs })
}

/** The fleets are ready and nobody has met the candidate. */
function awaitStartGate(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'starting' && phase.awaitsGate === true) return draft
  const sinceMs = phase.kind === 'starting' ? phase.sinceMs : atMs
  return askGate(setPhase(draft, { kind: 'starting', sinceMs, awaitsGate: true }), 'start')
}

function hold(draft: Draft, next: Hold): Draft {
  const { phase } = draft.release
  return phase.kind !== 'running' || phase.hold?.cause === next.cause
    ? draft
    : setPhase(draft, { ...phase, hold: next })
}

function endHold(draft: Draft): Draft {
  const { phase } = draft.release
  return phase.kind === 'running' && phase.hold !== null ? setPhase(draft, { ...phase, hold: null }) : draft
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

function finishPromotion(draft: Draft, atMs: number): Draft {
  const { plan } = draft.release
  const stopped = stopFleets(draft, { first: plan.from, kept: candidateOf(draft.release) })
  return endRelease(stopped, { kind: 'promoted', atMs })
}

export function beginReturn(draft: Draft, cause: ReturnCause, reason: string, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'starting' && phase.stageIndex === undefined) return finishReturn(draft, { cause, reason }, atMs)
  const own = stageThatGoesBack(draft)
  const returning = { kind: 'returning', cause, reason, awaiting: 'fleet', epoch: 0 } as const
  if (own === null) return bringBack(draft, returning, atMs)
  return stepStaged(setPhase(draft, { ...returning, awaiting: 'stage', ...own }), { type: 'return', atMs, reason })
}

/** The stage that has moved the fleets brings them back, even after it has passed. */
function stageThatGoesBack({ release }: Draft): { stageIndex: number; stage: StageState } | null {
  const { phase, plan } = release
  const stageIndex = phase.kind === 'running' ? phase.stageIndex : plan.stages.length - 1
  const stagePlan = plan.stages[stageIndex]
  if (phase.kind === 'starting' || stagePlan === undefined || !goesBack(stagePlan)) return null
  return { stageIndex, stage: phase.kind === 'running' ? phase.stage : initialStage(stagePlan) }
}

/** Capacity of the stable version first, then its traffic. */
function bringBack(draft: Draft, { cause, reason }: Returning, atMs: number): Draft {
  const { from } = draft.release.plan
  const returning: Returning = { kind: 'returning', cause, reason, awaiting: 'fleet', epoch: 0 }
  if (draft.endpoint.fleets[from] === 'ready') return shiftBack(draft, returning, atMs)
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
