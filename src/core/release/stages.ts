/**
 * The life of the stages: the next one is made ready and entered, hears what happens, and what it says is carried out. A
 * release begins its return here, since a stage may go back in its own way first.
 */
import type { ContextPolicy } from '../bandit/context-policy.ts'
import { assertNever } from '../errors.ts'
import { shutGate } from '../flags/flag-gates.ts'
import { limits } from '../limits.ts'
import { stageAt } from '../stage-plans.ts'
import { candidateOf, type Passed, type Phase, type ReleaseState } from '../state.ts'
import type { ReturnCause } from '../state-words.ts'
import type { StageCommand, StageEvent } from '../strategies/strategy.ts'
import { advanceStage, initialStage, needsOf, type StageState, stepStage } from '../strategies/table.ts'
import type { Weights } from '../traffic.ts'
import type { GatePlace } from '../webhook.ts'
import {
  contextOf,
  type Draft,
  ensureFleet,
  hasExtras,
  noteEpoch,
  setExtras,
  setPhase,
  setWeights,
  stopFleet,
} from './draft.ts'
import { awaitPromotionGate, awaitStartGate, gateOf } from './gates.ts'
import { promote, promotePassed, promoteWhenFree, withCandidate } from './promotion.ts'
import {
  awaitGroup,
  endHold,
  endHoldOf,
  flagHold,
  hasGap,
  hold,
  isFrozen,
  isKeptWaiting,
  passedOf,
  startFrozen,
  waitPassed,
  waysOut,
} from './waits.ts'
import { bringBack, finishReturn, stageThatGoesBack } from './way-back.ts'

/** Makes ready what the stage needs, then enters it. The candidate of a release that begins is asked for in any case. */
export function prepareStage(draft: Draft, stageIndex: number, atMs: number): Draft {
  const { release, endpoint } = draft
  const needed = neededBy(draft, stageIndex)
  const isAsked = (version: string): boolean =>
    endpoint.fleets[version] !== 'ready' || (stageIndex === 0 && version !== release.plan.from)
  const missing = needed.filter(isAsked)
  if (missing.length === 0 && !isFrozen(release, atMs, stageIndex)) return enterStage(draft, stageIndex, atMs)
  const asked = missing.reduce((next, version) => ensureFleet(next, version), draft)
  const starting = setPhase(asked, { kind: 'starting', sinceMs: atMs, ...(stageIndex > 0 && { stageIndex }) })
  return missing.length === 0 ? enterWhenReady(starting, stageIndex, atMs) : starting
}

export function enterWhenReady(draft: Draft, stageIndex: number, atMs: number): Draft {
  const { release, endpoint } = draft
  if (!neededBy(draft, stageIndex).every(version => endpoint.fleets[version] === 'ready')) return draft
  return isFrozen(release, atMs, stageIndex) ? startFrozen(draft, atMs) : enterStage(draft, stageIndex, atMs)
}

/**
 * A plan without stages moves everybody at once, to a version that has been stable: it needs that one alone. Between stages
 * what serves is to be ready too, for the next one divides traffic among it and counts on its instances.
 */
export function neededBy({ endpoint, release }: Pick<Draft, 'endpoint' | 'release'>, stageIndex: number): string[] {
  const { plan } = release
  const candidate = candidateOf(release)
  if (plan.stages.length === 0) return [candidate]
  const needs = needsOf(stageAt(plan.stages, stageIndex), { stable: plan.from, candidate })
  if (stageIndex === 0) return [...needs]
  const runs = [plan.from, candidate].filter(version => (endpoint.fleets[version] ?? 'absent') !== 'absent')
  return [...new Set([...needs, ...runs])]
}

export function enterStage(draft: Draft, stageIndex: number, atMs: number): Draft {
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
  return (
    neededBy({ endpoint, release }, 0).every(version => endpoint.fleets[version] === 'ready') &&
    !isFrozen(release, atMs)
  )
}

/** The group is whole: its members are known and begin. */
export function enterTogether(draft: Draft, members: readonly string[], atMs: number): Draft {
  return enterStage({ ...draft, release: { ...draft.release, members } }, 0, atMs)
}

export function passGate(draft: Draft, before: GatePlace, atMs: number): Draft {
  const { release } = draft
  const { phase } = release
  const confirmed = { ...draft, release: { ...release, confirmed: [...(release.confirmed ?? []), before] } }
  if (phase.kind !== 'running') return enterWhenReady(confirmed, 0, atMs)
  const freed = endHoldOf(confirmed, 'gate')
  // A yes outlives what keeps the release waiting, and does not end it.
  return isKeptWaiting(freed) ? freed : promoteWhenFree(freed, phase.passed ?? {}, atMs)
}

export function stepStaged(draft: Draft, event: StageEvent): Draft {
  const staged = stagedPhase(draft.release.phase)
  if (staged === null) return draft
  const plan = stageAt(draft.release.plan.stages, staged.stageIndex)
  const result = stepStage(plan, staged.stage, event, contextOf(draft))
  return carryOut(withStage(draft, result.state), result.commands, event.atMs)
}

/** Past the present step and no further; on the way back, to its end. */
export function advance(draft: Draft, atMs: number): Draft {
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
      return shareOut(draft, command.weights, atMs, command.policy)
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

function candidateWeights(release: ReleaseState, candidatePpm: number): Weights {
  return { [release.plan.from]: limits.ppmTotal - candidatePpm, [candidateOf(release)]: candidatePpm }
}

function shareOut(draft: Draft, weights: Weights, atMs: number, policy?: ContextPolicy): Draft {
  const to = { weights, stable: draft.release.plan.from, extras: 'keep' } as const
  return noteEpoch(setWeights(draft, policy === undefined ? to : { ...to, policy }), atMs)
}

const undress = { gap: null, mirrors: null, rules: null, policy: null }

function stagePassed(draft: Draft, passed: Extract<StageCommand, { type: 'passed' }>, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind !== 'running') return draft
  const isLast = phase.stageIndex + 1 >= plan.stages.length
  if (isLast && gateOf(draft.release, 'promotion') !== undefined) return awaitPromotionGate(draft, phase, passed, atMs)
  if (phase.paused && !hasGap(draft)) return setPhase(draft, { ...phase, passed: passedOf(passed) })
  return isLast ? promoteWhenFree(draft, passed, atMs) : nextStage(draft, passed, atMs)
}

/** While the flag of the stage to come is off the one that has passed goes on: its guardrails are watched. */
function nextStage(draft: Draft, passed: Passed, atMs: number): Draft {
  const { release } = draft
  const { phase } = release
  if (phase.kind !== 'running') return draft
  const next = phase.stageIndex + 1
  if (shutGate(release, next) !== null) return waitPassed(draft, passed, flagHold(release, atMs, next))
  const chosen = passed.winner === undefined ? draft : withCandidate(draft, passed.winner)
  const undressed = hasExtras(chosen) ? setExtras(chosen, undress) : chosen
  return prepareStage(undressed, next, atMs)
}

/** What has passed and was kept waiting goes on, to the next stage or to the promotion; null where nothing has. */
export function goOnPassed(draft: Draft, atMs: number): Draft | null {
  const { phase, plan } = draft.release
  if (phase.kind !== 'running' || phase.passed === undefined) return null
  return phase.stageIndex + 1 < plan.stages.length ? nextStage(draft, phase.passed, atMs) : promotePassed(draft, atMs)
}

function stageFailed(draft: Draft, failed: Extract<StageCommand, { type: 'failed' }>, atMs: number): Draft {
  if (draft.release.phase.kind !== 'running') return draft
  const { cause, reason } = failed
  return cause === 'stage-failed' && draft.release.plan.onFail === 'hold'
    ? hold(draft, { sinceMs: atMs, cause: 'guardrail', reason: `${reason}; ${waysOut(draft)}` })
    : beginReturn(draft, cause, reason, atMs)
}

export function beginReturn(draft: Draft, cause: ReturnCause, reason: string, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'starting' && phase.stageIndex === undefined) return finishReturn(draft, { cause, reason }, atMs)
  const own = stageThatGoesBack(draft, cause)
  const returning = { kind: 'returning', cause, reason, awaiting: 'fleet', epoch: 0 } as const
  if (own === null) return bringBack(draft, returning, atMs)
  return stepStaged(setPhase(draft, { ...returning, awaiting: 'stage', ...own }), { type: 'return', atMs, reason })
}
