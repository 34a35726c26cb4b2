import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import { bernoulliSequence } from '../../src/stats/sequential/bernoulli-sequence.ts'
import reference from '../reference/bernoulli_sequence.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

describe('one rate against a limit', () => {
  test.each(reference.sequences)('agrees with integrals at 25 digits: $events of $trials against $rate', row => {
    const result = numbers(bernoulliSequence(row))
    expectClose(result.logEvidenceAbove, row.logEvidenceAbove, 1e-9)
    expectClose(result.logEvidenceBelow, row.logEvidenceBelow, 1e-9)
    expectClose(result.lower, row.lower, 1e-10)
    expectClose(result.upper, row.upper, 1e-10)
    expect(allFinite(result)).toBe(true)
  })

  const sample = fc
    .integer({ min: 1, max: 1e8 })
    .chain(trials => fc.record({ trials: fc.constant(trials), events: fc.nat({ max: trials }) }))
  const rate = fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true })

  test('turns with events and failures, and its limits with its evidence', () => {
    fc.assert(
      fc.property(sample, rate, ({ events, trials }, rate) => {
        const one = numbers(bernoulliSequence({ events, trials, rate, alpha: 0.05 }))
        const other = numbers(bernoulliSequence({ events: trials - events, trials, rate: 1 - rate, alpha: 0.05 }))
        expectClose(one.logEvidenceAbove, other.logEvidenceBelow, 1e-6)
        expectClose(one.lower, 1 - other.upper, 1e-12)
        expect(one.lower <= one.estimate && one.estimate <= one.upper).toBe(true)
        if (Math.abs(rate - one.lower) > 1e-9) expect(one.above).toBe(rate < one.lower)
        if (Math.abs(rate - one.upper) > 1e-9) expect(one.below).toBe(rate > one.upper)
        expect(allFinite(one)).toBe(true)
      }),
    )
  })

  test('a smaller alpha widens the limits', () => {
    fc.assert(
      fc.property(sample, ({ events, trials }) => {
        const lenient = numbers(bernoulliSequence({ events, trials, rate: 0.5, alpha: 0.1 }))
        const strict = numbers(bernoulliSequence({ events, trials, rate: 0.5, alpha: 0.001 }))
        expect(strict.lower).toBeLessThanOrEqual(lenient.lower)
        expect(strict.upper).toBeGreaterThanOrEqual(lenient.upper)
      }),
    )
  })

  test('a budget that is just kept is seldom believed overdrawn, looked at after every trial', () => {
    const RUNS = 60
    let alarms = 0
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const random = randomFrom(seed)
      let events = 0
      for (let trials = 1; trials <= 200; trials += 1) {
        // The rate may be lower at times.
        if (random.next() < (trials % 100 < 50 ? 0.05 : 0.03)) events += 1
        if (numbers(bernoulliSequence({ events, trials, rate: 0.05, alpha: 0.1 })).above) {
          alarms += 1
          break
        }
      }
    }
    expect(alarms / RUNS).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt((0.1 * 0.9) / RUNS))
  })

  test.each([
    ['no trials', { events: 0, trials: 0, rate: 0.1, alpha: 0.05 }, 'insufficient'],
    ['more events than trials', { events: 2, trials: 1, rate: 0.1, alpha: 0.05 }, 'invalid'],
    ['a rate of 0', { events: 0, trials: 1, rate: 0, alpha: 0.05 }, 'invalid'],
    ['an alpha of NaN', { events: 0, trials: 1, rate: 0.1, alpha: Number.NaN }, 'invalid'],
  ])('is refused for %s', (_name, given, kind) => {
    expect(refusal(bernoulliSequence(given)).kind).toBe(kind)
  })
})
