import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { linearThompson } from '../../src/stats/bandit/lin-ts.ts'
import { linearUcb } from '../../src/stats/bandit/lin-ucb.ts'
import { discountRidge, emptyRidge, observeRidge, type RidgeState, solveRidge } from '../../src/stats/bandit/ridge.ts'
import { choleskyFactor, dot, inverseQuadraticForm, solveFactored } from '../../src/stats/numerics/linear-algebra.ts'
import reference from '../reference/bandits.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

type Rows = { readonly features: readonly (readonly number[])[]; readonly rewards: readonly number[] }

function stateOf({ features, rewards }: Rows, l2: number): RidgeState {
  let { state } = numbers(emptyRidge({ features: features[0]?.length ?? 1, l2 }))
  for (const [row, one] of features.entries())
    state = numbers(observeRidge({ state, features: one, reward: rewards[row] ?? 0 })).state
  return state
}

function modelsOf(...states: readonly RidgeState[]) {
  return numbers(solveRidge({ states })).models
}

describe('Cholesky factors', () => {
  const size = fc.integer({ min: 1, max: 6 })
  const positiveDefinite = size.chain(dimension =>
    fc.array(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: dimension, maxLength: dimension }), {
      minLength: dimension,
      maxLength: dimension,
    }),
  )

  test('solve equations of positive definite matrices', () => {
    fc.assert(
      fc.property(positiveDefinite, rows => {
        const matrix = rows.map((left, i) => rows.map((right, j) => dot(left, right) + (i === j ? 1 : 0)))
        const right = rows.map((_, index) => index + 1)
        const factor = choleskyFactor(matrix) ?? []
        const solution = solveFactored(factor, right)
        for (const [index, row] of matrix.entries()) expectClose(dot(row, solution), right[index] ?? 0, 1e-9)
        expectClose(inverseQuadraticForm(factor, right), dot(right, solution), 1e-9)
      }),
    )
  })

  test.each([
    ['a negative diagonal', [[-1]]],
    [
      'a singular matrix',
      [
        [1, 1],
        [1, 1],
      ],
    ],
    [
      'an indefinite matrix',
      [
        [1, 2],
        [2, 1],
      ],
    ],
    ['NaN', [[Number.NaN]]],
    ['Infinity', [[Number.POSITIVE_INFINITY]]],
  ])('do not exist for %s', (_name, matrix) => {
    expect(choleskyFactor(matrix)).toBeUndefined()
  })
})

describe('the linear models', () => {
  test.each(reference.linear)('score as least squares with appended rows: $request', example => {
    const { arms, l2, request: features, exploration, means, deviations, best } = example
    const models = modelsOf(...arms.map(arm => stateOf(arm, l2)))
    const thompson = numbers(linearThompson({ models, features, exploration }))
    const upper = numbers(linearUcb({ models, features, exploration }))
    for (const arm of arms.keys()) {
      expectClose(thompson.means[arm], means[arm] ?? 0, 1e-12)
      expectClose(thompson.deviations[arm], deviations[arm] ?? 0, 1e-12)
      expectClose(thompson.probabilities[arm], best[arm] ?? 0, 1e-11)
      expectClose(upper.indices[arm], (means[arm] ?? 0) + exploration * (deviations[arm] ?? 0), 1e-12)
    }
    expect(upper.probabilities.indexOf(1)).toBe(upper.indices.indexOf(Math.max(...upper.indices)))
  })

  test('do not depend on the order of the observations', () => {
    const example = reference.linear[1]
    const rows = example?.arms[0] ?? { features: [], rewards: [] }
    const forward = modelsOf(stateOf(rows, 1))[0]
    const reversed = { features: rows.features.toReversed(), rewards: rows.rewards.toReversed() }
    const backward = modelsOf(stateOf(reversed, 1))[0]
    for (const [index, value] of (forward?.coefficients ?? []).entries())
      expectClose(backward?.coefficients[index], value, 1e-12)
  })

  test('share evenly without observations and with features of 0, and over exact ties without exploration', () => {
    const { state } = numbers(emptyRidge({ features: 2 }))
    const models = modelsOf(state, state)
    for (const features of [
      [1, 2],
      [0, 0],
    ]) {
      for (const probability of numbers(linearThompson({ models, features })).probabilities)
        expectClose(probability, 0.5, 1e-14)
      expect(numbers(linearUcb({ models, features })).probabilities).toEqual([0.5, 0.5])
    }
    expect(numbers(linearThompson({ models, features: [1, 2], exploration: 0 })).probabilities).toEqual([0.5, 0.5])
  })

  test('learn which arm suits which request', () => {
    const rows = [
      [1, 0],
      [0, 1],
    ].flatMap(features => Array.from({ length: 50 }, () => features))
    const first = stateOf({ features: rows, rewards: rows.map(([x = 0]) => x) }, 1)
    const second = stateOf({ features: rows, rewards: rows.map(([, x = 0]) => x) }, 1)
    const models = modelsOf(first, second)
    expect(numbers(linearThompson({ models, features: [1, 0] })).probabilities[0]).toBeGreaterThan(0.99)
    expect(numbers(linearThompson({ models, features: [0, 1] })).probabilities[1]).toBeGreaterThan(0.99)
  })

  test('keep the others when an arm is added or retired', () => {
    const rows = reference.linear[1]?.arms ?? []
    const states = rows.map(arm => stateOf(arm, 1))
    const { state: fresh } = numbers(emptyRidge({ features: 3 }))
    const before = modelsOf(...states)
    expect(modelsOf(...states, fresh).slice(0, 3)).toEqual(before)
    expect(modelsOf(...states.slice(1))).toEqual(before.slice(1))
  })

  test('forget by a factor what they saw, but not their penalty', () => {
    const rows = reference.linear[1]?.arms[0] ?? { features: [], rewards: [] }
    const state = stateOf(rows, 0.5)
    const half = numbers(discountRidge({ state, factor: 0.5 })).state
    expectClose(half.a[0]?.[0], ((state.a[0]?.[0] ?? 0) - 0.5) / 2 + 0.5, 1e-14)
    expectClose(half.a[1]?.[0], (state.a[1]?.[0] ?? 0) / 2, 1e-14)
    expect(numbers(discountRidge({ state, factor: 1 })).state).toEqual(state)
    const nothing = numbers(discountRidge({ state, factor: 0 })).state
    expect(nothing.a).toEqual(numbers(emptyRidge({ features: 3, l2: 0.5 })).state.a)
    expect(nothing.b.every(value => value === 0)).toBe(true)
    const deviation = (one: RidgeState) =>
      numbers(linearUcb({ models: modelsOf(one), features: [1, 1, 1] })).deviations[0] ?? 0
    expect(deviation(half)).toBeGreaterThan(deviation(state))
  })

  test('stay finite at features of any size that they take', () => {
    const value = fc.double({ min: -1e9, max: 1e9, noNaN: true })
    const row = fc.tuple(value, value)
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), row, value, (rows, features, reward) => {
        const models = solveRidge({
          states: [stateOf({ features: [[0, 0], ...rows], rewards: rows.map(() => reward) }, 1)],
        })
        if (!models.ok) return
        const result = linearThompson({ models: models.models, features })
        if (result.ok) expect(allFinite(result)).toBe(true)
      }),
    )
  })
})

describe('what has no linear model', () => {
  const { state } = numbers(emptyRidge({ features: 2 }))
  const models = modelsOf(state)
  test.each([
    ['no features', emptyRidge({ features: 0 })],
    ['half a feature', emptyRidge({ features: 1.5 })],
    ['an l2 of 0', emptyRidge({ features: 2, l2: 0 })],
    ['another number of features', observeRidge({ state, features: [1], reward: 0 })],
    ['a feature of NaN', observeRidge({ state, features: [1, Number.NaN], reward: 0 })],
    ['a reward of Infinity', observeRidge({ state, features: [1, 1], reward: Number.POSITIVE_INFINITY })],
    ['features whose squares overflow', observeRidge({ state, features: [1e200, 1], reward: 0 })],
    ['a factor above 1', discountRidge({ state, factor: 2 })],
    ['no arms', solveRidge({ states: [] })],
    ['arms of different features', solveRidge({ states: [state, numbers(emptyRidge({ features: 3 })).state] })],
    [
      'a matrix that is not positive',
      solveRidge({
        states: [
          {
            ...state,
            a: [
              [1, 2],
              [2, 1],
            ],
          },
        ],
      }),
    ],
    [
      'a matrix of NaN',
      solveRidge({
        states: [
          {
            ...state,
            a: [
              [Number.NaN, 0],
              [0, 1],
            ],
          },
        ],
      }),
    ],
    ['a request of another number of features', linearThompson({ models, features: [1, 2, 3] })],
    ['a request of NaN', linearUcb({ models, features: [Number.NaN, 0] })],
    ['a score that overflows', linearUcb({ models, features: [1e308, 1e308] })],
    ['a negative exploration', linearThompson({ models, features: [1, 1], exploration: -1 })],
    ['no models', linearUcb({ models: [], features: [] })],
  ])('is refused: %s', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
