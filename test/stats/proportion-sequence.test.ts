import { describe, expect, test } from 'vitest'
import { proportionSequence } from '../../src/stats/sequential/proportion-sequence.ts'
import reference from '../reference/compare_proportions.json' with { type: 'json' }
import { expectClose, numbers, refusal } from './support.ts'

describe('a confidence sequence of a rate', () => {
  test.each(reference.sequences)('agrees with 40-digit arithmetic: $successes of $trials at $alpha', row => {
    const { lower, upper, estimate } = numbers(proportionSequence(row))
    expectClose(lower, row.expected.lower, 1e-12)
    expectClose(upper, row.expected.upper, 1e-12)
    expect(estimate).toBe(row.successes / row.trials)
    expect(lower <= estimate && estimate <= upper).toBe(true)
  })

  test.each([
    ['no trials', 0, 0, 0.05, 'insufficient'],
    ['more successes than trials', 3, 2, 0.05, 'invalid'],
    ['a negative count', -1, 2, 0.05, 'invalid'],
    ['an alpha of NaN', 1, 2, Number.NaN, 'invalid'],
  ])('is refused for %s', (_name, successes, trials, alpha, kind) => {
    expect(refusal(proportionSequence({ successes, trials, alpha })).kind).toBe(kind)
  })
})
