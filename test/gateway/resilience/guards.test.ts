import { describe, expect, test } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { limits } from '../../../src/core/limits.ts'
import { Breaker } from '../../../src/gateway/resilience/breakers.ts'
import { Guards } from '../../../src/gateway/resilience/guards.ts'
import { RetryBudget } from '../../../src/gateway/resilience/retry-budget.ts'
import { VersionGate } from '../../../src/gateway/resilience/version-gate.ts'

describe('a breaker', () => {
  const policy = { failuresPpm: 500_000, callsMin: 4, openMs: 5_000 }
  const setUp = () => {
    const clock = createManualClock(0)
    const breaker = new Breaker(clock)
    const hear = (...outcomes: boolean[]) => {
      for (const ok of outcomes) breaker.heard(policy, ok)
    }
    return { clock, breaker, hear }
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
    const { clock, breaker, hear } = setUp()
    hear(false, false, false, false)
    clock.advance(4_999)
    expect(breaker.lets(policy)).toBe(false)
    clock.advance(1)
    expect([breaker.lets(policy), breaker.lets(policy)]).toEqual([true, false])
    hear(true)
    expect([breaker.lets(policy), breaker.lets(policy)]).toEqual([true, true])
  })

  test('stays open if that fails, and tries again if nothing is heard of it', () => {
    const { clock, breaker, hear } = setUp()
    hear(false, false, false, false)
    clock.advance(5_000)
    expect(breaker.lets(policy)).toBe(true)
    hear(false)
    expect(breaker.lets(policy)).toBe(false)
    clock.advance(5_000)
    expect(breaker.lets(policy)).toBe(true)
    clock.advance(5_000)
    expect(breaker.lets(policy)).toBe(true)
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
