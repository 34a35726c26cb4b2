/**
 * How much evidence a verdict needs: the sample of the test of a textbook, looked at once, and that of the sequential test
 * that a release really runs, which is looked at all the time and costs more.
 */
import { meanSampleSize } from '../../stats/planning/mean-power.ts'
import { proportionSampleSize } from '../../stats/planning/proportion-power.ts'
import { sequentialSampleSize } from '../../stats/planning/sequence-boundary.ts'
import type { SampleSize } from '../../stats/planning/test-design.ts'
import type { Result } from '../../stats/result.ts'

/** Observations of the candidate. `inflation`: how many of them for one that a single look would have needed. */
export type Sample = { alpha: number; power: number; fixed: number; needed: number; inflation: number }

/** The chance to find what is there that samples are planned for. */
export const plannedPower = 0.8

/**
 * What a guardrail needs to catch a harm above its margin, with the candidate at a share of the traffic. It is planned as
 * the difference from a stable version that is worse by the margin already, whose greater variance errs to the safe side.
 */
export function guardrailSample(asked: {
  rate: number
  harm: number
  margin: number
  alpha: number
  /** Of the traffic, above 0 and below 1. */
  share: number
}): Sample | null {
  const { rate, harm, margin, alpha, share } = asked
  const rates = { stable: Math.min(1, rate + margin), candidate: Math.min(1, rate + harm) }
  const ratio = share / (1 - share)
  const sizeAt = (boundary: number | undefined): Result<SampleSize> =>
    proportionSampleSize({
      rates,
      power: plannedPower,
      ratio,
      alpha,
      hypothesis: { kind: 'superiority', better: 'higher' },
      boundary,
    })
  const fixed = sizeAt(undefined)
  const needed = sequentialSampleSize({ design: { kind: 'rates', rates }, alpha, ratio, sizeAt })
  if (!fixed.ok || !needed.ok) return null
  return sampleOf({ alpha, fixed: fixed.candidate, needed: needed.candidate })
}

/**
 * What a sequential test of pairs takes for one pair of a single look, as measured: the last row of the second table of
 * docs/evidence.md (5 % of pairs discordant, no worse than 1 pp). A test holds it to that page.
 */
export const pairsInflation = 2.35

/** Pairs that show "no worse than the margin" of two versions that are right equally often. */
export function pairsSample({
  discordance,
  margin,
  alpha = 0.05,
}: {
  discordance: number
  margin: number
  alpha?: number
}): Sample {
  // Of a difference of pairs the variance is the discordant share; half of it in each of two arms of equal size.
  const spread = Math.sqrt(discordance / 2)
  const size = meanSampleSize({
    difference: 0,
    spreads: { stable: spread, candidate: spread },
    power: plannedPower,
    alpha,
    hypothesis: { kind: 'non-inferiority', better: 'higher', margin },
  })
  const fixed = size.ok ? size.candidate : Number.MAX_SAFE_INTEGER
  return sampleOf({ alpha, fixed, needed: Math.ceil(fixed * pairsInflation) })
}

export function sampleOf({ alpha, fixed, needed }: { alpha: number; fixed: number; needed: number }): Sample {
  return { alpha, power: plannedPower, fixed, needed, inflation: needed / fixed }
}
