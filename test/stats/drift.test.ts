import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binnedDrift, type FeatureDrift } from '../../src/stats/drift/binned-drift.ts'
import {
  addToHistogram,
  emptyHistogram,
  type FeatureValue,
  type Histogram,
  mergeHistograms,
  numberReference,
  textReference,
} from '../../src/stats/drift/binning.ts'
import { datasetDrift } from '../../src/stats/drift/dataset-drift.ts'
import { featureDrift } from '../../src/stats/drift/feature-drift.ts'
import { drawNormal, randomFrom } from '../../src/stats/numerics/random.ts'
import type { Result } from '../../src/stats/result.ts'
import reference from '../reference/drift.json' with { type: 'json' }
import { sample } from './drift-support.ts'
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const normals = (seed: number, count: number, shift = 0, scale = 1) => {
  const random = randomFrom(seed)
  return Array.from({ length: count }, () => shift + scale * drawNormal(random))
}

const words = (seed: number, count: number, shares: Readonly<Record<string, number>>) => {
  const random = randomFrom(seed)
  return Array.from({ length: count }, () => {
    let left = random.next()
    for (const [word, share] of Object.entries(shares)) {
      left -= share
      if (left < 0) return word
    }
    return null
  })
}

describe('bins of a reference', () => {
  test.each(reference.quantiles)('end at the quantiles of numpy: $sample in $bins bins', expected => {
    const { reference: made } = numbers(numberReference({ values: sample(expected.sample), bins: expected.bins }))
    // With as many values as bins the first edge is the least value, which has a bin of its own.
    expect(made.edges.slice(1 - expected.bins)).toEqual(expected.quantiles)
    expect(made.moments.n).toBe(sample(expected.sample).length)
  })

  test.each<[string, (number | null)[], number[], number[]]>([
    ['a constant', [3, 3, 3, 3], [0, 4, 0, 0], [3, 3, 3]],
    ['many zeros', [0, 0, 0, 0, 0, 0, 1, 2, 3, 4, null], [0, 6, 1, 1, 1, 1, 1], [0, 0, 1, 2, 3, 4]],
    ['the least value, tied within one quantile,', [0, 0, 1, 2, 3, 4, 5, 6], [0, 2, 2, 2, 2, 0], [0, 0, 1.5, 3.5, 5.5]],
    ['zeros of both signs', [-0, 0, -0, 0, 5, null, null], [0, 4, 1, 2], [0, 0, 5]],
  ])('give %s a bin of its own', (_name, values, counts, positions) => {
    const { reference: made } = numbers(numberReference({ values, bins: values.length > 8 ? 10 : 4 }))
    expect(made.counts).toEqual(counts)
    for (const [bin, position] of positions.entries()) expectClose(made.positions[bin], position, 1e-15)
  })

  test('do not move with the current values, and count every value once, wherever it falls', () => {
    const values = fc.array(
      fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e100, max: 1e100 }),
        fc.constantFrom(0, 1, -1),
        fc.constant(null),
      ),
      { minLength: 20, maxLength: 60 },
    )
    fc.assert(
      fc.property(values, values, (first, second) => {
        const made = numberReference({ values: first, bins: 5 })
        if (!made.ok) return
        const again = emptyHistogram(made.reference)
        for (const value of first) numbers(addToHistogram({ reference: made.reference, histogram: again, value }))
        expect(again.counts).toEqual(made.reference.counts)
        const other = emptyHistogram(made.reference)
        for (const value of second) numbers(addToHistogram({ reference: made.reference, histogram: other, value }))
        const merged = numbers(mergeHistograms({ first: again, second: other })).histogram
        expect(merged.counts.reduce((sum, count) => sum + count, 0)).toBe(first.length + second.length)
        expect(merged.counts.at(-1)).toBe([...first, ...second].filter(value => value === null).length)
        expect(made.reference.edges).toEqual(made.reference.edges.toSorted((a, b) => a - b))
        expect(made.reference.positions).toEqual(made.reference.positions.toSorted((a, b) => a - b))
      }),
    )
  })

  test('keep the most frequent texts, all others together, the missing apart', () => {
    const values = ['b', 'a', 'b', 'd', 'c', 'c', null, '']
    const { reference: made } = numbers(textReference({ values, categoriesMax: 3 }))
    expect(made).toEqual({ kind: 'text', categories: ['', 'b', 'c'], counts: [1, 2, 2, 2, 1] })
    const histogram = emptyHistogram(made)
    const bins = ['', 'c', 'zebra', 'a', null].map(
      value => numbers(addToHistogram({ reference: made, histogram, value })).bin,
    )
    expect(bins).toEqual([0, 2, 3, 3, 4])
    expect(histogram.counts).toEqual([1, 0, 1, 2, 1])
  })

  test('refuse what they cannot hold', () => {
    const { reference: made } = numbers(numberReference({ values: [1, 2, 3], bins: 2 }))
    const { reference: text } = numbers(textReference({ values: ['a', 'b', 'c'] }))
    const histogram = emptyHistogram(made)
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 'a'])
      expect(refusal(addToHistogram({ reference: made, histogram, value })).kind).toBe('invalid')
    expect(refusal(addToHistogram({ reference: text, histogram: emptyHistogram(text), value: 1 })).kind).toBe('invalid')
    expect(refusal(addToHistogram({ reference: text, histogram, value: 'a' })).kind).toBe('invalid')
    expect(refusal(mergeHistograms({ first: histogram, second: { counts: [1] } })).kind).toBe('invalid')
    expect(refusal(mergeHistograms({ first: { counts: [-1] }, second: { counts: [0] } })).kind).toBe('invalid')
    expect(refusal(numberReference({ values: [1, null], bins: 2 })).kind).toBe('insufficient')
    expect(refusal(numberReference({ values: [1, 2], bins: 1 })).kind).toBe('invalid')
    expect(refusal(numberReference({ values: [1, Number.NaN] })).kind).toBe('invalid')
    expect(refusal(textReference({ values: [null] })).kind).toBe('insufficient')
    expect(refusal(textReference({ values: ['a'], categoriesMax: 0 })).kind).toBe('invalid')
  })
})

describe('drift of one feature', () => {
  const steady = normals(1, 500)
  test.each<[string, FeatureValue[], FeatureValue[], 'pass' | 'fail', string]>([
    ['nothing changed', steady, normals(2, 400), 'pass', ''],
    ['a shift of half a standard deviation', steady, normals(2, 400, 0.5), 'fail', 'ks'],
    ['a wider spread', steady, normals(2, 400, 0, 2), 'fail', 'chi-square'],
    [
      'values missing that were not',
      steady,
      normals(2, 400).map((v, i) => (i % 8 === 0 ? null : v)),
      'fail',
      'chi-square',
    ],
    ['all values missing', steady, steady.map(() => null), 'fail', 'chi-square'],
    ['one constant twice', Array.from({ length: 50 }, () => 7), Array.from({ length: 40 }, () => 7), 'pass', ''],
    [
      'a constant that moved down',
      Array.from({ length: 50 }, () => 7),
      Array.from({ length: 40 }, () => 6),
      'fail',
      '',
    ],
    ['a shift at a mean of 1e9', normals(1, 500, 1e9), normals(2, 400, 1e9 + 0.5), 'fail', 'ks'],
    ['the same texts', words(1, 500, { a: 0.7, b: 0.3 }), words(2, 300, { a: 0.7, b: 0.3 }), 'pass', 'chi-square'],
    [
      'other shares of texts',
      words(1, 500, { a: 0.7, b: 0.3 }),
      words(2, 300, { a: 0.5, b: 0.5 }),
      'fail',
      'chi-square',
    ],
    [
      'texts never seen',
      words(1, 500, { a: 0.7, b: 0.3 }),
      words(2, 300, { a: 0.6, b: 0.2, z: 0.2 }),
      'fail',
      'chi-square',
    ],
    ['one text twice', words(1, 50, { a: 1 }), words(2, 30, { a: 1 }), 'pass', 'chi-square'],
  ])('is judged: %s', (_name, first, second, verdict, decidedBy) => {
    const result = numbers(featureDrift({ reference: first, current: second, alpha: 0.01 }))
    expect(result.verdict).toBe(verdict)
    if (decidedBy !== '') expect(result.decidedBy).toBe(decidedBy)
    expect(allFinite(result)).toBe(true)
    expect(result.statistics.ks === null).toBe(result.kind === 'text')
    expect(result.statistics.chiSquare.ok && result.statistics.jensenShannon.ok).toBe(true)
  })

  test('is no fail where it is smaller than tolerated, however certain', () => {
    const input = { reference: normals(1, 5000), current: normals(2, 5000, 0.2), alpha: 0.001 }
    const strict = numbers(featureDrift(input))
    expect(strict).toMatchObject({ verdict: 'fail', matters: true })
    expect(strict.logPValue).toBeLessThan(-20)
    expect(numbers(featureDrift({ ...input, toleratedPsi: 0.1 }))).toMatchObject({ verdict: 'pass', matters: false })
  })

  test('from histograms is that of the bins, with KS from below and a Wasserstein distance between positions', () => {
    const { reference: made } = numbers(numberReference({ values: steady, bins: 20 }))
    const current = normals(2, 400, 0.5)
    const histogram = emptyHistogram(made)
    for (const value of current) numbers(addToHistogram({ reference: made, histogram, value }))
    const restored: Histogram = JSON.parse(JSON.stringify(histogram))
    const binned = numbers(binnedDrift({ reference: JSON.parse(JSON.stringify(made)), current: restored, alpha: 0.01 }))
    const raw = numbers(featureDrift({ reference: steady, current, alpha: 0.01, bins: 20 }))
    expect(binned.statistics.chiSquare).toEqual(raw.statistics.chiSquare)
    expect(binned).toMatchObject({ verdict: 'fail', decidedBy: 'chi-square' })
    const { chiSquare, ks } = raw.statistics
    if (!chiSquare.ok || ks?.ok !== true) throw new Error('no test')
    expect(binned.logPValue).toBe(chiSquare.logPValue)
    expectClose(raw.logPValue, Math.min(chiSquare.logPValue, ks.logPValue) + Math.LN2, 1e-15)
    const [exact, atLeast] = [raw.statistics.ks, binned.statistics.ksAtLeast]
    if (exact?.ok !== true || atLeast?.ok !== true) throw new Error('no KS')
    expect(atLeast.statisticAtLeast).toBeLessThanOrEqual(exact.statistic)
    expect(atLeast.statisticAtLeast).toBeGreaterThan(exact.statistic - 0.06)
    const [near, far] = [binned.statistics.wasserstein, raw.statistics.wasserstein]
    if (near?.ok !== true || far?.ok !== true) throw new Error('no distance')
    expectClose(near.normalizedDistance, far.normalizedDistance, 0.05)
  })

  test('is seldom seen where there is none, in numbers and in texts', () => {
    const fails = { numbers: 0, texts: 0, psi: 0 }
    for (let seed = 1; seed <= 100; seed += 1) {
      const number = numbers(
        featureDrift({ reference: normals(seed, 300), current: normals(seed + 500, 150), alpha: 0.1 }),
      )
      const shares = { a: 0.5, b: 0.2, c: 0.15, d: 0.1, e: 0.03, f: 0.02 }
      const text = numbers(
        featureDrift({ reference: words(seed, 300, shares), current: words(seed + 500, 100, shares), alpha: 0.1 }),
      )
      if (number.verdict === 'fail') fails.numbers += 1
      if (text.verdict === 'fail') fails.texts += 1
      if (number.statistics.psi.ok && number.statistics.psi.exceeds) fails.psi += 1
    }
    for (const count of Object.values(fails)) expect(count / 100).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt(0.09 / 100))
    expect(fails.numbers).toBeGreaterThan(0)
  })

  test.each<[string, number, number]>([
    ['1,000 that are all alike', 1_000, 0],
    ['1,000 of which few are frequent', 1_000, 1],
    ['60 that are all alike', 60, 0],
  ])('is seldom seen in texts of more categories than are counted: %s', (_name, size, exponent) => {
    const random = randomFrom(3)
    const weights = Array.from({ length: size }, (_, index) => (index + 1) ** -exponent)
    const shares = Object.fromEntries(weights.map((weight, index) => [`c${index}`, weight]))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const draws = (rows: number) => {
      const points = Array.from({ length: rows }, () => random.next() * total).sort((a, b) => a - b)
      let [passed, next] = [0, 0]
      return Object.entries(shares).flatMap(([name, share]) => {
        passed += share
        const from = next
        while ((points[next] ?? Number.POSITIVE_INFINITY) < passed) next += 1
        return Array.from({ length: next - from }, () => name)
      })
    }
    const runs = 60
    const fails = Array.from({ length: runs }, () =>
      numbers(featureDrift({ reference: draws(1_000), current: draws(200), alpha: 0.05 })),
    ).filter(({ verdict }) => verdict === 'fail').length
    expect(fails / runs).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / runs))
    const shifted = draws(200).map((name, index) => (index % 5 === 0 ? 'new' : name))
    expect(numbers(featureDrift({ reference: draws(1_000), current: shifted, alpha: 0.01 })).verdict).toBe('fail')
  })

  test.each<[string, FeatureValue[], FeatureValue[], string]>([
    ['too few rows now', steady, normals(2, 29), 'insufficient'],
    ['too few rows then', normals(1, 29), steady, 'insufficient'],
    ['no rows now', steady, [], 'insufficient'],
    ['no rows then', [], steady, 'insufficient'],
    ['a reference without values', steady.map(() => null), steady, 'insufficient'],
    ['NaN', steady, [...steady, Number.NaN], 'invalid'],
    ['NaN in the reference', [...steady, Number.NaN], steady, 'invalid'],
    ['texts among numbers', steady, [...steady, 'a'], 'invalid'],
    ['numbers among texts', ['a', 1], steady, 'invalid'],
    ['texts turned into numbers', words(1, 50, { a: 1 }), steady, 'invalid'],
  ])('is refused: %s', (_name, first, second, kind) => {
    expect(refusal(featureDrift({ reference: first, current: second, alpha: 0.01 })).kind).toBe(kind)
  })

  test('is refused: settings that cannot be', () => {
    const input = { reference: steady, current: steady, alpha: 0.01 }
    expect(refusal(featureDrift({ ...input, alpha: 1 })).kind).toBe('invalid')
    expect(refusal(featureDrift({ ...input, toleratedPsi: -1 })).kind).toBe('invalid')
    const { reference: made } = numbers(numberReference({ values: steady }))
    expect(refusal(binnedDrift({ reference: made, current: { counts: [100] }, alpha: 0.01 })).kind).toBe('invalid')
  })
})

describe('drift of a dataset', () => {
  const withP = (logPValue: number, matters = true): Result<FeatureDrift> => ({
    ...numbers(featureDrift({ reference: [...Array(30).fill('a')], current: [...Array(30).fill('a')], alpha: 0.01 })),
    logPValue,
    matters,
  })

  test.each(reference.benjaminiHochberg)('adjusts p values as scipy does: $pValues', ({ pValues, adjusted }) => {
    const features = pValues.map((p, index) => ({ name: `x${index}`, drift: withP(Math.log(p)) }))
    const result = numbers(datasetDrift({ features, alpha: 0.05 }))
    for (const [index, p] of adjusted.entries()) {
      expectClose((result.features[index]?.adjustedPValue ?? 0) / p, 1, 1e-12)
      expect(result.features[index]?.verdict).toBe(p <= 0.05 ? 'fail' : 'pass')
    }
  })

  // Benjamini & Hochberg 1995: thrombolysis trials, 15 p values, of which 4 are rejected at 5 %.
  test('rejects 4 of 15 in the example of Benjamini & Hochberg (1995)', () => {
    const pValues = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
    ]
    const features = pValues.map((p, index) => ({ name: `x${index}`, drift: withP(Math.log(p)) }))
    const result = numbers(datasetDrift({ features, alpha: 0.05 }))
    expect(result.drifted).toEqual(['x0', 'x1', 'x2', 'x3'])
  })

  test('names what drifted, keeps refusals and does not pass with them', () => {
    const small = featureDrift({ reference: normals(1, 40), current: normals(2, 5), alpha: 0.05 })
    const broken = featureDrift({ reference: normals(1, 40), current: ['a'], alpha: 0.05 })
    const calm = withP(Math.log(0.5))
    const verdictOf = (...drifts: Result<FeatureDrift>[]) =>
      numbers(datasetDrift({ features: drifts.map((drift, index) => ({ name: `x${index}`, drift })), alpha: 0.05 }))
    expect(verdictOf(calm, calm)).toMatchObject({ verdict: 'pass', drifted: [] })
    expect(verdictOf(calm, small).verdict).toBe('insufficient')
    expect(verdictOf(calm, small, broken).verdict).toBe('invalid')
    const result = verdictOf(calm, small, withP(-1000), broken, withP(-1000, false))
    expect(result).toMatchObject({ verdict: 'fail', drifted: ['x2'] })
    expect(result.features.map(({ verdict }) => verdict)).toEqual(['pass', 'insufficient', 'fail', 'invalid', 'pass'])
    expectClose(result.features[2]?.adjustedLogPValue ?? 0, -1000 + Math.log(1.5), 1e-12)
    expect(allFinite(result)).toBe(true)
    expect(refusal(datasetDrift({ features: [], alpha: 0.05 })).kind).toBe('insufficient')
    const twice = [
      { name: 'x', drift: calm },
      { name: 'x', drift: calm },
    ]
    expect(refusal(datasetDrift({ features: twice, alpha: 0.05 })).kind).toBe('invalid')
    expect(refusal(datasetDrift({ features: twice, alpha: 2 })).kind).toBe('invalid')
  })
})
