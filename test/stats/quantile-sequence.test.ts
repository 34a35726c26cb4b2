import { describe, expect, test } from 'vitest'
import { quantileRanks } from '../../src/stats/sequential/quantile-ranks.ts'
import { compareQuantiles, quantileSequence } from '../../src/stats/sequential/quantile-sequence.ts'
import { DDSketch } from '../../src/stats/summaries/ddsketch.ts'
import reference from '../reference/quantile_ranks.json' with { type: 'json' }
import { allFinite, numbers, refusal, uniforms } from './support.ts'

/** A sketch of exponential latencies in milliseconds. */
function latencies(count: number, meanMs: number, seed: number): DDSketch {
  const random = uniforms(seed)
  const sketch = new DDSketch()
  for (let index = 0; index < count; index += 1) sketch.add(-meanMs * Math.log(1 - random()))
  return sketch
}

function compare(candidate: DDSketch, stable: DDSketch, relativeMargin = 0.1) {
  return numbers(compareQuantiles({ candidate, stable, quantile: 0.99, relativeMargin, alpha: 0.05 }))
}

describe('the ranks that bound a quantile', () => {
  test.each(reference.ranks)('are those of scipy: quantile $quantile of $count at $alpha', row => {
    expect(numbers(quantileRanks(row))).toEqual({ ok: true, ...row.expected })
  })

  test('exist for the 99th percentile from 444 values on', () => {
    const at = (count: number) => numbers(quantileRanks({ count, quantile: 0.99, alpha: 0.05 }))
    expect(at(443)).toMatchObject({ needed: 444 })
    expect(at(443).upper).toBeUndefined()
    expect(at(444).upper).toBe(444)
  })

  test('stand close around the quantile among 100 million values', () => {
    const { lower = 0, upper = 0 } = numbers(quantileRanks({ count: 1e8, quantile: 0.99, alpha: 0.05 }))
    expect(lower).toBeGreaterThan(99e6 - 6000)
    expect(upper).toBeLessThan(99e6 + 6000)
    expect(upper - lower).toBeGreaterThan(4000)
  })

  test.each([1e-9, 1e-6, 0.999999, 1 - 1e-9])('exist for the extreme quantile %d', quantile => {
    expect(numbers(quantileRanks({ count: 10, quantile, alpha: 0.05 })).needed).toBeGreaterThan(1e6)
  })
})

describe('a confidence sequence of a quantile', () => {
  test('holds the true quantile at every look but for a few runs', () => {
    const trueP90 = -100 * Math.log(0.1)
    let failed = 0
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = uniforms(seed)
      const sketch = new DDSketch()
      let missed = false
      for (let count = 1; count <= 600 && !missed; count += 1) {
        sketch.add(-100 * Math.log(1 - random()))
        if (count % 3 !== 0) continue
        const { lower = 0, upper = 1e9 } = numbers(quantileSequence({ sketch, quantile: 0.9, alpha: 0.1 }))
        missed = lower > trueP90 || upper < trueP90
      }
      if (missed) failed += 1
    }
    expect(failed / 60).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt((0.1 * 0.9) / 60))
  })

  test('has no upper limit while all values together may lie below it, and says from when on', () => {
    const few = numbers(quantileSequence({ sketch: latencies(200, 100, 1), quantile: 0.99, alpha: 0.05 }))
    expect(few.needed).toBe(444)
    expect(few.upper).toBeUndefined()
    expect(few.lower).toBeGreaterThan(0)
    const enough = numbers(quantileSequence({ sketch: latencies(444, 100, 1), quantile: 0.99, alpha: 0.05 }))
    expect(enough.needed).toBeUndefined()
    expect(enough.upper).toBeGreaterThan(enough.estimate)
  })

  test('of a constant is that constant, ties or not', () => {
    const sketch = new DDSketch()
    sketch.add(37, 5000)
    expect(numbers(quantileSequence({ sketch, quantile: 0.5, alpha: 0.05 }))).toEqual({
      ok: true,
      estimate: 37,
      lower: 37,
      upper: 37,
    })
  })
})

describe('a comparison of quantiles', () => {
  const stable = latencies(20_000, 100, 1)

  test('finds a candidate twice as slow and clears one that is as fast', () => {
    expect(compare(latencies(2000, 200, 2), stable)).toMatchObject({ crossed: true, shownBelow: false })
    expect(compare(latencies(20_000, 100, 3), stable, 0.25)).toMatchObject({ crossed: false, shownBelow: true })
    expect(compare(latencies(300, 100, 4), stable)).toMatchObject({ crossed: false, shownBelow: false })
  })

  test('crosses exactly when the margin is below the lower ratio', () => {
    const slow = latencies(2000, 200, 2)
    const { ratio = 0, lowerRatio = 0, upperRatio = 0 } = compare(slow, stable)
    expect(lowerRatio < ratio && ratio < upperRatio).toBe(true)
    expect(compare(slow, stable, lowerRatio - 1 - 1e-9).crossed).toBe(true)
    expect(compare(slow, stable, lowerRatio - 1 + 1e-9).crossed).toBe(false)
    expect(compare(slow, stable, upperRatio - 1 - 1e-9).shownBelow).toBe(false)
    expect(compare(slow, stable, upperRatio - 1 + 1e-9).shownBelow).toBe(true)
  })

  test('gives no ratio to zero, and no infinite one', () => {
    const zeros = new DDSketch()
    zeros.add(0, 5000)
    const against = compare(stable, zeros)
    expect(against).toMatchObject({ crossed: true })
    expect([against.ratio, against.lowerRatio, against.upperRatio]).toEqual([undefined, undefined, undefined])
    const [tiny, huge] = [new DDSketch(), new DDSketch()]
    tiny.add(1e-280, 5000)
    huge.add(1e280, 5000)
    expect(allFinite(compare(huge, tiny))).toBe(true)
  })
})

describe('what has no quantile', () => {
  const sketch = latencies(10, 100, 1)
  const negative = new DDSketch()
  negative.add(-1)
  const comparison = { candidate: sketch, stable: sketch, quantile: 0.99, relativeMargin: 0.1, alpha: 0.05 }
  test.each([
    ['an empty sketch', quantileSequence({ sketch: new DDSketch(), quantile: 0.9, alpha: 0.05 }), 'insufficient'],
    ['a quantile of 1', quantileSequence({ sketch, quantile: 1, alpha: 0.05 }), 'invalid'],
    ['an alpha of 0', quantileSequence({ sketch, quantile: 0.9, alpha: 0 }), 'invalid'],
    ['a negative count', quantileRanks({ count: -1, quantile: 0.9, alpha: 0.05 }), 'invalid'],
    ['an empty candidate', compareQuantiles({ ...comparison, candidate: new DDSketch() }), 'insufficient'],
    ['an empty stable arm', compareQuantiles({ ...comparison, stable: new DDSketch() }), 'insufficient'],
    ['a ratio of negative values', compareQuantiles({ ...comparison, stable: negative }), 'invalid'],
    ['a margin of NaN', compareQuantiles({ ...comparison, relativeMargin: Number.NaN }), 'invalid'],
  ])('%s is refused', (_name, result, kind) => {
    expect(refusal(result).kind).toBe(kind)
  })
})
