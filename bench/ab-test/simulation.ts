/** A/B tests from their first unit to their end, through the judge and the strategy that a server runs, on seeded units. */
import { type EpochEvidence, emptyVersionEvidence } from '../../src/core/evidence.ts'
import { hypothesisOf } from '../../src/core/hypothesis.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import type { AbTestPlan } from '../../src/core/stage-plans.ts'
import type { ReleaseState } from '../../src/core/state.ts'
import { abTest } from '../../src/core/strategies/ab-test.ts'
import type { AbTestState } from '../../src/core/strategies/ab-test-state.ts'
import type { StageContext, StageEvent } from '../../src/core/strategies/strategy.ts'
import { type Random, randomFrom } from '../../src/stats/numerics/random.ts'
import { normalQuantile } from '../../src/stats/numerics/special.ts'

export const alpha = 0.05

export type AbScenario = {
  readonly name: string
  readonly plan: AbTestPlan
  /** What a unit is worth to the metric. */
  readonly value: (version: string, random: Random) => number
  /** All versions together; without an end by then nothing was decided. */
  readonly unitsMax: number
}

export type Ending = { kind: 'ship' | 'keep' | 'open'; winner: string | null; units: number }

const metric: MetricSpec = { type: 'mean', of: { from: 'reward' }, unitLevel: true }

/** A test of means by unit in absolute terms, whose values may be shown from the first hundred on. */
export function testPlan(over: Partial<AbTestPlan> & { effect?: number } = {}): AbTestPlan {
  const { effect = 0.1, ...rest } = over
  const variants = rest.variants ?? ['v2']
  const share = Math.floor(1_000_000 / (variants.length + 1))
  return {
    kind: 'abTest',
    variants,
    splitPpm: Object.fromEntries(variants.map(variant => [variant, share])),
    goal: {
      metric: 'value',
      measure: { kind: 'metric', spec: metric, scale: 'absolute' },
      margin: 0,
      alpha,
      minEvents: 100,
      goal: { kind: 'improve', direction: 'increase', minimumEffect: effect },
    },
    mode: 'sequential',
    correction: 'bonferroni',
    power: 0.8,
    threshold: null,
    floorMs: 0,
    ceilingMs: Number.MAX_SAFE_INTEGER,
    approval: false,
    ...rest,
  }
}

/** With the sample that it needs where the values are known to have this mean and variance. */
export function planned(plan: AbTestPlan, { mean, variance }: { mean: number; variance: number }): AbTestPlan {
  const baseline = { n: 10_000, mean, variance, perDay: null }
  return { ...plan, hypothesis: hypothesisOf(plan, 'v1', { known: true, baseline }) }
}

export function simulateTest({ plan, value, unitsMax }: AbScenario, seed: number): Ending {
  const random = randomFrom(seed)
  const versions = ['v1', ...plan.variants]
  const tallies = new Map(versions.map(version => [version, new Tally()]))
  let state = enter(plan)
  for (let unit = 1; unit <= unitsMax; unit += 1) {
    const version = pick(plan, random.next())
    tallies.get(version)?.add(value(version, random))
    if (!mayDecide(plan, tallies)) continue
    const { ending, next } = look(plan, state, tallies)
    state = next
    if (ending !== null) return { ...ending, units: unit }
  }
  return { kind: 'open', winner: null, units: unitsMax }
}

const context: StageContext = {
  release: 'digits-1',
  stable: 'v1',
  candidate: 'v2',
  fleets: {},
  declared: {},
  wanted: {},
  weights: {},
  epoch: 2,
  appliedEpoch: 2,
}

function enter(plan: AbTestPlan): AbTestState {
  return abTest.step(plan, abTest.initial(plan), { type: 'entered', atMs: 0 }, context).state
}

function look(plan: AbTestPlan, state: AbTestState, tallies: ReadonlyMap<string, Tally>) {
  const judgement = judge(releaseOf(plan, state), [evidenceOf(tallies)])
  const event: StageEvent = { type: 'judged', atMs: 1, judgement }
  const weights = Object.fromEntries([...tallies.keys()].map(version => [version, shareOf(plan, version)]))
  const result = abTest.step(plan, state, event, { ...context, weights })
  for (const command of result.commands) {
    if (command.type === 'passed')
      return { next: result.state, ending: { kind: 'ship' as const, winner: command.winner ?? null } }
    // A variant that is dropped alone would go on in another epoch: here it counts as the end.
    if (command.type === 'failed' || command.type === 'set-weights')
      return { next: result.state, ending: { kind: 'keep' as const, winner: null } }
  }
  return { next: result.state, ending: null }
}

function releaseOf(plan: AbTestPlan, stage: AbTestState): ReleaseState {
  const weights = Object.fromEntries(['v1', ...plan.variants].map(version => [version, shareOf(plan, version)]))
  return {
    id: 'digits-1',
    plan: {
      planVersion: 1,
      endpoint: 'digits',
      from: 'v1',
      to: 'v2',
      stages: [plan],
      guardrails: [],
      signals: [],
      onFail: 'rollback',
      probationMs: 0,
      sampleRatioAlpha: 1e-9,
      readyTimeoutMs: 1,
      drainMs: 1,
    },
    actor: 'bench',
    startedAtMs: 0,
    phase: { kind: 'running', stageIndex: 0, stage, paused: false, hold: null },
    epochs: [{ epoch: 2, candidatePpm: weights['v2'] ?? 0, sinceMs: 0, weights }],
    exposedFromMs: 0,
    exposedToMs: null,
  }
}

function evidenceOf(tallies: ReadonlyMap<string, Tally>): EpochEvidence {
  const versions = [...tallies].map(([version, { n, mean, variance }]) => [
    version,
    {
      ...emptyVersionEvidence(),
      newUnits: n,
      metrics: {
        value: { form: 'moments' as const, moments: { n, mean: [mean], covariance: [[variance]] }, shared: [] },
      },
    },
  ])
  return { epoch: 2, versions: Object.fromEntries(versions) }
}

function pick({ splitPpm, variants }: AbTestPlan, uniform: number): string {
  let left = uniform * 1_000_000
  for (const variant of variants) {
    left -= splitPpm[variant] ?? 0
    if (left < 0) return variant
  }
  return 'v1'
}

function shareOf({ splitPpm }: AbTestPlan, version: string): number {
  const taken = Object.values(splitPpm).reduce((sum, ppm) => sum + ppm, 0)
  return version === 'v1' ? 1_000_000 - taken : (splitPpm[version] ?? 0)
}

/**
 * Whether a look can end the test: looks that cannot are left out, which changes nothing and takes the time of a judgement.
 * A normal mixture is never above log 2 + z^2 / 2, the first variant that is shown is shown at alpha over their number by
 * either correction, and a prior around no effect makes no z greater.
 */
function mayDecide(plan: AbTestPlan, tallies: ReadonlyMap<string, Tally>): boolean {
  const stable = tallies.get('v1')
  if (stable === undefined || [...tallies.values()].some(({ n }) => n < 100)) return false
  const { needed = null } = plan.hypothesis ?? {}
  const isEnd = needed !== null && [...tallies].every(([version, { n }]) => n >= (needed[version] ?? 0))
  if (isEnd) return true
  if (plan.mode === 'fixed') return false
  const { chance = 0.5 } = plan.threshold ?? {}
  const threshold =
    plan.mode === 'bayesian'
      ? Math.LN2 + normalQuantile(chance) ** 2 / 2 - 1e-6
      : Math.log(plan.variants.length / plan.goal.alpha) - 1e-6
  return plan.variants.some(variant => {
    const candidate = tallies.get(variant)
    if (candidate === undefined) return false
    const variance = candidate.variance / candidate.n + stable.variance / stable.n
    const z = variance === 0 ? 0 : (candidate.mean - stable.mean) / Math.sqrt(variance)
    return Math.LN2 + (z * z) / 2 >= threshold
  })
}

/** Moments by the method of Welford. */
class Tally {
  n = 0
  mean = 0
  #squares = 0

  add(value: number): void {
    this.n += 1
    const distance = value - this.mean
    this.mean += distance / this.n
    this.#squares += distance * (value - this.mean)
  }

  get variance(): number {
    return this.n < 2 ? 0 : this.#squares / (this.n - 1)
  }
}

export type Endings = { runs: number; ship: number; keep: number; open: number; meanUnits: number }

export function endingsOf(scenario: AbScenario, runs: number): Endings {
  const counted: Endings = { runs, ship: 0, keep: 0, open: 0, meanUnits: 0 }
  for (let seed = 1; seed <= runs; seed += 1) {
    const { kind, units } = simulateTest(scenario, seed)
    counted[kind] += 1
    counted.meanUnits += units / runs
  }
  return counted
}

/** What chance may add to a frequency: three standard errors. */
export function boundOf(chance: number, runs: number): number {
  return chance + 3 * Math.sqrt((chance * (1 - chance)) / runs)
}
