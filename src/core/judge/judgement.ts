/** What one look at the evidence says: a verdict per check with the numbers it rests on. Serialised into the log. */
import type { ContextPolicy } from '../bandit/context-policy.ts'
import type { PairEvidence } from '../evidence.ts'
import type { Reading } from '../external-metric.ts'
import type { GoalCheck, MetricCheck } from '../metric-check.ts'
import type { Weights } from '../traffic.ts'
import type { Posterior } from './methods.ts'

/** Insufficient is never a pass and never a failure; invalid holds and says why. */
export type Verdict = 'pass' | 'fail' | 'insufficient' | 'invalid'

export type Role = 'guardrail' | 'signal' | 'goal' | 'validity'

export type SideNumbers = {
  version: string
  /** Observations: requests, answered requests or labelled rows. */
  trials: number
  /** Harmful events among them: errors or wrong answers; null for a quantile. */
  events: number | null
  /** The rate, or the quantile in milliseconds; null without data. */
  value: number | null
}

/** `candidate - stable` for rates, `candidate / stable - 1` for latency: greater is worse, everywhere. */
export type CheckResult = {
  check: MetricCheck | GoalCheck
  role: Role
  verdict: Verdict
  /** One sentence with the numbers, for a person. */
  reason: string
  candidate: SideNumbers
  stable: SideNumbers
  /** Estimated harm and its always-valid interval; null where the data give no bound yet. */
  harm: { estimate: number | null; lower: number | null; upper: number | null }
  /** Natural logarithm of the evidence against "harm is at most the margin"; a breach at log(1/alpha). */
  logEvidence: number | null
  /** The same against "harm is at least the margin": what a goal needs. Judgements written down earlier lack it. */
  logEvidenceBelow?: number | null
  /** Of a Bayesian comparison. */
  posterior?: Posterior
  method: string
  /** The counts per epoch that the method was given: enough to recompute it by hand. */
  strata: readonly { epoch: number; candidate: Stratum; stable: Stratum }[]
  /** Of an external metric: what was read, the newest last. */
  readings?: { candidate: readonly Reading[]; stable: readonly Reading[] }
}

export type Stratum = Counts | ArmNumbers

export type Counts = { trials: number; events: number }

/** Clusters (rows or units), the metric's value over them and the variance of one cluster's. */
export type ArmNumbers = { n: number; mean: number; variance: number }

export type Validity = {
  verdict: 'pass' | 'invalid'
  reason: string
  /** Labels of matured predictions; null without any. */
  coverage?: { logEvidence: number; candidate: number | null; stable: number | null } | null
  logEvidence: number | null
  observed: readonly number[]
  expected: readonly number[]
}

/** The form and the methods of the judgements that are made now; a change of either is a new number. */
export const judgementVersion = 3

/** Of one of several candidates, against the stable version. */
export type ArmJudgement = Pick<Judgement, 'verdict' | 'reason' | 'goal' | 'validity' | 'checks'> & {
  requests: number
  /** Of a challenger that answers copies. */
  pairs?: PairNumbers
}

/** What pairs tell beside the checks. */
export type PairNumbers = Omit<PairEvidence, 'latencyMs' | 'metrics'> & {
  agreement: {
    /** The least share that must agree; null where none is asked for, and then the verdict is a pass. */
    least: number | null
    verdict: Verdict
    reason: string
    /** Of all pairs that could be compared, with an interval that is valid at every look; null without any. */
    estimate: number | null
    lower: number | null
    upper: number | null
    alpha: number
  }
}

/** What a bandit decides by: its weights and its end can be computed again from these alone. */
export type BanditNumbers = {
  /** Of the arms in the race, in the order of the plan. */
  arms: readonly BanditArm[]
  /** What the arms' numbers ask for, in parts per million: written down, so that a log folds alike whatever computes it later. */
  weights: Weights
  /** The arm that is expected to lose least. */
  leader: string
  /** For the leader against each other arm; `needed` is what ends the race. Null while an arm has too few rewards. */
  evidence: { log: number; needed: number } | null
  /** The race may end with the leader. */
  ends: boolean
  /** Of a contextual bandit. */
  context?: ContextNumbers
}

/** What choosing by features earns beside the leader alone, by two random samples of the same callers; and how it chooses next. */
export type ContextNumbers = {
  /** Rewards of requests whose version was chosen by their features. */
  rewards: number
  /** As if all had come in one period of constant weights. */
  chosen: ArmNumbers
  leader: ArmNumbers
  /** The posterior probability that it earns more than the leader alone; null with too few rewards. */
  chance: number | null
  /** The leader is shown to be the best of the arms, whatever choosing by features may add. */
  isBestArm: boolean
  policy: ContextPolicy
}

export type BanditArm = {
  version: string
  /** Rewards that came in this stage, all of them. */
  rewards: number
  /** As if all had come in one period of constant weights, with older ones discounted as the plan says. */
  n: number
  mean: number
  variance: number
  /** The posterior probability of being the best arm, and what is expected to be lost by choosing it; null with too few rewards. */
  chance: number | null
  loss: number | null
}

export type Judgement = {
  /** The version that it was made by; 1 where it is left out. */
  version?: number
  /** Of the goals together; a judgement without goals, or from before there were any, passes. */
  goal?: { verdict: Verdict; reason: string }
  /**
   * Of all checks together: invalid outranks all, since what cannot be compared fails nobody; else any guardrail or goal that fails →
   * fail, then insufficient, pass.
   */
  verdict: Verdict
  reason: string
  validity: Validity
  checks: readonly CheckResult[]
  /** By version, where a stage has several candidates; the numbers of the whole are then those of the release's own. */
  arms?: Readonly<Record<string, ArmJudgement>>
  /** Of a bandit's arms together. */
  bandit?: BanditNumbers
  /** Requests that the candidate answered in the epoch that is running. */
  stepRequests: number
  /** Requests and units that met the candidate since the release began. */
  exposedRequests: number
  exposedUnits: number
}

/** Evidence against the candidate that holds a release and takes nothing back. */
export function isBreachedSignal({ role, verdict }: CheckResult): boolean {
  return role === 'signal' && verdict === 'fail'
}
