import { describe, expect, it } from 'vitest'
import { createRandom } from '../../src/cli/demo/random.ts'
import { DDSketch } from '../../src/stats/ddsketch.ts'
import { compareQuantiles, quantileSequence } from '../../src/stats/quantile-sequence.ts'

function sketchOf(values: Iterable<number>): DDSketch {
  const sketch = new DDSketch()
  for (const value of values) sketch.add(value)
  return sketch
}

/** Log-normal latencies in milliseconds, median `median`. */
function* latencies(seed: number, count: number, median = 10): Generator<number> {
  const random = createRandom(seed)
  for (let index = 0; index < count; index++) {
    yield median * Math.exp(0.5 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()))
  }
}

describe('the bounds of a quantile', () => {
  it('hold at all looks together with the promised probability', () => {
    const alpha = 0.1
    const runs = 200
    // The true 90th percentile of a log-normal with median 10 and sigma 0.5.
    const truth = 10 * Math.exp(0.5 * 1.2815515655446004)
    let misses = 0
    for (let run = 0; run < runs; run++) {
      const sketch = new DDSketch()
      let missed = false
      let looks = 0
      for (const value of latencies(run, 1_500)) {
        sketch.add(value)
        if (++looks % 5 !== 0) continue
        const bounds = quantileSequence({ sketch, quantile: 0.9, alpha })
        if (!bounds.ok) throw new Error(bounds.reason)
        missed ||= (bounds.lower !== null && bounds.lower > truth) || (bounds.upper !== null && bounds.upper < truth)
      }
      if (missed) misses += 1
    }
    expect(misses / runs).toBeLessThanOrEqual(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs))
  })

  it('say from how many observations on the upper one exists, and it does from there on', () => {
    const before = quantileSequence({ sketch: sketchOf(latencies(1, 10)), quantile: 0.95, alpha: 0.01 })
    if (!before.ok) throw new Error(before.reason)
    expect(before.upper).toBeNull()
    const short = quantileSequence({ sketch: sketchOf(latencies(1, before.needed - 1)), quantile: 0.95, alpha: 0.01 })
    const enough = quantileSequence({ sketch: sketchOf(latencies(1, before.needed)), quantile: 0.95, alpha: 0.01 })
    expect([short.ok && short.upper, enough.ok && enough.upper !== null]).toEqual([null, true])
  })

  it.each([
    ['no observations', new DDSketch(), 0.5, 0.1, /no observations/],
    ['a quantile outside 0 and 1', sketchOf([1]), 1, 0.1, /quantile 1/],
    ['an alpha outside 0 and 1', sketchOf([1]), 0.5, 0, /alpha/],
  ] as const)('answer %s with a reason', (_what, sketch, quantile, alpha, reason) => {
    expect(quantileSequence({ sketch, quantile, alpha })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(reason),
    })
  })

  it('of constant values are that value, widened by the accuracy of the sketch', () => {
    const bounds = quantileSequence({
      sketch: sketchOf(Array.from({ length: 500 }, () => 7)),
      quantile: 0.5,
      alpha: 0.01,
    })
    expect(bounds).toMatchObject({
      ok: true,
      estimate: 7,
      lower: expect.closeTo(6.93, 5),
      upper: expect.closeTo(7.07, 5),
    })
  })
})

describe('the comparison of quantiles', () => {
  const compare = (candidate: DDSketch, stable: DDSketch) => {
    const result = compareQuantiles({ candidate, stable, quantile: 0.95, relativeMargin: 0.2, alpha: 0.01 })
    if (!result.ok) throw new Error(result.reason)
    return result
  }

  it('calls a version that is twice as slow, and not one that is alike', () => {
    const stable = sketchOf(latencies(1, 3_000))
    expect(compare(sketchOf(latencies(2, 3_000, 20)), stable)).toMatchObject({ crossed: true, shownBelow: false })
    expect(compare(sketchOf(latencies(3, 3_000)), stable)).toMatchObject({ crossed: false })
  })

  it('shows a faster version to be below the margin', () => {
    expect(compare(sketchOf(latencies(2, 3_000, 5)), sketchOf(latencies(1, 3_000)))).toMatchObject({
      crossed: false,
      shownBelow: true,
    })
  })
})
