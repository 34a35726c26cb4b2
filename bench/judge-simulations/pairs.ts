/** Streams of pairs: what a challenger and the champion did with the same requests, counted or as values of both. */
import { type EpochEvidence, emptyPairEvidence, type PairEvidence } from '../../src/core/evidence.ts'
import type { Random } from '../../src/stats/numerics/random.ts'
import { pairedProportionEvidence } from '../../src/stats/sequential/compare-paired-proportions.ts'
import { ExactMoments } from '../../src/stats/summaries/exact-moments.ts'
import { pairsSeen } from '../../test/support/shadows.ts'
import type { Stream } from './simulation.ts'

export type PairTraffic = {
  readonly observations: number
  readonly counted: 'errors' | 'wrong'
  readonly margin: number
  /** The share of pairs in which one of the two alone does harm, at a time from 0 to 1. */
  readonly discordance: (time: number) => number
  /** By how much the challenger is worse; by the margin, just so, if it is left out. */
  readonly excess?: number
}

type Counts = { pairs: number; onlyCandidate: number; onlyStable: number }

export function pairStream(traffic: PairTraffic, random: Random): Stream {
  const { observations, counted, margin, discordance, excess = margin } = traffic
  const counts = { pairs: 0, onlyCandidate: 0, onlyStable: 0 }
  return {
    next() {
      const rate = discordance(counts.pairs / observations)
      const draw = random.next()
      counts.pairs += 1
      if (draw < (rate + excess) / 2) counts.onlyCandidate += 1
      else if (draw < rate) counts.onlyStable += 1
    },
    step: 0,
    read: () => evidenceOf(counts, counted),
    mayReach: threshold => {
      const found = pairedProportionEvidence({ ...counts, margin })
      return found.ok && Math.max(found.logEvidenceAbove, found.logEvidenceBelow) >= threshold
    },
    plainZ: () => plainZ(counts, margin),
  }
}

function evidenceOf({ pairs, onlyCandidate, onlyStable }: Counts, counted: PairTraffic['counted']): EpochEvidence[] {
  const rest = pairs - onlyCandidate - onlyStable
  const found: Partial<PairEvidence> =
    counted === 'errors'
      ? { failures: { challenger: onlyCandidate, champion: onlyStable, both: 0 } }
      : { labelled: { bothRight: rest, challengerOnly: onlyStable, championOnly: onlyCandidate, bothWrong: 0 } }
  return pairsSeen({ v2: { ...emptyPairEvidence(), pairs, ...found } })
}

function plainZ({ pairs, onlyCandidate, onlyStable }: Counts, margin: number): number {
  const harm = (onlyCandidate - onlyStable) / pairs
  const variance = (onlyCandidate + onlyStable) / pairs - harm * harm
  return onlyCandidate + onlyStable < 10 ? 0 : (harm - margin) / Math.sqrt(variance / pairs)
}

export type PairedValues = {
  readonly observations: number
  readonly metric: string
  /** A value of both versions; the less the better. */
  readonly pair: (random: Random) => { candidate: number; stable: number }
}

export function pairedValueStream({ metric, pair }: PairedValues, random: Random): Stream {
  const moments = new ExactMoments(2)
  // Rounded sums tell well enough whether it is worth a look.
  const sums = { n: 0, c: 0, s: 0, cc: 0, ss: 0, cs: 0 }
  return {
    next() {
      const { candidate: c, stable: s } = pair(random)
      moments.add([s, c])
      sums.n += 1
      sums.c += c
      sums.s += s
      sums.cc += c * c
      sums.ss += s * s
      sums.cs += c * s
    },
    step: 0,
    read: () => pairsSeen({ v2: { ...emptyPairEvidence(), pairs: moments.n, metrics: { [metric]: moments.read() } } }),
    // log E is at most z^2 / 2 + log 2, with the variance that counts; a hundredth is for rounding.
    mayReach: threshold => {
      const z = Math.max(Math.abs(zOf(sums, 0)), Math.abs(zOf(sums, 300)))
      return 1.01 * (z ** 2 / 2 + Math.LN2) >= threshold
    },
    plainZ: () => zOf(sums, 0),
  }
}

type Sums = { n: number; c: number; s: number; cc: number; ss: number; cs: number }

/** Of the difference, with a covariance that counts as `lent` pairs more without one would make it. */
function zOf({ n, c, s, cc, ss, cs }: Sums, lent: number): number {
  if (n < 30) return 0
  const covariance = ((cs / n - (c / n) * (s / n)) * n) / (n + lent)
  const variance = cc / n - (c / n) ** 2 + ss / n - (s / n) ** 2 - 2 * covariance
  return variance <= 0 ? 0 : (c - s) / n / Math.sqrt(variance / n)
}
