import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RecreatePlan } from '../../src/core/stage-plans.ts'
import { downtimeMs, isTerminal } from '../../src/core/state.ts'
import { calmStory, expectAnEnd, expectSole, play, type Watch, wildStory } from '../support/fleet-stories.ts'
import { calm, fleetWorld, type Setup, untilEnded, type World } from '../support/fleet-world.ts'

const plan: RecreatePlan = { kind: 'recreate', holdMs: 30_000, retryAfterMs: 5_000, watchMs: 0 }
const pair = { v1: 2, v2: 3 }

/** Never both at once; and nobody is routed to a version that is not there. */
function watched(sizes: Setup['sizes']): Watch {
  let routed = false
  let broken = false
  return {
    crashed: () => {
      routed = false
    },
    spoiled: () => {
      broken = true
    },
    check: world => {
      if (world.state().releases['digits-1'] === undefined || isTerminal(world.release())) return
      if (world.running('v1') > 0 && world.running('v2') > 0) throw new Error('both versions run')
      if (world.running('v1') > sizes.v1) throw new Error('the old version is started before it has ended')
      if (broken) return
      const served = isServed(world)
      if (routed && !served) throw new Error('requests are routed to a version without an instance')
      routed ||= served
    },
  }
}

function isServed(world: World): boolean {
  const table = world.applied()
  if (table === null) return false
  const { gap, weights } = table
  return gap !== undefined || Object.entries(weights).every(([version, ppm]) => ppm === 0 || world.ready(version) > 0)
}

const setups: fc.Arbitrary<Setup['sizes']> = fc.record({
  v1: fc.integer({ min: 1, max: 4 }),
  v2: fc.integer({ min: 1, max: 4 }),
})

describe('recreating, whatever the order of what happens', () => {
  it('never runs both versions, routes nobody to neither of them, and promotes', () => {
    fc.assert(
      fc.property(setups, calmStory, (sizes, happenings) => {
        const watch = watched(sizes)
        const world = fleetWorld({ stage: plan, sizes, check: watch.check })
        play(world, happenings, watch)
        untilEnded(world)
        expect(world.release().phase.kind).toBe('promoted')
        expectSole(world, 'v2', sizes)
      }),
      { numRuns: 300 },
    )
  })

  it('can be aborted in every state, also after the switch', () => {
    fc.assert(
      fc.property(setups, calmStory, fc.boolean(), (sizes, happenings, probation) => {
        const watch = watched(sizes)
        const world = fleetWorld({ stage: plan, sizes, check: watch.check, probationMs: probation ? 1e9 : 0 })
        play(world, happenings, watch)
        if (!world.operate('abort')) return
        untilEnded(world)
        expect(world.release().phase).toMatchObject({ kind: 'rolled-back', cause: 'operator' })
        expectSole(world, 'v1', sizes)
      }),
      { numRuns: 300 },
    )
  })

  it('ends as it would have after a crash in any state', () => {
    fc.assert(
      fc.property(setups, calmStory, fc.boolean(), (sizes, happenings, abort) => {
        const watch = watched(sizes)
        const world = fleetWorld({ stage: plan, sizes, check: watch.check })
        play(world, happenings, watch)
        const back = abort && world.operate('abort')
        watch.crashed()
        world.crash()
        untilEnded(world)
        expect(world.release().phase.kind).toBe(back ? 'rolled-back' : 'promoted')
        expectSole(world, back ? 'v1' : 'v2', sizes)
      }),
      { numRuns: 300 },
    )
  })

  it('always ends, with one version at its full size, through crashes, failures, pauses and aborts', () => {
    fc.assert(
      fc.property(setups, wildStory, fc.boolean(), (sizes, happenings, probation) => {
        const watch = watched(sizes)
        const world = fleetWorld({ stage: plan, sizes, check: watch.check, probationMs: probation ? 60_000 : 0 })
        play(world, happenings, watch)
        expectAnEnd(world, happenings, sizes)
      }),
      { numRuns: 1_000 },
    )
  })
})

/** Lets what is possible happen one by one until there is a choice of this name. */
function until(world: World, name: string): void {
  for (let turn = 0; turn < 100 && world.choices().every(one => one.name !== name); turn += 1) world.choices()[0]?.run()
}

describe('recreating', () => {
  it('ends the old version only when the gateway has the gap, and starts the new one only when the old has ended', () => {
    const world = fleetWorld({ stage: plan, sizes: pair })
    expect([world.ready('v1'), world.running('v2')]).toEqual([2, 0])
    world
      .choices()
      .find(({ name }) => name === 'a table takes effect')
      ?.run()
    expect(world.applied()?.gap).toEqual({ holdMs: 30_000, retryAfterMs: 5_000 })
    expect([world.ready('v1'), world.running('v1'), world.running('v2')]).toEqual([0, 2, 0])
    until(world, 'v2 starts')
    expect([world.running('v1'), world.running('v2')]).toEqual([0, 3])
  })

  it('brings the old version back by itself where the new one does not become ready, and ends that first', () => {
    const world = fleetWorld({ stage: plan, sizes: pair, check: watched(pair).check })
    world.spoil('v2')
    untilEnded(world)
    expect(world.release().phase).toMatchObject({
      kind: 'rolled-back',
      cause: 'never-ready',
      reason: 'v2 did not become ready: exited with code 1',
    })
    expectSole(world, 'v1', pair)
  })

  it('brings the old version back, through another gap, where the new one is lost in its probation', () => {
    const world = fleetWorld({ stage: plan, sizes: pair, probationMs: 1e9 })
    calm(world)
    expect(world.release().phase.kind).toBe('probation')
    world.spoil('v2')
    untilEnded(world)
    expect(world.release().phase).toMatchObject({ kind: 'rolled-back', cause: 'fleet-lost' })
    expect(world.release().gaps).toHaveLength(2)
    expectSole(world, 'v1', pair)
  })

  it('asks at once for the end that a restart of the server interrupted', () => {
    const world = fleetWorld({ stage: plan, sizes: pair })
    until(world, 'v1 ends')
    world.crash()
    expect(world.commands().slice(-1)).toMatchObject([{ type: 'stop-fleet', version: 'v1' }])
  })

  it('gives a version that starts anew after a restart as long as the release said', () => {
    const world = fleetWorld({ stage: plan, sizes: pair })
    until(world, 'v2 starts')
    world.crash()
    const timeouts = world.commands().flatMap(one => (one.type === 'ensure-fleet' ? [one.readyTimeoutMs] : []))
    expect(timeouts.slice(-1)).toEqual([world.release().plan.readyTimeoutMs])
  })

  it('asks again for an end that nobody tells of', () => {
    const world = fleetWorld({ stage: plan, sizes: pair })
    until(world, 'v1 ends')
    const stops = () => world.commands().filter(({ type }) => type === 'stop-fleet').length
    const before = stops()
    world.pass(14_999)
    expect(stops()).toBe(before)
    world.pass(1)
    expect(stops()).toBe(before + 1)
  })

  it('measures how long nobody served: from the gateway with the gap to the gateway without', () => {
    const world = fleetWorld({ stage: plan, sizes: pair })
    world.pass(700)
    expect(world.release().gaps).toBeUndefined()
    world
      .choices()
      .find(({ name }) => name === 'a table takes effect')
      ?.run()
    world.pass(2_000)
    expect(downtimeMs(world.release(), 1_000_000 + 3_000)).toBe(2_300)
    until(world, 'a table takes effect')
    world.pass(1_000)
    calm(world)
    expect(world.release().gaps).toEqual([{ fromMs: 1_000_700, toMs: 1_003_700 }])
    expect(downtimeMs(world.release(), 9e9)).toBe(3_000)
  })

  it('cannot be promoted by an operator before the new version is ready', () => {
    const world = fleetWorld({ stage: plan, sizes: pair })
    expect(world.operate('promote')).toBe(false)
  })
})
