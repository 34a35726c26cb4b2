/**
 * The flags of a server as a fold of the log: what is in force, where its rollouts lie, who changed it when. A change may
 * be taken back by one step, and taking back is a change too: doing it twice gives the same flag again.
 */
import { limits } from '../limits.ts'
import { own } from '../own.ts'
import type { FlagSpec, SegmentSpec } from './flag.ts'
import { type Layouts, layoutsAt, moveLayouts } from './layout.ts'
import type { SegmentHistory } from './segment-history.ts'

export type FlagChange = {
  /** From 1 for each name, also through a deletion. */
  revision: number
  atMs: number
  actor: string
  how: 'applied' | 'undone' | 'deleted'
  note: string | null
  spec: FlagSpec
  layouts: Layouts
}

/** `changes`: the newest `limits.flagChangesKept`, oldest first; the last one is in force. */
export type FlagState = { spec: FlagSpec; layouts: Layouts; changes: readonly FlagChange[] }

export type FlagsState = {
  flags: Readonly<Record<string, FlagState>>
  segments: Readonly<Record<string, SegmentSpec>>
  /** Of deleted ones too, which an undo brings back; left out before the first change that is noted. */
  segmentHistories?: Readonly<Record<string, SegmentHistory>>
  /** Deleted ones, the newest last, which an undo brings back. */
  deleted: Readonly<Record<string, FlagState>>
}

export const noFlags: FlagsState = { flags: {}, segments: {}, deleted: {} }

type Word = { actor: string; note: string | null; atMs: number }

/**
 * A name that was deleted goes on with its history. `passedAtMs`: up to when steps of the schedule have passed; none have
 * where logs of before are folded, which moved rollouts by way of all of them.
 */
export function flagApplied(state: FlagsState, spec: FlagSpec, word: Word, passedAtMs = word.atMs): FlagsState {
  const known = own(state.flags, spec.name)
  const before = known ?? own(state.deleted, spec.name)
  const inForce = known === undefined ? {} : layoutsAt(known.spec, known.layouts, word.atMs)
  const layouts = moveLayouts(spec, inForce, passedAtMs)
  return put(state, changed(before, { how: 'applied', spec, layouts }, word))
}

export function flagDeleted(state: FlagsState, name: string, word: Word): FlagsState {
  const known = own(state.flags, name)
  if (known === undefined) return state
  const { [name]: _gone, ...flags } = state.flags
  const { spec, layouts } = known
  const last = changed(known, { how: 'deleted', spec, layouts }, word)
  return { ...state, flags, deleted: keepNewest({ ...without(state.deleted, name), [name]: last }) }
}

/** Back to what was before the last change, every unit where it was. */
export function flagUndone(state: FlagsState, name: string, word: Word): FlagsState {
  const target = undoTarget(state, name)
  const known = own(state.flags, name) ?? own(state.deleted, name)
  if (target === null || known === undefined) return state
  const { spec, layouts } = target
  return put(state, changed(known, { how: 'undone', spec, layouts }, word))
}

/** What an undo would bring back; null if there is nothing before the last change. */
export function undoTarget(state: FlagsState, name: string): Pick<FlagChange, 'spec' | 'layouts' | 'revision'> | null {
  const gone = own(state.deleted, name)
  if (gone !== undefined) return gone.changes.at(-1) ?? null
  const before = own(state.flags, name)?.changes.at(-2)
  return before === undefined || before.how === 'deleted' ? null : before
}

/** All that an evaluation needs. */
export function withoutHistory({ flags, segments }: FlagsState): FlagsState {
  const bare = Object.entries(flags).map(([name, { spec, layouts }]) => [name, { spec, layouts, changes: [] }] as const)
  return { flags: Object.fromEntries(bare), segments, deleted: {} }
}

function changed(
  before: FlagState | undefined,
  to: Pick<FlagChange, 'how' | 'spec' | 'layouts'>,
  { atMs, actor, note }: Word,
): FlagState {
  const earlier = before?.changes ?? []
  const revision = (earlier.at(-1)?.revision ?? 0) + 1
  const changes = [...earlier, { revision, atMs, actor, note, ...to }].slice(-limits.flagChangesKept)
  return { spec: to.spec, layouts: to.layouts, changes }
}

function put(state: FlagsState, flag: FlagState): FlagsState {
  const { name } = flag.spec
  return { ...state, flags: { ...state.flags, [name]: flag }, deleted: without(state.deleted, name) }
}

function keepNewest(deleted: Readonly<Record<string, FlagState>>): Readonly<Record<string, FlagState>> {
  return Object.fromEntries(Object.entries(deleted).slice(-limits.deletedFlagsKept))
}

function without<Value>(record: Readonly<Record<string, Value>>, key: string): Readonly<Record<string, Value>> {
  const { [key]: _gone, ...rest } = record
  return rest
}
