import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { betaComparison } from '../../src/stats/bayes/beta-binomial.ts'
import { logAtMost } from '../../src/stats/bayes/beta-difference.ts'
import { logAbove, logBelow } from '../../src/stats/bayes/beta-logit.ts'
import { gaussianComparison, RELATIVE_EFFECT_PRIOR } from '../../src/stats/bayes/gaussian.ts'
import { drawNormal, randomFrom } from '../../src/stats/numerics/random.ts'
import reference from '../reference/bayes.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

function expectRelative(actual: number, expected: number, tolerance: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * Math.abs(expected) + 1e-300)
}

/** log(1 - exp(x)) for x < 0. */
function logOfComplement(x: number): number {
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x))
}

describe('two rates', () => {
  test.each(reference.rates)('agree with finite sums and quadrature elsewhere: $name', row => {
    const { candidate, stable, prior, alpha } = row
    const result = numbers(betaComparison({ candidate, stable, prior, alpha }))
    const huge = candidate.trials + stable.trials > 1e6
    const tolerance = huge ? 1e-10 : 1e-11
    expectRelative(result.logChanceToWin, row.logChanceToWin, tolerance)
    expectRelative(result.logChanceToLose, row.logChanceToLose, tolerance)
    if (row.loss.candidate !== null) expectRelative(result.expectedLoss.candidate, row.loss.candidate, tolerance)
    if (row.loss.stable !== null) expectRelative(result.expectedLoss.stable, row.loss.stable, tolerance)
    const width = result.credible.upper - result.credible.lower
    if (row.lower !== null) expect(Math.abs(result.credible.lower - row.lower)).toBeLessThan(1e-9 * width)
    if (row.upper !== null) expect(Math.abs(result.credible.upper - row.upper)).toBeLessThan(1e-9 * width)
    expect(allFinite(result)).toBe(true)
  })

  test('have chances that add up, losses that differ by the difference, and exchange', () => {
    const trials = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 20_000 }))
    const share = fc.constantFrom(0, 0.001, 0.2, 0.5, 0.9, 1)
    const prior = fc.constantFrom({ a: 1, b: 1 }, { a: 0.5, b: 0.5 }, { a: 3, b: 40 })
    fc.assert(
      fc.property(trials, share, trials, share, prior, (n, p, m, q, before) => {
        const candidate = { events: Math.round(n * p), trials: n }
        const stable = { events: Math.round(m * q), trials: m }
        const one = numbers(betaComparison({ candidate, stable, prior: before, alpha: 0.1 }))
        const other = numbers(
          betaComparison({ candidate: stable, stable: candidate, prior: before, alpha: 0.1, better: 'lower' }),
        )
        const lost = logAtMost(one.candidate, one.stable, 0)
        expect(Math.exp(lost) + Math.exp(logAtMost(one.stable, one.candidate, 0))).toBeCloseTo(1, 11)
        expectClose(one.logChanceToLose, lost, 1e-11)
        expectClose(other.logChanceToWin, one.logChanceToWin, 1e-12)
        expectClose(other.credible.lower, -one.credible.upper, 1e-12)
        expectClose(one.expectedLoss.stable - one.expectedLoss.candidate, one.credible.estimate, 1e-13)
        const { estimate, lower, upper } = one.credible
        expect(lower < upper && lower > -1 && upper < 1).toBe(true)
        expect(one.candidate.mean - one.stable.mean).toBeCloseTo(estimate, 13)
        for (const [d, log] of [
          [lower, Math.log(0.05)],
          [upper, Math.log(0.95)],
        ] as const)
          expect(logAtMost(one.candidate, one.stable, d)).toBeCloseTo(log, 9)
        expect(allFinite([one, other])).toBe(true)
      }),
      { numRuns: 12 },
    )
  })

  test('the posterior adds the counts to the prior', () => {
    const outcomes = { candidate: { events: 3, trials: 10 }, stable: { events: 0, trials: 0 }, alpha: 0.05 }
    const result = numbers(betaComparison({ ...outcomes, prior: { a: 2, b: 8 } }))
    expect(result.candidate).toMatchObject({ a: 5, b: 15, mean: 0.25 })
    expect(result.stable).toMatchObject({ a: 2, b: 8, mean: 0.2 })
    expectClose(result.candidate.standardDeviation, Math.sqrt((0.25 * 0.75) / 21), 1e-15)
  })

  test('a choice is acceptable if its loss is below the threshold of caring', () => {
    const outcomes = { candidate: { events: 300, trials: 1000 }, stable: { events: 200, trials: 1000 }, alpha: 0.05 }
    expect(numbers(betaComparison({ ...outcomes, caring: 1e-4 })).acceptable).toEqual({
      candidate: true,
      stable: false,
    })
    const harm = numbers(betaComparison({ ...outcomes, better: 'lower', caring: 1e-4 }))
    expect(harm.acceptable).toEqual({ candidate: false, stable: true })
    expect(numbers(betaComparison(outcomes)).acceptable).toBeUndefined()
  })

  test('a tail of one Beta distribution is exact where its closed form is', () => {
    for (const b of [3, 1e4, 1e8]) {
      for (const x of [0.01 / b, 0.7 / b, 3 / b, 30 / b]) {
        if (x >= 1) continue
        const u = Math.log(x) - Math.log1p(-x)
        expectRelative(logAbove({ a: 1, b }, u), b * Math.log1p(-x), 1e-11)
        expectRelative(logBelow({ a: 1, b }, u), logOfComplement(b * Math.log1p(-x)), 1e-11)
        expectRelative(logBelow({ a: b, b: 1 }, -u), b * Math.log1p(-x), 1e-11)
      }
    }
    expect(logBelow({ a: 2, b: 3 }, -800)).toBe(Number.NEGATIVE_INFINITY)
    expect(logBelow({ a: 2, b: 3 }, 800)).toBe(0)
  })

  const plan = { candidate: { events: 3, trials: 10 }, stable: { events: 3, trials: 10 }, alpha: 0.05 }
  test.each([
    ['more events than trials', { candidate: { events: 11, trials: 10 } }],
    ['a count that is not whole', { stable: { events: 0.5, trials: 10 } }],
    ['more than 1e12 trials', { stable: { events: 1, trials: 1e13 } }],
    ['a prior of 0', { prior: { a: 0, b: 1 } }],
    ['a prior of NaN', { prior: { a: 1, b: Number.NaN } }],
    ['an alpha of 0', { alpha: 0 }],
    ['a threshold of 0', { caring: 0 }],
    ['another direction', { better: 'up' as 'higher' }],
  ])('are refused: %s', (_name, change) => {
    expect(refusal(betaComparison({ ...plan, ...change })).kind).toBe('invalid')
  })
})

describe('an effect with a normal prior', () => {
  test.each(reference.gaussians)('agrees with 80-digit arithmetic: $estimate of $standardError, $prior', row => {
    const { estimate, standardError, prior, alpha } = row
    const result = numbers(gaussianComparison({ estimate, standardError, prior, alpha }))
    expectClose(result.posterior.mean, row.mean, 1e-14)
    expectRelative(result.posterior.standardDeviation, row.standardDeviation, 1e-14)
    expectRelative(result.logChanceToWin, row.logChanceToWin, 1e-10)
    expectRelative(result.logChanceToLose, row.logChanceToLose, 1e-12)
    expectRelative(result.expectedLoss.candidate, row.loss.candidate, 1e-11)
    expectRelative(result.expectedLoss.stable, row.loss.stable, 1e-12)
    expectRelative(result.credible.lower, row.lower, 1e-12)
    expectRelative(result.credible.upper, row.upper, 1e-12)
    expect(allFinite(result)).toBe(true)
  })

  test('is shrunk towards the prior, mirrored with its sign, and worse by its mean', () => {
    const effect = fc.double({ min: -5, max: 5, noNaN: true })
    const error = fc.double({ min: 1e-6, max: 1e3, noNaN: true })
    fc.assert(
      fc.property(effect, error, (estimate, standardError) => {
        const plan = { estimate, standardError, alpha: 0.05 }
        const one = numbers(gaussianComparison(plan))
        const mirrored = numbers(gaussianComparison({ ...plan, estimate: -estimate, better: 'lower' }))
        expect(Math.abs(one.posterior.mean)).toBeLessThanOrEqual(Math.abs(estimate))
        expect(one.posterior.standardDeviation).toBeLessThanOrEqual(RELATIVE_EFFECT_PRIOR.standardDeviation)
        expect(mirrored.logChanceToWin).toBe(one.logChanceToWin)
        expectClose(one.expectedLoss.stable - one.expectedLoss.candidate, one.posterior.mean, 1e-13)
        expect(allFinite([one, mirrored])).toBe(true)
      }),
    )
  })

  test('passes a chance to win of 95 % far too often when watched without a difference, as its documentation says', () => {
    const random = randomFrom(4)
    let stopped = 0
    for (let run = 0; run < 300; run += 1) {
      let sum = 0
      let won = false
      for (let look = 1; look <= 100 && !won; look += 1) {
        sum += drawNormal(random)
        const effect = { estimate: sum / look, standardError: 1 / Math.sqrt(look), alpha: 0.05 }
        won = numbers(gaussianComparison({ ...effect, prior: { mean: 0, standardDeviation: 1e6 } })).chanceToWin > 0.95
      }
      if (won) stopped += 1
    }
    expect(stopped / 300).toBeGreaterThan(0.2)
  })

  test('keeps its numbers in range at the extremes', () => {
    const prior = { mean: 0, standardDeviation: 1e-100 }
    const far = numbers(gaussianComparison({ estimate: 1e100, standardError: 1e-100, prior, alpha: 0.05, caring: 1 }))
    expect(allFinite(far)).toBe(true)
    expect(far.acceptable).toEqual({ candidate: true, stable: false })
    expect(allFinite(numbers(gaussianComparison({ estimate: 1, standardError: 1e100, prior, alpha: 0.05 })))).toBe(true)
  })

  const plan = { estimate: 0.1, standardError: 0.05, alpha: 0.05 }
  test.each([
    ['a standard error of 0', { standardError: 0 }],
    ['an estimate of NaN', { estimate: Number.NaN }],
    ['a flat prior', { prior: { mean: 0, standardDeviation: Number.POSITIVE_INFINITY } }],
    ['a prior of no spread', { prior: { mean: 0, standardDeviation: 0 } }],
    ['an alpha of 1', { alpha: 1 }],
    ['a threshold of NaN', { caring: Number.NaN }],
    ['another direction', { better: 'up' as 'higher' }],
  ])('is refused: %s', (_name, change) => {
    expect(refusal(gaussianComparison({ ...plan, ...change })).kind).toBe('invalid')
  })
})
