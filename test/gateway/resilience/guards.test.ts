import { describe, expect, test } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { limits } from '../../../src/core/limits.ts'
import { Breaker } from '../../../src/gateway/resilience/breakers.ts'
import { Guards } from '../../../src/gateway/resilience/guards.ts'
import { RetryBudget } from '../../../src/gateway/resilience/retry-budget.ts'
import { VersionGate } from '../../../src/gateway/resilience/version-gate.ts'
import { endpoint } from '../../support/gateway-rig.ts'

describe('a breaker', () => {
  const policy = { failuresPpm: 500_000, callsMin: 4, openMs: 5_000 }
  const setUp = () => {
    const clock = createManualClock(0)
    const breaker = new Breaker(clock)
    const hear = (...outcomes: boolean[]) => {
      for (const ok of outcomes) breaker.heard(policy, ok)
    }
    /** Makes a call if it may be made: what becomes of it can be told later. */
    const call = () => {
      if (!breaker.lets(policy)) return null
      const trial = breaker.begins(policy)
      return (ok: boolean) => breaker.heard(policy, ok, trial)
    }
    /** Open since its time was over. */
    const opened = () => {
      hear(false, false, false, false)
      clock.advance(policy.openMs)
    }
    return { clock, breaker, hear, call, opened }
  }

  test('opens when most of enough calls fail, and not before', () => {
    const few = setUp()
    few.hear(false, false, false)
    expect(few.breaker.lets(policy)).toBe(true)
    few.hear(false)
    expect([few.breaker.isOpen, few.breaker.lets(policy), few.breaker.openings]).toEqual([true, false, 1])
    const well = setUp()
    well.hear(true, true, true, false, false)
    expect(well.breaker.isOpen).toBe(false)
  })

  test('lets one call through after its time, and closes if that is well', () => {
    const { clock, breaker, hear, call } = setUp()
    hear(false, false, false, false)
    clock.advance(4_999)
    expect(breaker.lets(policy)).toBe(false)
    clock.advance(1)
    const trial = call()
    expect([trial, call()]).toEqual([expect.any(Function), null])
    trial?.(true)
    expect([call(), call()]).not.toContain(null)
  })

  test('stays open if that fails, and tries again if nothing is heard of it', () => {
    const { clock, breaker, call, opened } = setUp()
    opened()
    call()?.(false)
    expect([breaker.lets(policy), breaker.openings]).toEqual([false, 2])
    clock.advance(5_000)
    expect(call()).not.toBeNull()
    clock.advance(5_000)
    expect(call()).not.toBeNull()
  })

  test('hears nothing of calls from before it opened: only the one that was let through closes it', () => {
    const { clock, breaker, hear, call } = setUp()
    const straggler = call()
    hear(false, false, false, false)
    straggler?.(true)
    expect([breaker.isOpen, breaker.lets(policy)]).toEqual([true, false])
    clock.advance(5_000)
    const trial = call()
    for (const ok of [true, false]) straggler?.(ok)
    expect([breaker.isOpen, breaker.openings]).toEqual([true, 1])
    trial?.(true)
    expect(breaker.isOpen).toBe(false)
  })

  test('a late word of one that was let through counts no more once another is', () => {
    const { clock, breaker, call, opened } = setUp()
    opened()
    const late = call()
    clock.advance(5_000)
    const trial = call()
    late?.(true)
    expect(breaker.isOpen).toBe(true)
    trial?.(true)
    expect(breaker.isOpen).toBe(false)
  })

  test('to ask whether a call may be made uses up none', () => {
    const { breaker, call, opened } = setUp()
    opened()
    expect([breaker.lets(policy), breaker.lets(policy), call()]).toEqual([true, true, expect.any(Function)])
  })

  test('forgets what is long ago', () => {
    const { clock, breaker, hear } = setUp()
    hear(false, false, false)
    clock.advance(30_000)
    hear(true, true, false)
    expect(breaker.isOpen).toBe(false)
  })
})

test('repeats are a share of requests, with a few saved up', () => {
  const budget = new RetryBudget()
  const taken = () => Array.from({ length: 100 }, () => budget.take()).filter(Boolean).length
  expect(taken()).toBe(10)
  for (let request = 0; request < 25; request += 1) budget.onRequest(200_000)
  expect(taken()).toBe(5)
  for (let request = 0; request < 10_000; request += 1) budget.onRequest(200_000)
  expect(taken()).toBe(10)
})

describe('a gate', () => {
  const policy = { perVersionMax: 1, queueMax: 2, waitMs: 60_000 }
  const waiter = (name: string, told: string[]) => ({
    enter: () => void told.push(`${name} in`),
    expire: () => void told.push(`${name} late`),
  })

  test('lets so many in, the others in order, and no more than fit', () => {
    const told: string[] = []
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(name => waiter(name, told))
    if (!a || !b || !c || !d) throw new Error('four')
    const gate = new VersionGate()
    expect([a, b, c, d].map(one => gate.ask(policy, one))).toEqual(['in', 'waits', 'waits', 'full'])
    expect(gate.giveUp(b)).toBe(true)
    gate.leave()
    expect([told, gate.inside, gate.queued]).toEqual([['c in'], 1, 0])
    gate.leave()
    expect([gate.inside, gate.giveUp(c)]).toEqual([0, false])
  })

  /** So many have asked under the policy: the first are inside, the others wait. */
  const crowd = (names: string, bounds: Partial<typeof policy> = {}) => {
    const told: string[] = []
    const gate = new VersionGate()
    for (const name of names) gate.ask({ ...policy, ...bounds }, waiter(name, told))
    return { gate, told }
  }

  test('a long queue of requests that leave as they enter ends without a deep stack', () => {
    const { gate } = crowd('a')
    const quick = { enter: () => gate.leave(), expire: () => {} }
    for (let count = 0; count < 20_000; count += 1) gate.ask({ ...policy, queueMax: 20_000 }, { ...quick })
    gate.leave()
    expect([gate.inside, gate.queued]).toEqual([0, 0])
  })

  test('one that throws as it enters stops nobody behind it', () => {
    const { gate, told } = crowd('a')
    const faulty = () => {
      throw new Error('a fault')
    }
    gate.ask(policy, { enter: faulty, expire: () => {} })
    gate.ask(policy, waiter('c', told))
    expect(() => gate.leave()).toThrow('a fault')
    gate.leave()
    expect(told).toEqual(['c in'])
  })

  test('a lowered bound holds though the queue is never empty', () => {
    const { gate, told } = crowd('abcdef', { perVersionMax: 4, queueMax: 9 })
    gate.follow(policy)
    for (let left = 0; left < 3; left += 1) gate.leave()
    expect([told, gate.inside, gate.queued]).toEqual([[], 1, 2])
    gate.leave()
    expect([told, gate.inside, gate.queued]).toEqual([['e in'], 1, 1])
  })

  test('a raised bound lets in who waits, in order, and a newcomer behind them', () => {
    const raised = { ...policy, perVersionMax: 3 }
    const { gate, told } = crowd('abc')
    expect([gate.ask(raised, waiter('d', told)), told, gate.inside]).toEqual(['waits', ['b in', 'c in'], 3])
    gate.follow(undefined)
    expect([told, gate.inside, gate.queued]).toEqual([['b in', 'c in', 'd in'], 4, 0])
  })
})

test('a gate follows its endpoint, whether or not anybody asks', () => {
  const guards = new Guards(createManualClock(0))
  const concurrency = { perVersionMax: 1, queueMax: 1, waitMs: 60_000 }
  const told: string[] = []
  const gate = guards.gate('digits', 'v1')
  for (const name of ['a', 'b']) gate.ask(concurrency, { enter: () => void told.push(name), expire: () => {} })
  guards.sync(endpoint({ concurrency: { ...concurrency, perVersionMax: 2 } }))
  expect([told, gate.inside]).toEqual([['b'], 2])
})

test('what matters least is refused first when the process is full', () => {
  const guards = new Guards(createManualClock(0))
  const fill = (share: number) => {
    let begun = 0
    while (begun < share * limits.requestsInFlightMax && guards.begin('stable')) begun += 1
  }
  fill(0.5)
  expect([guards.hasRoomForCopies(), guards.begin('candidate')]).toEqual([false, true])
  fill(0.4)
  expect([guards.begin('candidate'), guards.begin('stable')]).toEqual([false, true])
  fill(0.1)
  expect(guards.begin('stable')).toBe(false)
  guards.end()
  expect(guards.begin('stable')).toBe(true)
})
