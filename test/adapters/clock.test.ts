import { expect, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { systemClock } from '../../src/adapters/clock/system.ts'

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
