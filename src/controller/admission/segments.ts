/** The door for segments. Throws before anything has changed. */
import { CutoverError } from '../../core/errors.ts'
import type { SegmentSpec } from '../../core/flags/flag.ts'
import { type FlagsState, noFlags } from '../../core/flags/flags-state.ts'
import { segmentUndoTarget } from '../../core/flags/segment-history.ts'
import { limits } from '../../core/limits.ts'
import { own } from '../../core/own.ts'
import type { ControlState } from '../../core/state.ts'
import type { Change } from '../control-plane.ts'
import { type Difference, differences } from './differences.ts'
import { changeOf, nothingToTakeBack, refuseUsed, segmentsOf, tooMany, undoNote } from './flags.ts'
import { refuse } from './refuse.ts'

export function admitSegment(state: ControlState, spec: SegmentSpec): Change {
  const { segments } = state.flags ?? noFlags
  const before = own(segments, spec.name)
  const count = Object.keys(segments).length + (before === undefined ? 1 : 0)
  refuse(tooMany(count, limits.flagSegmentsMax, 'segments'), 'invalid-resource', `segment ${spec.name} is one too many`)
  return changeOf(`Segment/${spec.name}`, before, spec, segmentDifferences)
}

/** Lists of units are sets: each that came or went is one difference, wherever it stands. */
export function segmentDifferences(before: SegmentSpec | undefined, after: SegmentSpec): Difference[] {
  if (before === undefined) return differences(undefined, after)
  const { include: in0, exclude: out0, ...rest0 } = before
  const { include: in1, exclude: out1, ...rest1 } = after
  return [...differences(rest0, rest1), ...members('include', in0, in1), ...members('exclude', out0, out1)]
}

function members(path: string, before: readonly string[] = [], after: readonly string[] = []): Difference[] {
  const [had, has] = [new Set(before), new Set(after)]
  return [
    ...[...had].flatMap(unit => (has.has(unit) ? [] : [{ path, before: unit, after: undefined }])),
    ...[...has].flatMap(unit => (had.has(unit) ? [] : [{ path, before: undefined, after: unit }])),
  ]
}

/** Throws where there is nothing to take back. */
export function admitSegmentUndo(state: ControlState, name: string): { change: Change; note: string } {
  const flags = state.flags ?? noFlags
  const target = segmentUndoTarget(flags, name)
  const isThere = own(flags.segments, name) !== undefined
  if (target === null) throw isThere ? nothingToTakeBack(`segment ${name}`) : segmentNotFound(flags, name)
  return { change: admitSegment(state, target.spec), note: undoNote(target, isThere) }
}

export function admitSegmentDeletion(state: ControlState, name: string): void {
  const known = state.flags ?? noFlags
  if (own(known.segments, name) === undefined) throw segmentNotFound(known, name)
  const users = Object.values(known.flags).filter(({ spec }) =>
    segmentsOf(spec).some(([, segment]) => segment === name),
  )
  refuseUsed(
    `segment ${name}`,
    users.map(({ spec }) => `flag ${spec.name}`),
  )
}

export function segmentNotFound({ segments }: FlagsState, name: string): CutoverError {
  const allowed = Object.keys(segments).slice(0, 100)
  return new CutoverError('segment-not-found', `there is no segment ${name}`, [
    { path: 'segment', message: 'not found', value: name, allowed },
  ])
}
