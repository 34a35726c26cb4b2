import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyVersionEvidence, type VersionEvidence } from '../../src/core/evidence.ts'
import { UnitLedger } from '../../src/evidence/unit-ledger.ts'

type Step = { unit: number; assigned: string; epoch: number }

const step = fc.record<Step>({
  unit: fc.oneof(fc.nat(5), fc.nat(3_000)),
  assigned: fc.constantFrom('v1', 'v2', 'v3', 'v1~control'),
  epoch: fc.integer({ min: 1, max: 4 }),
})

/** Evidence by epoch and version, made where it is first asked for. */
function evidences() {
  const made = new Map<string, VersionEvidence>()
  return {
    made,
    of({ epoch, assigned }: Step): VersionEvidence {
      const key = `${epoch} ${assigned}`
      const evidence = made.get(key) ?? emptyVersionEvidence()
      made.set(key, evidence)
      return evidence
    },
  }
}

const nameOf = ({ unit }: Step) => (unit % 7 === 0 ? `ünit ${unit}` : `user-${unit}`)

/** The same by the books: a list for each unit. */
function countedFrom(steps: readonly Step[]): Map<string, VersionEvidence> {
  const counted = evidences()
  const stories = new Map<string, { met: Set<string>; epoch: number; first: VersionEvidence; isShared: boolean }>()
  for (const one of steps) {
    const evidence = counted.of(one)
    const story = stories.get(nameOf(one))
    if (story === undefined) {
      stories.set(nameOf(one), { met: new Set([one.assigned]), epoch: one.epoch, first: evidence, isShared: false })
      evidence.newUnits += 1
      evidence.unitsMet += 1
      evidence.unitsServed += 1
      continue
    }
    if (!story.met.has(one.assigned)) evidence.unitsMet += 1
    story.met.add(one.assigned)
    if (one.epoch > story.epoch) {
      Object.assign(story, { epoch: one.epoch, first: evidence, isShared: false })
      evidence.unitsServed += 1
    } else if (one.epoch === story.epoch && evidence !== story.first && !story.isShared) {
      story.isShared = true
      story.first.unitsShared += 1
    }
  }
  return counted.made
}

function metBy(steps: readonly Step[]): Map<string, VersionEvidence> {
  const met = evidences()
  const ledger = new UnitLedger('digits-1')
  for (const one of steps)
    ledger.meet({ unit: nameOf(one), assigned: one.assigned, epoch: one.epoch, evidence: met.of(one) })
  return met.made
}

describe('units of a release', () => {
  it('are counted as a list for each of them would count them', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        expect(metBy(steps)).toEqual(countedFrom(steps))
      }),
    )
  })

  it('are known again when there are many', () => {
    const steps = Array.from({ length: 12_000 }, (_, index): Step => {
      const unit = (index * 7_919) % 5_000
      return { unit, assigned: index % 10 === 0 ? 'v2' : 'v1', epoch: index < 8_000 ? 1 : 2 }
    })
    const met = metBy(steps)
    expect(met).toEqual(countedFrom(steps))
    expect([...met.values()].reduce((sum, { newUnits }) => sum + newUnits, 0)).toBe(5_000)
  })
})
