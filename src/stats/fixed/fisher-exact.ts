import { deviance, stirlingError } from '../numerics/special.ts'
import { invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { type PValue, pValueOf } from './p-value.ts'
import { checkPair } from './two-proportions.ts'

const LOG_TWO_PI = 1.8378770664093453
/** Tables whose probabilities agree to this share count as equally likely, so that rounding does not part them. */
const TIE = 1e-9
/** A sum ends where all terms to come add less than this share to it. */
const NEGLIGIBLE = 1e-17

/**
 * The greatest standard deviation of the events of one version given the margins, about the square root of the smallest
 * margin. Up to it a test adds at most some 2e6 terms in about 25 ms; beyond it the z test is as good.
 */
export const FISHER_DEVIATION_MAX = 1e5

/** Exact p values of a 2 x 2 table. */
export type FisherExact = PValue & {
  /** Against "the candidate has the higher rate". */
  readonly greater: PValue
  /** Against "the candidate has the lower rate". */
  readonly less: PValue
}

/**
 * Fisher's exact test of whether two rates are equal: given the margins, the events of the candidate are
 * hypergeometric. The two-sided p value adds all tables that are at most as likely as the one seen.
 *
 * @use When an expected count is below about 5, or counts are tiny. It is conservative: its level is at most alpha.
 * @assumes Independent outcomes with one probability in each version; sample sizes fixed beforehand.
 * @formula P(X = k) = C(n_c, k) C(n_s, K-k) / C(n_c+n_s, K), K all events; greater: P(X >= x); less: P(X <= x);
 *   two-sided: the sum of P(X = k) over k with P(X = k) <= P(X = x) (1 + 1e-9).
 * @source R. A. Fisher, "The Design of Experiments" (1935), ch. II; the probabilities after C. Loader, "Fast and accurate
 *   computation of binomial probabilities" (2000).
 * @degenerate A version without trials is insufficient. Outcomes that are all the same have p = 1. Margins so large that
 *   the events of one version vary by more than FISHER_DEVIATION_MAX are invalid: take `twoProportions`.
 */
export function fisherExact({ candidate, stable }: { candidate: Outcomes; stable: Outcomes }): Result<FisherExact> {
  const refusal = checkPair(candidate, stable)
  if (refusal !== undefined) return refusal
  const law = {
    drawn: candidate.trials,
    marked: candidate.events + stable.events,
    size: candidate.trials + stable.trials,
  }
  if (!Number.isSafeInteger(law.size)) return invalid(`there are ${law.size} trials; a double counts up to 2^53 - 1`)
  const deviation = deviationOf(law)
  if (deviation > FISHER_DEVIATION_MAX)
    return invalid(
      `given the margins, events vary by ${Math.round(deviation)}; an exact test takes up to ${FISHER_DEVIATION_MAX}, beyond it use a z test`,
    )
  const seen = candidate.events
  return {
    ok: true,
    ...pValueOf(logTwoSided(law, seen)),
    greater: pValueOf(logUpper(law, seen)),
    less: pValueOf(logUpper(mirrored(law), law.marked - seen)),
  }
}

/** How many of `marked` items among `size` are among the `drawn` ones. */
type Hypergeometric = { readonly drawn: number; readonly marked: number; readonly size: number }

function deviationOf({ drawn, marked, size }: Hypergeometric): number {
  const share = (drawn / size) * ((size - drawn) / size)
  return Math.sqrt((share * marked * (size - marked)) / Math.max(1, size - 1))
}

/** The marked items that are not drawn: their upper tail is the lower tail of those that are. */
function mirrored({ drawn, marked, size }: Hypergeometric): Hypergeometric {
  return { drawn: size - drawn, marked, size }
}

function leastOf({ drawn, marked, size }: Hypergeometric): number {
  return Math.max(0, drawn - (size - marked))
}

function modeOf({ drawn, marked, size }: Hypergeometric): number {
  const greatest = Math.min(drawn, marked)
  return Math.min(greatest, Math.floor((drawn + 1) * ((marked + 1) / (size + 2))))
}

function logTwoSided(law: Hypergeometric, seen: number): number {
  return seen < modeOf(law) ? logBothTails(mirrored(law), law.marked - seen) : logBothTails(law, seen)
}

/** For a count at the mode or above. */
function logBothTails(law: Hypergeometric, seen: number): number {
  const mode = modeOf(law)
  const limit = logProbability(law, seen) + TIE
  if (logProbability(law, mode) <= limit) return 0
  const far = lastBelow(law, mode, limit)
  const near = logSumFrom(law, seen)
  if (far === undefined) return near
  const other = logSumFrom(mirrored(law), law.marked - far)
  return Math.max(near, other) + Math.log1p(Math.exp(-Math.abs(near - other)))
}

/** The greatest count below the mode whose log probability is at most `limit`; they grow up to the mode. */
function lastBelow(law: Hypergeometric, mode: number, limit: number): number | undefined {
  let low = leastOf(law)
  let high = mode
  if (logProbability(law, low) > limit) return undefined
  while (high - low > 1) {
    const middle = Math.floor(low + (high - low) / 2)
    if (logProbability(law, middle) <= limit) low = middle
    else high = middle
  }
  return low
}

/** log P(X >= seen); below the mode what is left by the smaller tail. */
function logUpper(law: Hypergeometric, seen: number): number {
  if (seen <= leastOf(law)) return 0
  if (seen >= modeOf(law)) return logSumFrom(law, seen)
  return Math.log1p(-Math.exp(logSumFrom(mirrored(law), law.marked - seen + 1)))
}

/** log P(X >= seen), added up from `seen` away from the mode, where the terms fall ever faster. */
function logSumFrom(law: Hypergeometric, seen: number): number {
  const { drawn, marked, size } = law
  const greatest = Math.min(drawn, marked)
  let term = 1
  let sum = 1
  for (let k = seen; k < greatest; k += 1) {
    const ratio = ((marked - k) / (k + 1)) * ((drawn - k) / (size - marked - drawn + k + 1))
    term *= ratio
    sum += term
    if (term * ratio < NEGLIGIBLE * sum * (1 - ratio)) break
  }
  return logProbability(law, seen) + Math.log(sum)
}

/** log P(X = k) as a ratio of three binomial probabilities with one rate, which cancels. */
function logProbability({ drawn, marked, size }: Hypergeometric, k: number): number {
  const rate = marked / size
  const notRate = (size - marked) / size
  const left = logBinomial(k, drawn, rate, notRate) + logBinomial(marked - k, size - drawn, rate, notRate)
  return left - logBinomial(marked, size, rate, notRate)
}

function logBinomial(events: number, trials: number, rate: number, notRate: number): number {
  const failures = trials - events
  const divergence = deviance(events, trials * rate) + deviance(failures, trials * notRate)
  if (events === 0 || failures === 0) return -divergence
  const errors = stirlingError(trials) - stirlingError(events) - stirlingError(failures)
  const spread = Math.log(events) + Math.log(failures / trials)
  return errors - divergence - 0.5 * (LOG_TWO_PI + spread)
}
