import { rootOfDecreasing } from '../numerics/monotone-root.ts'
import { binomialDivergence, logRegularizedIncompleteBeta } from '../numerics/special.ts'
import { checkAlpha, checkProportion, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { logMixtureLoss } from './bernoulli-mixture.ts'

/** One rate against a limit that it must keep; all rates are probabilities. */
export type BernoulliSequence = {
  readonly estimate: number
  /** Every rate below this is excluded at level alpha, for this limit alone. */
  readonly lower: number
  /** Every rate above this is excluded at level alpha, for this limit alone. */
  readonly upper: number
  /** The log e-value against "the rate is at most `rate`". */
  readonly logEvidenceAbove: number
  /** The log e-value against "the rate is at least `rate`". */
  readonly logEvidenceBelow: number
  /** log(1/alpha): what the evidence must reach. */
  readonly threshold: number
  readonly above: boolean
  readonly below: boolean
}

const EXTREME = 1e-9

/**
 * An always-valid one-sided test of one rate against a fixed `rate`, both directions at once: whether an error budget is
 * overdrawn, or kept, exactly at every sample size and however often one looks.
 *
 * @use For an absolute objective such as "at most 1 % of errors" of one version. `proportionSequence` is the two-sided
 *   confidence sequence, without a rate to test; `compareProportions` compares two versions, which drifts together.
 * @assumes Trials are independent. For the evidence above it is enough that at no time, whatever came before, the
 *   probability exceeds `rate`; for that below, that it never falls short of it: it may drift on its side.
 * @formula Above: the likelihood averaged over Beta(1/2, 1/2) restricted to probabilities above `rate`, over the
 *   likelihood at `rate`; below the same for failures. The limits are the rates at which they reach 1/alpha.
 * @source Robbins, Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe & Sekhon, Annals of
 *   Statistics 49, 2021 (one-sided beta-binomial mixture).
 * @degenerate Without trials the data are insufficient. No event gives the lower limit 0, only events the upper one 1.
 */
export function bernoulliSequence({
  events,
  trials,
  rate,
  alpha,
}: {
  events: number
  trials: number
  rate: number
  alpha: number
}): Result<BernoulliSequence> {
  const bad = checkAlpha(alpha) ?? checkProportion('the sample', events, trials) ?? checkRate(rate)
  if (bad !== undefined) return bad
  if (trials === 0) return insufficient('a rate needs at least 1 trial; there are none')
  const failures = trials - events
  const threshold = -Math.log(alpha)
  const logEvidenceAbove = logEvidenceOfMore(events, failures, rate)
  const logEvidenceBelow = logEvidenceOfMore(failures, events, 1 - rate)
  return {
    ok: true,
    estimate: events / trials,
    lower: lowerLimit(events, failures, threshold),
    upper: 1 - lowerLimit(failures, events, threshold),
    logEvidenceAbove,
    logEvidenceBelow,
    threshold,
    above: logEvidenceAbove >= threshold,
    below: logEvidenceBelow >= threshold,
  }
}

function logEvidenceOfMore(events: number, failures: number, rate: number): number {
  const tails = logUpperTail(rate, events + 0.5, failures + 0.5) - logUpperTail(rate, 0.5, 0.5)
  return logMixtureLoss(events, failures, 0.5, 0.5) + binomialDivergence(events, failures, rate) + tails
}

/** log P(Beta(a, b) > p). */
function logUpperTail(p: number, a: number, b: number): number {
  return logRegularizedIncompleteBeta(1 - p, b, a)
}

/**
 * The greatest rate, at most events / trials, that the evidence of more excludes. Where the evidence is above 0 it falls as
 * the rate grows; the slope given leaves out the little that the restriction of the prior adds.
 */
function lowerLimit(events: number, failures: number, threshold: number): number {
  if (events === 0) return 0
  const trials = events + failures
  const excess = (rate: number) => ({
    value: logEvidenceOfMore(events, failures, rate) - threshold,
    slope: (trials * rate - events) / (rate * (1 - rate)),
  })
  return rootOfDecreasing(excess, 0, events / trials)
}

function checkRate(rate: number): Failure | undefined {
  if (rate >= EXTREME && rate <= 1 - EXTREME) return undefined
  return invalid(`the rate is ${rate}; it must be from ${EXTREME} to ${1 - EXTREME}`)
}
