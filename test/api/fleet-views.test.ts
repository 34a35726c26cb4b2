import { describe, expect, it } from 'vitest'
import { releaseView } from '../../src/api/release-views.ts'
import { headText } from '../../src/cli/release-text.ts'
import { releaseSchema } from '../../src/contract/wire/release.ts'
import type { StagePlan } from '../../src/core/stage-plans.ts'
import { calm, fleetWorld, untilEnded, type World } from '../support/fleet-world.ts'

const recreate: StagePlan = { kind: 'recreate', holdMs: 30_000, retryAfterMs: 5_000, watchMs: 0 }
const rolling: StagePlan = {
  kind: 'rolling',
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
  minReadyMs: 0,
  progressDeadlineMs: 600_000,
  minRequests: 0,
}

function viewOf(world: World) {
  const endpoint = world.state().endpoints['digits']
  return releaseSchema.parse(releaseView({ release: world.release(), latest: null }, endpoint, []))
}

const textOf = (world: World) => headText(viewOf(world), (_, text) => text)

describe('a release whose strategy has a gap', () => {
  it('shows that it lasts, and how long it was once it is over', () => {
    const world = fleetWorld({ stage: recreate, sizes: { v1: 1, v2: 1 } })
    expect(viewOf(world)).toMatchObject({ downtimeMs: null, gaps: [] })
    world.choices()[0]?.run()
    world.pass(2_500)
    expect(viewOf(world)).toMatchObject({ downtimeMs: null, gaps: [{ from: '1970-01-01T00:16:40.000Z', to: null }] })
    expect(viewOf(world).stage).toMatchObject({ kind: 'recreate', step: 1, steps: 3 })
    untilEnded(world)
    expect(viewOf(world).downtimeMs).toBe(2_500)
    expect(textOf(world)).toContain('downtime    nobody served for 2.5 s')
  })
})

describe('a release that rolls', () => {
  it('shows its batch and its shares, and has no downtime', () => {
    const world = fleetWorld({ stage: rolling, sizes: { v1: 4, v2: 4 } })
    calm(world)
    world.judge('pass')
    calm(world)
    expect(viewOf(world)).toMatchObject({
      stage: { kind: 'rolling', step: 1, steps: 4 },
      weightsPpm: { v1: 500_000, v2: 500_000 },
      downtimeMs: null,
    })
    expect(textOf(world)).toContain('active, rolling step 2/4')
    expect(textOf(world)).not.toContain('downtime')
  })
})
