import { checkAlpha, checkCount, type Failure, invalid, type Result } from '../result.ts'
import { logSumExp, type Outcomes } from './bernoulli-mixture.ts'

/** What `addAssignment` carries from outcome to outcome: plain JSON, O(arms^2). */
export type AssignmentBetting = {
  readonly arms: readonly Outcomes[]
  /** For each arm (row) and other arm (column): log evidence that events are likelier in the first than in the other. */
  readonly logExcess: readonly (readonly number[])[]
}

/** Two arms compared by who got the events. */
export type AssignmentEvidence = {
  /** The log e-value against "events are never likelier in `first` than in `second`". */
  readonly logEvidenceAbove: number
  /** The log e-value against "events are never less likely in `first` than in `second`". */
  readonly logEvidenceBelow: number
  /** The log e-value against "at any time both arms have the same probability": the mean of both e-values. */
  readonly logEvidence: number
  /** log(1/alpha): what each must reach. */
  readonly threshold: number
  readonly above: boolean
  readonly below: boolean
  readonly differ: boolean
  /** The outcomes so far; their rates are biased where propensities follow outcomes. */
  readonly first: Outcomes
  readonly second: Outcomes
}

/** Propensities of all arms must add up to 1 within this. */
const ROUNDING = 1e-9

/** The state before any outcome, for two arms or more. */
export function startAssignmentBetting({ arms }: { arms: number }): Result<{ state: AssignmentBetting }> {
  const bad = checkCount('the number of arms', arms)
  if (bad !== undefined) return bad
  if (arms < 2 || arms > 1000) return invalid(`the number of arms is ${arms}; it must be from 2 to 1000`)
  const each = Array.from({ length: arms })
  const state = { arms: each.map(() => ({ events: 0, trials: 0 })), logExcess: each.map(() => each.map(() => 0)) }
  return { ok: true, state }
}

/**
 * Bets on which arm a request was given, knowing whether it had an event: the exact evidence about a yes-or-no outcome
 * where every request carries the propensities (probabilities of the arms) it was assigned with.
 *
 * Among requests of arms a and b, a coin of probability pi = p_a / (p_a + p_b) chose a. If events are equally likely in
 * both at that moment, the outcome says nothing about the coin, so that a bet on the coin, with the arms' past rates as
 * odds, has mean 1. Nothing is assumed of how the rate drifts or how propensities follow the past. One bet is laid for
 * each ordered pair: only while the past rate of a exceeds that of b, so that its evidence grows only from an excess.
 *
 * @use As the always-on evidence of a release, a ramp or a bandit: exact from the first outcome on, under drift of
 *   the rate and adaptive weights, where stratified rates would need one stratum a request. It is somewhat slower than
 *   `compareProportions` when weights and rates are constant, and has no margin but equality.
 * @assumes The propensities are those the arm was drawn with, and nothing that chose them looked at the outcome itself.
 *   Outcomes are added in the order of assignment, or later if neither when they arrive nor what happens to requests
 *   between depends on the arm.
 * @formula theta_k = (events_k + 1/2) / (trials_k + 1) from the past, theta_0 = pi theta_a + (1 - pi) theta_b; for arm w
 *   of the pair E is multiplied by theta_w / theta_0 after an event, by (1 - theta_w) / (1 - theta_0) otherwise.
 * @source The design follows Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B
 *   86, 2024 (arXiv 2010.09686); Turner, Ly & Grünwald, "Generic E-variables for exact sequential k-sample tests",
 *   2024, bet on blocks of two arms in the same way; Shaer, Maman & Romano, "Model-X sequential testing", 2023.
 * @degenerate An arm without outcomes has theta 1/2. An outcome of an arm that its propensity excludes is refused, as
 *   are propensities that do not add up to 1.
 */
export function addAssignment({
  state,
  arm,
  propensities,
  event,
}: {
  state: AssignmentBetting
  arm: number
  propensities: readonly number[]
  event: boolean
}): Result<{ state: AssignmentBetting }> {
  const bad = checkState(state) ?? checkAssignment(state.arms.length, arm, propensities)
  if (bad !== undefined) return bad
  const rates = state.arms.map(({ events, trials }) => (events + 0.5) / (trials + 1))
  const factor = (one: number, other: number): number => {
    const ours = rates[one] ?? 0
    const theirs = rates[other] ?? 0
    if (ours <= theirs || (arm !== one && arm !== other)) return 0
    const share = (propensities[one] ?? 0) / ((propensities[one] ?? 0) + (propensities[other] ?? 0))
    const mixed = share * ours + (1 - share) * theirs
    const distance = (arm === one ? 1 - share : -share) * (ours - theirs)
    return event ? Math.log1p(distance / mixed) : Math.log1p(-distance / (1 - mixed))
  }
  const logExcess = state.logExcess.map((row, one) => row.map((value, other) => value + factor(one, other)))
  const arms = state.arms.map(({ events, trials }, index) =>
    index === arm ? { events: events + (event ? 1 : 0), trials: trials + 1 } : { events, trials },
  )
  return { ok: true, state: { arms, logExcess } }
}

/**
 * The evidence so far about two arms, by position: whether events are likelier in the one or the other.
 *
 * @use After every `addAssignment`, or now and then; stop for any reason.
 * @assumes As `addAssignment`. With more than two arms, several pairs are several tests: divide alpha among them.
 * @formula above: E of `first` over `second`, below: of `second` over `first`, either: their mean (in logarithms).
 * @source Ville's inequality; the mean of e-values is one: Vovk & Wang, "E-values", Annals of Statistics 49, 2021.
 * @degenerate Without outcomes every e-value is 1.
 */
export function assignmentEvidence({
  state,
  first,
  second,
  alpha,
}: {
  state: AssignmentBetting
  first: number
  second: number
  alpha: number
}): Result<AssignmentEvidence> {
  const bad = checkAlpha(alpha) ?? checkState(state)
  if (bad !== undefined) return bad
  const [one, other] = [state.arms[first], state.arms[second]]
  if (one === undefined || other === undefined || first === second)
    return invalid(`arms ${first} and ${second}; they must be two different ones from 0 to ${state.arms.length - 1}`)
  const threshold = -Math.log(alpha)
  const logEvidenceAbove = state.logExcess[first]?.[second] ?? 0
  const logEvidenceBelow = state.logExcess[second]?.[first] ?? 0
  const logEvidence = logSumExp([logEvidenceAbove, logEvidenceBelow]) - Math.LN2
  return {
    ok: true,
    logEvidenceAbove,
    logEvidenceBelow,
    logEvidence,
    threshold,
    above: logEvidenceAbove >= threshold,
    below: logEvidenceBelow >= threshold,
    differ: logEvidence >= threshold,
    first: one,
    second: other,
  }
}

function checkAssignment(arms: number, arm: number, propensities: readonly number[]): Failure | undefined {
  if (propensities.length !== arms)
    return invalid(`there are ${propensities.length} propensities; there must be one for each of ${arms} arms`)
  const total = propensities.reduce((sum, share) => sum + share, 0)
  if (!propensities.every(share => share >= 0 && share <= 1) || !(Math.abs(total - 1) <= ROUNDING))
    return invalid(`the propensities are ${propensities}; they must be probabilities that add up to 1`)
  const propensity = propensities[arm]
  if (propensity !== undefined && propensity > 0) return undefined
  return invalid(`the arm is ${arm}, whose propensity is ${propensity}; it must be one with a propensity above 0`)
}

function checkState({ arms, logExcess }: AssignmentBetting): Failure | undefined {
  const counted = arms.every(
    ({ events, trials }) =>
      Number.isSafeInteger(trials) && Number.isSafeInteger(events) && events >= 0 && events <= trials,
  )
  const square = logExcess.length === arms.length && logExcess.every(row => row.length === arms.length)
  if (arms.length >= 2 && counted && square && logExcess.every(row => row.every(Number.isFinite))) return undefined
  return invalid('the state is none that startAssignmentBetting and addAssignment make')
}
