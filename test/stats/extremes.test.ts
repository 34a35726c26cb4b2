import { describe, expect, it } from 'vitest'
import {
  betaComparison,
  cuped,
  cupedWithNewUnits,
  gaussianComparison,
  greatestOfNormals,
  inversePropensity,
  linearThompson,
  meanSampleSize,
  proportionSampleSize,
  sequentialBoundary,
  slideOutcomes,
  solveRidge,
  testDuration,
} from '../../src/stats/index.ts'
import { numbers, refusal } from './support.ts'

const arm = { n: 100, meanX: 1, meanY: 2, m2X: 90, m2Y: 120, coXY: 50 }
const far = { ...arm, meanX: 1e300 }
const fresh = { n: 20, mean: 2, m2: 20 }
const sizes = { stable: 1_000, candidate: 1_000 }
const rates = { stable: 0.1, candidate: 0.12 }
const spreads = { stable: 1, candidate: 1 }
const counts = { events: 5, trials: 50 }
const rows = Array.from({ length: 200 }, (_, row) => ({
  loggingPropensity: 0.5,
  evaluationPropensity: row % 2 === 0 ? 0.4 : 0.6,
  reward: row % 3,
}))
/** Half of it is 0. */
const alpha = Number.MIN_VALUE
const state = { l2: 1, a: [[1]], b: [1] }

describe('numbers at the edge of a double', () => {
  it.each<[string, () => ReturnType<typeof refusal> | { ok: true }]>([
    ['an alpha without a half, of rates', () => betaComparison({ candidate: counts, stable: counts, alpha })],
    ['an alpha without a half, of an estimate', () => gaussianComparison({ estimate: 1, standardError: 1, alpha })],
    ['an alpha without a half, of a policy', () => inversePropensity({ rows, alpha })],
    ['an alpha without a half, of a sample of rates', () => proportionSampleSize({ rates, power: 0.8, alpha })],
    ['an alpha without a half, of a sample', () => meanSampleSize({ difference: 0.1, power: 0.8, alpha, spreads })],
    ['a covariate beyond all squares', () => cuped({ candidate: far, stable: arm, alpha: 0.05 })],
    [
      'a covariate beyond all squares, with new units',
      () => cupedWithNewUnits({ candidate: { known: far, fresh }, stable: { known: arm, fresh }, alpha: 0.05 }),
    ],
    [
      'deviations without a sum of squares',
      () => greatestOfNormals({ means: [1, 2, 3], deviations: [1, 1, Number.MAX_VALUE] }),
    ],
    ['deviations of nothing beside none', () => greatestOfNormals({ means: [1, 2, 3], deviations: [0, 1e-300, 0] })],
    [
      'an exploration beyond a double',
      () =>
        linearThompson({
          models: numbers(solveRidge({ states: [state, state] })).models,
          features: [2],
          exploration: Number.MAX_VALUE,
        }),
    ],
    [
      'a test that is tuned for nothing',
      () => sequentialBoundary({ design: { kind: 'means', tunedFor: 0 }, sizes, alpha: 0.05 }),
    ],
    [
      'a test that is tuned for no number',
      () => sequentialBoundary({ design: { kind: 'means', tunedFor: Number.NaN }, sizes, alpha: 0.05 }),
    ],
    [
      'a window that holds no numbers',
      () =>
        slideOutcomes({
          window: { blocks: [{ block: 1, statistics: { events: Number.NaN, trials: 10 } }] },
          block: 2,
          width: 3,
          outcomes: counts,
        }),
    ],
    ['no traffic, from below', () => testDuration({ sizes, unitsPerDay: -0, shares: { stable: 0.5, candidate: 0.5 } })],
  ])('are refused: %s', (_name, ask) => {
    expect(refusal(ask()).reason).not.toBe('')
  })
})
