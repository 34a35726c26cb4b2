import { proportionEvidence } from '../../src/stats/sequential/compare-proportions.ts'
import { divergenceFromDifference } from '../../src/stats/sequential/difference-null.ts'
import { numbers, uniforms } from './support.ts'

/** One stretch of traffic in a simulated release. */
export type Stretch = {
  readonly requests: number
  /** The share of requests that the candidate gets. */
  readonly share: number
  /** The probabilities of a harmful event. */
  readonly candidate: number
  readonly stable: number
}

/** A simulated release and the claim that is watched: that the candidate is worse by more, or by less, than a margin. */
export type Release = {
  readonly stretches: readonly Stretch[]
  readonly claim: 'above' | 'below'
  readonly margin: number
  readonly alpha: number
  /** The most requests that may pass before an outcome is known. */
  readonly delay: number
}

type Outcome = { readonly stratum: number; readonly arm: 'candidate' | 'stable'; readonly harmful: boolean }

/** All outcomes in the order in which they become known. */
function outcomesOf({ stretches, delay }: Release, random: () => number): Outcome[] {
  const timed: { outcome: Outcome; known: number }[] = []
  for (const [stratum, stretch] of stretches.entries()) {
    for (let index = 0; index < stretch.requests; index += 1) {
      const arm = random() < stretch.share ? 'candidate' : 'stable'
      const outcome = { stratum, arm, harmful: random() < stretch[arm] } as const
      timed.push({ outcome, known: timed.length + delay * random() })
    }
  }
  if (delay > 0) timed.sort((a, b) => a.known - b.known)
  return timed.map(({ outcome }) => outcome)
}

/**
 * Simulates one release and looks after every outcome; the number of outcomes until the claim is believed, if it ever
 * is. Looks at which the divergence, which bounds the evidence from above, is too small to cross are not evaluated.
 */
export function outcomesUntilBelieved(release: Release, seed: number): number | undefined {
  const { stretches, claim, margin, alpha } = release
  const threshold = -Math.log(alpha)
  const empty = () => ({ events: 0, trials: 0 })
  const strata = stretches.map(() => ({ candidate: empty(), stable: empty(), divergence: 0 }))
  for (const [index, { stratum, arm, harmful }] of outcomesOf(release, uniforms(seed)).entries()) {
    const counts = strata[stratum] ?? { candidate: empty(), stable: empty(), divergence: 0 }
    counts[arm].trials += 1
    if (harmful) counts[arm].events += 1
    counts.divergence =
      claim === 'above'
        ? divergenceFromDifference(counts.candidate, counts.stable, margin).value
        : divergenceFromDifference(counts.stable, counts.candidate, -margin).value
    if (strata.reduce((sum, { divergence }) => sum + divergence, 0) < threshold) continue
    const { logEvidenceAbove, logEvidenceBelow } = numbers(proportionEvidence({ strata, margin }))
    if ((claim === 'above' ? logEvidenceAbove : logEvidenceBelow) >= threshold) return index + 1
  }
  return undefined
}

/** The share of `runs` releases in which the claim is ever believed. */
export function frequencyBelieved(release: Release, runs: number): number {
  let believed = 0
  for (let seed = 1; seed <= runs; seed += 1) if (outcomesUntilBelieved(release, seed) !== undefined) believed += 1
  return believed / runs
}

/** 2000 requests at one split to two equal arms. */
function constantTraffic(rate: number, share: number): readonly Stretch[] {
  return [{ requests: 2000, share, candidate: rate, stable: rate }]
}

/** A ramp over 2000 requests, the candidate worse by `difference`, the rate drifting from half to 1.5 times `rate`. */
function driftingRamp(rate: number, difference: number): readonly Stretch[] {
  return [0.01, 0.05, 0.25, 0.5].map((share, index) => {
    const stable = rate * (0.5 + index / 3)
    return { requests: 500, share, candidate: stable + difference, stable }
  })
}

const watched = { claim: 'above', margin: 0, alpha: 0.05, delay: 0 } as const

/** Releases in which the watched claim is false, though just so: the difference is the margin. */
export const falseClaims: readonly ({ readonly name: string } & Release)[] = [
  ...[0.001, 0.04, 0.5].flatMap(rate => [
    { ...watched, name: `worse: rate ${rate}, split 50/50`, stretches: constantTraffic(rate, 0.5) },
    { ...watched, name: `worse: rate ${rate}, split 5/95`, stretches: constantTraffic(rate, 0.05) },
    { ...watched, name: `worse: rate ${rate} drifting, ramp 1-5-25-50 %`, stretches: driftingRamp(rate, 0) },
  ]),
  { ...watched, name: 'worse: the ramp at 0.04, outcomes late', stretches: driftingRamp(0.04, 0), delay: 800 },
  {
    ...watched,
    claim: 'below',
    margin: 0.02,
    name: 'good enough: the ramp at 0.04, worse by the margin of 0.02',
    stretches: driftingRamp(0.04, 0.02),
  },
]
