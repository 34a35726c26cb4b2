/** The end that goes back: capacity of the stable version first, then its traffic, then the candidate ends. */
import { limits } from '../limits.ts'
import { candidateOf, type Phase } from '../state.ts'
import type { ReturnCause } from '../state-words.ts'
import { goesBack, initialStage, type StageState } from '../strategies/table.ts'
import { type Draft, endRelease, ensureFleet, isShrunk, setPhase, setWeights, stopFleets } from './draft.ts'

type Returning = Extract<Phase, { kind: 'returning' }>

/** Capacity of the stable version first, then its traffic. */
export function bringBack(draft: Draft, { cause, reason }: Returning, atMs: number): Draft {
  const { from } = draft.release.plan
  const returning: Returning = { kind: 'returning', cause, reason, awaiting: 'fleet', epoch: 0 }
  if (draft.endpoint.fleets[from] === 'ready' && !isShrunk(draft)) return shiftBack(draft, returning, atMs)
  return setPhase(ensureFleet(draft, from), returning)
}

export function shiftBack(draft: Draft, phase: Returning, atMs: number): Draft {
  const { from } = draft.release.plan
  const moved = setWeights(draft, { weights: { [from]: limits.ppmTotal }, stable: from, extras: 'drop' })
  const exposed = { ...moved.release, exposedToMs: atMs }
  return setPhase({ ...moved, release: exposed }, { ...phase, awaiting: 'traffic', epoch: moved.endpoint.table.epoch })
}

export function finishReturn(draft: Draft, why: { cause: ReturnCause; reason: string }, atMs: number): Draft {
  const { plan } = draft.release
  const stopped = stopFleets(draft, { first: candidateOf(draft.release), kept: plan.from })
  return endRelease(stopped, { kind: 'rolled-back', atMs, cause: why.cause, reason: why.reason })
}

/** The stage that has moved the fleets brings them back, even after it has passed. */
export function stageThatGoesBack(draft: Draft, cause: ReturnCause): { stageIndex: number; stage: StageState } | null {
  const { phase, plan } = draft.release
  const stageIndex = phase.kind === 'running' ? phase.stageIndex : plan.stages.length - 1
  const stagePlan = plan.stages[stageIndex]
  if (phase.kind === 'starting' || stagePlan === undefined) return null
  if (!goesBack(stagePlan, { cause, stableShrunk: isShrunk(draft) })) return null
  return { stageIndex, stage: phase.kind === 'running' ? phase.stage : initialStage(stagePlan) }
}
