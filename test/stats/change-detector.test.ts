import { describe, expect, test } from 'vitest'
import {
  addToChangeDetector,
  type ChangeDetectorState,
  type ChangeDirection,
  judgeChange,
  startChangeDetector,
} from '../../src/stats/drift/change-detector.ts'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import reference from '../reference/drift.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

type Plan = { referenceRate: number; direction: ChangeDirection; alpha: number; windowTrials: number }

function watch(plan: Plan, events: Iterable<boolean>): ChangeDetectorState {
  let { state } = numbers(startChangeDetector(plan))
  for (const event of events) state = numbers(addToChangeDetector({ state, event })).state
  return state
}

/** The trials until the first alarm. */
function runLength(plan: Plan, seed: number, rateAt: (trial: number) => number, trialsMax: number): number {
  const random = randomFrom(seed)
  let { state } = numbers(startChangeDetector(plan))
  while (state.alarmAt === null && state.trials < trialsMax)
    state = numbers(addToChangeDetector({ state, event: random.next() < rateAt(state.trials) })).state
  return state.trials
}

describe('the change detector', () => {
  test.each(reference.detector)(
    'sums the likelihood ratios of all windows: $direction from $referenceRate, windows of $windowTrials',
    ({ direction, logEvidence, ...expected }) => {
      const events = Array.from({ length: expected.trials }, (_, i) => {
        const rate = i < expected.changeAt ? expected.referenceRate : expected.rateAfter
        return ((i * expected.step + 17) % 10007) / 10007 < rate
      })
      const state = watch({ ...expected, direction: direction as ChangeDirection }, events)
      const result = numbers(judgeChange(state))
      expectClose(result.logEvidence, logEvidence, 1e-11)
      expect(allFinite([state, result])).toBe(true)
    },
  )

  test.each<[Plan, number]>([
    [{ referenceRate: 0.9, direction: 'decrease', alpha: 0.02, windowTrials: 1 }, 0.9],
    [{ referenceRate: 0.3, direction: 'either', alpha: 0.05, windowTrials: 10 }, 0.3],
    [{ referenceRate: 0.05, direction: 'increase', alpha: 0.05, windowTrials: 5 }, 0.05],
  ])('has an average run length of at least windowTrials (1/alpha - 1) without a change: %o', (plan, rate) => {
    const least = plan.windowTrials === 1 ? 1 / plan.alpha : plan.windowTrials * (1 / plan.alpha - 1)
    let sum = 0
    // Long runs are cut, which only lowers the mean.
    for (let seed = 1; seed <= 100; seed += 1) sum += runLength(plan, seed, () => rate, 10 * least)
    expect(sum / 100).toBeGreaterThan(least)
  })

  test('finds a fall of quality soon and about when it happened', () => {
    const plan: Plan = { referenceRate: 0.9, direction: 'decrease', alpha: 1e-4, windowTrials: 50 }
    const random = randomFrom(3)
    const state = watch(
      plan,
      Array.from({ length: 2500 }, (_, trial) => random.next() < (trial < 2000 ? 0.92 : 0.7)),
    )
    const result = numbers(judgeChange(state))
    expect(result.alarm).toBe(true)
    expect(result.alarmAt).toBeGreaterThan(2000)
    expect(result.alarmAt).toBeLessThan(2150)
    expect(Math.abs(result.changedAfter - 2000)).toBeLessThanOrEqual(100)
    expect(result.changedAfter % 50).toBe(0)
    expectClose(result.rateSince, 0.7, 0.05)
  })

  test('is not alarmed by a change to the other side, and keeps an alarm once given', () => {
    const plan: Plan = { referenceRate: 0.5, direction: 'decrease', alpha: 0.001, windowTrials: 20 }
    expect(watch(plan, Array(5000).fill(true)).alarmAt).toBeNull()
    const both = watch({ ...plan, direction: 'either' }, Array(100).fill(true))
    expect(both.alarmAt).toBeLessThan(20)
    const later = watch(plan, [...Array(40).fill(false), ...Array(1000).fill(true)])
    expect(later.alarmAt).toBeLessThan(40)
    expect(numbers(judgeChange(later))).toMatchObject({ alarm: true, alarmAt: later.alarmAt })
  })

  test('forgets good times: a fall is found as soon after 20 000 good trials as after none', () => {
    const plan: Plan = { referenceRate: 0.9, direction: 'decrease', alpha: 0.001, windowTrials: 1 }
    const fresh = watch(plan, Array(50).fill(false)).alarmAt ?? 0
    const old = watch(plan, [...Array(20_000).fill(true), ...Array(50).fill(false)]).alarmAt ?? 0
    expect(old - 20_000).toBeLessThanOrEqual(fresh)
  })

  test('goes on from its stored state', () => {
    const plan: Plan = { referenceRate: 0.4, direction: 'either', alpha: 0.01, windowTrials: 7 }
    const events = Array.from({ length: 200 }, (_, i) => (i * 7919) % 10 < 3)
    let { state } = numbers(startChangeDetector(plan))
    for (const event of events)
      state = numbers(addToChangeDetector({ state: JSON.parse(JSON.stringify(state)), event })).state
    expect(state).toEqual(watch(plan, events))
  })

  test.each<[string, Partial<Plan>]>([
    ['a reference rate of 0', { referenceRate: 0 }],
    ['a reference rate of 1', { referenceRate: 1 }],
    ['a reference rate of NaN', { referenceRate: Number.NaN }],
    ['a rate without room above it', { referenceRate: 1 - 2 ** -53, direction: 'increase' }],
    ['windows of no trial', { windowTrials: 0 }],
    ['half a trial', { windowTrials: 0.5 }],
    ['an alpha of 1', { alpha: 1 }],
  ])('is refused: %s', (_name, change) => {
    const plan: Plan = { referenceRate: 0.5, direction: 'decrease', alpha: 0.01, windowTrials: 1, ...change }
    expect(refusal(startChangeDetector(plan)).kind).toBe('invalid')
  })

  test('has nothing to say before the first trial', () => {
    const { state } = numbers(startChangeDetector({ referenceRate: 0.5, direction: 'either', alpha: 0.01 }))
    expect(refusal(judgeChange(state)).kind).toBe('insufficient')
  })
})
