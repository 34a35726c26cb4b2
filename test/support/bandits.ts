/** A bandit's world: simulated callers, the real assignment, evidence, judge and `step`, in virtual time. */

import { assign, saltSeed } from '../../src/core/assign.ts'
import type { FeatureValues } from '../../src/core/bandit/context.ts'
import { regressionOf } from '../../src/core/bandit/regression.ts'
import type { Command } from '../../src/core/command.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { ControlEvent, LoggedEvent } from '../../src/core/event.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { Judgement } from '../../src/core/judge/judgement.ts'
import { builtinRewardSpec } from '../../src/core/metrics/spec.ts'
import type { ChosenRows } from '../../src/core/off-policy.ts'
import type { Outcome, Prediction } from '../../src/core/prediction.ts'
import { joinOutcome } from '../../src/core/prediction.ts'
import type { BanditPlan } from '../../src/core/stage-plans.ts'
import { type ControlState, type EndpointState, emptyState, type ReleaseState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import type { BanditState } from '../../src/core/strategies/bandit-state.ts'
import { createAccumulator } from '../../src/evidence/accumulator.ts'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import { addToMoments, emptyMoments, type Moments } from '../../src/stats/summaries/moments.ts'
import { endpointSpec, happen, releasePlan } from './releases.ts'

export function banditPlan(over: Partial<BanditPlan> = {}): BanditPlan {
  return {
    kind: 'bandit',
    arms: ['v1', 'v2', 'v3'],
    reward: { metric: 'reward', spec: builtinRewardSpec, better: 'higher', family: 'bernoulli', lower: 0, upper: 1 },
    policy: { kind: 'thompson' },
    updateMs: 60_000,
    floorPpm: 10_000,
    memory: { kind: 'all' },
    minRewards: 50,
    stop: { by: 'evidence', chance: 0.95, loss: null },
    ceilingMs: 24 * 3_600_000,
    ...over,
  }
}

/** What a version does at a moment: how it answers and what that earns. */
export type Behaviour = (at: { atMs: number; uniform: () => number; features: FeatureValues }) => {
  reward: number | null
  failed?: boolean
}

export type World = {
  plan?: Partial<BanditPlan>
  release?: Parameters<typeof releasePlan>[0]
  spec?: Partial<EndpointSpec>
  arms: Readonly<Record<string, Behaviour>>
  requestsPerTick: number
  tickMs: number
  ticks: number
  /** Rewards are known so much later. */
  delayMs?: number
  seed: number
  /** Of a request; null where they cannot be read, and for worlds without any. */
  features?: (uniform: () => number) => FeatureValues | null
  /** What else happens, before the tick of this number. */
  happens?: Readonly<Record<number, readonly ControlEvent[]>>
}

export type Run = {
  state: ControlState
  release: ReleaseState
  endpoint: EndpointState
  log: readonly LoggedEvent[]
  predictions: readonly Prediction[]
  /** By prediction. */
  rewards: ReadonlyMap<string, number>
  commands: readonly Command[]
  /** The newest look. */
  latest: Judgement | null
}

export const yes =
  (rate: number): Behaviour =>
  ({ uniform }) => ({ reward: uniform() < rate ? 1 : 0 })

export function runBandit(world: World): Run {
  const random = randomFrom(world.seed)
  const uniform = () => random.next()
  const metrics = [{ name: 'reward', spec: builtinRewardSpec, expression: null }]
  const evidence = createAccumulator({
    definitions: () => ({ metrics, labelWindowMs: 10 * world.tickMs }),
    regression: ({ release, epoch }) => regressionOf(state.releases[release], epoch),
  })
  const log: LoggedEvent[] = []
  const commands: Command[] = []
  const predictions: Prediction[] = []
  const rewards = new Map<string, number>()
  const waiting: { dueMs: number; outcome: Outcome; prediction: Prediction }[] = []
  let state: ControlState = emptyState
  let latest: Judgement | null = null
  let atMs = 0

  const record = (event: ControlEvent): void => {
    const result = step(state, event, atMs)
    state = result.state
    log.push({ seq: log.length + 1, atMs, event })
    commands.push(...result.commands)
    for (const command of result.commands) answerTo(command)
  }
  const answerTo = (command: Command): void => {
    if (command.type === 'apply-route') record(happen.routed(command.table.epoch))
    if (command.type === 'ensure-fleet') record(happen.ready(command.version.name))
    if (command.type === 'stop-fleet')
      record({ type: 'fleet-stopped', endpoint: command.endpoint, version: command.version })
  }
  const recordIfItMatters = (event: ControlEvent): void => {
    if (step(state, event, atMs).state !== state) record(event)
  }
  const request = (number: number): void => {
    const { table } = state.endpoints['digits'] as EndpointState
    const unit = `u${world.seed}-${number}`
    const features = table.policy === undefined ? null : (world.features?.(uniform) ?? null)
    const seed = saltSeed(table.salt)
    const { version, propensity, byContext } = assign(table, { unit, seed, header: () => undefined, features })
    const { reward, failed = false } = (world.arms[version] as Behaviour)({ atMs, uniform, features: features ?? {} })
    const prediction = predictionOf({
      id: unit,
      epoch: table.epoch,
      release: table.release,
      version,
      propensity,
      atMs,
      failed,
      features,
      ...(byContext === true && { byContext }),
    })
    predictions.push(prediction)
    evidence.add({ fresh: [prediction], joined: [] })
    if (reward === null || failed) return
    rewards.set(unit, reward)
    const outcome = {
      id: unit,
      prediction: unit,
      row: 0,
      label: null,
      reward,
      metrics: {},
      atMs: atMs + (world.delayMs ?? 0),
    }
    waiting.push({ dueMs: outcome.atMs, outcome, prediction })
  }
  const deliver = (): void => {
    for (let next = waiting[0]; next !== undefined && next.dueMs <= atMs; next = waiting[0]) {
      waiting.shift()
      evidence.add({ fresh: [], joined: [joinOutcome(next.outcome, next.prediction, null)] })
    }
  }

  record(happen.applied(endpointSpec({ answer: null, metrics: {}, ...world.spec })))
  record(happen.released(releasePlan({ stages: [banditPlan(world.plan)], coverageAlpha: 0.001, ...world.release })))
  let number = 0
  for (let tick = 0; tick < world.ticks; tick++) {
    atMs += world.tickMs
    for (const event of world.happens?.[tick] ?? []) record(event)
    for (let sent = 0; sent < world.requestsPerTick; sent++) request(number++)
    deliver()
    const release = state.releases['digits-1'] as ReleaseState
    if (release.phase.kind !== 'running') break
    latest = judge(release, evidence.read({ endpoint: 'digits', epochs: release.epochs.map(one => one.epoch) }))
    recordIfItMatters({ type: 'judged', release: 'digits-1', judgement: latest })
    recordIfItMatters(happen.passed())
  }
  const release = state.releases['digits-1'] as ReleaseState
  return {
    state,
    release,
    endpoint: state.endpoints['digits'] as EndpointState,
    log,
    predictions,
    rewards,
    commands,
    latest,
  }
}

function predictionOf(
  one: Pick<
    Prediction,
    'id' | 'epoch' | 'release' | 'version' | 'propensity' | 'atMs' | 'failed' | 'features' | 'byContext'
  >,
): Prediction {
  return {
    ...one,
    endpoint: 'digits',
    unit: one.id,
    assigned: one.version,
    pinned: false,
    latencyMs: 5,
    status: one.failed ? 500 : 200,
    answer: null,
    scores: null,
    payload: null,
  }
}

/** The bandit's own state; null where it does not run any more. */
export function banditOf({ phase }: ReleaseState): BanditState | null {
  return phase.kind === 'running' && phase.stage.kind === 'bandit' ? phase.stage : null
}

/** The log of a race added up as analytics add it up: by version and propensity. */
export function chosenRows(run: Run, isIn: (prediction: Prediction) => boolean): ChosenRows[] {
  const groups = new Map<string, { version: string; propensity: number; predictions: number; values: Moments }>()
  for (const prediction of run.predictions.filter(isIn)) {
    const { version, propensity } = prediction
    const key = `${version} ${propensity}`
    const group = groups.get(key) ?? { version, propensity, predictions: 0, values: emptyMoments }
    const reward = run.rewards.get(prediction.id)
    const added = reward === undefined ? null : addToMoments(group.values, reward)
    const values = added?.ok === true ? added.moments : group.values
    groups.set(key, { ...group, predictions: group.predictions + 1, values })
  }
  return [...groups.values()]
}
