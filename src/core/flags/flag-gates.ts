/**
 * Flags that a release or a stage waits for. Which of them are shut is looked up whenever something happens and kept with the
 * release, so that what the release does then depends on its own state alone.
 */
import { withReleases } from '../releases.ts'
import type { ControlState, ReleaseState } from '../state.ts'
import { isTerminal } from '../state.ts'
import { type CompiledFlags, compiledOf } from './compile-flags.ts'
import { evaluate } from './evaluate.ts'
import { type FlagsState, noFlags } from './flags-state.ts'

/** `is`: the variants that let it pass; the value true where it is left out. `stage`: of that stage alone, else of all. */
export type FlagGate = { flag: string; is?: readonly string[]; stage?: number }

/** `the flag new-ranker is on`. */
export function gateText({ flag, is }: FlagGate): string {
  return is === undefined ? `the flag ${flag} is on` : `the flag ${flag} is ${is.join(' or ')}`
}

/** A shut gate of the release or of the stage; null if it may go on. */
export function shutGate({ plan, shut }: Pick<ReleaseState, 'plan' | 'shut'>, stageIndex: number): FlagGate | null {
  const gates = plan.flags ?? []
  return (
    gates.find((gate, index) => shut?.includes(index) === true && (gate.stage ?? stageIndex) === stageIndex) ?? null
  )
}

/** Every release that has not ended, with its shut gates as of now; the same state if none has changed. */
export function lookAtGates(state: ControlState, atMs: number): ControlState {
  let next = state
  for (const { activeRelease, queue = [] } of Object.values(state.endpoints)) {
    for (const id of [activeRelease, ...queue.map(({ release }) => release)]) {
      const release = id === null ? undefined : next.releases[id]
      if (release === undefined || isTerminal(release)) continue
      const looked = withShutGates(release, state.flags, atMs)
      if (looked !== release) next = { ...next, releases: withReleases(next.releases, looked) }
    }
  }
  return next
}

export function withShutGates(release: ReleaseState, flags: FlagsState | undefined, atMs: number): ReleaseState {
  const { plan, shut: before } = release
  if (plan.flags === undefined) return release
  const compiled = compiledOf(flags ?? noFlags)
  const shut = plan.flags.flatMap((gate, index) => (isOpen(compiled, gate, release, atMs) ? [] : [index]))
  if (shut.join() === (before ?? []).join()) return release
  const { shut: _before, ...rest } = release
  return shut.length === 0 ? rest : { ...rest, shut }
}

/** A flag may tell endpoints and versions apart; the endpoint is the unit. */
function isOpen(compiled: CompiledFlags, { flag, is }: FlagGate, { id, plan }: ReleaseState, atMs: number): boolean {
  const { endpoint, from, to } = plan
  const context = { targetingKey: endpoint, endpoint, from, to, release: id }
  const { value, variant } = evaluate(compiled, flag, context, atMs)
  return is === undefined ? value === true : variant !== null && is.includes(variant)
}
