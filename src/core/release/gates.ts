/** Somebody outside is asked before the first stage or before the promotion, and the release waits for the answer. */
import type { Command } from '../command.ts'
import { candidateOf, type Passed, type Phase, type ReleaseState } from '../state.ts'
import type { Gate, GatePlace } from '../webhook.ts'
import { type Draft, setPhase } from './draft.ts'
import { hold, passedOf } from './waits.ts'

/** A gate of the plan that has not said yes. */
export function gateOf({ plan, confirmed }: ReleaseState, before: GatePlace): Gate | undefined {
  return confirmed?.includes(before) ? undefined : plan.gates?.find(gate => gate.before === before)
}

/** The gate that a release waits for; null if it waits for none. */
export function gateAwaited(release: ReleaseState): GatePlace | null {
  const { phase } = release
  if (phase.kind === 'starting' && phase.awaitsGate === true) return 'start'
  const isLast = phase.kind === 'running' && phase.stageIndex + 1 >= release.plan.stages.length
  const hasPassed = phase.kind === 'running' && phase.passed !== undefined && isLast
  return hasPassed && gateOf(release, 'promotion') !== undefined ? 'promotion' : null
}

export function askGate(draft: Draft, before: GatePlace): Draft {
  const { release } = draft
  const gate = gateOf(release, before)
  if (gate === undefined) return draft
  const { endpoint, from } = release.plan
  const command: Command = { type: 'ask-gate', endpoint, release: release.id, from, to: candidateOf(release), gate }
  return { ...draft, commands: [...draft.commands, command] }
}

/** The fleets are ready and nobody has met the candidate. */
export function awaitStartGate(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  if (phase.kind === 'starting' && phase.awaitsGate === true) return draft
  const sinceMs = phase.kind === 'starting' ? phase.sinceMs : atMs
  return askGate(setPhase(draft, { kind: 'starting', sinceMs, awaitsGate: true }), 'start')
}

const unconfirmed = 'all stages passed; waiting for the promotion to be confirmed'

/** It has been asked, and what came in between is over. */
export function awaitGateAgain(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  return phase.kind === 'running' && phase.hold === null
    ? hold(draft, { sinceMs: atMs, cause: 'gate', reason: unconfirmed })
    : draft
}

/** The stage goes on being judged meanwhile: a breach still takes the release back. */
export function awaitPromotionGate(
  draft: Draft,
  phase: Extract<Phase, { kind: 'running' }>,
  passed: Passed,
  atMs: number,
): Draft {
  if (phase.passed !== undefined) return awaitGateAgain(draft, atMs)
  const held = { sinceMs: atMs, cause: 'gate', reason: unconfirmed } as const
  return askGate(setPhase(draft, { ...phase, passed: passedOf(passed), hold: held }), 'promotion')
}
