import { checkAlpha, checkCount, type Failure, insufficient, type Result } from '../result.ts'
import { type McNemar, mcnemar } from './mcnemar.ts'
import { criticalValue, wilsonInterval } from './normal-inference.ts'

/** How many rows both models, one of them or neither got right. */
export type PairedOutcomes = {
  readonly bothRight: number
  readonly onlyCandidate: number
  readonly onlyStable: number
  readonly neitherRight: number
}

type Interval = { readonly estimate: number; readonly lower: number; readonly upper: number }

/** The shares of rows that two models got right, and McNemar's test of their difference. */
export type AgreementComparison = McNemar & {
  readonly candidate: number
  readonly stable: number
  /** Candidate less stable. */
  readonly difference: Interval
}

/** Halvings that exhaust the digits of a number in [-1, 1]. */
const HALVINGS = 60

/**
 * Compares how often two models agree with the truth on the SAME rows: the difference of the two shares, candidate -
 * stable, with Tango's score interval, and McNemar's test.
 *
 * @use For paired accuracy on replayed or shadowed rows. For versions that saw different rows compare two proportions.
 * @assumes Rows are independent of each other.
 * @formula difference = (b - c) / n; the interval holds every d with |b - c - n d| <= z sqrt(n (2 q + d (1 - d))), q the
 *   probability of c that is most likely given d; at d = 0 this is McNemar's asymptotic test.
 * @source Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
 *   design", Statistics in Medicine 17 (1998), pages 891-908; tests as `mcnemar`.
 * @degenerate Without rows insufficient. Without discordant rows the difference is 0 and its interval still has a width.
 */
export function compareAgreement({
  alpha,
  ...outcomes
}: PairedOutcomes & { readonly alpha: number }): Result<AgreementComparison> {
  const bad = checkAlpha(alpha) ?? checkOutcomes(outcomes)
  if (bad !== undefined) return bad
  const { bothRight, onlyCandidate, onlyStable } = outcomes
  const rows = rowsOf(outcomes)
  if (rows === 0) return insufficient('a comparison of agreement needs at least 1 row; there is none')
  const test = mcnemar({ onlyCandidate, onlyStable })
  if (!test.ok) return test
  return {
    ...test,
    candidate: (bothRight + onlyCandidate) / rows,
    stable: (bothRight + onlyStable) / rows,
    difference: tangoInterval(onlyCandidate, onlyStable, rows, criticalValue(alpha)),
  }
}

/**
 * The share of paired answers that agree, `events` of `trials`, with Wilson's interval.
 *
 * @use For how often two versions answer alike, or one of them as the label says. For agreement beyond chance use
 *   `cohenKappa`.
 * @assumes Pairs are independent of each other.
 * @formula (p + z^2/2n -+ z sqrt(p q / n + z^2/4n^2)) / (1 + z^2/n).
 * @source Wilson, JASA 22 (1927); Brown, Cai & DasGupta, Statistical Science 16 (2001) 10.1214/ss/1009213286.
 * @degenerate Without trials insufficient. At 0 or all events the interval ends at 0 or 1.
 */
export function agreementProportion(counted: { events: number; trials: number; alpha: number }): Result<Interval> {
  const { events, trials, alpha } = counted
  const bad =
    checkAlpha(alpha) ?? checkCount('the agreements', events) ?? checkCount('the disagreements', trials - events)
  if (bad !== undefined) return bad
  if (trials === 0) return insufficient('a share of agreement needs at least 1 pair; there is none')
  return { ok: true, estimate: events / trials, ...wilsonInterval(events, trials, alpha) }
}

function tangoInterval(b: number, c: number, n: number, z: number): Interval {
  const estimate = (b - c) / n
  const score = (d: number) => (estimate - d) / Math.sqrt((2 * likelyShare(b / n, c / n, d) + d * (1 - d)) / n)
  return {
    estimate,
    lower: crossing(d => score(d) > z, -1, estimate),
    upper: crossing(d => score(d) > -z, estimate, 1),
  }
}

/**
 * The probability q that stable alone is right that is most likely if the difference is d: the greater root of
 * 2 q^2 + linear q - c d (1 - d), written so that nothing cancels.
 */
function likelyShare(b: number, c: number, d: number): number {
  const linear = (2 - b + c) * d - b - c
  const constant = c * d * (1 - d)
  const root = Math.sqrt(Math.max(0, linear * linear + 8 * constant))
  return linear > 0 ? (2 * constant) / (root + linear) : (root - linear) / 4
}

/** Where a condition that holds at `low` and fails at `high` changes. */
function crossing(holds: (x: number) => boolean, low: number, high: number): number {
  let left = low
  let right = high
  for (let step = 0; step < HALVINGS; step += 1) {
    const middle = (left + right) / 2
    if (holds(middle)) left = middle
    else right = middle
  }
  return (left + right) / 2
}

function checkOutcomes(outcomes: PairedOutcomes): Failure | undefined {
  for (const [name, count] of Object.entries(outcomes)) {
    const bad = checkCount(name, count)
    if (bad !== undefined) return bad
  }
  return checkCount('the number of rows', rowsOf(outcomes))
}

function rowsOf({ bothRight, onlyCandidate, onlyStable, neitherRight }: PairedOutcomes): number {
  return bothRight + onlyCandidate + onlyStable + neitherRight
}
