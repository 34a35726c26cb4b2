/** How often a release is looked at, by what its looks took of the clock. */
import { describe, expect, it } from 'vitest'
import { createDesk } from '../../src/controller/desk.ts'
import { createLooks } from '../../src/controller/looks.ts'
import type { LoggedEvent } from '../../src/core/event.ts'
import { limits } from '../../src/core/limits.ts'
import { fold } from '../../src/core/step.ts'
import { endpointSpec, happen, releasePlan } from '../support/releases.ts'

const release = fold(
  [happen.applied(endpointSpec()), happen.released(releasePlan())].map(
    (event, index): LoggedEvent => ({ seq: index + 1, atMs: 0, event }),
  ),
).releases['digits-1']

/** Ticks of one release from time 0; answers when it was looked at. A look at a time takes as long as `took` says, or nothing. */
function looksAt({ ticks, took = {} }: { ticks: readonly number[]; took?: Readonly<Record<number, number>> }) {
  if (release === undefined) throw new Error('the release did not begin')
  let nowMs = 0
  const looked: number[] = []
  const clock = { nowMs: () => nowMs, every: () => () => {} }
  const evidence = {
    read() {
      looked.push(nowMs)
      nowMs += took[nowMs] ?? 0
      return []
    },
    forget() {},
  }
  const nothing = () => {}
  const records = { record: nothing, recordIfItMatters: nothing, recordAnswer: nothing, recordKept: nothing }
  const ledger = { state: () => fold([]), ...records, load: nothing }
  const monitoring = { watch: () => null, delays: () => [] }
  const sources = { read: () => ({}), close() {} }
  const looks = createLooks({ clock, evidence, monitoring, sources }, ledger, createDesk())
  for (const atMs of ticks) {
    nowMs = atMs
    looks.lookAtRelease(release)
  }
  return looked
}

const every = (stepMs: number, count: number) => Array.from({ length: count }, (_, index) => index * stepMs)

describe('looks at a release', () => {
  it('come with every tick where they take nothing', () => {
    expect(looksAt({ ticks: every(500, 5) })).toEqual([0, 500, 1_000, 1_500, 2_000])
  })

  it('rest after one that took long, by its share of the time', () => {
    const looked = looksAt({ ticks: every(500, 8), took: { 500: 100 } })
    expect(looked).toEqual([0, 500, 3_000, 3_500])
    expect(100 / (3_000 - 500)).toBeLessThanOrEqual(limits.lookShareMax)
  })

  it('do not rest for minutes because the process once stood still in one of them', () => {
    const [, second] = looksAt({ ticks: [0, ...every(500, 60).map(after => 6_000 + after)], took: { 0: 6_000 } })
    expect(second).toBe(6_000 + limits.lookWaitMaxMs)
  })

  it('go on where the clock is put back', () => {
    expect(looksAt({ ticks: [3_600_000, 3_600_500, 1_000, 1_500], took: { 3600000: 100 } })).toEqual([
      3_600_000, 1_000, 1_500,
    ])
  })
})
