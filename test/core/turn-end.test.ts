import { expect, test } from 'vitest'
import { TurnEnd } from '../../src/core/turn-end.ts'

/** Turns that end when the test says so. */
function turns<Item>(finish: (item: Item) => void) {
  const scheduled: (() => void)[] = []
  const turn = new TurnEnd<Item>(run => scheduled.push(run), finish)
  return { turn, scheduled, end: () => scheduled.shift()?.() }
}

test('what comes in a turn is finished at its end, once, in the order in which it came', () => {
  const finished: number[] = []
  const { turn, scheduled, end } = turns<number>(item => finished.push(item))
  for (const item of [1, 2, 3]) turn.add(item)
  expect(scheduled).toHaveLength(1)
  expect(finished).toEqual([])
  end()
  end()
  expect(finished).toEqual([1, 2, 3])
})

test('what comes while a turn ends waits for the next one', () => {
  const finished: number[] = []
  const { turn, end } = turns<number>(item => {
    finished.push(item)
    if (item < 3) turn.add(item + 1)
  })
  turn.add(1)
  end()
  expect(finished).toEqual([1])
  end()
  end()
  expect(finished).toEqual([1, 2, 3])
})

test('what cannot be finished keeps nothing else of its turn from it', () => {
  const finished: number[] = []
  const { turn, end } = turns<number>(item => {
    if (item === 1) throw new Error('one that cannot')
    finished.push(item)
  })
  turn.add(1)
  turn.add(2)
  expect(end).toThrow('one that cannot')
  turn.add(3)
  end()
  end()
  expect(finished).toEqual([2, 3])
})
