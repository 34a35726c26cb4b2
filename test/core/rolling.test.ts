import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import type { Amount, CanaryPlan, RollingPlan } from '../../src/core/stage-plans.ts'
import { isTerminal } from '../../src/core/state.ts'
import { boundsOf, lengthOf, rollRefusal } from '../../src/core/strategies/roll-plan.ts'
import { calmStory, expectAnEnd, expectSole, play, type Watch, wildStory } from '../support/fleet-stories.ts'
import { calm, fleetWorld, type Setup, untilEnded, type World } from '../support/fleet-world.ts'

function rollingPlan(over: Partial<RollingPlan> = {}): RollingPlan {
  const amount: Amount = { count: 1 }
  return {
    kind: 'rolling',
    maxSurge: amount,
    maxUnavailable: { count: 0 },
    minReadyMs: 0,
    progressDeadlineMs: 600_000,
    minRequests: 0,
    ...over,
  }
}

/** Numbers of instances that run, that may run and that are available, at every moment. */
function watched(plan: RollingPlan, sizes: Setup['sizes']): Watch {
  const bounds = boundsOf(plan, { stable: sizes.v1, candidate: sizes.v2 })
  const most = Math.max(sizes.v1, sizes.v2) + bounds.surge
  const least = Math.max(1, Math.min(sizes.v1, sizes.v2) - bounds.unavailable)
  // What a crash or a broken version takes away is no fault of the roll: it counts again once it was there again.
  let enough = false
  let routed = false
  let broken = false
  return {
    crashed: () => {
      enough = false
      routed = false
    },
    /** Instances that are lost before anybody hears of it: nothing is promised but the bound above. */
    spoiled: () => {
      broken = true
    },
    check: (world: World) => {
      // An ended release takes the remaining old instances away in its own time.
      if (world.state().releases['digits-1'] === undefined || isTerminal(world.release())) return
      const running = world.running('v1') + world.running('v2')
      if (running > most) throw new Error(`${running} instances run; at most ${most} may`)
      if (broken) return
      const available = world.ready('v1') + world.ready('v2')
      if (enough && available < least) throw new Error(`${available} instances are available; ${least} must be`)
      enough ||= available >= least
      const lost = weightless(world)
      if (routed && lost !== null) throw new Error(lost)
      routed ||= lost === null
    },
  }
}

/** What is wrong with the weights of the table in force or of the one to come. */
function weightless(world: World): string | null {
  const [coming, inForce] = [world.state().endpoints['digits']?.table, world.applied()]
  if (coming === undefined || inForce === null) return 'there is no table'
  for (const table of [coming, inForce]) {
    const weights = Object.entries(table.weights)
    const sum = weights.reduce((total, [, ppm]) => total + ppm, 0)
    if (sum !== limits.ppmTotal) throw new Error(`weights sum to ${sum}`)
    for (const [version, ppm] of weights)
      if (ppm > 0 && world.ready(version) === 0) return `${version} gets ${ppm} ppm and has no ready instance`
  }
  return null
}

const instances = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 6 }))
const amount: fc.Arbitrary<Amount> = fc.oneof(
  fc.record({ count: fc.constantFrom(0, 0, 1, 1, 2, 4) }),
  fc.record({ ppm: fc.constantFrom(100_000, 250_000, 340_000, 1_000_000) }),
)

const setups = fc
  .record({
    v1: instances,
    v2: instances,
    maxSurge: amount,
    maxUnavailable: amount,
    minReadyMs: fc.constantFrom(0, 10_000),
  })
  .filter(({ v1, v2, ...plan }) => rollRefusal(boundsOf(plan, { stable: v1, candidate: v2 })) === null)
  .map(({ v1, v2, ...plan }) => ({ plan: rollingPlan(plan), sizes: { v1, v2 } }))

describe('a roll, whatever the order of what happens', () => {
  it('keeps to its bounds, gives no traffic to a version without an instance, and promotes', () => {
    fc.assert(
      fc.property(setups, calmStory, ({ plan, sizes }, happenings) => {
        const watch = watched(plan, sizes)
        const world = fleetWorld({ stage: plan, sizes, check: watch.check })
        play(world, happenings, watch)
        untilEnded(world)
        expect(world.release().phase.kind).toBe('promoted')
        expectSole(world, 'v2', sizes)
      }),
      { numRuns: 300 },
    )
  })

  it('can be aborted in every state, and the way back keeps to the bounds', () => {
    fc.assert(
      fc.property(setups, calmStory, fc.boolean(), ({ plan, sizes }, happenings, probation) => {
        const watch = watched(plan, sizes)
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
      fc.property(setups, calmStory, fc.boolean(), ({ plan, sizes }, happenings, abort) => {
        const watch = watched(plan, sizes)
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
      fc.property(setups, wildStory, ({ plan, sizes }, happenings) => {
        const watch = watched(plan, sizes)
        const world = fleetWorld({ stage: plan, sizes, check: watch.check })
        play(world, happenings, watch)
        expectAnEnd(world, happenings, sizes)
      }),
      { numRuns: 1_000 },
    )
  })
})

/** What was done to fleets and weights, in order and in short: `v2:1` is one instance wanted, `v2 33%` its share. */
function deeds(world: World): string[] {
  return world.commands().flatMap(command => {
    if (command.type === 'stop-fleet') return [`${command.version}:0`]
    if (command.type === 'ensure-fleet') return [`${command.version.name}:${command.instances ?? 'all'}`]
    if (command.type === 'apply-route') return [`v2 ${Math.floor((command.table.weights['v2'] ?? 0) / 10_000)}%`]
    return []
  })
}

const three = { v1: 3, v2: 3 }
const began = ['v1:all', 'v2 0%']

/** A roll of three under way: calm, with this many batches passed. */
function rolled(batches: number, over: Partial<RollingPlan> = {}, setup: Partial<Setup> = {}): World {
  const world = fleetWorld({ stage: rollingPlan(over), sizes: three, ...setup })
  calm(world)
  for (let passed = 0; passed < batches; passed += 1) {
    world.judge('insufficient')
    calm(world)
  }
  return world
}

describe('a roll', () => {
  it('with a surge starts one, gives it its share, and only then ends an old one', () => {
    expect(deeds(rolled(3))).toEqual([
      ...began,
      ...['v2:1', 'v2 33%', 'v1:2'],
      ...['v2:2', 'v2 66%', 'v1:1'],
      ...['v2:3', 'v2 75%', 'v2 100%', 'v1:0'],
    ])
  })

  it('without a surge ends an old one before it starts a new one, and takes traffic from it first', () => {
    expect(deeds(rolled(3, { maxSurge: { count: 0 }, maxUnavailable: { count: 1 } }))).toEqual([
      ...began,
      ...['v2 0%', 'v1:2', 'v2:1', 'v2 33%'].slice(1),
      ...['v2 50%', 'v1:1', 'v2:2', 'v2 66%'],
      ...['v2 100%', 'v1:0', 'v2:3', 'v2 100%', 'v1:0'],
    ])
  })

  it('waits for the old instance to be gone before it starts the new one', () => {
    const world = fleetWorld({ stage: rollingPlan({ maxSurge: { count: 0 } }), sizes: three })
    const next = (name: string) =>
      world
        .choices()
        .find(one => one.name === name)
        ?.run()
    while (world.choices().some(({ name }) => name !== 'v1 ends'))
      world
        .choices()
        .find(({ name }) => name !== 'v1 ends')
        ?.run()
    expect([world.running('v1'), world.running('v2')]).toEqual([3, 0])
    next('v1 ends')
    next('a report arrives')
    expect([world.running('v1'), world.running('v2')]).toEqual([2, 1])
  })

  it('keeps the shares of fleets of different sizes in step with how far it is', () => {
    const world = rolled(2, {}, { sizes: { v1: 4, v2: 2 } })
    expect(deeds(world)).toEqual([...began, 'v2:1', 'v2 33%', 'v1:2', 'v2:2', 'v2 50%', 'v2 100%', 'v1:0'])
  })

  it('does not start the next batch before this one has served its time and its requests', () => {
    const world = rolled(0, { minReadyMs: 10_000, minRequests: 1_001 })
    const seen = deeds(world).length
    world.pass(60_000)
    world.judge('pass')
    expect(deeds(world)).toHaveLength(seen)
    const served = rolled(0, { minReadyMs: 10_000, minRequests: 1_000 })
    served.pass(9_999)
    served.judge('pass')
    expect(deeds(served)).toHaveLength(seen)
    served.pass(1)
    served.judge('pass')
    expect(deeds(served)).toHaveLength(seen + 1)
  })

  it('holds where a batch lacks evidence past the deadline, and goes on when it comes', () => {
    const world = rolled(0, { minRequests: 1_001, progressDeadlineMs: 1_000 })
    world.pass(1_000)
    world.judge('pass')
    expect(world.release().phase).toMatchObject({
      hold: { cause: 'ceiling', reason: 'v2 has answered 1000 of 1001 requests in this batch' },
    })
  })

  it('goes back within its bounds when a guardrail is crossed between batches', () => {
    const world = rolled(1)
    const before = deeds(world).length
    world.judge('fail')
    untilEnded(world)
    expect(deeds(world).slice(before)).toEqual(['v2 33%', 'v2:1', 'v1:3', 'v2 0%', 'v2:0'])
    expect(world.release().phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
  })

  it('that makes no progress goes back, or holds where the release says so', () => {
    const stuck = (onFail: 'rollback' | 'hold') => {
      const world = fleetWorld({ stage: rollingPlan({ progressDeadlineMs: 1_000 }), sizes: three, onFail })
      world.pass(999)
      expect(world.release().phase).toMatchObject({ kind: 'running', hold: null })
      world.pass(1)
      return world
    }
    expect(stuck('rollback').release().phase).toMatchObject({
      cause: 'stage-failed',
      reason: 'no progress for 1 s while v2 is being started with 1 instance',
    })
    const holding = stuck('hold')
    expect(holding.release().phase).toMatchObject({ kind: 'running', hold: { cause: 'guardrail' } })
    calm(holding)
    expect(holding.release().phase).toMatchObject({ kind: 'running', hold: null })
  })

  it('takes all traffic from a version that cannot be kept running before it ends it', () => {
    const world = rolled(1)
    const before = deeds(world).length
    world.spoil('v2')
    untilEnded(world)
    expect(deeds(world).slice(before)).toEqual(['v2 0%', 'v2:0', 'v1:3', 'v2 0%', 'v2:0'])
    expect(world.release().phase).toMatchObject({ kind: 'rolled-back', cause: 'fleet-lost' })
  })

  it('that loses the new version on its way back waits no more for what grows in its place', () => {
    const world = rolled(1)
    world.judge('fail')
    while (world.ready('v2') > 1 || world.choices().some(({ name }) => name !== 'v1 starts'))
      world
        .choices()
        .find(({ name }) => name !== 'v1 starts')
        ?.run()
    const before = deeds(world).length
    world.spoil('v2')
    world
      .choices()
      .find(({ name }) => name === 'a report arrives')
      ?.run()
    expect(deeds(world).slice(before)).toEqual(['v2 0%'])
    untilEnded(world)
    expectSole(world, 'v1', three)
  })

  it.each([
    ['some are told to go', 0, 'v1:2'],
    ['the last is told to go', 2, 'v1:0'],
  ])('turns back while %s, and starts others only when these have gone', (_, batches, deed) => {
    const plan = rollingPlan({ maxSurge: { count: 0 } })
    const watch = watched(plan, three)
    const world = fleetWorld({ stage: plan, sizes: three, check: watch.check })
    for (let passed = 0; passed < batches; passed += 1) {
      calm(world)
      world.judge('pass')
    }
    while (deeds(world).at(-1) !== deed) world.choices()[0]?.run()
    world.operate('abort')
    untilEnded(world)
    expectSole(world, 'v1', three)
  })

  it('that is paused ends its batch and starts no other', () => {
    const world = fleetWorld({ stage: rollingPlan(), sizes: three })
    world.operate('pause')
    calm(world)
    world.judge('pass')
    expect(deeds(world)).toEqual([...began, 'v2:1', 'v2 33%'])
    world.operate('resume')
    world.judge('pass')
    expect(deeds(world)).toEqual([...began, 'v2:1', 'v2 33%', 'v1:2'])
  })

  it('is promoted by an operator only when all of the new version runs', () => {
    expect(rolled(1).operate('promote')).toBe(false)
    const world = rolled(2)
    expect(world.operate('promote')).toBe(true)
    calm(world)
    expectSole(world, 'v2', three)
  })

  it('after a canary takes no traffic back from the candidate that runs already', () => {
    const canary: CanaryPlan = {
      kind: 'canary',
      steps: [{ weightPpm: 900_000, floorMs: 0, ceilingMs: null }],
      approval: false,
      minRequests: 1,
    }
    const world = fleetWorld({ stage: canary, after: rollingPlan(), sizes: three })
    untilEnded(world)
    expect(deeds(world)).toEqual(['v1:all', 'v2 0%', 'v2:all', 'v2 90%', 'v2 100%', 'v1:0'])
  })

  it('counts batches and changes of weights before it begins, as the judge needs them', () => {
    fc.assert(
      fc.property(setups, ({ plan, sizes }) => {
        const world = fleetWorld({ stage: plan, sizes })
        untilEnded(world)
        const { batches, epochs } = lengthOf(boundsOf(plan, { stable: sizes.v1, candidate: sizes.v2 }))
        expect(world.release().epochs).toHaveLength(epochs)
        expect(batches).toBeGreaterThan(0)
      }),
    )
  })
})

describe('bounds', () => {
  const of = (maxSurge: Amount, maxUnavailable: Amount, candidate: number) => {
    const { surge, unavailable } = boundsOf({ maxSurge, maxUnavailable }, { stable: candidate, candidate })
    return [surge, unavailable]
  }
  const quarter = { ppm: 250_000 }

  it.each([
    [1, [1, 0]],
    [2, [1, 0]],
    [4, [1, 1]],
    [5, [2, 1]],
    [10, [3, 2]],
  ])('of a quarter and a quarter of %i instances are rounded as Kubernetes rounds them', (count, expected) => {
    expect(of(quarter, quarter, count)).toEqual(expected)
  })

  it('that round to nothing let one be unavailable', () => {
    expect(of({ count: 0 }, quarter, 3)).toEqual([0, 1])
  })

  it('of one instance without a surge are refused, as nobody would serve meanwhile', () => {
    const bounds = (candidate: number) =>
      boundsOf({ maxSurge: { count: 0 }, maxUnavailable: { count: 1 } }, { stable: 1, candidate })
    expect(rollRefusal(bounds(1))).toMatch(/allow max-surge: 1, or use recreate/)
    expect(rollRefusal(bounds(2))).toBeNull()
  })
})
