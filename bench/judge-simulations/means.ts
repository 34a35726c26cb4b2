/** Streams of values by row, as moments by epoch and version. */
import { type EpochEvidence, emptyVersionEvidence, type MetricEvidence } from '../../src/core/evidence.ts'
import type { Random } from '../../src/stats/numerics/random.ts'
import { STRATUM_CLUSTERS_NEEDED } from '../../src/stats/sequential/compare-means.ts'
import type { Stream } from './simulation.ts'
import { stepAt } from './steps.ts'

export type MeanTraffic = {
  readonly observations: number
  readonly shares: readonly number[]
  readonly metric: string
  readonly value: (arm: 'candidate' | 'stable', time: number, random: Random) => number
}

export function meanStream({ observations, shares, metric, value }: MeanTraffic, random: Random): Stream {
  const arms = shares.map(() => ({ candidate: new Tally(), stable: new Tally() }))
  let index = 0
  let step = 0
  return {
    next() {
      const time = index / observations
      step = stepAt(shares, time)
      const arm = random.next() < (shares[step] ?? 0) ? 'candidate' : 'stable'
      arms[step]?.[arm].add(value(arm, time, random))
      index += 1
    },
    get step() {
      return step
    },
    read: () =>
      arms.map(({ candidate, stable }, at) =>
        momentsEvidence(metric, at, { candidate: candidate.read(), stable: stable.read() }),
      ),
    mayReach: threshold => mayReachBy(zOf(arms), threshold),
    // Higher values are better here: harm is a candidate below the stable version.
    plainZ: () => -zOf(arms),
  }
}

/** Moments by the method of Welford: millions of values are drawn. */
class Tally {
  n = 0
  mean = 0
  #squares = 0

  add(value: number): void {
    this.n += 1
    const distance = value - this.mean
    this.mean += distance / this.n
    this.#squares += distance * (value - this.mean)
  }

  get variance(): number {
    return this.n < 2 ? 0 : this.#squares / (this.n - 1)
  }

  read(): MetricEvidence {
    return {
      form: 'moments',
      moments: { n: this.n, mean: [this.mean], covariance: [[this.variance]] },
      shared: [],
    }
  }
}

export function momentsEvidence(
  metric: string,
  index: number,
  { candidate, stable }: { candidate: MetricEvidence; stable: MetricEvidence },
): EpochEvidence {
  const version = (evidence: MetricEvidence) => ({ ...emptyVersionEvidence(), metrics: { [metric]: evidence } })
  return { epoch: index + 2, versions: { v1: version(stable), v2: version(candidate) } }
}

/** Clusters, their mean, the variance of one. */
type Arm = { readonly n: number; readonly mean: number; readonly variance: number }

/** The z of candidate - stable over the steps that the comparison of means takes in; it makes variances no smaller. */
export function zOf(arms: readonly { candidate: Arm; stable: Arm }[]): number {
  let [score, variance] = [0, 0]
  for (const { candidate, stable } of arms) {
    if (Math.min(candidate.n, stable.n) < STRATUM_CLUSTERS_NEEDED) continue
    const weight = candidate.n * (stable.n / (candidate.n + stable.n))
    score += weight * (candidate.mean - stable.mean)
    variance += weight * weight * (candidate.variance / candidate.n + stable.variance / stable.n)
  }
  return variance === 0 ? 0 : score / Math.sqrt(variance)
}

/** A normal mixture is never above log 2 + z^2 / 2. */
export function mayReachBy(z: number, threshold: number): boolean {
  return Math.LN2 + (z * z) / 2 >= threshold - 1e-6
}
