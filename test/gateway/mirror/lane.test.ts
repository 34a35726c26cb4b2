import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import type { MirrorBudget } from '../../../src/core/stage-plans.ts'
import { BodyCopy } from '../../../src/gateway/mirror/body-copy.ts'
import { Lane } from '../../../src/gateway/mirror/lane.ts'
import { MirrorMemory } from '../../../src/gateway/mirror/memory.ts'
import { TokenBucket } from '../../../src/gateway/mirror/token-bucket.ts'
import { manualTime } from './manual-time.ts'
import { budget } from './rig.ts'

function openLane(over: Partial<MirrorBudget>) {
  const manual = manualTime()
  const running = new Set<number>()
  const started: { job: number; atMs: number }[] = []
  const dropped: { job: number; reason: string }[] = []
  const lane = new Lane<number>(
    { ...budget, ...over },
    {
      time: manual.time,
      start: job => {
        started.push({ job, atMs: manual.time.nowMs() })
        running.add(job)
      },
      drop: (job, reason) => dropped.push({ job, reason }),
    },
  )
  const finish = (job: number) => {
    if (running.delete(job)) lane.ended()
  }
  return { ...manual, lane, running, started, dropped, finish }
}

describe('a lane', () => {
  test('sends in the order of arrival, as many at a time as the budget says', async () => {
    const { lane, settle, started, finish } = openLane({ concurrencyMax: 2, queueMax: 9 })
    for (const job of [1, 2, 3, 4]) lane.offer(job)
    await settle()
    expect([started.map(({ job }) => job), lane.inFlight, lane.queued]).toEqual([[1, 2], 2, 2])
    finish(2)
    await settle()
    expect(started.map(({ job }) => job)).toEqual([1, 2, 3])
  })

  test('begins a few in a turn, and the next ones in the turn after', async () => {
    const { lane, turn, started } = openLane({ concurrencyMax: 50, queueMax: 50 })
    for (let job = 0; job < 20; job += 1) lane.offer(job)
    const most = limits.mirrorStartsPerTurn
    const counts = [0, 0, 0, 0].map(() => {
      turn()
      return started.length
    })
    expect(counts).toEqual([most, 2 * most, 20, 20])
  })

  test('begins more in a turn the longer its queue is, so that it does not fill up while the thread is busy', () => {
    const { lane, turn, running, finish } = openLane({ concurrencyMax: 1_000, queueMax: 200 })
    const queued = Array.from({ length: 40 }, (_, round) => {
      for (let one = 0; one < 32; one += 1) expect(lane.offer(round * 32 + one)).toBe(true)
      turn()
      for (const job of [...running]) finish(job)
      return lane.queued
    })
    expect(Math.max(...queued)).toBeLessThanOrEqual(32 * (limits.mirrorQueueTurns - 1))
  })

  test('begins no more than a turn can bear, however many wait', () => {
    const { lane, turn, started } = openLane({ concurrencyMax: 1_000, queueMax: 10_000 })
    for (let job = 0; job < 2_000; job += 1) lane.offer(job)
    turn()
    expect(started).toHaveLength(limits.mirrorStartsPerTurnMax)
  })

  test('takes nothing beyond its queue', () => {
    const { lane } = openLane({ queueMax: 2 })
    expect([1, 2, 3].map(job => lane.offer(job))).toEqual([true, true, false])
  })

  test('sends at the rate of the budget, however many wait', async () => {
    const { lane, advance, started, finish } = openLane({ ratePerSecondMax: 20, concurrencyMax: 50, queueMax: 500 })
    for (let job = 0; job < 100; job += 1) lane.offer(job)
    await advance(2_000)
    for (const { job } of started) finish(job)
    // A tenth of a second's worth at once, then one every 50 ms.
    expect(started.map(({ atMs }) => Math.round(atMs))).toEqual([0, ...Array.from({ length: 41 }, (_, i) => i * 50)])
  })

  test('drops what has waited longer than an answer may take', async () => {
    const { lane, advance, dropped, started, finish } = openLane({ concurrencyMax: 1, timeoutMs: 1_000 })
    for (const job of [1, 2]) lane.offer(job)
    await advance(600)
    lane.offer(3)
    await advance(600)
    finish(1)
    await advance(0)
    expect([started.map(({ job }) => job), dropped]).toEqual([[1, 3], [{ job: 2, reason: 'expired' }]])
  })

  test('stands back while the thread is behind, and goes on when it is not', async () => {
    const { lane, advance, late, started, dropped, timers } = openLane({ concurrencyMax: 9, timeoutMs: 1_000 })
    lane.offer(1)
    late(limits.mirrorLagMsMax + 1)
    await advance(0)
    expect([started, lane.queued, timers()]).toEqual([[], 1, 1])
    await advance(limits.mirrorLagMsMax)
    expect(started.map(({ job }) => job)).toEqual([1])
    lane.offer(2)
    late(limits.mirrorLagMsMax)
    await advance(0)
    expect(started.map(({ job }) => job)).toEqual([1, 2])
    lane.offer(3)
    late(1_001)
    await advance(0)
    expect(dropped).toEqual([{ job: 3, reason: 'expired' }])
  })

  test('goes on at once when a new budget allows more', async () => {
    const { lane, advance, started, settle } = openLane({ ratePerSecondMax: 0.1, concurrencyMax: 1, timeoutMs: 60_000 })
    for (const job of [1, 2, 3]) lane.offer(job)
    await advance(10)
    lane.setBudget({ ...budget, ratePerSecondMax: 0.1, concurrencyMax: 3 })
    await settle()
    expect(started).toHaveLength(1)
    lane.setBudget({ ...budget, ratePerSecondMax: null, concurrencyMax: 3 })
    await settle()
    expect(started).toHaveLength(3)
  })

  test('that is stopped drops what waits and leaves no timer', async () => {
    const { lane, advance, dropped, timers, running } = openLane({ ratePerSecondMax: 1 })
    for (const job of [1, 2, 3]) lane.offer(job)
    await advance(10)
    expect(timers()).toBe(1)
    lane.stop()
    expect(dropped).toEqual([2, 3].map(job => ({ job, reason: 'stopped' })))
    expect([timers(), lane.inFlight, running.size]).toEqual([0, 1, 1])
  })

  test('keeps its bounds and ends every copy once, whatever happens', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant('offer' as const) },
      { weight: 3, arbitrary: fc.record({ finish: fc.nat(40) }) },
      { weight: 2, arbitrary: fc.record({ advanceMs: fc.nat(700) }) },
    )
    const someBudget = fc.record({
      ratePerSecondMax: fc.option(fc.double({ min: 0.5, max: 50, noNaN: true }), { nil: null }),
      concurrencyMax: fc.integer({ min: 1, max: 4 }),
      queueMax: fc.integer({ min: 1, max: 5 }),
      timeoutMs: fc.integer({ min: 100, max: 1_000 }),
    })
    await fc.assert(
      fc.asyncProperty(someBudget, fc.array(step, { maxLength: 60 }), async (some, steps) => {
        const { lane, advance, settle, started, dropped, running, finish } = openLane(some)
        const taken: number[] = []
        for (const [job, one] of steps.entries()) {
          if (one === 'offer') {
            if (lane.offer(job)) taken.push(job)
          } else if ('finish' in one) {
            const jobs = [...running.keys()]
            finish(jobs[one.finish % Math.max(1, jobs.length)] ?? -1)
          } else await advance(one.advanceMs)
          expect(lane.queued).toBeLessThanOrEqual(some.queueMax)
          expect(lane.inFlight).toBeLessThanOrEqual(some.concurrencyMax)
          await settle()
        }
        lane.stop()
        const ended = [...started.map(({ job }) => job), ...dropped.map(({ job }) => job)]
        expect(ended.sort((a, b) => a - b)).toEqual(taken)
      }),
      { numRuns: 200 },
    )
  })
})

test('tokens are no more than the rate and what was saved up, in any stretch of time', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 1_000, noNaN: true }),
      fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 100 }),
      (rate, pauses) => {
        const bucket = new TokenBucket(rate, 0)
        const taken: number[] = []
        let nowMs = 0
        for (const pauseMs of pauses) {
          nowMs += pauseMs
          if (bucket.take(nowMs) === 0) taken.push(nowMs)
        }
        for (const [first, fromMs] of taken.entries()) {
          for (const [last, toMs] of taken.entries()) {
            if (last < first) continue
            const most = Math.max(1, rate / 10) + ((toMs - fromMs) * rate) / 1_000
            expect(last - first + 1).toBeLessThanOrEqual(most + 1e-6)
          }
        }
      },
    ),
  )
})

test('who waits for a token as long as was said gets it', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 1_000, noNaN: true }), fc.nat(200), (rate, takes) => {
      const bucket = new TokenBucket(rate, 0)
      let nowMs = 0
      for (let index = 0; index < takes; index += 1) nowMs += bucket.take(nowMs)
      const waitMs = bucket.take(nowMs)
      if (waitMs > 0) expect(bucket.take(nowMs + waitMs)).toBe(0)
    }),
  )
})

describe('a copied body', () => {
  test('is what passed by, though the original changes afterwards', () => {
    const copy = new BodyCopy(new MirrorMemory(100), 100)
    const chunk = Buffer.from('abc')
    copy.add(chunk)
    chunk.fill(0)
    copy.add(Buffer.from('d'))
    expect(copy.lack).toBe('incomplete')
    copy.end()
    expect([copy.lack, Buffer.from(copy.whole(false)).toString()]).toEqual([null, 'abcd'])
  })

  test('that is never changed is kept as it is, but not where it waits for long', () => {
    const copy = new BodyCopy(new MirrorMemory(100), 100)
    const body = Buffer.from('abc')
    copy.share(body)
    copy.end()
    expect(copy.whole(false)).toBe(body)
    const own = copy.whole(true)
    expect([Buffer.from(own).toString(), own.buffer.byteLength, copy.bytes]).toEqual(['abc', 3, 3])
  })

  test('takes what there is, says what it lacks, and gives back all that it took', () => {
    const sizes = fc.array(fc.nat(60), { maxLength: 8 })
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 6 }), bodies => {
        const memory = new MirrorMemory(150)
        const copies = bodies.map(chunks => {
          const copy = new BodyCopy(memory, 100)
          for (const size of chunks) copy.add(new Uint8Array(size))
          copy.end()
          return { copy, bytes: chunks.reduce((sum, size) => sum + size, 0) }
        })
        const whole = copies.filter(({ copy }) => copy.lack === null)
        expect(memory.held).toBe(whole.reduce((sum, { bytes }) => sum + bytes, 0))
        expect(memory.held).toBeLessThanOrEqual(150)
        for (const { copy, bytes } of whole) expect(copy.whole(false)).toHaveLength(bytes)
        for (const { copy, bytes } of copies) if (bytes > 100) expect(copy.lack).not.toBeNull()
        for (const { copy } of copies) copy.release()
        expect(memory.held).toBe(0)
      }),
    )
  })
})
