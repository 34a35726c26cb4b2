import { describe, expect, test } from 'vitest'
import { type RatioStratum, sampleRatio } from '../../src/stats/sequential/sample-ratio.ts'
import reference from '../reference/sample_ratio.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal, uniforms } from './support.ts'

describe('the evidence for a mismatch', () => {
  test.each(reference.ratios)('agrees with 50-digit arithmetic: $strata', ({ strata, logEvidence, pValue }) => {
    const result = numbers(sampleRatio({ strata, alpha: 0.001 }))
    expectClose(result.logEvidence, logEvidence, 1e-10)
    expectClose(result.pValueAlwaysValid, pValue, 1e-10)
    expect(result.alarm).toBe(logEvidence >= Math.log(1000))
    expect(allFinite(result)).toBe(true)
  })

  test('counts expectations by the weights of each epoch', () => {
    const strata = [
      { weights: [1, 99], counts: [12, 988] },
      { weights: [0.5, 0.5], counts: [260, 240] },
    ]
    const { expected, observed } = numbers(sampleRatio({ strata, alpha: 0.001 }))
    expectClose(expected[0], 10 + 250, 1e-12)
    expectClose(expected[1], 990 + 250, 1e-12)
    expect(observed).toEqual([272, 1228])
  })

  test('does not mistake a ramp for a mismatch, as a pool would', () => {
    const strata = [
      { weights: [1, 99], counts: [100, 9900] },
      { weights: [50, 50], counts: [500, 500] },
    ]
    expect(numbers(sampleRatio({ strata, alpha: 0.001 })).alarm).toBe(false)
    expect(numbers(sampleRatio({ strata: [{ weights: [1, 99], counts: [600, 10_400] }], alpha: 0.001 })).alarm).toBe(
      true,
    )
  })

  test('leaves out an arm of weight 0 without requests', () => {
    const strata = [{ weights: [1, 1], counts: [480, 520] }]
    const extended = [{ weights: [1, 0, 1], counts: [480, 0, 520] }]
    expectClose(
      numbers(sampleRatio({ strata: extended, alpha: 0.01 })).logEvidence,
      numbers(sampleRatio({ strata, alpha: 0.01 })).logEvidence,
      1e-12,
    )
  })

  test('is beyond doubt when an arm of weight 0 gets a request', () => {
    const strata = [
      { weights: [1, 0], counts: [100, 1] },
      { weights: [1, 1], counts: [5, 5] },
    ]
    const result = numbers(sampleRatio({ strata, alpha: 1e-12 }))
    expect(result).toMatchObject({ alarm: true, impossibleArms: [1], pValueAlwaysValid: 0 })
    expect(allFinite(result)).toBe(true)
  })

  test('keeps a p value where it underflows', () => {
    const result = numbers(sampleRatio({ strata: [{ weights: [1, 1], counts: [0, 100_000] }], alpha: 0.001 }))
    expect(result.pValueAlwaysValid).toBe(0)
    expect(result.logPValue).toBeLessThan(-60_000)
  })

  test('seldom alarms on a correct split, looked at after every request', () => {
    let alarms = 0
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = uniforms(seed)
      const strata = [0.01, 0.05, 0.25, 0.5].map(share => ({ weights: [share, 1 - share], counts: [0, 0] }))
      let alarmed = false
      for (const { weights, counts } of strata) {
        for (let request = 0; request < 250 && !alarmed; request += 1) {
          const arm = random() < (weights[0] ?? 0) ? 0 : 1
          counts[arm] = (counts[arm] ?? 0) + 1
          alarmed = numbers(sampleRatio({ strata, alpha: 0.1 })).alarm
        }
      }
      if (alarmed) alarms += 1
    }
    expect(alarms / 100).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt((0.1 * 0.9) / 100))
  })
})

describe('what has no sample ratio', () => {
  const good = { weights: [1, 1], counts: [3, 4] }
  test.each<[string, RatioStratum[], number, string]>([
    ['no strata', [], 0.01, 'insufficient'],
    ['as many weights as counts, not', [{ weights: [1, 1], counts: [1] }], 0.01, 'invalid'],
    ['another number of arms', [good, { weights: [1, 1, 1], counts: [1, 1, 1] }], 0.01, 'invalid'],
    ['a negative weight', [{ weights: [2, -1], counts: [1, 1] }], 0.01, 'invalid'],
    ['weights of 0 alone', [{ weights: [0, 0], counts: [0, 0] }], 0.01, 'invalid'],
    ['a weight of NaN', [{ weights: [Number.NaN, 1], counts: [0, 0] }], 0.01, 'invalid'],
    ['a share too small to be meant', [{ weights: [1e-300, 1], counts: [0, 1] }], 0.01, 'invalid'],
    ['a negative count', [{ weights: [1, 1], counts: [-1, 1] }], 0.01, 'invalid'],
    ['an alpha of 1', [good], 1, 'invalid'],
  ])('is refused: %s', (_name, strata, alpha, kind) => {
    expect(refusal(sampleRatio({ strata, alpha })).kind).toBe(kind)
  })
})
