import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  comparePairedMeans,
  PAIRS_NEEDED,
  type PairedMoments,
} from '../../src/stats/sequential/compare-paired-means.ts'
import { allFinite, expectClose, numbers, refusal, uniforms } from './support.ts'

const alpha = 0.05
const likely: PairedMoments = {
  n: 2_000,
  candidate: 1.02,
  stable: 1,
  candidateVariance: 1,
  stableVariance: 1,
  covariance: 0.99,
}

const compare = (over: Partial<PairedMoments> = {}, margin = 0, scale: 'absolute' | 'relative' = 'absolute') =>
  numbers(comparePairedMeans({ moments: { ...likely, ...over }, margin, scale, alpha }))

describe('means of pairs', () => {
  test('tell a difference that independent means would hide', () => {
    expect(compare({ n: 20_000 }).above).toBe(true)
    expect(compare({ n: 20_000, covariance: 0 }).above).toBe(false)
  })

  test('have the interval that the formula gives', () => {
    // k = 2000 / (7.94 n); boundary z with log(2 Phi(z / sqrt(1 + k))) + z^2 / (2 (1 + k)) - log(1 + 1/k) / 2 = log 20.
    const { standardError, upper, estimate } = compare()
    expectClose(standardError, Math.sqrt((2 - (2 * 0.99 * 2_000) / 2_300) / 2_000), 1e-14)
    expectClose((upper - estimate) / standardError, 2.767992225, 1e-8)
  })

  test.each(['absolute', 'relative'] as const)('cross exactly when the margin leaves the %s interval', scale => {
    const { lower, upper } = compare({}, 0, scale)
    expect([compare({}, lower - 1e-9, scale).above, compare({}, lower + 1e-9, scale).above]).toEqual([true, false])
    expect([compare({}, upper + 1e-9, scale).below, compare({}, upper - 1e-9, scale).below]).toEqual([true, false])
  })

  test('are finite and mirror when the versions change places', () => {
    const spread = fc.double({ min: 0.01, max: 1e6, noNaN: true })
    const mean = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(spread, spread, fc.double({ min: -1, max: 1, noNaN: true }), mean, mean, (a, b, rho, c, s) => {
        const covariance = rho * Math.sqrt(a * b)
        const there = compare({ candidate: c, stable: s, candidateVariance: a, stableVariance: b, covariance })
        const back = compare({ candidate: s, stable: c, candidateVariance: b, stableVariance: a, covariance })
        expect(allFinite(there)).toBe(true)
        expectClose(back.lower, -there.upper, 1e-9)
        expectClose(back.logEvidenceBelow, there.logEvidenceAbove, 1e-9)
      }),
    )
  })

  test('of versions that answer alike are shown to be no worse, in time', () => {
    expect(compare({ candidate: 1, covariance: 1 }, 0.1).below).toBe(true)
  })

  test('are refused while there are few, all alike, or not numbers', () => {
    const refused = (over: Partial<PairedMoments>, scale: 'absolute' | 'relative' = 'absolute') =>
      refusal(comparePairedMeans({ moments: { ...likely, ...over }, margin: 0, scale, alpha })).kind
    expect(refused({ n: PAIRS_NEEDED - 1 })).toBe('insufficient')
    expect(refused({ candidateVariance: 0, stableVariance: 0, covariance: 0 })).toBe('insufficient')
    expect(refused({ stable: 0.001 }, 'relative')).toBe('insufficient')
    expect(refused({ candidate: Number.NaN })).toBe('invalid')
    expect(refused({ stableVariance: -1 })).toBe('invalid')
  })
})

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Differences of mean 0 around a value that both versions share. */
const differences: Readonly<Record<string, (random: () => number) => number>> = {
  'in every pair': random => 0.2 * normal(random),
  'in 1 % of pairs': random => (random() < 0.01 ? Math.sign(random() - 0.5) : 0),
  'skewed, in 3 % of pairs': random => (random() < 0.03 ? Math.exp(1.125) - Math.exp(1.5 * normal(random)) : 0),
}

describe('a false difference, looked at after every pair, is seldom believed', () => {
  test.each(Object.entries(differences))('%s', (_, difference) => {
    const runs = 60
    let believed = 0
    for (let seed = 1; seed <= runs; seed += 1) if (isBelieved(difference, uniforms(seed))) believed += 1
    expect(believed / runs).toBeLessThanOrEqual(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs))
  })
})

function isBelieved(difference: (random: () => number) => number, random: () => number): boolean {
  const sums = { c: 0, s: 0, cc: 0, ss: 0, cs: 0 }
  for (let n = 1; n <= 1_000; n += 1) {
    const s = normal(random)
    const c = s + difference(random)
    sums.c += c
    sums.s += s
    sums.cc += c * c
    sums.ss += s * s
    sums.cs += c * s
    if (n < PAIRS_NEEDED) continue
    const [candidate, stable] = [sums.c / n, sums.s / n]
    const of = (square: number, a: number, b: number) => ((square / n - a * b) * n) / (n - 1)
    const moments = {
      n,
      candidate,
      stable,
      candidateVariance: of(sums.cc, candidate, candidate),
      stableVariance: of(sums.ss, stable, stable),
      covariance: of(sums.cs, candidate, stable),
    }
    if (numbers(comparePairedMeans({ moments, margin: 0, scale: 'absolute', alpha })).above) return true
  }
  return false
}
