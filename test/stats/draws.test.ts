import { describe, expect, it } from 'vitest'
import {
  drawBinomial,
  drawDistinct,
  drawHypergeometric,
  drawMultinomial,
  drawPoisson,
} from '../../src/stats/numerics/draws.ts'
import { type Random, randomFrom } from '../../src/stats/numerics/random.ts'
import { logBinomialLikelihood, logGamma } from '../../src/stats/numerics/special.ts'

const draws = 20_000

/** Observed counts against exact chances: Pearson's statistic over the values that are expected five times or more. */
function misfit(draw: (random: Random) => number, chanceOf: (value: number) => number): { z: number } {
  const random = randomFrom(7)
  const counts = new Map<number, number>()
  for (let one = 0; one < draws; one += 1) {
    const value = draw(random)
    counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  let [statistic, cells, rest, expectedRest] = [0, 0, draws, draws]
  for (let value = 0; value <= 3_000; value += 1) {
    const expected = draws * chanceOf(value)
    if (expected < 5) continue
    const seen = counts.get(value) ?? 0
    statistic += (seen - expected) ** 2 / expected
    cells += 1
    rest -= seen
    expectedRest -= expected
  }
  statistic += (rest - expectedRest) ** 2 / Math.max(expectedRest, 1)
  return { z: (statistic - cells) / Math.sqrt(2 * cells) }
}

const logChoose = (n: number, k: number) => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1)

describe('draws have the distribution that they are named for', () => {
  it.each([
    [5, 0.3],
    [40, 0.9],
    [1_000, 0.003],
    [1_000, 0.02],
    [2_000, 0.5],
    [900, 0.97],
  ])('binomial, n = %d, p = %d', (n, p) => {
    const chance = (k: number) => (k > n ? 0 : Math.exp(logChoose(n, k) + logBinomialLikelihood(k, n - k, p)))
    expect(misfit(random => drawBinomial(random, n, p), chance).z).toBeLessThan(4)
  })

  it.each([0.4, 8, 30, 900])('Poisson, mean %d', mean => {
    const chance = (k: number) => Math.exp(k * Math.log(mean) - mean - logGamma(k + 1))
    expect(misfit(random => drawPoisson(random, mean), chance).z).toBeLessThan(4)
  })

  it('hypergeometric, one by one and beyond', () => {
    const chance = (all: number, marked: number, sampled: number) => (k: number) =>
      k > marked || k > sampled || sampled - k > all - marked
        ? 0
        : Math.exp(logChoose(marked, k) + logChoose(all - marked, sampled - k) - logChoose(all, sampled))
    const small = { all: 50, marked: 20, sampled: 30 }
    expect(misfit(random => drawHypergeometric(random, small), chance(50, 20, 30)).z).toBeLessThan(4)
    const large = { all: 20_000, marked: 8_000, sampled: 2_000 }
    expect(misfit(random => drawHypergeometric(random, large), chance(20_000, 8_000, 2_000)).z).toBeLessThan(6)
  })

  it('distinct items have the mean and the variance of single draws', () => {
    const random = randomFrom(3)
    const singly = (items: number, many: number) =>
      new Set(Array.from({ length: many }, () => Math.floor(random.next() * items))).size
    const momentsOf = (draw: () => number) => {
      const values = Array.from({ length: 3_000 }, draw)
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) }
    }
    for (const [items, many] of [
      [30, 20],
      [200, 150],
      [500, 2_000],
    ] as const) {
      const [batch, single] = [momentsOf(() => drawDistinct(random, items, many)), momentsOf(() => singly(items, many))]
      expect(Math.abs(batch.mean - single.mean)).toBeLessThan((4 * single.deviation) / Math.sqrt(1_500) + 0.5)
      expect(batch.deviation / single.deviation).toBeGreaterThan(0.85)
      expect(batch.deviation / single.deviation).toBeLessThan(1.18)
    }
  })

  it('a multinomial draw shares out all of it, and nothing to a weight of 0', () => {
    const random = randomFrom(1)
    for (let run = 0; run < 100; run += 1) {
      const [a = 0, b = 0, c = 0] = drawMultinomial(random, 1_000, [3, 0, 1])
      expect([a + b + c, b]).toEqual([1_000, 0])
    }
  })
})
