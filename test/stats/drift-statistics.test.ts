import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chiSquareUpperQuantile } from '../../src/stats/drift/chi-square-quantile.ts'
import { jensenShannon } from '../../src/stats/drift/jensen-shannon.ts'
import { logKolmogorovSurvival } from '../../src/stats/drift/kolmogorov.ts'
import { binnedKs, ks } from '../../src/stats/drift/ks.ts'
import { psi } from '../../src/stats/drift/psi.ts'
import { twoSampleChiSquare } from '../../src/stats/drift/two-sample-chi-square.ts'
import { binnedWasserstein, wasserstein } from '../../src/stats/drift/wasserstein.ts'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import reference from '../reference/drift.json' with { type: 'json' }
import { sample } from './drift-support.ts'
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true })
const tied = fc.oneof(finite, fc.integer({ min: 0, max: 3 }))
const samples = fc.array(tied, { minLength: 1, maxLength: 25 })
const countPairs = fc
  .array(fc.tuple(fc.nat(200), fc.nat(200)), { minLength: 2, maxLength: 8 })
  .map(pairs => ({ reference: pairs.map(([a]) => a), current: pairs.map(([, b]) => b) }))

function expectRatio(actual: number, expected: number, tolerance: number): void {
  if (expected === 0) expect(actual).toBe(0)
  else expectClose(actual / expected, 1, tolerance)
}

describe('Kolmogorov-Smirnov', () => {
  test.each(reference.ks)('agrees with whole-number counts of orders and scipy: $first, $second', expected => {
    const result = numbers(ks({ first: sample(expected.first), second: sample(expected.second) }))
    expectClose(result.statistic, expected.statistic, 1e-15)
    expect(result.method).toBe(expected.method)
    expectClose(result.logPValue, expected.logPValue, 1e-11)
    expectClose(result.pValue, Math.exp(expected.logPValue), 1e-12)
  })

  // Gnedenko & Korolyuk 1951: P(D >= k / n) = 2 sum (-1)^(j-1) C(2n, n - j k) / C(2n, n) for equal sizes without ties.
  test.each([
    [10, 7, (2 * 1140) / 184_756],
    [10, 6, (2 * 4845) / 184_756],
    [4, 4, 2 / 70],
    [6, 3, (2 * (220 - 1)) / 924],
  ])('has the distribution of Gnedenko and Korolyuk: %i values each, D = %i / n', (n, k, expected) => {
    const first = Array.from({ length: n }, (_, index) => index)
    const second = first.map(value => value + k - 0.5)
    const result = numbers(ks({ first, second }))
    expectClose(result.statistic, k / n, 1e-15)
    expectClose(result.pValue, expected, 1e-14)
  })

  test.each(reference.kolmogorov)('has the limit of Kolmogorov at $x', ({ x, logSurvival }) => {
    expectClose(logKolmogorovSurvival(x) / logSurvival, 1, 1e-11)
  })

  test('has the critical values of Smirnov (1948): 1.3581 at 5 %, 1.6276 at 1 %', () => {
    expectClose(Math.exp(logKolmogorovSurvival(1.3581)), 0.05, 1e-5)
    expectClose(Math.exp(logKolmogorovSurvival(1.6276)), 0.01, 1e-5)
  })

  test('does not depend on the order of samples or values, on scale, and is bounded', () => {
    fc.assert(
      fc.property(samples, samples, (first, second) => {
        const result = numbers(ks({ first, second }))
        const swapped = numbers(ks({ first: second.toReversed(), second: first }))
        expect(swapped.statistic).toBe(result.statistic)
        expectClose(swapped.logPValue, result.logPValue, 1e-12)
        const doubled = { first: first.map(v => 2 * v), second: second.map(v => 2 * v) }
        expect(numbers(ks(doubled))).toEqual(result)
        expect(result.statistic).toBeLessThanOrEqual(1)
        expect(allFinite(result)).toBe(true)
        expect(numbers(ks({ first, second: first }))).toMatchObject({ statistic: 0, pValue: 1 })
      }),
    )
  })

  test('bounds D from below by bins', () => {
    fc.assert(
      fc.property(samples, samples, (first, second) => {
        const countsOf = (values: number[]) =>
          [-1e9, -10, 0, 1, 500].map(
            (edge, index, edges) => values.filter(v => v > edge && v <= (edges[index + 1] ?? 1e9)).length,
          )
        const binned = numbers(binnedKs({ reference: countsOf(first), current: countsOf(second) }))
        expect(binned.statisticAtLeast).toBeLessThanOrEqual(numbers(ks({ first, second })).statistic + 1e-12)
      }),
    )
  })

  test.each<[string, number[], number[], string]>([
    ['no values', [], [1], 'insufficient'],
    ['NaN', [1, Number.NaN], [1], 'invalid'],
    ['infinity', [1], [Number.NEGATIVE_INFINITY], 'invalid'],
  ])('is refused: %s', (_name, first, second, kind) => {
    expect(refusal(ks({ first, second })).kind).toBe(kind)
  })
})

describe('the two-sample chi-square test', () => {
  test.each(reference.chiSquare)('agrees with scipy: $reference, $current', ({ logPValue, ...expected }) => {
    const result = numbers(twoSampleChiSquare(expected))
    expectClose(result.statistic, expected.statistic, 1e-11)
    expect(result).toMatchObject({ degreesOfFreedom: expected.degreesOfFreedom, pooledBins: expected.pooledBins })
    expectClose(result.logPValue, logPValue, 1e-9)
    expect(allFinite(result)).toBe(true)
  })

  test('does not depend on the order of bins or samples, nor on bins without rows', () => {
    fc.assert(
      fc.property(countPairs, pair => {
        const result = twoSampleChiSquare(pair)
        if (!result.ok) return
        const swapped = numbers(twoSampleChiSquare({ reference: pair.current, current: pair.reference }))
        expectClose(swapped.statistic, result.statistic, 1e-12)
        const widened = { reference: [0, ...pair.reference], current: [0, ...pair.current] }
        expectClose(numbers(twoSampleChiSquare(widened)).logPValue, result.logPValue, 1e-12)
      }),
    )
  })

  test('is not misled by a small sample against a large reference, as the one-sample form is', () => {
    const result = numbers(twoSampleChiSquare({ reference: [60, 40], current: [5000, 5000] }))
    expect(result.pValue).toBeGreaterThan(0.04)
    expect(((5000 - 6000) ** 2 * (1 / 6000 + 1 / 4000)) / 10).toBeGreaterThan(40)
  })
})

describe('the population stability index', () => {
  test.each(reference.psi)(
    'agrees with 50-digit arithmetic: $reference, $current, $alpha',
    ({ logPValue, ...expected }) => {
      const result = numbers(psi(expected))
      expectRatio(result.psi, expected.psi, 1e-11)
      expectClose(result.threshold / expected.threshold, 1, 1e-11)
      expectClose(result.logPValue, logPValue, 1e-9)
      expect(result.exceeds).toBe(result.psi > expected.threshold)
      expect(allFinite(result)).toBe(true)
    },
  )

  test('has on average the noise that it states, which exceeds the rule of 0.1 in small windows', () => {
    const random = randomFrom(5)
    const [referenceRows, currentRows] = [400, 120]
    const draw = (rows: number) => {
      const counts = Array.from({ length: 10 }, () => 0)
      for (let row = 0; row < rows; row += 1) {
        const bin = Math.floor(10 * random.next())
        counts[bin] = (counts[bin] ?? 0) + 1
      }
      return counts
    }
    let [sum, exceeded, expected, beyondRule] = [0, 0, 0, 0]
    for (let run = 0; run < 1000; run += 1) {
      const result = numbers(psi({ reference: draw(referenceRows), current: draw(currentRows), alpha: 0.05 }))
      sum += result.psi / 1000
      expected = result.expectedWithoutDrift
      if (result.exceeds) exceeded += 1
      if (result.psi > 0.1) beyondRule += 1
    }
    expectClose(expected, 9 * (1 / referenceRows + 1 / currentRows), 1e-12)
    expect(sum / expected).toBeGreaterThan(0.92)
    expect(sum / expected).toBeLessThan(1.05)
    expect(exceeded / 1000).toBeLessThan(0.05 + 3 * Math.sqrt(0.05 * 0.95 * 1e-3))
    expect(beyondRule / 1000).toBeGreaterThan(0.3)
  })

  test('has the thresholds of the chi-square table: 3.841, 16.919 and 21.666', () => {
    expectClose(chiSquareUpperQuantile({ alpha: 0.05, df: 1 }), 3.841, 5e-4)
    expectClose(chiSquareUpperQuantile({ alpha: 0.05, df: 9 }), 16.919, 5e-4)
    expectClose(chiSquareUpperQuantile({ alpha: 0.01, df: 9 }), 21.666, 5e-4)
    expect(() => chiSquareUpperQuantile({ alpha: 0, df: 9 })).toThrow(RangeError)
  })

  test.each<[string, Parameters<typeof psi>[0], string]>([
    ['one bin', { reference: [100, 0], current: [100, 0], alpha: 0.05 }, 'insufficient'],
    ['too few rows a bin', { reference: [100, 100], current: [5, 4], alpha: 0.05 }, 'insufficient'],
    ['no rows', { reference: [100, 100], current: [0, 0], alpha: 0.05 }, 'insufficient'],
    ['another number of bins', { reference: [100, 100], current: [200], alpha: 0.05 }, 'invalid'],
    ['half a row', { reference: [100, 100], current: [200, 0.5], alpha: 0.05 }, 'invalid'],
    ['no smoothing', { reference: [100, 100], current: [90, 90], alpha: 0.05, smoothing: 0 }, 'invalid'],
    ['an alpha of 0', { reference: [100, 100], current: [90, 90], alpha: 0 }, 'invalid'],
  ])('is refused: %s', (_name, input, kind) => {
    expect(refusal(psi(input)).kind).toBe(kind)
  })
})

describe('Jensen-Shannon', () => {
  test.each(reference.jensenShannon)('agrees with 50-digit arithmetic and scipy: $reference, $current', expected => {
    const bits = numbers(jensenShannon(expected))
    const nats = numbers(jensenShannon({ ...expected, unit: 'nats' }))
    expectRatio(bits.divergence, expected.bits, 1e-7)
    expectClose(nats.divergence, expected.nats, 1e-15)
    expectClose(bits.distance, Math.sqrt(expected.bits), 1e-12)
    expect([bits.unit, nats.unit]).toEqual(['bits', 'nats'])
  })

  test('has the distances of the documentation of scipy', () => {
    expectClose(numbers(jensenShannon({ reference: [1, 0, 0], current: [0, 1, 0] })).distance, 1, 1e-15)
    const half = numbers(jensenShannon({ reference: [2, 0], current: [1, 1], unit: 'nats' }))
    expectClose(half.distance, 0.46450140402245893, 1e-15)
  })

  test('is a symmetric distance from 0 to 1', () => {
    fc.assert(
      fc.property(countPairs, countPairs, (pair, third) => {
        const result = jensenShannon(pair)
        if (!result.ok) return
        const swapped = numbers(jensenShannon({ reference: pair.current, current: pair.reference }))
        expectClose(swapped.divergence, result.divergence, 1e-14)
        expect(result.divergence >= 0 && result.divergence <= 1).toBe(true)
        const bins = Math.min(pair.reference.length, third.reference.length)
        const [a, b, c] = [pair.reference, pair.current, third.reference].map(counts => counts.slice(0, bins))
        if (a === undefined || b === undefined || c === undefined) return
        const [ab, bc, ac] = [
          [a, b],
          [b, c],
          [a, c],
        ].map(([x = [], y = []]) => jensenShannon({ reference: x, current: y }))
        if (ab?.ok && bc?.ok && ac?.ok) expect(ac.distance).toBeLessThanOrEqual(ab.distance + bc.distance + 1e-12)
      }),
    )
  })

  test('is refused without rows', () => {
    expect(refusal(jensenShannon({ reference: [0, 0], current: [1, 1] })).kind).toBe('insufficient')
  })
})

describe('the Wasserstein distance', () => {
  test.each(reference.wasserstein)('agrees with scipy: $reference, $current', expected => {
    const result = numbers(wasserstein({ reference: sample(expected.reference), current: sample(expected.current) }))
    expectClose(result.distance / expected.distance, 1, 1e-9)
    // At 1e9 the mean itself is rounded to 1e-7.
    expectClose(result.normalizedDistance / expected.normalizedDistance, 1, 1e-8)
  })

  test('has the distance of the documentation of scipy: 5 from (0, 1, 3) to (5, 6, 8)', () => {
    const result = numbers(wasserstein({ reference: [0, 1, 3], current: [5, 6, 8] }))
    expectClose(result.distance, 5, 1e-15)
    expectClose(result.normalizedDistance, 5 / Math.sqrt(7 / 3), 1e-15)
  })

  test('of binned samples is that of values at the positions of their bins', () => {
    const positions = [-3, 0, 0.5, 4]
    fc.assert(
      fc.property(countPairs, pair => {
        const [first, second] = [pair.reference, pair.current].map(counts =>
          positions.map((_, bin) => counts[bin] ?? 0),
        )
        const spread = (counts: number[]) =>
          counts.flatMap((count, bin) => Array(count).fill(positions[bin] ?? 0) as number[])
        if (first === undefined || second === undefined) return
        const raw = wasserstein({ reference: spread(first), current: spread(second) })
        const mean = spread(first).reduce((sum, v, _, all) => sum + v / all.length, 0)
        const moments = {
          n: spread(first).length,
          mean,
          m2: spread(first).reduce((sum, v) => sum + (v - mean) ** 2, 0),
        }
        const binned = binnedWasserstein({ reference: first, current: second, positions, moments })
        if (raw.ok && binned.ok) expectClose(binned.normalizedDistance, raw.normalizedDistance, 1e-12)
      }),
    )
  })

  test.each<[string, number[], number[], string]>([
    ['a constant reference', [5, 5, 5], [5, 6], 'insufficient'],
    ['one value', [5], [5, 6], 'insufficient'],
    ['no current values', [5, 6], [], 'insufficient'],
    ['NaN', [5, 6], [Number.NaN], 'invalid'],
    ['NaN in the reference', [5, Number.NaN], [1], 'invalid'],
    ['values too far apart for a double', [1, 2], [1.7e308, -1.7e308], 'invalid'],
  ])('is refused: %s', (_name, first, second, kind) => {
    expect(refusal(wasserstein({ reference: first, current: second })).kind).toBe(kind)
  })

  test('is refused: positions that are not ascending', () => {
    const pair = { reference: [5, 5], current: [1, 1], moments: { n: 10, mean: 0, m2: 1 } }
    expect(refusal(binnedWasserstein({ ...pair, positions: [2, 1] })).kind).toBe('invalid')
    expect(refusal(binnedWasserstein({ ...pair, positions: [1] })).kind).toBe('invalid')
  })
})
