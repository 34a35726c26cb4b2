import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inSlices } from '../../src/adapters/recorder/in-slices.ts'
import type { Committed } from '../../src/evidence/traffic.ts'

/** Predictions and outcomes are numbers here: only their order matters. */
function batchOf(predictions: number, outcomes: number, first: number): Committed {
  const numbers = (count: number, from: number) => Array.from({ length: count }, (_, nth) => from + nth)
  return { fresh: numbers(predictions, first), joined: numbers(outcomes, first) } as unknown as Committed
}

/** The turns of an event loop, one at a time. */
function turns() {
  let due: (() => void)[] = []
  const told: Committed[] = []
  const tell = inSlices(
    slice => told.push(slice),
    run => due.push(run),
  )
  const turn = () => {
    const now = due
    due = []
    for (const run of now) run()
  }
  const untilQuiet = () => {
    while (due.length > 0) turn()
  }
  return { told, tell, turn, untilQuiet, scheduled: () => due.length }
}

describe('what was committed is told', () => {
  test('at once where it is short, and with outcomes: who sent feedback finds it', () => {
    const { told, tell, scheduled } = turns()
    tell(batchOf(250, 3, 0))
    tell(batchOf(0, 3, 0))
    expect(told).toEqual([batchOf(250, 3, 0), batchOf(0, 3, 0)])
    expect(scheduled()).toBe(0)
  })

  test('a slice a turn where it is long', () => {
    const { told, tell, turn } = turns()
    tell(batchOf(1_000, 1, 0))
    const lengths = [told.length]
    for (let nth = 0; nth < 4; nth += 1) {
      turn()
      lengths.push(told.length)
    }
    expect(lengths).toEqual([1, 2, 3, 4, 4])
    expect(told.map(({ fresh, joined }) => [fresh.length, joined.length])).toEqual([
      [250, 0],
      [250, 0],
      [250, 0],
      [250, 1],
    ])
  })

  test('more of them in a turn the more wait, so that they do not pile up', () => {
    const { told, tell, turn } = turns()
    tell(batchOf(250 * 65, 0, 0))
    turn()
    expect(told.length).toBe(1 + 5)
  })

  test('in the order of commit, and outcomes behind the predictions of their batch', () => {
    const batches = fc.array(fc.tuple(fc.nat(1_200), fc.nat(3), fc.nat(4)), { maxLength: 12 })
    fc.assert(
      fc.property(batches, plan => {
        const { told, tell, turn, untilQuiet, scheduled } = turns()
        const all: Committed[] = []
        for (const [index, [predictions, outcomes, turnsBetween]] of plan.entries()) {
          const batch = batchOf(predictions, outcomes, index * 10_000)
          all.push(batch)
          tell(batch)
          expect(scheduled()).toBeLessThanOrEqual(1)
          for (let nth = 0; nth < turnsBetween; nth += 1) turn()
        }
        untilQuiet()
        expect(sequenceOf(told)).toEqual(sequenceOf(all))
      }),
    )
  })
})

function sequenceOf(batches: readonly Committed[]): string[] {
  return batches.flatMap(({ fresh, joined }) => [
    ...fresh.map(one => `prediction ${one}`),
    ...joined.map(one => `outcome ${one}`),
  ])
}
