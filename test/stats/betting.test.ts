import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawBeta, randomFrom } from '../../src/stats/numerics/random.ts'
import {
  addBet,
  type Betting,
  bettingEvidence,
  bettingSequence,
  startBetting,
} from '../../src/stats/sequential/betting.ts'
import {
  addBernstein,
  type Bernstein,
  bernsteinSequence,
  startBernstein,
} from '../../src/stats/sequential/empirical-bernstein.ts'
import reference from '../reference/betting.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

type Plan = { low: number; high: number; alpha: number; candidates?: number }
const unit = { low: 0, high: 1, alpha: 0.05, candidates: 101 }

function bet(values: readonly number[], plan: Plan): Betting {
  return values.reduce((state, value) => numbers(addBet({ state, value })).state, numbers(startBetting(plan)).state)
}

function bernstein(values: readonly number[], plan: Plan): Bernstein {
  return values.reduce(
    (state, value) => numbers(addBernstein({ state, value })).state,
    numbers(startBernstein(plan)).state,
  )
}

describe.each(reference.sequences)('$kind values, alpha $alpha', ({ alpha, values, ...expected }) => {
  const plan = { low: 0, high: 1, alpha, candidates: 21 }

  test('bets agree with the products of the definition', () => {
    const state = bet(values, plan)
    const { lower, upper } = numbers(bettingSequence({ state }))
    expectClose(lower, expected.betting.lower, 1e-12)
    expectClose(upper, expected.betting.upper, 1e-12)
    for (const [index, log] of expected.betting.logAbove.entries()) expectClose(state.logAbove[index], log, 1e-10)
    for (const [index, log] of expected.betting.logBelow.entries()) expectClose(state.logBelow[index], log, 1e-10)
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
    expect(allFinite(state)).toBe(true)
  })

  test('empirical Bernstein limits agree with the sums of the definition', () => {
    const { lower, upper } = numbers(bernsteinSequence({ state: bernstein(values, plan) }))
    expectClose(lower, expected.bernstein.lower, 1e-10)
    expectClose(upper, expected.bernstein.upper, 1e-10)
  })
})

const values = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 80 })

describe('for any bounded values', () => {
  test('limits mirror with the values', () => {
    fc.assert(
      fc.property(values, values => {
        const mirrored = values.map(value => 1 - value)
        const [one, other] = [
          numbers(bettingSequence({ state: bet(values, unit) })),
          numbers(bettingSequence({ state: bet(mirrored, unit) })),
        ]
        expect(Math.abs(one.lower - (1 - other.upper))).toBeLessThan(0.011)
        const [first, second] = [bernstein(values, unit), bernstein(mirrored, unit)]
        expectClose(first.lower, 1 - second.upper, 1e-9)
      }),
    )
  })

  test('the unit does not matter, and limits never move apart', () => {
    fc.assert(
      fc.property(values, values => {
        const scaled = { ...unit, low: -40, high: 60 }
        const state = bet(
          values.map(value => 100 * value - 40),
          scaled,
        )
        const [one, other] = [
          numbers(bettingSequence({ state: bet(values, unit) })),
          numbers(bettingSequence({ state })),
        ]
        expect(Math.abs(100 * one.lower - 40 - other.lower)).toBeLessThan(1.01)
        const more = numbers(bettingSequence({ state: numbers(addBet({ state, value: 60 })).state }))
        expect(more.lower).toBeGreaterThanOrEqual(other.lower)
        expect(more.upper).toBeLessThanOrEqual(other.upper)
      }),
    )
  })

  test('evidence falls as the margin grows', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 0.9, noNaN: true }), (values, margin) => {
        const state = bet(values, unit)
        const here = numbers(bettingEvidence({ state, margin }))
        const there = numbers(bettingEvidence({ state, margin: margin + 0.1 }))
        expect(there.logEvidenceAbove).toBeLessThanOrEqual(here.logEvidenceAbove + 1e-12)
        expect(there.logEvidenceBelow).toBeGreaterThanOrEqual(here.logEvidenceBelow - 1e-12)
      }),
    )
  })
})

test('the true mean is seldom excluded, looked at after every value; with few values bets are tighter than Bernstein', () => {
  const RUNS = 60
  let [betting, other] = [0, 0]
  const widths = { betting: 0, bernstein: 0 }
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const random = randomFrom(seed)
    const values = Array.from({ length: 150 }, () => drawBeta(random, 0.5, 4.5))
    const plan = { ...unit, alpha: 0.1, candidates: 201 }
    const [bets, sums] = [
      numbers(bettingSequence({ state: bet(values, plan) })),
      numbers(bernsteinSequence({ state: bernstein(values, plan) })),
    ]
    // Limits keep their tightest, so that the last look tells of all.
    if (bets.lower > 0.1 || bets.upper < 0.1) betting += 1
    if (sums.lower > 0.1 || sums.upper < 0.1) other += 1
    widths.betting += bets.upper - bets.lower
    widths.bernstein += sums.upper - sums.lower
  }
  const bound = 0.1 + 3 * Math.sqrt((0.1 * 0.9) / RUNS)
  expect(betting / RUNS).toBeLessThanOrEqual(bound)
  expect(other / RUNS).toBeLessThanOrEqual(bound)
  expect(widths.betting).toBeLessThan(widths.bernstein)
})

test('a mean that drifts far enough is marked: no single one fits', () => {
  const drifting = Array.from({ length: 1500 }, (_, index) => (index < 300 ? 0 : 1))
  expect(numbers(bettingSequence({ state: bet(drifting, unit) })).heterogeneous).toBe(true)
  expect(numbers(bernsteinSequence({ state: bernstein(drifting, unit) })).heterogeneous).toBe(true)
})

describe('what is refused', () => {
  const { state } = numbers(startBetting(unit))
  const sums = numbers(startBernstein(unit)).state
  test.each([
    ['a range of nothing', startBetting({ ...unit, high: 0 }), 'invalid'],
    ['an infinite range', startBernstein({ ...unit, high: Number.POSITIVE_INFINITY }), 'invalid'],
    ['one candidate', startBetting({ ...unit, candidates: 1 }), 'invalid'],
    ['an alpha of 0', startBernstein({ ...unit, alpha: 0 }), 'invalid'],
    ['a value beyond the range', addBet({ state, value: 1.01 }), 'invalid'],
    ['a value of NaN', addBernstein({ state: sums, value: Number.NaN }), 'invalid'],
    ['a margin beyond the range', bettingEvidence({ state, margin: 2 }), 'invalid'],
    ['a state of another making', bettingSequence({ state: { ...state, logAbove: [] } }), 'invalid'],
    ['no value', bettingSequence({ state }), 'insufficient'],
    ['no value to sum', bernsteinSequence({ state: sums }), 'insufficient'],
  ])('%s', (_name, result, kind) => {
    expect(refusal(result).kind).toBe(kind)
  })
})
