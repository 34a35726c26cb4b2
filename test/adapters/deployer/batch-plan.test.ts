import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Batchable, planBatches } from '../../../src/adapters/deployer/onnx/batch-plan.ts'
import { holdMs, Pace } from '../../../src/adapters/deployer/onnx/pace.ts'

const queues = fc.array(
  fc.record<Batchable>({ key: fc.constantFrom('a', 'b', null), rows: fc.integer({ min: 0, max: 9 }) }),
)

function check(holds: (queue: readonly Batchable[], batches: readonly (readonly number[])[], rowsMax: number) => void) {
  fc.assert(
    fc.property(queues, fc.integer({ min: 2, max: 12 }), (queue, rowsMax) => {
      holds(queue, planBatches(queue, rowsMax), rowsMax)
    }),
  )
}

const rowsOf = (queue: readonly Batchable[], batch: readonly number[]) =>
  batch.reduce((sum, place) => sum + (queue[place]?.rows ?? 0), 0)

describe('a plan of batches', () => {
  test('has each request in exactly one batch', () => {
    check((queue, batches) => {
      expect(batches.flat().toSorted((a, b) => a - b)).toEqual([...queue.keys()])
    })
  })

  test('has no batch of several requests with more rows than allowed', () => {
    check((queue, batches, rowsMax) => {
      for (const batch of batches) expect(batch.length === 1 || rowsOf(queue, batch) <= rowsMax).toBe(true)
    })
  })

  test('has only requests of one key together, and those without one alone', () => {
    check((queue, batches) => {
      for (const batch of batches) {
        expect(new Set(batch.map(place => queue[place]?.key)).size).toBe(1)
        expect(batch.length === 1 || queue[batch[0] ?? -1]?.key !== null).toBe(true)
      }
    })
  })

  test('keeps the order of each key, and begins batches in the order of their oldest requests', () => {
    check((queue, batches) => {
      for (const key of ['a', 'b', null]) {
        const places = batches.flat().filter(place => queue[place]?.key === key)
        expect(places).toEqual(places.toSorted((a, b) => a - b))
      }
      const oldest = batches.map(([first]) => first ?? -1)
      expect(oldest).toEqual(oldest.toSorted((a, b) => a - b))
    })
  })

  test('leaves no batch that the next one of its key would have fitted into', () => {
    check((queue, batches, rowsMax) => {
      for (const [at, batch] of batches.entries()) {
        const key = queue[batch[0] ?? -1]?.key
        const next = batches.slice(at + 1).find(([first]) => queue[first ?? -1]?.key === key)
        if (key === null || next === undefined) continue
        expect(rowsOf(queue, batch) + (queue[next[0] ?? -1]?.rows ?? 0)).toBeGreaterThan(rowsMax)
      }
    })
  })

  test('is the same for the same queue', () => {
    check((queue, batches, rowsMax) => expect(planBatches(queue, rowsMax)).toEqual(batches))
  })
})

describe('the oldest request is held', () => {
  const batch = { rowsMax: 4, waitMs: 10 }
  test.each([
    ['not without batches', null, { count: 1, oldestMs: 0 }, 3, 0],
    ['not where nothing is to be waited for', { rowsMax: 4, waitMs: 0 }, { count: 1, oldestMs: 3 }, 3, 0],
    ['for what is left of its time', batch, { count: 3, oldestMs: 0 }, 3, 7],
    ['not once its time is over', batch, { count: 1, oldestMs: 0 }, 30, 0],
    ['not once the batch is full', batch, { count: 4, oldestMs: 0 }, 3, 0],
    ['no longer than the caller of any of them can wait', batch, { count: 3, oldestMs: 0, lastMs: 5 }, 3, 2],
  ])('%s', (_, plan, waiting, nowMs, expected) => {
    expect(holdMs(plan, waiting, nowMs)).toBe(expected)
  })
})

describe('a thread is given', () => {
  const insideAfter = (answers: number, busyMs: number) => {
    const pace = new Pace(null)
    pace.note(answers, busyMs)
    return pace.insideMax
  }
  test.each([
    ['two requests while nothing is known', new Pace(null).insideMax, 2],
    ['two long ones, so that what is given up is not run', insideAfter(1, 50), 2],
    ['some of half a millisecond', insideAfter(4, 1), 8],
    ['many short ones, up to a bound', insideAfter(1_000, 1), 64],
    ['two batches', new Pace({ rowsMax: 32, waitMs: 0 }).insideMax, 64],
  ])('%s', (_, given, expected) => {
    expect(given).toBe(expected)
  })
})
