import { binomialDivergence } from '../numerics/special.ts'
import { checkAlpha, type Failure, invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import type { Moments } from '../summaries/moments.ts'
import { checkAtLeastZero, checkMeanArms, checkRateArms } from './arms.ts'

/** What both stopping rules take. */
export type StoppingRule = {
  /** The error probability: that the leader is not the best arm when it stops. */
  readonly alpha: number
  /** Requests that every arm needs before the rule may stop; default 10, at least 2. */
  readonly minimumPulls?: number
  /** Adds ln(K - 1) to the threshold, so that the argument holds for all challengers at once; default false. */
  readonly union?: boolean
}

/** Whether the best arm is known. */
export type BestArm = {
  readonly stop: boolean
  /** The arm of the greatest estimate; the first of several. */
  readonly leader: number
  /** The evidence of the leader against its strongest challenger; Number.MAX_VALUE if there is no challenger. */
  readonly evidence: number
  /** What the evidence must reach. */
  readonly threshold: number
  /** The evidence of the leader against each arm, 0 for the leader itself. */
  readonly evidences: readonly number[]
  /** Arms that keep the rule from stopping: too few pulls, or values without any spread. */
  readonly waitingFor: readonly number[]
}

const MINIMUM_PULLS = 10

/** Values that differ by less than this against their size differ by rounding alone. */
const ROUNDING = 1e-12

/**
 * When to stop looking for the arm of the greatest rate: the generalised likelihood ratio of "the leader's rate is
 * greater" against each other arm.
 *
 * @use After every batch of `topTwoBeta` (or any other allocation, an even split included); it may be asked as often
 * as wished.
 * @assumes Independent outcomes, constant rates, one best arm: with an exact tie it may never stop. The threshold is
 * the one used in practice, smaller than those that are proven; `union` is stricter.
 * @formula n_L kl(m_L, m) + n_i kl(m_i, m), m the rate of both arms together, for every i at least
 * ln((1 + ln t)/alpha) [+ ln(K - 1)], t the sum of all trials.
 * @source Garivier & Kaufmann, "Optimal best arm identification with fixed confidence", COLT 2016: the statistic of
 * their stopping rule, with the threshold of their experiments.
 * @degenerate Exact at rates of 0 and 1; arms of one rate have evidence 0. Below `minimumPulls` in any arm it waits.
 */
export function bernoulliBestArm({ arms, ...rule }: StoppingRule & { arms: readonly Outcomes[] }): Result<BestArm> {
  const bad = checkRateArms(arms) ?? checkRule(rule)
  if (bad !== undefined) return bad
  const rates = arms.map(({ events, trials }) => (trials > 0 ? events / trials : 0))
  const pulls = arms.map(({ trials }) => trials)
  const isOpen = (arm: number) => pulls[arm] === 0
  return judge({ rule, pulls, estimates: rates, isOpen }, (leader, arm) => {
    const [first, second] = [arms[leader], arms[arm]]
    return first === undefined || second === undefined ? 0 : rateEvidence(first, second)
  })
}

/**
 * When to stop looking for the arm of the greatest mean: the generalised likelihood ratio of "the leader's mean is
 * greater" against each other arm, for values of any unit with plugged-in variances.
 *
 * @use After every batch of `topTwoGaussian` or any other allocation. `tolerance` accepts an arm that is worse by no
 * more than this, in the unit of the values. For yes-or-no outcomes use `bernoulliBestArm`.
 * @assumes Independent values whose means are about normal from `minimumPulls` on; constant means and variances.
 * @formula (m_L - m_i + tolerance)^2 / (2 (v_L/n_L + v_i/n_i)) for every i at least ln((1 + ln t)/alpha)
 * [+ ln(K - 1)], t the sum of all n, v the variance with n - 1, at least `leastVariance`.
 * @source Garivier & Kaufmann, COLT 2016; for the plugged-in variances Jourdan, Degenne & Kaufmann, "Dealing with
 * unknown variances in best-arm identification", ALT 2023.
 * @degenerate An arm whose values are all equal has no variance to judge by: the evidence against it is 0 and the rule
 * waits for it, unless `leastVariance` is given. Below `minimumPulls` in any arm it waits.
 */
export function gaussianBestArm({
  arms,
  tolerance = 0,
  leastVariance = 0,
  ...rule
}: StoppingRule & { arms: readonly Moments[]; tolerance?: number; leastVariance?: number }): Result<BestArm> {
  const bad =
    checkMeanArms(arms) ??
    checkRule(rule) ??
    checkAtLeastZero('the tolerance', tolerance) ??
    checkAtLeastZero('the least variance', leastVariance)
  if (bad !== undefined) return bad
  const variances = arms.map(arm => plainVariance(arm, leastVariance))
  const means = arms.map(({ n, mean }) => (n > 0 ? mean : -Number.MAX_VALUE))
  const pulls = arms.map(({ n }) => n)
  const isOpen = (arm: number) => variances[arm] === 0
  return judge({ rule, pulls, estimates: means, isOpen }, (leader, arm) => {
    const difference = (means[leader] ?? 0) - (means[arm] ?? 0) + tolerance
    const spread = (variances[leader] ?? 0) / (pulls[leader] ?? 0) + (variances[arm] ?? 0) / (pulls[arm] ?? 0)
    return difference === 0 ? 0 : (difference / spread) * (difference / 2)
  })
}

type Judged = {
  readonly rule: StoppingRule
  readonly pulls: readonly number[]
  readonly estimates: readonly number[]
  /** Nothing can be said of the arm yet. */
  readonly isOpen: (arm: number) => boolean
}

function judge(
  { rule, pulls, estimates, isOpen }: Judged,
  evidenceAgainst: (leader: number, arm: number) => number,
): Result<BestArm> {
  const { alpha, minimumPulls = MINIMUM_PULLS, union = false } = rule
  const total = pulls.reduce((sum, count) => sum + count, 0)
  const leader = estimates.indexOf(Math.max(...estimates))
  const evidences = pulls.map((_, arm) => {
    if (arm === leader || isOpen(arm) || isOpen(leader)) return 0
    return Math.min(evidenceAgainst(leader, arm), Number.MAX_VALUE)
  })
  const challengers = evidences.filter((_, arm) => arm !== leader)
  const evidence = Math.min(Number.MAX_VALUE, ...challengers)
  const strictness = union && challengers.length > 1 ? Math.log(challengers.length) : 0
  const threshold = Math.log1p(Math.log(Math.max(1, total))) - Math.log(alpha) + strictness
  const waitingFor = [...pulls.keys()].filter(arm => (pulls[arm] ?? 0) < minimumPulls || isOpen(arm))
  const stop = evidence >= threshold && waitingFor.length === 0
  return { ok: true, stop, leader, evidence, threshold, evidences, waitingFor }
}

function rateEvidence(first: Outcomes, second: Outcomes): number {
  const events = first.events + second.events
  const rate = Math.min(1, events / (first.trials + second.trials))
  const against = (arm: Outcomes) => binomialDivergence(arm.events, arm.trials - arm.events, rate)
  return against(first) + against(second)
}

/** 0 where there is none: fewer than two values, or values that are all equal but for rounding. */
function plainVariance({ n, mean, m2 }: Moments, leastVariance: number): number {
  if (n < 2) return 0
  const variance = m2 / (n - 1)
  const isConstant = Math.sqrt(variance) <= ROUNDING * Math.abs(mean)
  return Math.max(isConstant ? 0 : variance, leastVariance)
}

function checkRule({ alpha, minimumPulls = MINIMUM_PULLS }: StoppingRule): Failure | undefined {
  if (!(minimumPulls >= 2 && minimumPulls <= Number.MAX_SAFE_INTEGER))
    return invalid(`the minimum number of pulls is ${minimumPulls}; it must be at least 2`)
  return checkAlpha(alpha)
}
