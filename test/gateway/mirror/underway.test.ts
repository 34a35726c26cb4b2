import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Timed, Underway } from '../../../src/gateway/mirror/underway.ts'
import { manualTime } from './manual-time.ts'

function open() {
  const manual = manualTime()
  const underway = new Underway(manual.time)
  const ended: { id: number; how: 'expired' | 'cancelled' | 'answered'; atMs: number }[] = []
  const calls: (Timed & { answer(): void })[] = []
  const begin = (forMs: number) => {
    const id = calls.length
    const end = (how: 'expired' | 'cancelled' | 'answered') => {
      underway.remove(call)
      ended.push({ id, how, atMs: manual.time.nowMs() })
    }
    const call = {
      dueMs: manual.time.nowMs() + forMs,
      place: -1,
      expire: () => end('expired'),
      cancel: () => end('cancelled'),
      answer: () => end('answered'),
    }
    calls.push(call)
    underway.add(call)
    return call
  }
  return { ...manual, underway, ended, calls, begin }
}

test('each call expires when its own time is up, whatever the others may take', async () => {
  const { begin, advance, ended, underway, timers } = open()
  for (const forMs of [300, 100, 200, 100]) begin(forMs)
  await advance(1_000)
  expect(ended.map(({ id, how, atMs }) => [id, how, atMs])).toEqual([
    [1, 'expired', 100],
    [3, 'expired', 100],
    [2, 'expired', 200],
    [0, 'expired', 300],
  ])
  expect([underway.size, timers()]).toEqual([0, 0])
})

test('one timer looks after all of them, and stays as it is for those that end in time', async () => {
  const { begin, advance, ended, timers } = open()
  for (let round = 0; round < 50; round += 1) {
    begin(1_000).answer()
    expect(timers()).toBe(1)
    await advance(10)
  }
  expect(ended.every(({ how }) => how === 'answered')).toBe(true)
})

test('what is cancelled is over, and leaves no timer', () => {
  const { begin, underway, ended, timers } = open()
  for (const forMs of [100, 200]) begin(forMs)
  underway.cancelAll()
  expect(ended.map(({ how }) => how)).toEqual(['cancelled', 'cancelled'])
  expect([underway.size, timers()]).toEqual([0, 0])
})

test('every call ends once and no later than it may, in whatever order they come and go', async () => {
  const step = fc.oneof(
    fc.record({ beginForMs: fc.integer({ min: 1, max: 500 }) }),
    fc.record({ answer: fc.nat(50) }),
    fc.record({ advanceMs: fc.nat(200) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
      const { begin, advance, underway, ended, calls } = open()
      for (const one of steps) {
        if ('beginForMs' in one) begin(one.beginForMs)
        else if ('answer' in one) calls.filter(({ place }) => place !== -1)[one.answer]?.answer()
        else await advance(one.advanceMs)
        expect(underway.size).toBe(calls.length - ended.length)
      }
      await advance(500)
      expect(ended.map(({ id }) => id).sort((a, b) => a - b)).toEqual(calls.map((_, id) => id))
      for (const { id, atMs } of ended) expect(atMs).toBeLessThanOrEqual(calls[id]?.dueMs ?? 0)
    }),
    { numRuns: 100 },
  )
})
