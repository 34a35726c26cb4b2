import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { confusionQuality, type Value } from '../../src/stats/quality/confusion.ts'
import { type ConfusionStatistic, confusionStatistic } from '../../src/stats/quality/confusion-statistic.ts'
import reference from '../reference/quality.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const named = (matrix: readonly (readonly number[])[]) => ({ matrix, classes: matrix.map((_, index) => `c${index}`) })
const matrices = fc
  .integer({ min: 2, max: 4 })
  .chain(size => {
    const row = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: size, maxLength: size })
    return fc.array(row, { minLength: size, maxLength: size })
  })
  .filter(matrix => matrix.flat().some(count => count > 0))

function expectValue(found: Value | undefined, expected: number | null | undefined): void {
  if (expected === null || expected === undefined) expect(found).toMatchObject({ ok: false, kind: 'insufficient' })
  else expectClose(found?.ok === true ? found.value : undefined, expected, 1e-10)
}

describe('a confusion matrix', () => {
  test.each(reference.confusions)('is described as by scikit-learn: $matrix', one => {
    const found = numbers(confusionQuality(named(one.matrix)))
    expectClose(found.accuracy, one.accuracy, 1e-13)
    for (const [index, quality] of found.byClass.entries()) {
      expectValue(quality.precision, one.precision[index])
      expectValue(quality.recall, one.recall[index])
      expectValue(quality.f1, one.f1[index])
    }
    expectValue(found.f1Macro, one.f1Macro)
    expectValue(found.f1Micro, one.f1Micro)
    if (one.f1Weighted !== null) expectValue(found.f1Weighted, one.f1Weighted)
    expectValue(found.matthewsCorrelation, one.matthews)
  })

  test.each(reference.confusions.filter(one => one.variances !== null))(
    'has the variances of numerical derivatives: $matrix',
    ({ matrix, variances }) => {
      const statistics: Record<string, ConfusionStatistic> = {
        accuracy: 'accuracy',
        'f1-macro': 'f1-macro',
        precision: { precision: 'c0' },
        recall: { recall: 'c0' },
        f1: { f1: 'c0' },
      }
      for (const [name, expected] of Object.entries(variances ?? {})) {
        const { variance } = numbers(
          confusionStatistic({ ...named(matrix), statistic: statistics[name] ?? 'accuracy' }),
        )
        expect(Math.abs(variance - expected)).toBeLessThanOrEqual(1e-11 * expected + 1e-30)
      }
    },
  )

  test('estimates accuracy, precision and recall with the variances of proportions', () => {
    fc.assert(
      fc.property(matrices, matrix => {
        const { byClass, rows, accuracy } = numbers(confusionQuality(named(matrix)))
        const binomial = (p: number, n: number) => (p * (1 - p)) / n
        const found = numbers(confusionStatistic({ ...named(matrix), statistic: 'accuracy' }))
        expectClose(found.variance, binomial(accuracy, rows), 1e-13)
        for (const { name, precision, predicted } of byClass) {
          if (!precision.ok) continue
          const one = numbers(confusionStatistic({ ...named(matrix), statistic: { precision: name } }))
          expectClose(one.estimate, precision.value, 1e-15)
          expectClose(one.variance, binomial(precision.value, predicted), 1e-13)
        }
      }),
    )
  })

  test('transposed swaps precision and recall and keeps the rest; micro F1 over all classes is the accuracy', () => {
    fc.assert(
      fc.property(matrices, matrix => {
        const found = numbers(confusionQuality(named(matrix)))
        const flipped = numbers(confusionQuality(named(matrix.map((_, i) => matrix.map(row => row[i] ?? 0)))))
        const values = (all: readonly Value[]) => all.map(value => (value.ok ? value.value : null))
        expect(values(flipped.byClass.map(one => one.recall))).toEqual(values(found.byClass.map(one => one.precision)))
        expect(values(flipped.byClass.map(one => one.f1))).toEqual(values(found.byClass.map(one => one.f1)))
        expectValue(flipped.matthewsCorrelation, values([found.matthewsCorrelation])[0])
        expectValue(found.f1Micro, found.accuracy)
        expect(allFinite(found)).toBe(true)
      }),
    )
  })

  test('averages over the classes it is told, so that an absent class is left out only by name', () => {
    const matrix = [
      [4, 0, 1],
      [0, 0, 0],
      [2, 0, 6],
    ]
    const all = numbers(confusionQuality(named(matrix)))
    expect(refusal(all.f1Macro).reason).toContain('c1')
    expect(refusal(confusionStatistic({ ...named(matrix), statistic: 'f1-macro' })).kind).toBe('insufficient')
    const averagedOver = ['c0', 'c2']
    const some = numbers(confusionQuality({ ...named(matrix), averagedOver }))
    expectValue(some.f1Macro, (8 / 11 + 12 / 15) / 2)
    const estimate = numbers(confusionStatistic({ ...named(matrix), statistic: 'f1-macro', averagedOver }))
    const reduced = [
      [4, 1],
      [2, 6],
    ]
    const same = numbers(confusionStatistic({ matrix: reduced, classes: averagedOver, statistic: 'f1-macro' }))
    expectClose(estimate.estimate, same.estimate, 1e-15)
    expectClose(estimate.variance, same.variance, 1e-15)
  })

  test('has no correlation where all rows are of one class', () => {
    const matrix = [
      [6, 3],
      [0, 0],
    ]
    expectValue(numbers(confusionQuality(named(matrix))).matthewsCorrelation, null)
  })

  const square = [
    [1, 2],
    [3, 4],
  ]
  test.each<[string, readonly (readonly number[])[], readonly string[], readonly string[], string]>([
    ['no rows', square.map(row => row.map(() => 0)), ['a', 'b'], ['a'], 'insufficient'],
    ['one class', [[1]], ['a'], ['a'], 'invalid'],
    ['a class named twice', square, ['a', 'a'], ['a'], 'invalid'],
    ['a row too few', [[1, 2]], ['a', 'b'], ['a'], 'invalid'],
    ['a short row', [[1, 2], [3]], ['a', 'b'], ['a'], 'invalid'],
    [
      'part of a row',
      [
        [1, 2],
        [3, 0.5],
      ],
      ['a', 'b'],
      ['a'],
      'invalid',
    ],
    ['nothing to average over', square, ['a', 'b'], [], 'invalid'],
    ['an unknown class to average over', square, ['a', 'b'], ['c'], 'invalid'],
    ['a class averaged twice', square, ['a', 'b'], ['a', 'a'], 'invalid'],
  ])('is refused with %s', (_name, matrix, classes, averagedOver, kind) => {
    expect(refusal(confusionQuality({ matrix, classes, averagedOver })).kind).toBe(kind)
    expect(refusal(confusionStatistic({ matrix, classes, averagedOver, statistic: 'accuracy' })).kind).toBe(kind)
  })

  test('has no statistic of a class that is not there', () => {
    expect(refusal(confusionStatistic({ ...named(square), statistic: { recall: 'c7' } })).kind).toBe('invalid')
  })
})
