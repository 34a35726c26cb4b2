import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawBeta, randomFrom } from '../../src/stats/numerics/random.ts'
import {
  type AssignmentBetting,
  addAssignment,
  assignmentEvidence,
  startAssignmentBetting,
} from '../../src/stats/sequential/assignment-betting.ts'
import reference from '../reference/assignment_betting.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const start = (arms: number) => numbers(startAssignmentBetting({ arms })).state

type Row = { readonly arm: number; readonly shares: readonly number[]; readonly event: boolean }

function play(arms: number, rows: readonly Row[]): AssignmentBetting {
  return rows.reduce((state, { arm, shares, event }) => {
    const total = shares.reduce((sum, share) => sum + share, 0)
    return numbers(addAssignment({ state, arm, propensities: shares.map(share => share / total), event })).state
  }, start(arms))
}

describe('the evidence of who got the events', () => {
  test.each(reference.sequences)('agrees with products of exact fractions: $arms arms', ({ arms, rows, logExcess }) => {
    const state = play(arms, rows)
    for (const [one, row] of logExcess.entries())
      for (const [other, value] of row.entries()) expectClose(state.logExcess[one]?.[other], value, 1e-11)
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
    expect(allFinite(state)).toBe(true)
  })

  const row = fc.record({
    arm: fc.constantFrom(0, 1),
    shares: fc.constantFrom([1, 1], [9, 1], [1, 99]),
    event: fc.boolean(),
  })

  test('has mean 1 over the coin, whatever came before', () => {
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 30 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.boolean(),
        (rows, pi, event) => {
          const state = play(2, rows)
          const factor = (arm: number) => {
            const after = numbers(addAssignment({ state, arm, propensities: [pi, 1 - pi], event })).state
            return Math.exp((after.logExcess[0]?.[1] ?? 0) - (state.logExcess[0]?.[1] ?? 0))
          }
          expectClose(pi * factor(0) + (1 - pi) * factor(1), 1, 1e-12)
        },
      ),
    )
  })

  test('changes sides with the arms', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), rows => {
        const swapped = rows.map(({ arm, shares, event }) => ({ arm: 1 - arm, shares: [...shares].reverse(), event }))
        const one = numbers(assignmentEvidence({ state: play(2, rows), first: 0, second: 1, alpha: 0.05 }))
        const other = numbers(assignmentEvidence({ state: play(2, swapped), first: 0, second: 1, alpha: 0.05 }))
        expectClose(one.logEvidenceAbove, other.logEvidenceBelow, 1e-12)
        expectClose(one.logEvidence, other.logEvidence, 1e-12)
      }),
    )
  })

  test('leaves out requests of other arms', () => {
    const rows = reference.sequences[1]?.rows ?? []
    const pair = play(2, rows)
    const third = { arm: 2, shares: [1, 1, 2], event: true }
    const mixed = play(
      3,
      rows.flatMap(row => [{ ...row, shares: [...row.shares, 7] }, third]),
    )
    expectClose(mixed.logExcess[0]?.[1], pair.logExcess[0]?.[1] ?? Number.NaN, 1e-12)
  })
})

/** Thompson sampling on two arms whose common rate drifts; whether an excess of the second is ever believed. */
function believed(seed: number, rates: (step: number) => readonly [number, number], steps: number): boolean {
  const random = randomFrom(seed)
  let state = start(2)
  for (let step = 0; step < steps; step += 1) {
    const [a = { events: 0, trials: 0 }, b = { events: 0, trials: 0 }] = state.arms
    let wins = 1
    for (let draw = 0; draw < 8; draw += 1)
      if (
        drawBeta(random, 1 + a.events, 1 + a.trials - a.events) <
        drawBeta(random, 1 + b.events, 1 + b.trials - b.events)
      )
        wins += 1
    const propensities = [1 - wins / 10, wins / 10]
    const arm = random.next() < (propensities[0] ?? 0) ? 0 : 1
    const event = random.next() < rates(step)[arm === 0 ? 0 : 1]
    state = numbers(addAssignment({ state, arm, propensities, event })).state
    if (numbers(assignmentEvidence({ state, first: 1, second: 0, alpha: 0.1 })).differ) return true
  }
  return false
}

describe('under a bandit, looked at after every request', () => {
  test('a drifting rate that both arms share is seldom believed to differ', () => {
    const RUNS = 60
    const drift = (step: number) => 0.05 + 0.9 * Math.abs(Math.sin(step / 70))
    let alarms = 0
    for (let seed = 1; seed <= RUNS; seed += 1) if (believed(seed, step => [drift(step), drift(step)], 300)) alarms += 1
    expect(alarms / RUNS).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt((0.1 * 0.9) / RUNS))
  })

  test('an arm that fails half the time is found', () => {
    for (let seed = 1; seed <= 5; seed += 1) expect(believed(seed, () => [0.02, 0.5], 400)).toBe(true)
  })
})

test('nothing but the first outcomes is no evidence', () => {
  const result = numbers(assignmentEvidence({ state: start(2), first: 0, second: 1, alpha: 0.05 }))
  expect(result).toMatchObject({ logEvidenceAbove: 0, logEvidence: 0, differ: false })
})

describe('what is refused', () => {
  const state = start(2)
  const fair = { state, arm: 0, propensities: [0.5, 0.5], event: true }
  test.each([
    ['one arm', startAssignmentBetting({ arms: 1 })],
    ['an arm too many', addAssignment({ ...fair, arm: 2 })],
    ['propensities of three arms', addAssignment({ ...fair, propensities: [0.5, 0.25, 0.25] })],
    ['propensities that add up to 1.1', addAssignment({ ...fair, propensities: [0.6, 0.5] })],
    ['propensities of NaN', addAssignment({ ...fair, propensities: [Number.NaN, 1] })],
    ['an arm that its propensity excludes', addAssignment({ ...fair, propensities: [0, 1] })],
    ['a state of another making', addAssignment({ ...fair, state: { arms: state.arms, logExcess: [[0]] } })],
    ['an arm against itself', assignmentEvidence({ state, first: 1, second: 1, alpha: 0.05 })],
    ['an alpha of 2', assignmentEvidence({ state, first: 0, second: 1, alpha: 2 })],
  ])('%s', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
