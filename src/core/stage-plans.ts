/** The strategies with their parameters as they will run: every default filled in, every unit converted. Plain data. */
import type { ContextFeature } from './bandit/context.ts'
import type { GoalCheck } from './metric-check.ts'
import type { MetricSpec } from './metrics/spec.ts'

export const stageKinds = ['recreate', 'rolling', 'blueGreen', 'canary', 'shadow', 'abTest', 'bandit'] as const
export type StageKind = (typeof stageKinds)[number]

/** A number of instances, or a share of a fleet's. */
export type Amount = { count: number } | { ppm: number }

export type RecreatePlan = {
  kind: 'recreate'
  /** In the gap requests are held up to this long; 0 answers 503 at once. */
  holdMs: number
  /** What a 503 tells callers to wait. */
  retryAfterMs: number
  /** The new version is watched so long at least: if it cannot be kept running the old one is started again. */
  watchMs: number
}

export type RollingPlan = {
  kind: 'rolling'
  /** Instances over the wanted number, and ready ones under it, that a batch may have. */
  maxSurge: Amount
  maxUnavailable: Amount
  /** A batch counts once it has been ready this long. */
  minReadyMs: number
  /** Without progress for so long the release fails. */
  progressDeadlineMs: number
  /** Requests that the candidate must answer in a batch, with every guardrail passing, before the next one; with 0 none need pass. */
  minRequests: number
  /** How often weights change at most; admission knows the sizes of the fleets. */
  epochs?: number
}

/** A request that is sent to a version before callers are, and what its answer must be. */
export type SmokeRequest = {
  method: string
  path: string
  headers: Readonly<Record<string, string>>
  body: string | null
  expect: { statuses: readonly number[]; within: number | null; contains: string | null }
}

export type ReplayPlan = {
  requests: number
  /** The least share of answers alike; that green keeps it is shown at `alpha`, over all tries together. */
  agreement: number
  alpha: number
  concurrencyMax: number
  /** Only requests with these methods, under these path prefixes (null: any path), are sent again. */
  methods: readonly string[]
  paths: readonly string[] | null
}

export type BlueGreenPlan = {
  kind: 'blueGreen'
  /** Callers who send this header with this value meet green before the switch. */
  preview: { header: string; equals: string } | null
  smoke: readonly SmokeRequest[]
  /** Recorded live requests that green answers too, compared with what blue answered. */
  replay: ReplayPlan | null
  /** `manual` waits for `approve`. */
  promotion: 'automatic' | 'manual'
  /** Automatic promotion comes no earlier than this after green is ready; a check that still runs is waited for. */
  afterMs: number
  /** After the switch green is compared with blue's last period this long, and until every check passes. */
  watchMs: number
  /** Blue stays warm this long after the switch. */
  keepMs: number
  /** What both versions use, in the author's words: shown before the switch. */
  shares: readonly string[]
}

export type CanaryStep = {
  weightPpm: number
  /** The step lasts at least this long. */
  floorMs: number
  /** Without enough evidence by then the release holds; null waits for ever. */
  ceilingMs: number | null
  /** The step ends with `approve`, once its evidence is in. */
  approve?: true
}

/** Back in steps: capacity of the stable version first, then these weights of the candidate one after another, then none. */
export type PacedReturn = {
  /** Falling; those that the candidate does not reach are passed over. */
  stepsPpm: readonly number[]
  everyMs: number
  /** A breached guardrail too goes back in steps; at once where it is left out. */
  onBreach?: true
}

export type CanaryPlan = {
  kind: 'canary'
  steps: readonly CanaryStep[]
  /** Wait for `approve` before the candidate gets all traffic. */
  approval: boolean
  /** Requests that the candidate must answer within each step. */
  minRequests: number
  /** The candidate is compared with a fresh fleet of the stable version, as large as its own, that gets as much traffic. */
  control?: 'equal'
  return?: PacedReturn
}

/** How the answers of two versions to one request are compared. */
export type Comparator =
  | { kind: 'label' }
  /** Equal within the greater of an absolute and a relative tolerance. */
  | { kind: 'number'; absolute: number; relative: number }
  /** Every element as a number, or a cosine similarity of at least this much. */
  | { kind: 'vector'; absolute: number; relative: number }
  | { kind: 'cosine'; least: number }
  /** Rank-biased overlap of at least this much. */
  | { kind: 'ranking'; persistence: number; least: number }
  /** Similarity of normalised texts (1 - edit distance / length) of at least this much. */
  | { kind: 'text'; least: number }
  /** The same keys and types, whatever the values. */
  | { kind: 'shape' }

/** What copies of requests may cost. Over any of these a copy is dropped and counted: the champion never waits. */
export type MirrorBudget = {
  ratePerSecondMax: number | null
  concurrencyMax: number
  queueMax: number
  bodyBytesMax: number
  timeoutMs: number
}

export type ShadowPlan = {
  kind: 'shadow'
  /** The versions that answer copies; the release's candidate is one of them. */
  challengers: readonly string[]
  /** `replay` sends recorded payloads instead of live copies. */
  mode: 'live' | 'replay'
  /** Share of units whose requests are copied. */
  fractionPpm: number
  budget: MirrorBudget
  /** Only requests with these methods, under these path prefixes (null: any path), are copied. */
  methods: readonly string[]
  paths: readonly string[] | null
  /** Null while the endpoint has not been asked what kind of answers there are. */
  comparator: Comparator | null
  /** Pairs that each challenger needs before the stage can end. */
  pairs: number
  floorMs: number
  ceilingMs: number | null
  /** The least share of pairs that must agree, shown at `alpha`; null asks for none. */
  agreement: { least: number; alpha: number } | null
  /** Judged on pairs: McNemar for accuracy, paired means otherwise. */
  goal: GoalCheck | null
  /** The worst disagreements that are kept as examples. */
  examples: number
}

/** A metric as the stable version had it before the test: of units or rows, whichever the goal is judged by. */
export type Baseline = {
  n: number
  /** For shares by row (error rate, accuracy, rate) that of the harmful ones. */
  mean: number
  /** Of one unit's or row's value. */
  variance: number
  /** Units or rows with a value that all versions together got in a day. */
  perDay: number | null
}

export type Hypothesis = {
  baseline: Baseline | null
  /** By version: units, or rows of a goal that is judged by row. */
  needed: Readonly<Record<string, number>> | null
  /** Days, begun ones whole, until every version has them. */
  days: number | null
  /** Why what is null is not known. */
  unknown: string | null
}

export type AbTestPlan = {
  kind: 'abTest'
  /** Versions beside the stable one, which is the control. One alone is the release's candidate, whichever that is by then. */
  variants: readonly string[]
  /** Share of the traffic of each variant. */
  splitPpm: Readonly<Record<string, number>>
  /** Its alpha is for all variants together. */
  goal: GoalCheck
  mode: 'sequential' | 'fixed' | 'bayesian'
  /** Several variants are corrected by this; a Bayesian test is not. */
  correction: 'bonferroni' | 'holm'
  power: number
  /** What was planned before the first unit came. Admission writes it: a plan that is only asked for has none. */
  hypothesis?: Hypothesis
  /**
   * Of a Bayesian test, in the unit of the minimum effect: the expected loss below which one ships, the probability of
   * being better that it takes besides, and the standard deviation of the effects that are expected before any data.
   */
  threshold: { loss: number; chance: number; prior: number } | null
  floorMs: number
  ceilingMs: number
  /** Wait for `approve` before the winner goes on. */
  approval: boolean
}

export type BanditPolicy =
  | { kind: 'thompson' }
  | { kind: 'ucb1' }
  | { kind: 'epsilon-greedy'; epsilon: number }
  | { kind: 'top-two' }
  | LinearPolicy

/** By the features of each request; `scale`: how many deviations of its score an arm is explored by. */
export type LinearPolicy = { kind: 'lin-ts'; scale: number } | { kind: 'lin-ucb'; scale: number; epsilon: number }

/** What an arm earns: a metric that the endpoint declares, or `reward`. */
export type BanditReward = {
  metric: string
  /** As it was defined when the release began; null until the door fills it in, as `better` and `family` are. */
  spec: MetricSpec | null
  better: 'higher' | 'lower' | null
  /** Yes or no; any number; a number between `lower` and `upper`. */
  family: 'bernoulli' | 'gaussian' | 'bounded' | null
  lower: number
  upper: number
}

export type BanditContext = {
  features: readonly ContextFeature[]
  /** Share of units whose version does not depend on their features: what arms are compared by. */
  explorePpm: number
}

export type BanditPlan = {
  kind: 'bandit'
  /**
   * All versions among which traffic is divided, stable included if it is an arm. None while the release waits for its turn
   * and named none: they are the candidate and whatever is stable when it begins.
   */
  arms: readonly string[]
  reward: BanditReward
  policy: BanditPolicy
  /** Of a linear policy, and of no other. */
  context?: BanditContext
  /** Weights change no more often than this. */
  updateMs: number
  /** The least share of an arm that has not been retired. */
  floorPpm: number
  /** All periods of constant weights alike; each older one by this factor less; the newest ones alone. */
  memory: { kind: 'all' } | { kind: 'discount'; factor: number } | { kind: 'window'; epochs: number }
  /** Rewards an arm needs before its weight leaves the even split. */
  minRewards: number
  /**
   * `evidence` bounds the chance of ending with another arm than the best by 1 - `chance`; `posterior` asks for that
   * probability of being the best. An expected loss of at most `loss` ends it too, in the unit of the reward.
   */
  stop: { by: 'evidence' | 'posterior'; chance: number; loss: number | null }
  /** Without a best arm by then stable is kept. */
  ceilingMs: number
}

export type StagePlans = {
  recreate: RecreatePlan
  rolling: RollingPlan
  blueGreen: BlueGreenPlan
  canary: CanaryPlan
  shadow: ShadowPlan
  abTest: AbTestPlan
  bandit: BanditPlan
}

export type StagePlan = StagePlans[StageKind]

/** Versions that a stage names beside the release's stable one. */
export function versionsOf(stage: StagePlan, candidate: string): readonly string[] {
  switch (stage.kind) {
    case 'shadow':
      return stage.challengers
    case 'abTest':
      return stage.variants
    case 'bandit':
      return stage.arms
    default:
      return [candidate]
  }
}

/** A stage of a release that begins: who was not named is known by now. */
export function begunStage(stage: StagePlan, { from, to }: { from: string; to: string }): StagePlan {
  return stage.kind === 'bandit' && stage.arms.length === 0 ? { ...stage, arms: [...new Set([from, to])] } : stage
}

export function stageAt(stages: readonly StagePlan[], index: number): StagePlan {
  const stage = stages[index]
  if (stage === undefined) throw new Error(`stage ${index} does not exist`)
  return stage
}
