/** Changes of segments: each is kept with who made it, and one step goes back, also over a log of before they were kept. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ControlEvent } from '../../../src/core/event.ts'
import type { SegmentSpec } from '../../../src/core/flags/flag.ts'
import { segmentUndoTarget } from '../../../src/core/flags/segment-history.ts'
import { limits } from '../../../src/core/limits.ts'
import { own } from '../../../src/core/own.ts'
import { fold } from '../../../src/core/step.ts'

const spec = (unit: string): SegmentSpec => ({ name: 'beta', include: [unit] })
const applied = (unit: string): ControlEvent => ({
  type: 'segment-applied',
  spec: spec(unit),
  actor: 'ann',
  note: null,
})
const deleted: ControlEvent = { type: 'segment-deleted', segment: 'beta', actor: 'bob', note: null }
const undone: ControlEvent = { type: 'segment-undone', segment: 'beta', actor: 'eve', note: 'back' }
/** As they were written before segments had a history. */
const oldApplied = (unit: string): ControlEvent => ({ type: 'segment-applied', spec: spec(unit), actor: 'old' })
const oldDeleted: ControlEvent = { type: 'segment-deleted', segment: 'beta', actor: 'old' }

function folded(...events: readonly ControlEvent[]) {
  const { flags } = fold(events.map((event, index) => ({ seq: index + 1, atMs: 1_000 * (index + 1), event })))
  if (flags === undefined) throw new Error('no event was one of segments')
  const history = flags.segmentHistories?.['beta']
  return { flags, history, unit: own(flags.segments, 'beta')?.include?.[0] }
}

describe('the history of a segment', () => {
  it('tells who changed it, when and how', () => {
    const { history } = folded(applied('a'), applied('b'), undone, deleted)
    expect(history?.changes.map(({ revision, atMs, actor, how, note }) => [revision, atMs, actor, how, note])).toEqual([
      [1, 1_000, 'ann', 'applied', null],
      [2, 2_000, 'ann', 'applied', null],
      [3, 3_000, 'eve', 'undone', 'back'],
      [4, 4_000, 'bob', 'deleted', null],
    ])
  })

  it.each<[string, ControlEvent[], string | undefined]>([
    ['takes back the last change', [applied('a'), applied('b'), undone], 'a'],
    ['takes back its own', [applied('a'), applied('b'), undone, undone], 'b'],
    ['takes back a deletion', [applied('a'), deleted, undone], 'a'],
    ['leaves what was made last alone', [applied('a'), undone], 'a'],
    ['does not go back behind a deletion', [applied('a'), deleted, applied('b'), undone], 'b'],
    ['goes back to what an older log left', [oldApplied('a'), applied('b'), undone], 'a'],
    ['takes back the deletion of what an older log left', [oldApplied('a'), deleted, undone], 'a'],
  ])('%s', (_, events, unit) => {
    expect(folded(...events).unit).toBe(unit)
  })

  it('begins with the first change that says a note: an older log folds as it did', () => {
    expect(folded(oldApplied('a'), oldApplied('b')).flags).toEqual({
      flags: {},
      segments: { beta: spec('b') },
      deleted: {},
    })
    expect(folded(oldApplied('a'), oldDeleted).flags).toEqual({ flags: {}, segments: {}, deleted: {} })
    const { history } = folded(oldApplied('a'), oldApplied('b'), applied('c'))
    expect(history).toMatchObject({ before: spec('b'), changes: [{ revision: 2 }] })
    expect(segmentUndoTarget(folded(oldApplied('a'), applied('b')).flags, 'beta')).toMatchObject({ revision: 1 })
  })

  it('goes on where an older server wrote in between', () => {
    expect(folded(applied('a'), oldApplied('b')).history?.changes).toHaveLength(2)
  })

  it('keeps the newest changes, and of deleted segments the newest', () => {
    const many = Array.from({ length: limits.flagChangesKept + 5 }, (_, index) => applied(`u${index}`))
    const { history, flags } = folded(oldApplied('a'), ...many)
    expect(history?.changes).toHaveLength(limits.flagChangesKept)
    expect(history?.before).toBeUndefined()
    expect(flags.segments['beta']?.include).toEqual([`u${limits.flagChangesKept + 4}`])

    const named = (index: number): ControlEvent[] => {
      const name = `s${index}`
      return [
        { type: 'segment-applied', spec: { name, include: ['a'] }, actor: 'ann', note: null },
        { type: 'segment-deleted', segment: name, actor: 'ann', note: null },
      ]
    }
    const gone = folded(...Array.from({ length: limits.deletedFlagsKept + 3 }, (_, index) => named(index)).flat())
    expect(Object.keys(gone.flags.segmentHistories ?? {})).toHaveLength(limits.deletedFlagsKept)
    expect(gone.flags.segmentHistories).not.toHaveProperty('s2')
  })

  it('undone twice is as before, whatever happened', () => {
    const anything = fc.constantFrom(applied('a'), applied('b'), deleted, undone, oldApplied('c'), oldDeleted)
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 20 }), events => {
        const { flags, unit } = folded(applied('a'), ...events)
        // What is deleted comes back by an undo, and no second one deletes it again.
        if (unit === undefined || segmentUndoTarget(flags, 'beta') === null) return
        expect(folded(applied('a'), ...events, undone, undone).unit).toBe(unit)
      }),
    )
  })
})
