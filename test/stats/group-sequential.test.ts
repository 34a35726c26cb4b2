import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { driftForPower, exitProbabilities, type Sides } from '../../src/stats/planning/group-sequential.ts'
import { type Spending, spendingBoundaries } from '../../src/stats/planning/lan-demets.ts'
import reference from '../reference/group_sequential.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

const five = [0.2, 0.4, 0.6, 0.8, 1]

function boundariesOf(fractions: readonly number[], alpha: number, sides: Sides, spending: Spending): number[] {
  return numbers(spendingBoundaries({ fractions, alpha, sides, spending })).looks.map(({ boundary }) => boundary)
}

describe('boundaries that spend an error probability', () => {
  test.each(reference.plans)("agree with Simpson's rule: $spending.kind $sides $alpha $fractions", row => {
    const boundaries = boundariesOf(row.fractions, row.alpha, row.sides as Sides, row.spending as Spending)
    for (const [look, boundary] of boundaries.entries()) expectClose(boundary, row.boundaries[look] ?? 0, 1e-9)
  })

  test.each<[Spending, number[]]>([
    [{ kind: 'obrien-fleming' }, [4.877, 3.357, 2.68, 2.29, 2.031]],
    [{ kind: 'pocock' }, [2.438, 2.427, 2.41, 2.397, 2.386]],
  ])(
    'five equal looks at 5 %% on both sides have those of Reboussin, DeMets, Kim & Lan (2000): %o',
    (spending, printed) => {
      const rounded = boundariesOf(five, 0.05, 2, spending).map(boundary => Number(boundary.toFixed(3)))
      expect(rounded).toEqual(printed)
    },
  )

  test('are crossed with probability alpha, however the looks lie', () => {
    const gains = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 })
    const spendings = fc.constantFrom<Spending>(
      { kind: 'obrien-fleming' },
      { kind: 'pocock' },
      { kind: 'power', exponent: 1.5 },
    )
    const level = fc.double({ min: 0.001, max: 0.5, noNaN: true })
    fc.assert(
      fc.property(gains, spendings, level, fc.constantFrom<Sides>(1, 2), (steps, spending, alpha, sides) => {
        const total = steps.reduce((sum, step) => sum + step, 0)
        const fractions = steps.map((_, look) => steps.slice(0, look + 1).reduce((sum, step) => sum + step, 0) / total)
        const plan = numbers(spendingBoundaries({ fractions, alpha, sides, spending }))
        const boundaries = plan.looks.map(({ boundary }) => boundary)
        const { looks } = numbers(exitProbabilities({ fractions, boundaries, sides, drift: 0 }))
        for (const [index, { cumulative }] of looks.entries()) {
          expect(cumulative).toBeCloseTo(plan.looks[index]?.spent ?? 0, 11)
        }
        expect(looks.at(-1)?.cumulative).toBeCloseTo(alpha, 11)
        expect(allFinite(plan)).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  test('of a single look are those of the plain test', () => {
    const [look] = numbers(
      spendingBoundaries({ fractions: [1], alpha: 0.05, sides: 2, spending: { kind: 'pocock' } }),
    ).looks
    expectClose(look?.boundary, 1.959963984540054, 1e-12)
    expectClose(look?.nominalAlpha, 0.05, 1e-12)
  })

  test('of looks that spend next to nothing are far out, and capped', () => {
    const boundaries = boundariesOf([0.004, 0.01, 0.5, 1], 0.05, 2, { kind: 'obrien-fleming' })
    expect(boundaries[0]).toBe(35)
    expectClose(boundaries[1], 22.383142568, 1e-9)
    expect(boundaries.at(-1)).toBeLessThan(2)
  })

  const plan = { fractions: five, alpha: 0.05, sides: 2 as Sides, spending: { kind: 'pocock' } as Spending }
  test.each([
    ['no looks', { fractions: [] }],
    ['looks out of order', { fractions: [0.5, 0.4, 1] }],
    ['a look beyond the end', { fractions: [0.5, 1.1] }],
    ['a look at 0', { fractions: [0, 1] }],
    ['a fraction of NaN', { fractions: [Number.NaN] }],
    ['looks on top of each other', { fractions: [0.5, 0.5001] }],
    ['too many looks', { fractions: Array.from({ length: 101 }, (_, k) => (k + 1) / 101) }],
    ['three sides', { sides: 3 as Sides }],
    ['an alpha of 1', { alpha: 1 }],
    ['another spending', { spending: { kind: 'even' } as unknown as Spending }],
    ['an exponent of 0', { spending: { kind: 'power', exponent: 0 } as Spending }],
  ])('are refused: %s', (_name, change) => {
    expect(refusal(spendingBoundaries({ ...plan, ...change })).kind).toBe('invalid')
  })
})

describe('the course of a plan of looks', () => {
  test.each(reference.courses)("agrees with Simpson's rule: drift $drift $sides $boundaries", row => {
    const { fractions, boundaries, drift } = row
    const result = numbers(exitProbabilities({ fractions, boundaries, drift, sides: row.sides as Sides }))
    for (const [index, look] of result.looks.entries()) {
      expectClose(look.above, row.looks[index]?.above ?? 0, 1e-10)
      expectClose(look.below, row.looks[index]?.below ?? 0, 1e-10)
      expectClose(look.cumulative, row.looks[index]?.cumulative ?? 0, 1e-10)
    }
    expectClose(result.power, row.power, 1e-10)
    expectClose(result.expectedFraction, row.expectedFraction, 1e-10)
    expect(allFinite(result)).toBe(true)
  })

  test.each([
    [2, 0.0831],
    [3, 0.1072],
    [4, 0.1262],
    [5, 0.1417],
    [10, 0.1933],
    [20, 0.2479],
  ])('%d equal looks at 1.96 reject %d of the time (Armitage, McPherson & Rowe 1969, table 2)', (count, level) => {
    const fractions = Array.from({ length: count }, (_, look) => (look + 1) / count)
    const boundaries = fractions.map(() => 1.96)
    const result = numbers(exitProbabilities({ fractions, boundaries, sides: 2, drift: 0 }))
    expect(Number(result.looks.at(-1)?.cumulative.toFixed(4))).toBe(level)
  })

  test.each([
    ['2.413 (Pocock 1977)', five.map(() => 2.413)],
    ["2.040 / sqrt(t) (O'Brien & Fleming 1979)", five.map(t => 2.04 / Math.sqrt(t))],
  ])('five looks at %s reject 5 %% of the time', (_name, boundaries) => {
    const result = numbers(exitProbabilities({ fractions: five, boundaries, sides: 2, drift: 0 }))
    expect(result.looks.at(-1)?.cumulative).toBeCloseTo(0.05, 4)
  })

  test('is mirrored by the opposite drift', () => {
    const plan = { fractions: five, boundaries: [3, 2.5, 2.2, 2.1, 2], sides: 2 as Sides }
    const [up, down] = [1.7, -1.7].map(drift => numbers(exitProbabilities({ ...plan, drift })).looks)
    for (const [index, look] of (up ?? []).entries()) {
      expectClose(look.above, down?.[index]?.below ?? 0, 1e-13)
      expectClose(look.cumulative, down?.[index]?.cumulative ?? 0, 1e-13)
    }
  })

  test('ends at the first look under an enormous drift', () => {
    const result = numbers(exitProbabilities({ fractions: five, boundaries: five.map(() => 2), sides: 1, drift: 1000 }))
    expect(result).toMatchObject({ power: 1, expectedFraction: 0.2 })
    expect(allFinite(result)).toBe(true)
  })

  test('with the wanted power needs a drift that has it, and more units than a single look', () => {
    const boundaries = boundariesOf(five, 0.05, 2, { kind: 'obrien-fleming' })
    const plan = { fractions: five, boundaries, sides: 2 as Sides }
    const found = numbers(driftForPower({ ...plan, alpha: 0.05, power: 0.9 }))
    expectClose(numbers(exitProbabilities({ ...plan, drift: found.drift })).power, 0.9, 1e-12)
    expect(found.inflation > 1.02 && found.inflation < 1.03 && found.expectedInflation < 0.8).toBe(true)
  })

  test('with one look needs the units of one look', () => {
    const plan = { fractions: [1], boundaries: [1.959963984540054], sides: 2 as Sides }
    expectClose(numbers(driftForPower({ ...plan, alpha: 0.05, power: 0.8 })).inflation, 1, 1e-12)
  })

  const plan = { fractions: five, boundaries: five.map(() => 2.4), sides: 2 as Sides, drift: 1 }
  test.each([
    ['as many boundaries as looks, not', { boundaries: [2] }],
    ['a boundary of 0 on both sides', { boundaries: [0, 2, 2, 2, 2] }],
    ['an infinite boundary', { boundaries: [Number.POSITIVE_INFINITY, 2, 2, 2, 2] }],
    ['a drift of NaN', { drift: Number.NaN }],
    ['no sides', { sides: 0 as Sides }],
    ['no looks', { fractions: [], boundaries: [] }],
  ])('is refused: %s', (_name, change) => {
    expect(refusal(exitProbabilities({ ...plan, ...change })).kind).toBe('invalid')
  })

  test.each([
    ['a power of 1', { power: 1 }, 'invalid'],
    ['a power that the plan has without drift', { power: 0.01 }, 'invalid'],
    ['an alpha of 0', { alpha: 0 }, 'invalid'],
    ['a drift beyond all measure', { fractions: [0.001], boundaries: [38] }, 'insufficient'],
  ])('has no drift for a power: %s', (_name, change, kind) => {
    expect(refusal(driftForPower({ ...plan, alpha: 0.05, power: 0.8, ...change })).kind).toBe(kind)
  })
})
