/** What keeps a release waiting: holds of its stage, freeze windows, flags that are off, the others of its group. */
import { gateText, shutGate } from '../flags/flag-gates.ts'
import { freezeReason, frozenBy } from '../freeze.ts'
import { stageAt } from '../stage-plans.ts'
import { candidateOf, type Hold, type Passed, type ReleaseState } from '../state.ts'
import { promotionRefusal } from '../strategies/table.ts'
import { type Draft, setPhase } from './draft.ts'

export function hold(draft: Draft, next: Hold): Draft {
  const { phase } = draft.release
  if (phase.kind !== 'running' || phase.hold?.cause === next.cause) return draft
  // A stage says once that it is past its ceiling.
  const before = phase.hold?.cause === 'ceiling' ? phase.hold : phase.hold?.before
  return setPhase(draft, { ...phase, hold: before === undefined ? next : { ...next, before } })
}

/** What an operator can do about a breach that is held for, which stands as long as what it rests on does. */
export function waysOut({ release }: Draft): string {
  const { phase, plan } = release
  const isRefused =
    phase.kind !== 'running' ||
    promotionRefusal(stageAt(plan.stages, phase.stageIndex), phase.stage, candidateOf(release)) !== null
  return `abort it, ${isRefused ? '' : 'promote it all the same, '}or resume it to try again`
}

export function endHold(draft: Draft): Draft {
  const { phase } = draft.release
  return phase.kind === 'running' && phase.hold !== null ? setPhase(draft, { ...phase, hold: null }) : draft
}

export function endHoldOf(draft: Draft, ...causes: Hold['cause'][]): Draft {
  const { phase } = draft.release
  if (phase.kind !== 'running' || phase.hold === null || !causes.includes(phase.hold.cause)) return draft
  return setPhase(draft, { ...phase, hold: phase.hold.before ?? null })
}

/** Paused, or held by something that does not end by itself at its time. */
export function isKeptWaiting({ release: { phase } }: Draft): boolean {
  return phase.kind === 'running' && (phase.paused || (phase.hold !== null && !standsBy(phase.hold)))
}

/** Resuming is no approval, no leave to step inside a freeze window or past a flag, and no word for the others of a group. */
export function keptOnResume(held: Hold | null): Hold | null {
  return held !== null && staysOnResume.has(held.cause) ? held : null
}

const staysOnResume: ReadonlySet<Hold['cause']> = new Set(['approval', 'gate', 'freeze', 'flag', 'group'])

/** Inside a freeze window, or while a flag of the release or of the stage is off, nothing goes forward. */
export function isFrozen(release: ReleaseState, atMs: number, stageIndex = stageOf(release)): boolean {
  const { freeze } = release.plan
  return (freeze !== undefined && frozenBy(freeze, atMs) !== null) || shutGate(release, stageIndex) !== null
}

/** Of a release that is frozen. */
export function freezeHold(release: ReleaseState, atMs: number, stageIndex = stageOf(release)): Hold {
  const frozen = freezeReason(release.plan.freeze ?? [], atMs)
  return frozen === null ? flagHold(release, atMs, stageIndex) : { sinceMs: atMs, cause: 'freeze', reason: frozen }
}

export function flagHold(release: ReleaseState, atMs: number, stageIndex: number): Hold {
  const gate = shutGate(release, stageIndex)
  const reason = gate === null ? '' : `waits until ${gateText(gate)}; going back is possible at any time`
  return { sinceMs: atMs, cause: 'flag', reason }
}

/** The stage that runs or is to begin. */
function stageOf({ phase }: ReleaseState): number {
  return phase.kind === 'running' || phase.kind === 'starting' ? (phase.stageIndex ?? 0) : 0
}

/** A freeze window, or a flag, and ends with that. */
export function standsBy({ cause }: Hold): boolean {
  return cause === 'freeze' || cause === 'flag'
}

/** Nobody serves: what is under way is finished, whatever the time. */
export function hasGap({ endpoint }: Draft): boolean {
  return endpoint.table.gap !== undefined
}

/** Inside a freeze window, or while a flag is off, a running release stands still; null outside. */
export function standStill(draft: Draft, atMs: number): Draft | null {
  const { release } = draft
  if (hasGap(draft) || !isFrozen(release, atMs)) return null
  // Another hold says what is to be done after the window too.
  const { phase } = release
  const now = freezeHold(release, atMs)
  const isOther =
    phase.kind === 'running' && (phase.hold === null || (standsBy(phase.hold) && phase.hold.cause !== now.cause))
  return isOther ? hold(draft, now) : draft
}

/** Before anybody meets the candidate: its fleet is ready, and it is not the time. */
export function startFrozen(draft: Draft, atMs: number): Draft {
  const { phase } = draft.release
  return phase.kind !== 'starting' || phase.hold !== undefined
    ? draft
    : setPhase(draft, { ...phase, hold: freezeHold(draft.release, atMs) })
}

/** Ready to begin; the others of the group are not yet. */
export function awaitGroup(draft: Draft, atMs: number): Draft {
  const { phase, plan } = draft.release
  if (phase.kind === 'starting' && phase.hold?.cause === 'group') return draft
  const others = plan.group?.endpoints.filter(name => name !== plan.endpoint) ?? []
  const reason = `ready; the group ${plan.group?.name} begins when releases of ${others.join(', ')} are ready too`
  const sinceMs = phase.kind === 'starting' ? phase.sinceMs : atMs
  return setPhase(draft, { kind: 'starting', sinceMs, hold: { sinceMs: atMs, cause: 'group', reason } })
}

/** The last stage has passed, and the promotion is kept waiting. */
export function waitPassed(draft: Draft, passed: Passed, why: Hold): Draft {
  const { phase } = draft.release
  if (phase.kind !== 'running' || phase.hold?.cause === why.cause) return draft
  return setPhase(draft, { ...phase, passed: passedOf(passed), hold: why })
}

/** What the state keeps of a stage's word that it has passed. */
export function passedOf({ winner, keepMs }: Passed): Passed {
  return { ...(winner !== undefined && { winner }), ...(keepMs !== undefined && { keepMs }) }
}
