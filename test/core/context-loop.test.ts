/** Versions chosen by features in a simulated world: the real assignment, evidence, judge and step. */
import { describe, expect, it } from 'vitest'
import type { FeatureValues } from '../../src/core/bandit/context.ts'
import { partsAt } from '../../src/core/bandit/context-policy.ts'
import { regressionOf } from '../../src/core/bandit/regression.ts'
import { judge } from '../../src/core/judge/judge.ts'
import { builtinRewardSpec } from '../../src/core/metrics/spec.ts'
import { valuePolicy } from '../../src/core/off-policy.ts'
import { type JoinedOutcome, joinOutcome, type Prediction } from '../../src/core/prediction.ts'
import type { BanditPlan } from '../../src/core/stage-plans.ts'
import { emptyState } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { createAccumulator } from '../../src/evidence/accumulator.ts'
import { type Behaviour, banditOf, chosenRows, type Run, runBandit, type World } from '../support/bandits.ts'

const features = [
  { name: 'age', categories: null },
  { name: 'country', categories: ['de'] },
]
const plan: Partial<BanditPlan> = {
  arms: ['v1', 'v2'],
  policy: { kind: 'lin-ts', scale: 1 },
  context: { features, explorePpm: 200_000 },
  updateMs: 600_000,
  floorPpm: 20_000,
}

const caller = (uniform: () => number): FeatureValues => ({
  age: 20 + 60 * uniform(),
  country: uniform() < 0.3 ? 'de' : 'es',
})
const isOld = ({ age }: FeatureValues) => Number(age) > 50

const by =
  (rate: (values: FeatureValues) => number): Behaviour =>
  ({ uniform, features }) => ({ reward: uniform() < rate(features) ? 1 : 0 })

/** The old earn more on v1 and the young on v2; alone each is worth 30 %, together up to 50 %. */
const crossing = { v1: by(values => (isOld(values) ? 0.5 : 0.1)), v2: by(values => (isOld(values) ? 0.15 : 0.5)) }
const alike = { v1: by(() => 0.2), v2: by(() => 0.4) }

const world = (over: Partial<World> & Pick<World, 'arms'>): World => ({
  plan,
  features: caller,
  requestsPerTick: 60,
  tickMs: 60_000,
  ticks: 200,
  seed: 11,
  ...over,
})

function lateMean({ predictions, rewards }: Run, isIn: (one: Prediction) => boolean = () => true): number {
  const late = predictions.slice(predictions.length / 2).filter(isIn)
  return late.reduce((sum, { id }) => sum + (rewards.get(id) ?? 0), 0) / late.length
}

describe('where features decide which arm is better', () => {
  const run = runBandit(world({ arms: crossing }))

  it('choosing by them earns more than the best arm alone, and the race says so and goes on', () => {
    const chosen = lateMean(run, ({ byContext }) => byContext === true)
    const best = Math.max(
      ...['v1', 'v2'].map(arm => lateMean(run, one => one.byContext !== true && one.version === arm)),
    )
    expect(chosen).toBeGreaterThan(best + 0.08)
    expect(run.release.phase.kind).toBe('running')
    const { context } = run.latest?.bandit ?? {}
    expect(context?.chance).toBeGreaterThan(0.99)
    expect(context?.chosen.mean).toBeCloseTo(chosen, 1)
    expect(run.latest?.reason).toMatch(/chosen by features: reward .+ alone, better with chance/)
  })

  it('each propensity that was recorded is the probability by the table in force', () => {
    let state = emptyState
    const tables = new Map()
    for (const { event, atMs } of run.log) {
      const result = step(state, event, atMs)
      state = result.state
      for (const command of result.commands)
        if (command.type === 'apply-route') tables.set(command.table.epoch, command.table)
    }
    // And by the law of large numbers: the inverses of an arm's sum up to the requests that there were.
    const groups = new Map<string, number>()
    for (const one of run.predictions) {
      const { policy, weights } = tables.get(one.epoch)
      expect(policy.features).toEqual(features)
      if (one.byContext !== true) expect(one.propensity).toBe((weights[one.version] ?? 0) / 1e6)
      else {
        const arm = policy.fit.arms.findIndex(({ version }: { version: string }) => version === one.version)
        expect(one.propensity).toBe((partsAt(policy, one.features ?? {})[arm] ?? 0) / 1_000)
        groups.set(one.version, (groups.get(one.version) ?? 0) + 1 / one.propensity)
      }
    }
    const chosen = run.predictions.filter(({ byContext }) => byContext === true).length
    expect(chosen / run.predictions.length).toBeCloseTo(0.75, 1)
    for (const sum of groups.values()) expect(Math.abs(sum / chosen - 1)).toBeLessThan(0.1)
  })

  it('the log tells what one version alone would have earned', () => {
    const halves = [0, 1].map(part => chosenRows(run, ({ atMs }) => Number(atMs > 100 * 60_000) === part))
    const { refused, estimates } = valuePolicy({
      policy: { v2: 1_000_000 },
      halves: [halves[0] ?? [], halves[1] ?? []],
      alpha: 0.05,
    })
    expect(refused).toBeNull()
    const snips = estimates.find(({ method }) => method === 'snips')
    expect(snips !== undefined && 'estimate' in snips && Math.abs(snips.estimate - 0.325)).toBeLessThan(0.03)
  })

  it('a replay of the log of events gives the same state, and a rebuild of the evidence the same judgement', () => {
    expect(fold(run.log)).toEqual(run.state)
    expect(fold(JSON.parse(JSON.stringify(run.log)))).toEqual(run.state)
    const metrics = [{ name: 'reward', spec: builtinRewardSpec, expression: null }]
    const evidence = createAccumulator({
      definitions: () => ({ metrics, labelWindowMs: 600_000 }),
      regression: ({ release, epoch }) => regressionOf(run.state.releases[release], epoch),
    })
    evidence.add({ fresh: run.predictions, joined: [] })
    evidence.add({ fresh: [], joined: run.predictions.toReversed().flatMap(one => outcomesOf(run, one)) })
    const epochs = run.release.epochs.map(({ epoch }) => epoch)
    const again = judge(run.release, evidence.read({ endpoint: 'digits', epochs }))
    expect(again.bandit).toEqual(run.latest?.bandit)
  })
})

/** First a wrong reward, then the right one. */
function outcomesOf({ rewards }: Run, prediction: Prediction): JoinedOutcome[] {
  const reward = rewards.get(prediction.id)
  if (reward === undefined) return []
  const outcome = (value: number) => ({
    id: `${prediction.id} ${value}`,
    prediction: prediction.id,
    row: 0,
    label: null,
    reward: value,
    metrics: {},
    atMs: prediction.atMs,
  })
  const wrong = joinOutcome(outcome(7.25), prediction, null)
  return [wrong, joinOutcome(outcome(reward), prediction, { label: null, reward: 7.25, metrics: {} })]
}

describe('where features decide nothing', () => {
  it('the best arm is promoted once features are sure enough to add nothing', () => {
    const run = runBandit(world({ arms: alike, plan: { ...plan, stop: { by: 'evidence', chance: 0.95, loss: 0.02 } } }))
    expect(run.release.phase.kind).not.toBe('running')
    expect(run.endpoint.stable).toBe('v2')
    expect(run.endpoint.table.policy).toBeUndefined()
  })

  it('the best arm is promoted at the latest when time is over', () => {
    const run = runBandit(world({ arms: alike, plan: { ...plan, ceilingMs: 100 * 60_000 } }))
    expect(run.endpoint.stable).toBe('v2')
    // From the first tick, in which the race begins.
    expect(run.predictions.length).toBe((1 + 100) * 60)
  })
})

describe('an arm that breaks a guardrail', () => {
  it('leaves the policy at once, and its share goes to the others', () => {
    const failing: Behaviour = ({ atMs, uniform }) => ({
      reward: uniform() < 0.3 ? 1 : 0,
      failed: atMs > 40 * 60_000 && uniform() < 0.5,
    })
    const arms = { ...crossing, v3: failing }
    const run = runBandit(world({ arms, plan: { ...plan, arms: ['v1', 'v2', 'v3'] }, ticks: 120 }))
    expect(banditOf(run.release)?.retired).toHaveProperty('v3')
    expect(run.endpoint.table.weights['v3'] ?? 0).toBe(0)
    expect(run.endpoint.table.policy?.fit?.arms.map(({ version }) => version)).toEqual(['v1', 'v2'])
  })
})

describe('an arm that is left alone', () => {
  it('is no choice: stable is kept', () => {
    const failing: Behaviour = ({ uniform }) => ({ reward: 0, failed: uniform() < 0.5 })
    const run = runBandit(world({ arms: { ...crossing, v3: failing }, plan: { ...plan, arms: ['v2', 'v3'] } }))
    expect(run.release.phase).toMatchObject({ kind: 'rolled-back', cause: 'kept' })
    expect(run.endpoint.stable).toBe('v1')
    expect(run.endpoint.table.policy).toBeUndefined()
  })
})

describe('an arm that comes later', () => {
  it('is chosen by features once it has its rewards, until then by weights like all others', () => {
    const add = { type: 'arms-changed', release: 'digits-1', add: ['v3'], retire: [], actor: 'ann' } as const
    const arms = { ...crossing, v3: by(values => (isOld(values) ? 0.7 : 0.05)) }
    const memory = { kind: 'discount', factor: 0.95 } as const
    for (const over of [{}, { memory }]) {
      const run = runBandit(world({ arms, plan: { ...plan, ...over }, happens: { 50: [add] } }))
      const policy = run.endpoint.table.policy
      expect(policy?.fit?.arms.map(({ version }) => version)).toEqual(['v1', 'v2', 'v3'])
      const joinedMs = run.log.find(({ event }) => event.type === 'arms-changed')?.atMs ?? 0
      const first = run.predictions.find(({ version, byContext }) => version === 'v3' && byContext === true)
      expect(first?.atMs).toBeGreaterThan(joinedMs)
      const before = run.predictions.filter(({ atMs, version }) => version === 'v3' && atMs < (first?.atMs ?? 0))
      expect(before.length).toBeGreaterThanOrEqual(50)
      if (policy === undefined || policy.fit === null) throw new Error('nothing was fitted')
      expect(partsAt({ ...policy, fit: policy.fit }, { age: 75, country: 'es' })[2]).toBeGreaterThan(800)
    }
  })
})

describe('callers whose requests fail more', () => {
  it('do not count against the arm that their features send them to', () => {
    const fragile =
      (behaviour: Behaviour): Behaviour =>
      at => {
        const failed = !isOld(at.features) && at.uniform() < 0.3
        return failed ? { reward: null, failed } : behaviour(at)
      }
    const run = runBandit(world({ arms: { v1: fragile(crossing.v1), v2: fragile(crossing.v2) } }))
    expect(run.release.phase.kind).toBe('running')
    expect(banditOf(run.release)?.retired).toEqual({})
    expect(run.latest?.verdict).toBe('pass')
    const rate = (version: string) => {
      const met = run.predictions.filter(one => one.version === version)
      return met.filter(({ failed }) => failed).length / met.length
    }
    // As they were served, v2 fails far more than the margin of the guardrail.
    expect(rate('v2') - rate('v1')).toBeGreaterThan(0.05)
  })
})

describe('requests whose features cannot be read', () => {
  it('go by the weights, and the race is one without features', () => {
    const run = runBandit(world({ arms: alike, features: () => null, ticks: 60 }))
    expect(run.predictions.every(({ byContext }) => byContext === undefined)).toBe(true)
    expect(run.latest?.bandit?.context?.policy.fit).toBeNull()
    expect(run.latest?.bandit?.context?.rewards).toBe(0)
  })
})
