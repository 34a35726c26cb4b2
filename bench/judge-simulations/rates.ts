/** Streams of yes-or-no outcomes: errors that are known at once, and wrong answers whose labels come late. */
import { type EpochEvidence, emptyVersionEvidence } from '../../src/core/evidence.ts'
import type { Random } from '../../src/stats/numerics/random.ts'
import { proportionEvidence } from '../../src/stats/sequential/compare-proportions.ts'
import { divergenceFromDifference } from '../../src/stats/sequential/difference-null.ts'
import type { Stream } from './simulation.ts'
import { stepAt } from './steps.ts'

export type RateTraffic = {
  readonly observations: number
  readonly shares: readonly number[]
  readonly counted: 'errors' | 'wrong'
  /** The margin of both checks. */
  readonly margin: number
  /** The chance of the harmful outcome at a time from 0 to 1. */
  readonly rate: (arm: 'candidate' | 'stable', time: number) => number
  /** After how many further requests an outcome is known; at once by default. */
  readonly delay?: (harmful: boolean, random: Random) => number
}

type Counts = { trials: number; events: number }
type Known = { step: number; arm: 'candidate' | 'stable'; harmful: boolean; at: number }

export function rateStream(traffic: RateTraffic, random: Random): Stream {
  const { shares, counted, margin } = traffic
  const arms = shares.map(() => ({ candidate: { trials: 0, events: 0 }, stable: { trials: 0, events: 0 } }))
  const nextKnown = traffic.delay === undefined ? prompt(traffic, random) : late(traffic, random)
  let step = 0
  return {
    next() {
      const known = nextKnown()
      if (known === undefined) return
      step = stepAt(shares, Math.min(1, known.at / traffic.observations))
      const counts = arms[known.step]?.[known.arm]
      if (counts === undefined) return
      counts.trials += 1
      if (known.harmful) counts.events += 1
    },
    get step() {
      return step
    },
    read: () => arms.map((arm, index) => evidenceOf(index, arm, counted)),
    mayReach: threshold => mayReach(arms, margin, threshold),
    plainZ: () => stratifiedZ(arms, margin),
  }
}

/** Outcomes that are known at once, in their order. */
function prompt({ observations, shares, rate }: RateTraffic, random: Random): () => Known {
  let index = 0
  return () => {
    const time = index / observations
    const step = stepAt(shares, time)
    const arm = random.next() < (shares[step] ?? 0) ? 'candidate' : 'stable'
    index += 1
    return { step, arm, harmful: random.next() < rate(arm, time), at: index }
  }
}

/** The same in the order in which they become known. */
function late(traffic: RateTraffic, random: Random): () => Known | undefined {
  const { delay = () => 0, observations } = traffic
  const next = prompt(traffic, random)
  const known = Array.from({ length: observations }, () => {
    const one = next()
    return { ...one, at: one.at + delay(one.harmful, random) }
  })
  const inOrder = known.sort((a, b) => a.at - b.at).values()
  return () => inOrder.next().value
}

function evidenceOf(
  index: number,
  { candidate, stable }: { candidate: Counts; stable: Counts },
  counted: RateTraffic['counted'],
): EpochEvidence {
  const version = ({ trials, events }: Counts) =>
    counted === 'errors'
      ? { ...emptyVersionEvidence(), requests: trials, errors: events }
      : { ...emptyVersionEvidence(), labelled: trials, wrong: events }
  return { epoch: index + 2, versions: { v1: version(stable), v2: version(candidate) } }
}

type Arms = readonly { candidate: Counts; stable: Counts }[]

/** The divergence bounds the evidence from above and costs little; only what passes it is evaluated. */
function mayReach(arms: Arms, margin: number, threshold: number): boolean {
  let above = 0
  let below = 0
  for (const { candidate, stable } of arms) {
    above += divergenceFromDifference(candidate, stable, margin).value
    below += divergenceFromDifference(stable, candidate, -margin).value
  }
  const least = threshold - 1e-9
  if (Math.max(above, below) < least) return false
  const evidence = proportionEvidence({ strata: arms, margin })
  return evidence.ok && Math.max(evidence.logEvidenceAbove, evidence.logEvidenceBelow) >= least
}

/** Cochran's test over the steps, from 10 events on. */
function stratifiedZ(arms: Arms, margin: number): number {
  let [events, score, variance] = [0, 0, 0]
  for (const { candidate, stable } of arms) {
    const all = candidate.trials + stable.trials
    events += candidate.events + stable.events
    if (candidate.trials === 0 || stable.trials === 0) continue
    const weight = candidate.trials * (stable.trials / all)
    const pooled = (candidate.events + stable.events) / all
    score += weight * (candidate.events / candidate.trials - stable.events / stable.trials - margin)
    variance += weight * pooled * (1 - pooled)
  }
  return events < 10 || variance === 0 ? 0 : score / Math.sqrt(variance)
}
