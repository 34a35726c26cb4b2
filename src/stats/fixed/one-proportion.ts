import { logBetaDensity, logBetaLower } from '../numerics/beta-tail.ts'
import { rootOfDecreasing, type Slope } from '../numerics/monotone-root.ts'
import { normalQuantile } from '../numerics/special.ts'
import { checkProportion, type Failure, insufficient, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { checkIntervalAlpha, type Interval } from './interval.ts'

/**
 * Wilson's score interval for one rate: the rates that a two-sided score test at level alpha does not reject.
 *
 * @use For the rate of one version, as the default. Its coverage is near 1 - alpha on average over rates, and not below
 *   it at every rate; where a guarantee is needed take `clopperPearsonInterval`.
 * @assumes Independent outcomes with one probability; a number of trials fixed beforehand.
 * @formula (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z the upper alpha/2 normal quantile.
 * @source E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212.
 * @degenerate No trials are insufficient. Without events the lower limit is 0, without failures the upper one is 1.
 */
export function wilsonInterval({ events, trials, alpha }: Outcomes & { alpha: number }): Result<Interval> {
  const refusal = checkOneProportion(events, trials, alpha)
  if (refusal !== undefined) return refusal
  return { ok: true, ...wilsonLimits({ events, trials }, -normalQuantile(alpha / 2)) }
}

/** Wilson's limits at the normal quantile z, for checked outcomes with at least one trial. */
export function wilsonLimits({ events, trials }: Outcomes, z: number): Interval {
  const failures = trials - events
  return {
    estimate: events / trials,
    lower: 2 * events <= trials ? wilsonLower(events, trials, z) : 1 - wilsonUpper(failures, trials, z),
    upper: 2 * events <= trials ? wilsonUpper(events, trials, z) : 1 - wilsonLower(failures, trials, z),
  }
}

function wilsonUpper(events: number, trials: number, z: number): number {
  const rate = events / trials
  const half = (z * z) / trials / 2
  const root = z * Math.sqrt((rate * ((trials - events) / trials)) / trials + (half / trials) * 0.5)
  return Math.min(1, (rate + half + root) / (1 + 2 * half))
}

/** Both limits multiply to p^2 / (1 + z^2/n): unlike their difference this keeps the digits of a rare rate. */
function wilsonLower(events: number, trials: number, z: number): number {
  if (events === 0) return 0
  const rate = events / trials
  return ((rate / (1 + (z * z) / trials)) * rate) / wilsonUpper(events, trials, z)
}

/**
 * The interval of Clopper and Pearson for one rate: the rates at which neither tail of the binomial distribution beyond
 * what was seen is below alpha/2.
 *
 * @use Where coverage must be at least 1 - alpha at every rate; it is wider than Wilson's.
 * @assumes Independent outcomes with one probability; a number of trials fixed beforehand.
 * @formula lower solves I_p(x, n - x + 1) = alpha/2, upper solves I_{1-p}(n - x, x + 1) = alpha/2, I the regularised
 *   incomplete beta function.
 * @source C. J. Clopper & E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
 *   binomial", Biometrika 26 (1934) 404-413.
 * @degenerate No trials are insufficient. Without events the lower limit is 0, without failures the upper one is 1.
 */
export function clopperPearsonInterval({ events, trials, alpha }: Outcomes & { alpha: number }): Result<Interval> {
  const refusal = checkOneProportion(events, trials, alpha)
  if (refusal !== undefined) return refusal
  const failures = trials - events
  const rare = 2 * events <= trials
  return {
    ok: true,
    estimate: events / trials,
    lower: rare ? exactLower(events, trials, alpha) : 1 - exactUpper(failures, trials, alpha),
    upper: rare ? exactUpper(events, trials, alpha) : 1 - exactLower(failures, trials, alpha),
  }
}

function exactLower(events: number, trials: number, alpha: number): number {
  if (events === 0) return 0
  const tail = tailWithSlope(events, trials - events + 1, Math.log(alpha / 2))
  const excess = (p: number): Slope => {
    const { value, slope } = tail(p, 1 - p)
    return { value: -value, slope: -slope }
  }
  return rootOfDecreasing(excess, 0, events / trials)
}

function exactUpper(events: number, trials: number, alpha: number): number {
  if (events === trials) return 1
  const tail = tailWithSlope(trials - events, events + 1, Math.log(alpha / 2))
  const excess = (p: number): Slope => {
    const { value, slope } = tail(1 - p, p)
    return { value, slope: -slope }
  }
  return rootOfDecreasing(excess, events / trials, 1)
}

/** log P(Beta(a, b) <= x) less the target, and its derivative in x, for x + y = 1. */
function tailWithSlope(a: number, b: number, target: number): (x: number, y: number) => Slope {
  return (x, y) => {
    const log = logBetaLower(a, b, x, y)
    return { value: log - target, slope: Math.exp(logBetaDensity(a, b, x, y) - Math.log(x) - Math.log(y) - log) }
  }
}

function checkOneProportion(events: number, trials: number, alpha: number): Failure | undefined {
  const bad = checkIntervalAlpha(alpha) ?? checkProportion('the sample', events, trials)
  if (bad !== undefined) return bad
  return trials > 0 ? undefined : insufficient('a rate needs at least 1 trial; there is none')
}
