/**
 * Many periods of changing weights as a few strata of nearly one share: where the share is the same, both versions met the
 * same mix of times, and what is added up favours neither. Proportions are compared at a cost that grows with the square of
 * the number of strata, and each stratum must learn its own rates.
 */
import type { Counts } from './judgement.ts'

type CountedPair = { epoch: number; candidate: Counts; stable: Counts }

/** Odds in one stratum are within a factor of 1.65 of each other: at most 19 strata from 1 % to 99 %. */
const binsPerLogOdds = 2

/** In the order in which each share was first met; a stratum has the number of its first epoch. */
export function byShare(pairs: readonly (CountedPair & { share: number | null })[]): CountedPair[] {
  const strata = new Map<number | string, CountedPair>()
  for (const { share, epoch, candidate, stable } of pairs) {
    // Without a share, because they did not serve at the same time, an epoch stays by itself.
    const bin = share === null ? `epoch ${epoch}` : Math.round(Math.log(share / (1 - share)) * binsPerLogOdds)
    const known = strata.get(bin)
    strata.set(
      bin,
      known === undefined
        ? { epoch, candidate, stable }
        : {
            epoch: known.epoch,
            candidate: added(known.candidate, candidate),
            stable: added(known.stable, stable),
          },
    )
  }
  return [...strata.values()]
}

function added(a: Counts, b: Counts): Counts {
  return { trials: a.trials + b.trials, events: a.events + b.events }
}
