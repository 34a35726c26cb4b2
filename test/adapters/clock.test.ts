import { expect, test } from 'vitest'
import { after } from '../../src/adapters/clock/after.ts'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { limits } from '../../src/core/limits.ts'
import type { Clock } from '../../src/ports/clock.ts'

test('a manual clock stands still until it is moved', () => {
  const clock = createManualClock(1_000)
  expect(clock.nowMs()).toBe(1_000)
  clock.advance(500)
  expect(clock.nowMs()).toBe(1_500)
})

test('what falls due runs in the order of time, each at its own time', () => {
  const clock = createManualClock()
  const ran: string[] = []
  clock.every(30, () => ran.push(`slow ${clock.nowMs()}`))
  const stop = clock.every(20, () => ran.push(`fast ${clock.nowMs()}`))
  clock.advance(60)
  expect(ran).toEqual(['fast 20', 'slow 30', 'fast 40', 'slow 60', 'fast 60'])
  stop()
  clock.advance(30)
  expect(ran.slice(5)).toEqual(['slow 90'])
  expect(clock.nowMs()).toBe(90)
})

test('a timer may stop itself and others', () => {
  const clock = createManualClock()
  let runs = 0
  const stop = clock.every(10, () => {
    runs += 1
    stop()
  })
  clock.advance(100)
  expect(runs).toBe(1)
})

test('an interval of nothing is a mistake', () => {
  expect(() => createManualClock().every(0, () => {})).toThrow('above 0 ms')
})

/** Takes no interval that the machine's timers would not keep. */
function boundedClock() {
  const clock = createManualClock()
  const set: number[] = []
  const every: Clock['every'] = (intervalMs, run) => {
    set.push(intervalMs)
    return clock.every(intervalMs, run)
  }
  return { clock: { ...clock, every }, advance: clock.advance, set }
}

test('a wait that is longer than a timer of the machine can be is split, and ends when it should', () => {
  const { clock, advance, set } = boundedClock()
  const dayMs = 24 * 3600_000
  let ranAtMs: number | null = null
  after(clock, 60 * dayMs, () => {
    ranAtMs = clock.nowMs()
  })
  advance(61 * dayMs)
  expect(ranAtMs).toBe(60 * dayMs)
  expect(set).toHaveLength(3)
  expect(Math.max(...set)).toBe(limits.timerMsMax)
})

test('a wait that is split can be given up in each of its parts', () => {
  const { clock, advance } = boundedClock()
  let runs = 0
  const cancel = after(clock, 3 * limits.timerMsMax, () => {
    runs += 1
  })
  advance(2 * limits.timerMsMax)
  cancel()
  advance(2 * limits.timerMsMax)
  expect(runs).toBe(0)
})

test("the system's clock is the machine's, and runs until it is stopped", async () => {
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1_000)
  let runs = 0
  await new Promise<void>(resolve => {
    const stop = systemClock.every(1, () => {
      runs += 1
      if (runs < 3) return
      stop()
      resolve()
    })
    // The system's timers keep no process alive; this one does until they have run.
    const alive = setInterval(() => runs >= 3 && clearInterval(alive), 5)
  })
  expect(runs).toBe(3)
})
