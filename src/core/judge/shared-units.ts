/**
 * A unit that is met in several epochs makes their means dependent. What the comparison's sum over epochs gains or loses
 * in variance by that is put on the later epoch's arm, so that it takes them for independent and is right all the same.
 */
import { bilinear } from './arms.ts'
import type { ArmPair } from './means.ts'

type Side = 'candidate' | 'stable'

/** An estimate of variance never falls below this share of what it is without the dependence. */
const leastShare = 0.1

export function withSharedUnits(pairs: readonly ArmPair[], versions: Readonly<Record<Side, string>>): ArmPair[] {
  return pairs.map(pair => ({
    ...pair,
    candidate: { ...pair.candidate, variance: varianceOf(pair, 'candidate', { pairs, versions }) },
    stable: { ...pair.stable, variance: varianceOf(pair, 'stable', { pairs, versions }) },
  }))
}

/**
 * With weights w and means m of the arms, the variance of sum w (c - s) gains 2 w_e w_f cov(m_e, m_f) for every two arms
 * on the same side, and loses as much for two on opposite sides; in terms of the variance of one cluster of the later
 * arm that is 2 n_e cov w_f / w_e.
 */
function varianceOf(
  pair: ArmPair,
  side: Side,
  { pairs, versions }: { pairs: readonly ArmPair[]; versions: Readonly<Record<Side, string>> },
): number {
  const here = pair[side]
  const evidence = pair.evidence[side]
  if (evidence.form !== 'moments') return here.variance
  let variance = here.variance
  for (const shared of evidence.shared) {
    const other = pairs.find(one => one.epoch === shared.epoch)
    const otherSide = shared.version === versions[side] ? side : opposite(side)
    if (other === undefined || shared.version !== versions[otherSide]) continue
    const there = other[otherSide]
    const covariance = bilinear(shared.products, here.gradient, there.gradient) / (here.n * there.n)
    const sign = otherSide === side ? 1 : -1
    variance += sign * 2 * here.n * covariance * (weightOf(other) / weightOf(pair))
  }
  return Math.max(variance, leastShare * here.variance)
}

function opposite(side: Side): Side {
  return side === 'candidate' ? 'stable' : 'candidate'
}

/** The weight that the comparison gives to an epoch. */
function weightOf({ candidate, stable }: ArmPair): number {
  return candidate.n * (stable.n / (candidate.n + stable.n))
}
