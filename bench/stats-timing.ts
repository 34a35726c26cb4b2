/** The time of one comparison and of one sketched value: `node bench/stats-timing.ts`. */
import { compareProportions, proportionEvidence } from '../src/stats/sequential/compare-proportions.ts'
import { quantileSequence } from '../src/stats/sequential/quantile-sequence.ts'
import { DDSketch } from '../src/stats/summaries/ddsketch.ts'

/** The least mean time of one call over five rounds, in microseconds: the least disturbed one. */
function timeUs(calls: number, call: (index: number) => unknown): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now()
    for (let index = 0; index < calls; index += 1) call(index)
    least = Math.min(least, (1000 * (performance.now() - start)) / calls)
  }
  return least
}

const strata = Array.from({ length: 10 }, (_, index) => ({
  candidate: { events: 40 + index, trials: 1000 },
  stable: { events: 400 + 20 * index, trials: 10_000 },
}))
const latencies = Float64Array.from({ length: 65_536 }, (_, index) => 20 + 5000 / (1 + ((index * 7919) % 65_536)))
const sketch = new DDSketch()

const rows = {
  'compareProportions, 10 strata': timeUs(300, () => compareProportions({ strata, margin: 0.01, alpha: 0.05 })),
  'compareProportions, 1 stratum': timeUs(2000, () =>
    compareProportions({ strata: strata.slice(0, 1), margin: 0.01, alpha: 0.05 }),
  ),
  'proportionEvidence, 10 strata': timeUs(300, () => proportionEvidence({ strata, margin: 0.01 })),
  'DDSketch.add': timeUs(1_000_000, index => sketch.add(latencies[index & 65_535] ?? 0)),
  'quantileSequence, 5 million values': timeUs(300, () => quantileSequence({ sketch, quantile: 0.99, alpha: 0.05 })),
}
for (const [name, us] of Object.entries(rows)) console.log(`${us.toFixed(3).padStart(10)} us  ${name}`)
