/** Streams of a declared metric of any kind, through the tallies that a server keeps by row. */
import type { EpochEvidence } from '../../src/core/evidence.ts'
import { armOf } from '../../src/core/judge/arms.ts'
import { differenceMargin } from '../../src/core/judge/harm.ts'
import type { Scale } from '../../src/core/metric-check.ts'
import type { Observation } from '../../src/core/metrics/observe.ts'
import { isHigherBetter, type MetricSpec } from '../../src/core/metrics/spec.ts'
import { createRowMetric } from '../../src/evidence/row-metric.ts'
import type { Random } from '../../src/stats/numerics/random.ts'
import { CLUSTERS_NEEDED, type MeanArm } from '../../src/stats/sequential/compare-means.ts'
import { mayReachBy, momentsEvidence, zOf } from './means.ts'
import type { Stream } from './simulation.ts'
import { stepAt } from './steps.ts'

export type FormTraffic = {
  readonly observations: number
  readonly shares: readonly number[]
  readonly metric: string
  readonly spec: MetricSpec
  readonly scale: Scale
  /** Of the harm. */
  readonly margin: number
  /** What a row contributes, as `observe` would have it; null for one without a value. */
  readonly row: (arm: 'candidate' | 'stable', time: number, random: Random) => Observation | null
}

export function formStream(
  { observations, shares, metric, spec, scale, margin, row }: FormTraffic,
  random: Random,
): Stream {
  const arms = shares.map(() => ({ candidate: createRowMetric(spec), stable: createRowMetric(spec) }))
  const rows = { candidate: 0, stable: 0 }
  let index = 0
  let step = 0
  const harmSign = isHigherBetter(spec) ? -1 : 1
  const shift = differenceMargin(spec, margin)
  const tolerated = ({ n, mean, variance }: MeanArm): MeanArm =>
    scale === 'relative'
      ? { n, mean: mean * (1 + shift), variance: variance * (1 + shift) ** 2 }
      : { n, mean: mean + shift, variance }
  const hasEnough = () => Math.min(rows.candidate, rows.stable) >= CLUSTERS_NEEDED
  const read = (): EpochEvidence[] =>
    arms.map(({ candidate, stable }, at) =>
      momentsEvidence(metric, at, { candidate: candidate.read(), stable: stable.read() }),
    )
  const z = (): number =>
    zOf(
      arms.flatMap(({ candidate, stable }) => {
        const both = [armOf(spec, candidate.read()), armOf(spec, stable.read())] as const
        return both[0].ok && both[1].ok ? [{ candidate: both[0].arm, stable: tolerated(both[1].arm) }] : []
      }),
    )
  return {
    next() {
      const time = index / observations
      step = stepAt(shares, time)
      const arm = random.next() < (shares[step] ?? 0) ? 'candidate' : 'stable'
      const observation = row(arm, time, random)
      index += 1
      if (observation === null) return
      arms[step]?.[arm].add(observation)
      rows[arm] += 1
    },
    get step() {
      return step
    },
    read,
    mayReach: threshold => hasEnough() && mayReachBy(z(), threshold),
    plainZ: () => (hasEnough() ? harmSign * z() : 0),
  }
}
