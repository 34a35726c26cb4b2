import { describe, expect, it } from 'vitest'
import { type ChosenRows, valuePolicy } from '../../src/core/off-policy.ts'
import { addToMoments, emptyMoments } from '../../src/stats/summaries/moments.ts'
import { numbers, uniforms } from '../stats/support.ts'

const rate = (n: number, mean: number) => ({ n, mean, m2: n * mean * (1 - mean) })
const rows = (version: string, propensity: number, n: number, mean: number): ChosenRows => ({
  version,
  propensity,
  predictions: n,
  values: rate(n, mean),
})
const wholly = (version: string) => ({ [version]: 1_000_000 })
const estimateOf = (valuation: ReturnType<typeof valuePolicy>, method: string) => {
  const found = valuation.estimates.find(one => one.method === method)
  if (found === undefined || 'refused' in found) throw new Error(`no ${method}: ${JSON.stringify(valuation)}`)
  return found
}

describe('the value of another policy', () => {
  // Weights changed while the base rate fell: what v2 earned on the average of its own rows is far below what it is worth.
  const halves = [
    [rows('v1', 0.9, 9_000, 0.4), rows('v2', 0.1, 1_000, 0.5)],
    [rows('v1', 0.1, 1_000, 0.1), rows('v2', 0.9, 9_000, 0.2)],
  ] as const

  it('is that of the same callers at the same times', () => {
    const v2 = valuePolicy({ policy: wholly('v2'), halves, alpha: 0.05 })
    const v1 = valuePolicy({ policy: wholly('v1'), halves, alpha: 0.05 })
    for (const method of ['ips', 'snips', 'dr']) {
      expect(estimateOf(v2, method).estimate).toBeCloseTo(0.35, 6)
      expect(estimateOf(v1, method).estimate).toBeCloseTo(0.25, 6)
    }
    expect(v2.logged?.estimate).toBeCloseTo((0.4 * 9 + 0.5 + 0.1 + 0.2 * 9) / 20, 9)
    expect(v2.requests).toEqual({ byChance: 20_000, valued: 20_000, leftOut: 0 })
  })

  it('of a split lies between those of its versions', () => {
    const split = valuePolicy({ policy: { v1: 250_000, v2: 750_000 }, halves, alpha: 0.05 })
    expect(estimateOf(split, 'snips').estimate).toBeCloseTo(0.25 * 0.25 + 0.75 * 0.35, 6)
  })

  it('has intervals that hold the truth as often as they say', () => {
    // The policy that is valued changes with the half, as a bandit does; 200 logs of 2,000 rows.
    const uniform = uniforms(5)
    let held = 0
    for (let log = 0; log < 200; log++) {
      const half = (propensity: number, base: number): ChosenRows[] => {
        const values = { v1: emptyMoments, v2: emptyMoments }
        for (let row = 0; row < 1_000; row++) {
          const version = uniform() < propensity ? 'v2' : 'v1'
          const value = uniform() < base + (version === 'v2' ? 0.1 : 0) ? 1 : 0
          values[version] = numbers(addToMoments(values[version], value)).moments
        }
        return [
          { version: 'v1', propensity: 1 - propensity, predictions: values.v1.n, values: values.v1 },
          { version: 'v2', propensity, predictions: values.v2.n, values: values.v2 },
        ]
      }
      const valuation = valuePolicy({ policy: wholly('v2'), halves: [half(0.5, 0.5), half(0.8, 0.2)], alpha: 0.05 })
      const { lower, upper } = estimateOf(valuation, 'dr')
      if (lower <= 0.45 && 0.45 <= upper) held += 1
    }
    expect(held).toBeGreaterThan(180)
  })

  it('leaves out who could get one version only', () => {
    const before: ChosenRows = rows('v1', 1, 50_000, 0.9)
    const valuation = valuePolicy({ policy: wholly('v2'), halves: [[before, ...halves[0]], halves[1]], alpha: 0.05 })
    expect(valuation.requests.leftOut).toBe(50_000)
    expect(estimateOf(valuation, 'snips').estimate).toBeCloseTo(0.35, 6)
  })

  it('is refused in words where the log says nothing of it', () => {
    const refused = (over: Partial<Parameters<typeof valuePolicy>[0]>) =>
      valuePolicy({ policy: wholly('v2'), halves, alpha: 0.05, ...over }).refused
    expect(refused({ policy: wholly('v3') })).toMatch(/v3 has no value of a request that it got by chance/)
    expect(refused({ halves: [[rows('v1', 1, 100, 0.5)], []] })).toMatch(
      /no request in this range was assigned by chance/,
    )
    expect(refused({ halves: [[], []] })).toMatch(
      /nothing is recorded in this range.*assigned by chance: is the release/,
    )
    // Served for half of the time only: the mean weight is far from 1.
    const late = [[rows('v1', 0.5, 5_000, 0.4), rows('v3', 0.5, 5_000, 0.4)], halves[1]] as const
    expect(refused({ halves: late })).toMatch(/mean weight/)
    expect(refused({ halves: [[rows('v1', 0.5, 20, 0.4), rows('v2', 0.5, 20, 0.4)], []] })).toMatch(/at least 100/)
  })

  it('has no doubly robust estimate without a model from the other half, and says so', () => {
    const [first, second] = halves
    const valuation = valuePolicy({ policy: wholly('v2'), halves: [[...first, ...second], []], alpha: 0.05 })
    expect(valuation.estimates.find(({ method }) => method === 'dr')).toMatchObject({
      refused: 'v2 has no values in one half of the range to model it by',
    })
    expect(estimateOf(valuation, 'ips').estimate).toBeCloseTo(0.35, 6)
  })

  it('warns where values are known for different shares of the versions', () => {
    const some = { ...rows('v2', 0.5, 2_000, 0.5), predictions: 4_000 }
    const { cautions } = valuePolicy({
      policy: wholly('v2'),
      halves: [[rows('v1', 0.5, 4_000, 0.4), some], []],
      alpha: 0.05,
    })
    expect(cautions.join()).toMatch(/values are known for/)
  })
})
