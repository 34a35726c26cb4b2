/**
 * Who changed a segment and when, and what an undo brings back. Logs of before segments had a history say no `note`: such
 * events change the segment alone, so that these logs fold as they ever did, and what they left is where a history begins.
 */
import { limits } from '../limits.ts'
import { own } from '../own.ts'
import type { SegmentSpec } from './flag.ts'
import type { FlagsState } from './flags-state.ts'

export type SegmentChange = {
  /** From 1 for each name, also through a deletion; all changes of before the history are the first. */
  revision: number
  atMs: number
  actor: string
  how: 'applied' | 'undone' | 'deleted'
  note: string | null
  spec: SegmentSpec
}

export type SegmentHistory = {
  /** What was in force before the first change, where its own change is in no history. */
  before?: SegmentSpec
  /** The newest `limits.flagChangesKept`, oldest first. */
  changes: readonly SegmentChange[]
}

/** `note` is left out by events of before the history. */
type Word = { actor: string; note?: string | null | undefined; atMs: number }

export function segmentApplied(state: FlagsState, spec: SegmentSpec, word: Word): FlagsState {
  const noted = withChange(state, { how: 'applied', spec }, word)
  return { ...noted, segments: { ...noted.segments, [spec.name]: spec } }
}

export function segmentDeleted(state: FlagsState, name: string, word: Word): FlagsState {
  const spec = own(state.segments, name)
  if (spec === undefined) return state
  const noted = withChange(state, { how: 'deleted', spec }, word)
  const { [name]: _gone, ...segments } = noted.segments
  return forgetOldest({ ...noted, segments })
}

/** Back to what was before the last change. */
export function segmentUndone(state: FlagsState, name: string, word: Word): FlagsState {
  const target = segmentUndoTarget(state, name)
  if (target === null) return state
  const { spec } = target
  const noted = withChange(state, { how: 'undone', spec }, word)
  return { ...noted, segments: { ...noted.segments, [name]: spec } }
}

/** What an undo would bring back; null if there is nothing before the last change. */
export function segmentUndoTarget(
  { segments, segmentHistories = {} }: FlagsState,
  name: string,
): Pick<SegmentChange, 'spec' | 'revision'> | null {
  const history = own(segmentHistories, name)
  const last = history?.changes.at(-1)
  if (history === undefined || last === undefined) return null
  if (own(segments, name) === undefined) return last
  const before = history.changes.at(-2)
  if (before !== undefined) return before.how === 'deleted' ? null : before
  return history.before === undefined ? null : { spec: history.before, revision: last.revision - 1 }
}

function withChange(state: FlagsState, to: Pick<SegmentChange, 'how' | 'spec'>, word: Word): FlagsState {
  const { segmentHistories = {} } = state
  const { name } = to.spec
  const known = own(segmentHistories, name)
  if (known === undefined && word.note === undefined) return state
  const history = known ?? beginning(own(state.segments, name))
  const { actor, note = null, atMs } = word
  const revision = (history.changes.at(-1)?.revision ?? (history.before === undefined ? 0 : 1)) + 1
  const changes = [...history.changes, { revision, atMs, actor, note, ...to }]
  return { ...state, segmentHistories: { ...segmentHistories, [name]: kept({ ...history, changes }) } }
}

function beginning(before: SegmentSpec | undefined): SegmentHistory {
  return { ...(before !== undefined && { before }), changes: [] }
}

function kept(history: SegmentHistory): SegmentHistory {
  const { changes } = history
  return changes.length > limits.flagChangesKept ? { changes: changes.slice(-limits.flagChangesKept) } : history
}

/** Of deleted segments the newest are kept, as of deleted flags. */
function forgetOldest(state: FlagsState): FlagsState {
  const { segments, segmentHistories = {} } = state
  const deletedAt = ([, { changes }]: readonly [string, SegmentHistory]) => changes.at(-1)?.atMs ?? 0
  const gone = Object.entries(segmentHistories)
    .filter(([name]) => own(segments, name) === undefined)
    .toSorted((a, b) => deletedAt(b) - deletedAt(a))
  const forgotten = new Set(gone.slice(limits.deletedFlagsKept).map(([name]) => name))
  if (forgotten.size === 0) return state
  const left = Object.entries(segmentHistories).filter(([name]) => !forgotten.has(name))
  return { ...state, segmentHistories: Object.fromEntries(left) }
}
