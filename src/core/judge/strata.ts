/**
 * Many periods of changing weights as a few strata of one share: where the share is the same, both versions met the same
 * mix of times, and what is added up favours neither. Proportions are compared at a cost that grows with the square of the
 * number of strata, and each stratum must learn its own rates.
 */
import type { Counts } from './judgement.ts'

type CountedPair = { epoch: number; candidate: Counts; stable: Counts }

/** Odds in one stratum are within a factor of 1.65 of each other: at most 19 strata from 1 % to 99 %. */
const binsPerLogOdds = 2

/**
 * In the order in which each share was first met; a stratum has the number of its first epoch. An epoch with more of one
 * version than its stratum has counts that much less of it: else a time at which both versions fail alike, such as an
 * outage, would be the fault of the one that just then had more traffic than usual.
 */
export function byShare(pairs: readonly (CountedPair & { share: number | null })[]): CountedPair[] {
  const strata = new Map<number | string, CountedPair>()
  for (const { share, epoch, candidate, stable } of pairs) {
    // Without a share, because they did not serve at the same time, an epoch stays by itself.
    const logOdds = share === null ? null : Math.log(share / (1 - share))
    const bin = logOdds === null ? `epoch ${epoch}` : Math.round(logOdds * binsPerLogOdds)
    const surplus = logOdds === null || typeof bin === 'string' ? 1 : Math.exp(logOdds - bin / binsPerLogOdds)
    const known = strata.get(bin)
    strata.set(bin, {
      epoch: known?.epoch ?? epoch,
      candidate: added(known?.candidate, candidate, Math.min(1, 1 / surplus)),
      stable: added(known?.stable, stable, Math.min(1, surplus)),
    })
  }
  return [...strata.values()].map(({ epoch, candidate, stable }) => ({
    epoch,
    candidate: whole(candidate),
    stable: whole(stable),
  }))
}

function added(sum: Counts | undefined, { trials, events }: Counts, weight: number): Counts {
  return { trials: (sum?.trials ?? 0) + trials * weight, events: (sum?.events ?? 0) + events * weight }
}

function whole({ trials, events }: Counts): Counts {
  return { trials: Math.round(trials), events: Math.round(events) }
}
