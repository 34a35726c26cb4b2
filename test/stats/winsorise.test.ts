import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addWinsorised,
  type Bounds,
  emptyWinsorisedMoments,
  mergeWinsorised,
  winsorise,
} from '../../src/stats/summaries/winsorise.ts'
import { expectClose, numbers, refusal } from './support.ts'

function stateOf(values: readonly number[], bounds: Bounds) {
  return values.reduce((state, value) => numbers(addWinsorised({ state, value, bounds })).state, emptyWinsorisedMoments)
}

describe('winsorising', () => {
  test.each<[string, readonly number[], Bounds, readonly number[], number, number]>([
    ['both sides', [-5, 0, 3, 99], { lower: -1, upper: 10 }, [-1, 0, 3, 10], 1, 1],
    ['values at the bounds are kept and not counted', [-1, 10], { lower: -1, upper: 10 }, [-1, 10], 0, 0],
    ['an open side', [-1e300, 49_854], { upper: 5000 }, [-1e300, 5000], 0, 1],
    ['no bounds', [1, 2], {}, [1, 2], 0, 0],
    ['bounds that meet', [1, 2, 3], { lower: 2, upper: 2 }, [2, 2, 2], 1, 1],
    ['no values', [], { upper: 1 }, [], 0, 0],
  ])('clips at the declared bounds and keeps count: %s', (_name, values, bounds, expected, below, above) => {
    const result = numbers(winsorise({ values, bounds }))
    expect(result).toEqual({ ok: true, values: expected, clippedBelow: below, clippedAbove: above })
  })

  test('a stream gives the moments and counts of the clipped values, also merged', () => {
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 30 })
    fc.assert(
      fc.property(values, values, (left, right) => {
        const bounds = { lower: -1000, upper: 5e5 }
        const all = numbers(winsorise({ values: [...left, ...right], bounds }))
        const { state } = numbers(mergeWinsorised(stateOf(left, bounds), stateOf(right, bounds)))
        const sum = all.values.reduce((total, value) => total + value, 0)
        expect(state).toMatchObject({ clippedBelow: all.clippedBelow, clippedAbove: all.clippedAbove })
        expect(state.moments.n).toBe(all.values.length)
        expectClose(state.moments.mean * state.moments.n, sum, 1e-9)
      }),
    )
  })

  test('clipping twice changes nothing more', () => {
    const bounds = { lower: -2, upper: 3 }
    const once = numbers(winsorise({ values: [-9, 1, 9], bounds }))
    expect(numbers(winsorise({ values: once.values, bounds }))).toMatchObject({ clippedBelow: 0, clippedAbove: 0 })
  })

  test.each([
    ['bounds out of order', winsorise({ values: [1], bounds: { lower: 2, upper: 1 } })],
    ['a bound of NaN', winsorise({ values: [1], bounds: { lower: Number.NaN } })],
    ['a value of NaN', winsorise({ values: [1, Number.NaN], bounds: {} })],
    ['an infinite value', addWinsorised({ state: emptyWinsorisedMoments, value: Infinity, bounds: { upper: 1 } })],
    [
      'a stream with bounds out of order',
      addWinsorised({ state: emptyWinsorisedMoments, value: 1, bounds: { lower: 2, upper: 1 } }),
    ],
    ['a negative count', mergeWinsorised(emptyWinsorisedMoments, { ...emptyWinsorisedMoments, clippedBelow: -1 })],
  ])('%s is refused', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
