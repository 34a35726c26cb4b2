import { rootOfDecreasing } from '../numerics/monotone-root.ts'
import { binomialDivergence } from '../numerics/special.ts'
import { checkAlpha, checkProportion, insufficient, type Result } from '../result.ts'
import { logMixtureLoss } from './bernoulli-mixture.ts'

/** A rate with a confidence interval that may be looked at any number of times; all are probabilities. */
export type ProportionSequence = { readonly estimate: number; readonly lower: number; readonly upper: number }

/**
 * A time-uniform confidence sequence for the success probability of independent trials with one probability p: with
 * probability at least 1 - alpha the true p lies in every interval that is ever computed as trials accumulate,
 * however often and for whatever reason one looks or stops.
 *
 * The interval holds the p at which the Beta(1/2, 1/2) mixture likelihood ratio
 * B(1/2 + s, 1/2 + f) / (B(1/2, 1/2) p^s (1 - p)^f) stays below 1/alpha; the ratio is a martingale at the true p and
 * Ville's inequality bounds its maximum (Robbins, Annals of Mathematical Statistics 41, 1970; Howard, Ramdas,
 * McAuliffe & Sekhon, Annals of Statistics 49, 2021). It is exact at every sample size, without approximation.
 *
 * No success gives the lower limit 0, no failure the upper limit 1; without trials there is no estimate and the
 * result says so. The rate may not drift: use strata when it does.
 *
 * @use For one rate that is watched: an interval that is valid at every look.
 * @source Howard, Ramdas, McAuliffe & Sekhon, Annals of Statistics 49, 2021 (arXiv 1810.08240); Robbins, 1970.
 */
export function proportionSequence({
  successes,
  trials,
  alpha,
}: {
  successes: number
  trials: number
  alpha: number
}): Result<ProportionSequence> {
  const bad = checkAlpha(alpha) ?? checkProportion('the sample', successes, trials)
  if (bad !== undefined) return bad
  if (trials === 0) return insufficient('a rate needs at least 1 trial; there are none')
  const failures = trials - successes
  const bound = -Math.log(alpha) - logMixtureLoss(successes, failures, 0.5, 0.5)
  const lower = lowestRate(successes, failures, bound)
  return { ok: true, estimate: successes / trials, lower, upper: 1 - lowestRate(failures, successes, bound) }
}

/** The p below s/n whose divergence from the data is `bound`; 0 if the data have no success. */
function lowestRate(successes: number, failures: number, bound: number): number {
  if (successes === 0) return 0
  const trials = successes + failures
  const divergence = (p: number) => ({
    value: binomialDivergence(successes, failures, p) - bound,
    slope: (trials * p - successes) / (p * (1 - p)),
  })
  return rootOfDecreasing(divergence, 0, successes / trials)
}
