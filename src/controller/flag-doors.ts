/** What the control plane does for flags: admits, then writes down. */
import { admitFlag, admitFlagDeletion, admitUndo } from './admission/flags.ts'
import { admitSegment, admitSegmentDeletion, admitSegmentUndo } from './admission/segments.ts'
import type { ControlPlane } from './control-plane.ts'
import type { Ledger } from './ledger.ts'

type FlagDoors = Pick<
  ControlPlane,
  'applyFlag' | 'applySegment' | 'undoFlag' | 'undoSegment' | 'deleteFlag' | 'deleteSegment'
>

export function flagDoors({ state, record }: Pick<Ledger, 'state' | 'record'>): FlagDoors {
  return {
    applyFlag({ spec, actor, note, dryRun, beside = {} }) {
      const change = admitFlag(state(), spec, beside)
      if (!dryRun && change.action !== 'unchanged') record({ type: 'flag-applied', spec, actor, note, direct: true })
      return change
    },
    applySegment({ spec, actor, note, dryRun }) {
      const change = admitSegment(state(), spec)
      if (!dryRun && change.action !== 'unchanged') record({ type: 'segment-applied', spec, actor, note })
      return change
    },
    undoFlag({ flag, actor, dryRun }) {
      const { change, note } = admitUndo(state(), flag)
      if (!dryRun) record({ type: 'flag-undone', flag, actor, note })
      return { ...change, note }
    },
    undoSegment({ segment, actor, dryRun }) {
      const { change, note } = admitSegmentUndo(state(), segment)
      if (!dryRun) record({ type: 'segment-undone', segment, actor, note })
      return { ...change, note }
    },
    deleteFlag({ flag, actor }) {
      admitFlagDeletion(state(), flag)
      record({ type: 'flag-deleted', flag, actor })
    },
    deleteSegment({ segment, actor }) {
      admitSegmentDeletion(state(), segment)
      record({ type: 'segment-deleted', segment, actor, note: null })
    },
  }
}
