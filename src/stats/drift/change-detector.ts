import { checkAlpha, checkCount, insufficient, invalid, type Result } from '../result.ts'

/** How far the log-odds of the rates looked for are from the reference: each twice the one before. */
const SHIFTS = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]

/** Which change matters. */
export type ChangeDirection = 'decrease' | 'increase' | 'either'

/** The evidence for one rate after the change. */
type Watch = {
  /** The rate after the change that this one looks for. */
  readonly rate: number
  /** The logarithm of the sum of the e-processes of all windows so far. */
  readonly logEvidence: number
  /** The logarithm of the greatest of them, and the trials and events before its window. */
  readonly logGreatest: number
  readonly trialsBefore: number
  readonly eventsBefore: number
}

/** What a change detector knows; plain JSON of constant size. */
export type ChangeDetectorState = {
  readonly plan: {
    readonly referenceRate: number
    readonly direction: ChangeDirection
    readonly alpha: number
    readonly windowTrials: number
  }
  readonly trials: number
  readonly events: number
  readonly watches: readonly Watch[]
  /** The number of trials at the first alarm; null before it. Nothing but a new start takes it back. */
  readonly alarmAt: number | null
}

/** What a change detector says. */
export type ChangeVerdict = {
  readonly alarm: boolean
  readonly alarmAt: number | null
  /** The logarithm of the e-detector now, and log(1 / alpha), which it must reach. */
  readonly logEvidence: number
  readonly threshold: number
  /** Trials before the window since which the evidence gathers; an estimate of when the rate changed. */
  readonly changedAfter: number
  /** The rate of the trials since then. */
  readonly rateSince: number
}

/**
 * Starts a detector of a change in the rate of a yes-or-no outcome (a correct answer, a complaint) away from a fixed
 * reference rate, in a stream that may be looked at after every trial.
 *
 * @use To watch the quality of one version without end. `decrease`: the rate falls below the reference; `increase`: it
 * rises above; `either`: it differs at all. Give a rate with its tolerance taken off: the smallest breach is found too,
 * if slowly.
 * @assumes Without a change every trial has, given all before, a rate of at least (`decrease`), at most (`increase`) or
 * exactly (`either`) the reference rate, which is known and not estimated from few trials.
 * @formula For rates q at log-odds 0.05, 0.1, 0.2, ..., 3.2 from the reference p: M <- (M + 1 at the start of each
 * window) L, L = q / p after an event and (1 - q) / (1 - p) otherwise; alarm when the mean of all M reaches 1 / alpha.
 * Without a change the mean number of windows begun until an alarm is at least 1 / alpha, so the average run length is
 * at least 1 / alpha trials with windows of one trial, and more than windowTrials (1 / alpha - 1) in general. This is no
 * bound on the probability of ever alarming: every detector without end does in the end.
 * @source Shin, Ramdas & Rinaldo, E-detectors: a nonparametric framework for sequential change detection, New England
 * Journal of Statistics in Data Science, 2023, arXiv:2203.03532, section 2 (Shiryaev-Roberts e-detectors and their
 * average run length) and section 3 (mixtures); Page, Biometrika 41, 1954 (the greatest one, for the time of change).
 * @degenerate A reference rate of 0 or 1 is invalid: one trial would be a proof. Trials whose label never came must
 * be left out.
 */
export function startChangeDetector({
  referenceRate,
  direction,
  alpha,
  windowTrials = 1,
}: {
  referenceRate: number
  direction: ChangeDirection
  alpha: number
  windowTrials?: number
}): Result<{ state: ChangeDetectorState }> {
  const bad = checkAlpha(alpha) ?? checkCount('windowTrials', windowTrials)
  if (bad !== undefined) return bad
  if (windowTrials === 0) return invalid('windowTrials is 0; a window needs at least 1 trial')
  if (!(referenceRate > 0 && referenceRate < 1))
    return invalid(`the reference rate is ${referenceRate}; it must be greater than 0 and less than 1`)
  const watches = ratesOf(referenceRate, direction).map(rate => ({ rate, ...nothing }))
  if (!watches.every(({ rate }) => rate > 0 && rate < 1))
    return invalid(`the reference rate is ${referenceRate}; no greater rate below 1 fits a double`)
  const plan = { referenceRate, direction, alpha, windowTrials }
  return { ok: true, state: { plan, trials: 0, events: 0, watches, alarmAt: null } }
}

/** The state after one more trial, in constant time. */
export function addToChangeDetector({
  state,
  event,
}: {
  state: ChangeDetectorState
  event: boolean
}): Result<{ state: ChangeDetectorState }> {
  const { plan, trials, events, watches } = state
  if (typeof event !== 'boolean') return invalid('an outcome must be true or false; a missing one must be left out')
  const begins = trials % plan.windowTrials === 0
  const next = watches.map(watch => {
    const started = begins ? withWindow(watch, trials, events) : watch
    const step = logLikelihoodRatio(event, watch.rate, plan.referenceRate)
    return { ...started, logEvidence: started.logEvidence + step, logGreatest: started.logGreatest + step }
  })
  const counted = { ...state, trials: trials + 1, events: events + (event ? 1 : 0), watches: next }
  const alarm = logMeanEvidence(next) >= -Math.log(plan.alpha)
  return { ok: true, state: { ...counted, alarmAt: state.alarmAt ?? (alarm ? trials + 1 : null) } }
}

/** What the detector says after the trials so far. */
export function judgeChange(state: ChangeDetectorState): Result<ChangeVerdict> {
  const { plan, trials, events, watches, alarmAt } = state
  if (trials === 0) return insufficient('a change needs at least 1 trial; there is none')
  const strongest = watches.reduce((best, watch) => (watch.logGreatest > best.logGreatest ? watch : best))
  return {
    ok: true,
    alarm: alarmAt !== null,
    alarmAt,
    logEvidence: logMeanEvidence(watches),
    threshold: -Math.log(plan.alpha),
    changedAfter: strongest.trialsBefore,
    rateSince: (events - strongest.eventsBefore) / (trials - strongest.trialsBefore),
  }
}

/** The logarithm of 0, as far as JSON can say it: nothing added to it is lost. */
const LOG_ZERO = -Number.MAX_VALUE

const nothing = { logEvidence: LOG_ZERO, logGreatest: LOG_ZERO, trialsBefore: 0, eventsBefore: 0 }

function ratesOf(referenceRate: number, direction: ChangeDirection): readonly number[] {
  const logit = Math.log(referenceRate) - Math.log1p(-referenceRate)
  const shifts = [
    ...(direction === 'increase' ? [] : SHIFTS.map(shift => -shift)),
    ...(direction === 'decrease' ? [] : SHIFTS),
  ]
  return shifts.map(shift => 1 / (1 + Math.exp(-(logit + shift))))
}

function logLikelihoodRatio(event: boolean, rate: number, referenceRate: number): number {
  return event ? Math.log(rate / referenceRate) : Math.log1p(-rate) - Math.log1p(-referenceRate)
}

/** An e-process of 1 begins; the greatest one gives way to it if it has fallen below. */
function withWindow(watch: Watch, trialsBefore: number, eventsBefore: number): Watch {
  const logEvidence = logAdd(watch.logEvidence, 0)
  if (watch.logGreatest > 0) return { ...watch, logEvidence }
  return { ...watch, logEvidence, logGreatest: 0, trialsBefore, eventsBefore }
}

function logMeanEvidence(watches: readonly Watch[]): number {
  return watches.reduce((sum, watch) => logAdd(sum, watch.logEvidence), LOG_ZERO) - Math.log(watches.length)
}

function logAdd(a: number, b: number): number {
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))
}
