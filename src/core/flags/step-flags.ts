/** The events of flags: each makes the next set of them, which is evaluated from then on. */
import type { Command } from '../command.ts'
import { assertNever } from '../errors.ts'
import type { ControlEvent } from '../event.ts'
import type { ControlState } from '../state.ts'
import { type FlagsState, flagApplied, flagDeleted, flagUndone, noFlags } from './flags-state.ts'
import { segmentApplied, segmentDeleted, segmentUndone } from './segment-history.ts'

export type FlagEvent = Extract<ControlEvent, { type: `flag-${string}` | `segment-${string}` }>

export function isFlagEvent(event: ControlEvent): event is FlagEvent {
  return event.type.startsWith('flag-') || event.type.startsWith('segment-')
}

export function stepFlags(
  state: ControlState,
  event: FlagEvent,
  atMs: number,
): { state: ControlState; commands: readonly Command[] } {
  const before = state.flags ?? noFlags
  const flags = flagsAfter(before, event, atMs)
  return flags === before
    ? { state, commands: [] }
    : { state: { ...state, flags }, commands: [{ type: 'apply-flags', flags }] }
}

function flagsAfter(flags: FlagsState, event: FlagEvent, atMs: number): FlagsState {
  const { actor } = event
  switch (event.type) {
    case 'flag-applied': {
      const passedAtMs = event.direct === true ? atMs : Number.NEGATIVE_INFINITY
      return flagApplied(flags, event.spec, { actor, note: event.note, atMs }, passedAtMs)
    }
    case 'flag-deleted':
      return flagDeleted(flags, event.flag, { actor, note: null, atMs })
    case 'flag-undone':
      return flagUndone(flags, event.flag, { actor, note: event.note, atMs })
    case 'segment-applied':
      return segmentApplied(flags, event.spec, { actor, note: event.note, atMs })
    case 'segment-deleted':
      return segmentDeleted(flags, event.segment, { actor, note: event.note, atMs })
    case 'segment-undone':
      return segmentUndone(flags, event.segment, { actor, note: event.note, atMs })
    default:
      return assertNever(event)
  }
}
