/**
 * The life of a release: the candidate's fleet is made ready, stages run one after another, then everybody moves to the
 * candidate or back to stable. Rollback brings capacity before it shifts traffic. Pure: a draft in, a draft out.
 */
import type { Command } from './command.ts'
import { readyTimeoutOf } from './endpoint.ts'
import { assertNever } from './errors.ts'
import type { OperatorVerb } from './event.ts'
import type { Judgement } from './judge/judgement.ts'
import { candidateWeights } from './plan.ts'
import type { EndpointState, Hold, Phase, ReleaseState, ReturnCause } from './state.ts'
import type { StageCommand, StageEvent } from './strategies/strategy.ts'
import { initialStage, type StageState, stepStage } from './strategies/table.ts'
import { moveTable, type Weights } from './traffic.ts'

/** An endpoint and its release while an event is worked in, and the commands that come of it. */
export type Draft = { endpoint: EndpointState; release: ReleaseState; commands: readonly Command[] }

type Running = Extract<Phase, { kind: 'running' }>

export function begin(draft: Draft): Draft {
  return ensureFleet(draft, draft.release.plan.to)
}

export function fleetReady(draft: Draft, version: string, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind === 'starting' && version === plan.to) return enterStage(draft, 0, atMs)
  if (phase.kind === 'returning' && phase.awaiting === 'fleet' && version === plan.from)
    return shiftBack(draft, phase, atMs)
  return draft
}

export function fleetFailed(draft: Draft, failure: { version: string; reason: string }, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (failure.version !== plan.to) return draft
  if (phase.kind === 'starting')
    return beginReturn(draft, 'never-ready', `${plan.to} did not become ready: ${failure.reason}`, atMs)
  const serving = phase.kind === 'running' || phase.kind === 'promoting' || phase.kind === 'probation'
  return serving
    ? beginReturn(draft, 'fleet-lost', `${plan.to} cannot be kept running: ${failure.reason}`, atMs)
    : draft
}

export function trafficApplied(draft: Draft, epoch: number, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind === 'promoting' && epoch >= phase.epoch) {
    if (plan.probationMs === 0) return finishPromotion(draft, atMs)
    return setPhase(draft, { kind: 'probation', untilMs: atMs + plan.probationMs })
  }
  if (phase.kind === 'returning' && phase.awaiting === 'traffic' && epoch >= phase.epoch)
    return finishReturn(draft, phase, atMs)
  return draft
}

export function timePassed(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  return phase.kind === 'probation' && atMs >= phase.untilMs ? finishPromotion(draft, atMs) : draft
}

export function judged(draft: Draft, judgement: Judgement, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind !== 'running' && phase.kind !== 'probation') return draft
  if (judgement.verdict === 'fail') {
    if (plan.onFail === 'rollback' || phase.kind === 'probation')
      return beginReturn(draft, 'guardrail', judgement.reason, atMs)
    return hold(draft, phase, { sinceMs: atMs, cause: 'guardrail', reason: judgement.reason })
  }
  if (phase.kind === 'probation' || phase.paused) return draft
  const blocked = blockedBy(judgement)
  if (blocked !== null) return hold(draft, phase, { sinceMs: atMs, ...blocked })
  const unblocked = phase.hold?.cause === 'invalid' || phase.hold?.cause === 'signal' ? endHold(draft) : draft
  return stepRunning(unblocked, { type: 'judged', atMs, judgement, notBeforeMs: promotableFromMs(draft.release) })
}

/** Why the release cannot go on now although no guardrail failed; null if nothing is in its way. */
function blockedBy(judgement: Judgement): Pick<Hold, 'cause' | 'reason'> | null {
  if (judgement.verdict === 'invalid') return { cause: 'invalid', reason: judgement.reason }
  const signal = judgement.checks.find(check => check.role === 'signal' && check.verdict === 'fail')
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
      return phase.kind === 'running' && phase.hold?.cause === 'approval' ? null : `${at} and waits for no approval`
    case 'promote':
      return phase.kind === 'running' ? null : `${at}; only a running release can be promoted`
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
    case 'approve':
      return stepRunning(draft, { type: 'approved', atMs })
    case 'promote':
      return promote(draft, atMs)
    case 'abort':
    case 'rollback':
      return beginReturn(draft, 'operator', reason, atMs)
    default:
      return assertNever(word.verb)
  }
}

/** Resuming is no approval. */
function approvalOnly(held: Hold | null): Hold | null {
  return held?.cause === 'approval' ? held : null
}

function stepRunning(draft: Draft, event: StageEvent): Draft {
  const { phase, plan } = draft.release
  if (phase.kind !== 'running') return draft
  const stagePlan = plan.stages[phase.stageIndex]
  if (stagePlan === undefined) throw new Error(`stage ${phase.stageIndex} does not exist`)
  const result = stepStage(stagePlan, phase.stage, event)
  return carryOut(withStage(draft, result.state), result.commands, event.atMs)
}

function withStage(draft: Draft, stage: StageState): Draft {
  const { phase } = draft.release
  if (phase.kind !== 'running' || phase.stage === stage) return draft
  return setPhase(draft, { ...phase, stage })
}

function carryOut(draft: Draft, commands: readonly StageCommand[], atMs: number): Draft {
  return commands.reduce((next, command) => carryOutOne(next, command, atMs), draft)
}

function carryOutOne(draft: Draft, command: StageCommand, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind !== 'running') return draft
  switch (command.type) {
    case 'set-weight':
      return setCandidateWeight(draft, command.candidatePpm, atMs)
    case 'hold':
      return hold(draft, phase, { sinceMs: atMs, cause: command.cause, reason: command.reason })
    case 'release-hold':
      return endHold(draft)
    case 'passed':
      return phase.stageIndex + 1 < draft.release.plan.stages.length
        ? enterStage(draft, phase.stageIndex + 1, atMs)
        : promote(draft, atMs)
    default:
      return assertNever(command)
  }
}

function enterStage(draft: Draft, stageIndex: number, atMs: number): Draft {
  const stagePlan = draft.release.plan.stages[stageIndex]
  if (stagePlan === undefined) throw new Error(`stage ${stageIndex} does not exist`)
  const entered = setPhase(draft, {
    kind: 'running',
    stageIndex,
    stage: initialStage(stagePlan),
    paused: false,
    hold: null,
  })
  return stepRunning(entered, { type: 'entered', atMs })
}

function hold(draft: Draft, phase: Running, next: Hold): Draft {
  if (phase.hold?.cause === next.cause) return draft
  return setPhase(draft, { ...phase, hold: next })
}

function endHold(draft: Draft): Draft {
  const { phase } = draft.release
  return phase.kind === 'running' && phase.hold !== null ? setPhase(draft, { ...phase, hold: null }) : draft
}

function setCandidateWeight(draft: Draft, candidatePpm: number, atMs: number): Draft {
  const { release } = draft
  const moved = setWeights(draft, candidateWeights(release.plan, candidatePpm), release.plan.from)
  const epoch = { epoch: moved.endpoint.table.epoch, candidatePpm, sinceMs: atMs }
  return {
    ...moved,
    release: { ...moved.release, epochs: [...release.epochs, epoch], exposedFromMs: release.exposedFromMs ?? atMs },
  }
}

function promote(draft: Draft, atMs: number): Draft {
  const { plan } = draft.release
  const moved = setWeights(draft, { [plan.to]: 1_000_000 }, plan.to)
  const epoch = moved.endpoint.table.epoch
  const exposed = { ...moved.release, exposedFromMs: moved.release.exposedFromMs ?? atMs }
  return setPhase({ ...moved, release: exposed }, { kind: 'promoting', epoch })
}

function finishPromotion(draft: Draft, atMs: number): Draft {
  const { plan } = draft.release
  return endRelease(stopFleet(draft, plan.from), { kind: 'promoted', atMs })
}

function beginReturn(draft: Draft, cause: ReturnCause, reason: string, atMs: number): Draft {
  const { plan, phase } = draft.release
  if (phase.kind === 'starting') return finishReturn(draft, { cause, reason }, atMs)
  const returning = { kind: 'returning', cause, reason, awaiting: 'fleet', epoch: 0 } as const
  if (draft.endpoint.fleets[plan.from] === 'ready') return shiftBack(draft, returning, atMs)
  return setPhase(ensureFleet(draft, plan.from), returning)
}

function shiftBack(draft: Draft, phase: Extract<Phase, { kind: 'returning' }>, atMs: number): Draft {
  const { plan } = draft.release
  const moved = setWeights(draft, { [plan.from]: 1_000_000 }, plan.from)
  const exposed = { ...moved.release, exposedToMs: atMs }
  return setPhase({ ...moved, release: exposed }, { ...phase, awaiting: 'traffic', epoch: moved.endpoint.table.epoch })
}

function finishReturn(draft: Draft, why: { cause: ReturnCause; reason: string }, atMs: number): Draft {
  const { plan } = draft.release
  return endRelease(stopFleet(draft, plan.to), { kind: 'rolled-back', atMs, cause: why.cause, reason: why.reason })
}

function endRelease(draft: Draft, phase: Phase): Draft {
  return setPhase({ ...draft, endpoint: { ...draft.endpoint, activeRelease: null } }, phase)
}

function setPhase(draft: Draft, phase: Phase): Draft {
  return { ...draft, release: { ...draft.release, phase } }
}

function setWeights(draft: Draft, weights: Weights, stable: string): Draft {
  const { endpoint, release } = draft
  const salt = `${endpoint.spec.name}/${release.id}`
  const table = moveTable(endpoint.table, { weights, stable, release: release.id, salt })
  const next = { ...endpoint, table, stable }
  return { ...draft, endpoint: next, commands: [...draft.commands, { type: 'apply-route', spec: next.spec, table }] }
}

function ensureFleet(draft: Draft, version: string): Draft {
  const { endpoint, release } = draft
  const spec = endpoint.spec.versions[version]
  if (spec === undefined) throw new Error(`endpoint ${endpoint.spec.name} has no version ${version}`)
  const fleets = { ...endpoint.fleets, [version]: 'starting' as const }
  const command = {
    type: 'ensure-fleet',
    endpoint: endpoint.spec.name,
    version: spec,
    readyTimeoutMs: readyTimeoutOf(spec, release.plan.readyTimeoutMs),
  } as const
  return { ...draft, endpoint: { ...endpoint, fleets }, commands: [...draft.commands, command] }
}

function stopFleet(draft: Draft, version: string): Draft {
  const { endpoint, release } = draft
  const fleets = { ...endpoint.fleets, [version]: 'absent' as const }
  const command = { type: 'stop-fleet', endpoint: endpoint.spec.name, version, drainMs: release.plan.drainMs } as const
  return { ...draft, endpoint: { ...endpoint, fleets }, commands: [...draft.commands, command] }
}

function promotableFromMs({ startedAtMs, plan }: ReleaseState): number {
  return startedAtMs + (plan.minimumAgeMs ?? 0)
}
