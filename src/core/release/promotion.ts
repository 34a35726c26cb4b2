/** The end that goes forward: what has passed is promoted once nothing keeps it waiting. */
import { limits } from '../limits.ts'
import { candidateOf, type Passed } from '../state.ts'
import { type Draft, endRelease, ensureFleet, setExtras, setPhase, setWeights, stopFleets } from './draft.ts'
import { gateOf } from './gates.ts'
import { freezeHold, hasGap, isFrozen, isKeptWaiting, waitPassed } from './waits.ts'

/** The last stage has passed; a freeze window may keep the promotion waiting. */
export function promoteWhenFree(draft: Draft, passed: Passed, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind !== 'running') return draft
  if (!hasGap(draft) && isFrozen(draft.release, atMs)) return waitPassed(draft, passed, freezeHold(draft.release, atMs))
  if (draft.release.members === undefined) return promoteChosen(draft, passed, atMs)
  const waiting = `all stages passed; waiting for the others of the group ${plan.group?.name}`
  return waitPassed(draft, passed, { sinceMs: atMs, cause: 'group', reason: waiting })
}

/** All of the group have passed. */
export function promoteTogether(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  return phase.kind === 'running' ? promoteChosen(draft, phase.passed ?? {}, atMs) : draft
}

/** What has passed and was kept waiting is promoted; null where nothing has, or a gate is to be asked. */
export function promotePassed(draft: Draft, atMs: number): Draft | null {
  const { release } = draft
  const { phase } = release
  if (phase.kind !== 'running' || isKeptWaiting(draft)) return null
  const isIt = phase.passed !== undefined && gateOf(release, 'promotion') === undefined
  return isIt ? promoteWhenFree(draft, phase.passed ?? {}, atMs) : null
}

function promoteChosen(draft: Draft, { winner, keepMs }: Passed, atMs: number): Draft {
  return promote(winner === undefined ? draft : withCandidate(draft, winner), atMs, keepMs)
}

/** Everybody moves to the candidate; while that cannot serve, as after a restart, everybody stays where they are, and nobody is copied to it. */
export function promote(draft: Draft, atMs: number, keepMs?: number): Draft {
  const candidate = candidateOf(draft.release)
  const fleet = draft.endpoint.fleets[candidate] ?? 'absent'
  if (fleet === 'ready') return moveAll(draft, atMs, keepMs)
  const asked = fleet === 'starting' ? draft : ensureFleet(draft, candidate)
  const single = asked.endpoint.table.mirrors === undefined ? asked : setExtras(asked, { mirrors: null })
  const { epoch } = single.endpoint.table
  return setPhase(single, { kind: 'promoting', epoch, ...(keepMs !== undefined && { keepMs }), awaitsFleet: true })
}

/** The candidate that was waited for is ready. */
export function promoteReady(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  return phase.kind === 'promoting' && phase.awaitsFleet === true ? moveAll(draft, atMs, phase.keepMs) : draft
}

function moveAll(draft: Draft, atMs: number, keepMs?: number): Draft {
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

export function withCandidate(draft: Draft, candidate: string): Draft {
  return candidate === candidateOf(draft.release) ? draft : { ...draft, release: { ...draft.release, candidate } }
}
