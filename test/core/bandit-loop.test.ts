/** Bandits in a simulated world: the real assignment, evidence, judge and step; only callers, model servers and time are made. */
import { describe, expect, it } from 'vitest'
import { nextWeights } from '../../src/core/bandit/next-weights.ts'
import type { ControlEvent, LoggedEvent } from '../../src/core/event.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { Judgement } from '../../src/core/judge/judgement.ts'
import { limits } from '../../src/core/limits.ts'
import { valuePolicy } from '../../src/core/off-policy.ts'
import { emptyState } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import {
  type Behaviour,
  banditOf,
  banditPlan,
  chosenRows,
  type Run,
  runBandit,
  type World,
  yes,
} from '../support/bandits.ts'
import { versionEvidence } from '../support/evidence.ts'
import { endpointSpec, happen } from '../support/releases.ts'

const world = (over: Partial<World> & Pick<World, 'arms'>): World => ({
  requestsPerTick: 120,
  tickMs: 30_000,
  ticks: 150,
  seed: 7,
  ...over,
})

const clear = { v1: yes(0.1), v2: yes(0.25), v3: yes(0.12) }

function judgementsOf({ log }: Run): Judgement[] {
  return log.flatMap(({ event }) => (event.type === 'judged' ? [event.judgement] : []))
}

/** The tables that came into force, with the states of the fleets at that moment. */
function tablesOf({ log }: Run) {
  let state = emptyState
  const tables = []
  for (const { event, atMs } of log) {
    const result = step(state, event, atMs)
    state = result.state
    for (const command of result.commands)
      if (command.type === 'apply-route' && command.table.epoch > (tables.at(-1)?.table.epoch ?? 0))
        tables.push({ table: command.table, fleets: state.endpoints['digits']?.fleets })
  }
  return tables
}

function expectSound(run: Run): void {
  const tables = tablesOf(run)
  for (const { table, fleets } of tables.slice(1)) {
    expect(Object.values(table.weights).reduce((sum, ppm) => sum + ppm, 0)).toBe(limits.ppmTotal)
    for (const [version, ppm] of Object.entries(table.weights)) if (ppm > 0) expect(fleets?.[version]).toBe('ready')
  }
  // The propensity that was recorded is the weight that was in force.
  const weights = new Map(tables.map(({ table }) => [table.epoch, table.weights]))
  for (const { epoch, version, propensity } of run.predictions)
    expect(propensity).toBe((weights.get(epoch)?.[version] ?? 0) / limits.ppmTotal)
  expect(fold(run.log)).toEqual(run.state)
}

describe('a bandit with callers', () => {
  it('ends with the best of three arms, and its weights can be computed again from the log', () => {
    const run = runBandit(world({ arms: clear }))
    expect(run.release.phase.kind).toBe('promoted')
    expect(run.endpoint.stable).toBe('v2')
    expectSound(run)
    const plan = banditPlan()
    const decided = judgementsOf(run).slice(0, -1)
    const later = run.release.epochs.slice(1)
    expect(decided.length).toBe(later.length)
    decided.forEach(({ bandit }, index) => {
      if (bandit === undefined) throw new Error('a look without its numbers')
      expect(bandit.weights).toEqual(nextWeights(plan, bandit))
      expect(later[index]?.weights).toEqual(bandit.weights)
    })
  })

  it('is watched afterwards by the same evidence, put together by share', () => {
    const run = runBandit(world({ arms: clear, release: { probationMs: 3_600_000 } }))
    expect(run.release.phase.kind).toBe('probation')
    expect(run.release.candidate ?? run.release.plan.to).toBe('v2')
    const epoch = run.release.epochs[0]?.epoch ?? 0
    const served = versionEvidence({ requests: 1_000, errors: 1, answered: 999 })
    const looked = judge(run.release, [{ epoch, versions: { v1: served, v2: served, v3: served } }])
    expect(looked).toMatchObject({ verdict: 'pass', checks: [{ candidate: { version: 'v2', trials: 1_000 } }] })
    expect(looked.checks[0]?.method).toContain('per share')
    expect(looked.bandit).toBeUndefined()
  })

  it('keeps stable if that is the best', () => {
    const run = runBandit(world({ arms: { v1: yes(0.3), v2: yes(0.1), v3: yes(0.1) } }))
    expect(run.release.phase).toMatchObject({ kind: 'rolled-back', cause: 'kept' })
    expect(run.endpoint.stable).toBe('v1')
    expectSound(run)
  })

  it('keeps stable at its ceiling where arms are alike, and says so', () => {
    const plan = { ceilingMs: 40 * 30_000 }
    const run = runBandit(world({ plan, arms: { v1: yes(0.1), v2: yes(0.1), v3: yes(0.1) } }))
    expect(run.release.phase).toMatchObject({ kind: 'rolled-back', cause: 'kept' })
    expect(
      tellAll(run.log, 'digits-1')
        .map(({ text }) => text)
        .join('\n'),
    ).toContain('no arm was shown to be the best')
  })

  it('is not fooled by a base rate that falls while the better arm gets more (Simpson)', () => {
    // All arms fall from 60 % to 10 %, v2 always 6 points above: pooled rewards would put the arms that were served early first.
    const falling =
      (extra: number): Behaviour =>
      ({ atMs, uniform }) => ({ reward: uniform() < Math.max(0.1, 0.6 - atMs / 4_000_000) + extra ? 1 : 0 })
    const arms = { v1: falling(0), v2: falling(0.06), v3: falling(0) }
    const plan = { stop: { by: 'evidence', chance: 0.999_999, loss: null } } as const
    const run = runBandit(world({ plan, arms, ticks: 120, requestsPerTick: 200 }))
    const [v1, v2, v3] = run.latest?.bandit?.arms ?? []
    expect(run.latest?.bandit?.leader).toBe('v2')
    for (const other of [v1, v3]) {
      const difference = (v2?.mean ?? 0) - (other?.mean ?? 0)
      expect(difference).toBeGreaterThan(0.02)
      expect(difference).toBeLessThan(0.1)
    }
    const pooled = (version: string) => {
      const served = run.predictions.filter(one => one.version === version)
      return served.reduce((sum, { atMs }) => sum + Math.max(0.1, 0.6 - atMs / 4_000_000), 0) / served.length
    }
    expect(pooled('v2') + 0.06).toBeLessThan(pooled('v1'))
  })

  it('does not take rewards that have not come for zeros', () => {
    // Successes are known at once, failures after ten minutes: half of the time young predictions look like successes.
    const run = runBandit(world({ arms: clear, delayMs: 600_000 }))
    expect(run.endpoint.stable).toBe('v2')
    for (const { bandit } of judgementsOf(run))
      for (const { rewards, mean } of bandit?.arms ?? []) if (rewards >= 100) expect(mean).toBeGreaterThan(0.04)
    expectSound(run)
  })

  it('retires a broken arm by its guardrail, and the others go on', () => {
    const broken: Behaviour = ({ uniform }) => ({ reward: uniform() < 0.5 ? 1 : 0, failed: uniform() < 0.5 })
    const run = runBandit(world({ arms: { ...clear, v3: broken } }))
    expect(run.endpoint.stable).toBe('v2')
    const stops = run.commands.filter(command => command.type === 'stop-fleet').map(command => command.version)
    expect(stops).toEqual(['v3', 'v1'])
    const says = tellAll(run.log, 'digits-1').map(({ text }) => text)
    expect(says.find(text => text.startsWith('v3 is retired: error-rate'))).toBeDefined()
    const retiring = judgementsOf(run).find(({ arms }) => arms?.['v3']?.verdict === 'fail')
    const failed = retiring?.arms?.['v3']?.checks.find(({ verdict }) => verdict === 'fail')
    expect(failed?.strata.length).toBeGreaterThan(0)
    expectSound(run)
  })

  it('goes back when all candidates are broken', () => {
    const broken: Behaviour = ({ uniform }) => ({ reward: 1, failed: uniform() < 0.6 })
    const run = runBandit(world({ arms: { v1: yes(0.1), v2: broken, v3: broken } }))
    expect(run.release.phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
    expect(run.endpoint.table.weights).toEqual({ v1: 1_000_000 })
  })

  it('holds while rewards come for different shares of two arms, and weights rest', () => {
    const sometimes: Behaviour = ({ uniform }) => ({ reward: uniform() < 0.1 ? 1 : uniform() < 0.6 ? 0 : null })
    const run = runBandit(world({ arms: { ...clear, v2: yes(0.1), v3: sometimes }, ticks: 60 }))
    if (run.release.phase.kind !== 'running') throw new Error(run.release.phase.kind)
    expect(run.release.phase.hold).toMatchObject({ cause: 'invalid' })
    expect(run.release.phase.hold?.reason).toMatch(/rewards came for .* they are no fair sample/)
  })

  it('keeps stable at its ceiling although it is held: what holds it may never go away', () => {
    const sometimes: Behaviour = ({ uniform }) => ({ reward: uniform() < 0.1 ? 1 : uniform() < 0.6 ? 0 : null })
    const plan = { ceilingMs: 50 * 30_000 }
    const run = runBandit(world({ plan, arms: { ...clear, v2: yes(0.1), v3: sometimes }, ticks: 60 }))
    if (run.release.phase.kind !== 'rolled-back') throw new Error(run.release.phase.kind)
    expect(run.release.phase).toMatchObject({ cause: 'kept', atMs: 50 * 30_000 })
    expect(run.release.phase.reason).toMatch(/within 1500 s: rewards came for .* they are no fair sample/)
    expectSound(run)
  })

  it('holds when rewards are not what the plan says they are', () => {
    const run = runBandit(world({ arms: { ...clear, v3: () => ({ reward: 3 }) }, ticks: 20 }))
    if (run.release.phase.kind !== 'running') throw new Error(run.release.phase.kind)
    expect(run.release.phase.hold?.reason).toContain('average 3 in epoch')
  })

  it('takes in an arm in flight without forgetting the others, and lets one go', () => {
    const spec = endpointSpec()
    const v4 = { name: 'v4', backend: { kind: 'onnx' as const, path: '/models/v4.onnx' }, instances: 1 }
    const joins: ControlEvent = { type: 'arms-changed', release: 'digits-1', add: ['v4'], retire: [], actor: 'ann' }
    const run = runBandit(
      world({
        plan: { arms: ['v1', 'v2'] },
        arms: { v1: yes(0.1), v2: yes(0.12), v4: yes(0.4) },
        spec: { versions: { ...spec.versions, v4 } },
        happens: { 40: [joins] },
      }),
    )
    expect(run.endpoint.stable).toBe('v4')
    const at = run.log.findIndex(({ event }) => event === joins)
    const numbersOf = (entry: LoggedEvent) =>
      entry.event.type === 'judged' ? (entry.event.judgement.bandit?.arms ?? []) : []
    const before = run.log
      .slice(0, at)
      .flatMap(entry => numbersOf(entry))
      .filter(arm => arm.version === 'v1')
      .at(-1)
    const after = run.log
      .slice(at)
      .flatMap(entry => numbersOf(entry))
      .find(arm => arm.version === 'v1')
    expect(after?.rewards).toBeGreaterThanOrEqual(before?.rewards ?? 0)
    expect(after?.n).toBeGreaterThan(0.8 * (before?.n ?? 0))
    expectSound(run)
  })

  it('follows a change of the best arm where it is to forget', () => {
    const turning =
      (first: number, then: number): Behaviour =>
      ({ atMs, uniform }) => ({ reward: uniform() < (atMs < 1_800_000 ? first : then) ? 1 : 0 })
    const arms = { v1: yes(0.1), v2: turning(0.25, 0.1), v3: turning(0.1, 0.25) }
    const plan = { stop: { by: 'evidence', chance: 1 - 1e-15, loss: null }, floorPpm: 50_000 } as const
    const lateShare = (memory: Partial<World['plan']>) => {
      const run = runBandit(world({ plan: { ...plan, updateMs: 30_000, ...memory }, arms, ticks: 110 }))
      const late = run.predictions.filter(one => one.atMs > 2_700_000)
      return late.filter(one => one.version === 'v3').length / late.length
    }
    const [discounted, windowed, whole] = [
      lateShare({ memory: { kind: 'discount', factor: 0.9 } }),
      lateShare({ memory: { kind: 'window', epochs: 10 } }),
      lateShare({ memory: { kind: 'all' } }),
    ]
    expect(discounted).toBeGreaterThan(0.7)
    expect(windowed).toBeGreaterThan(0.7)
    expect(whole).toBeLessThan(Math.min(discounted, windowed) - 0.1)
  })

  it('stands where it stood after a crash at any moment', () => {
    const plain = runBandit(world({ arms: clear, ticks: 20 }))
    for (const tick of [1, 5, 12]) {
      const crashed = runBandit(world({ arms: clear, ticks: 20, happens: { [tick]: [happen.restarted()] } }))
      expect(banditOf(crashed.release)).toEqual(banditOf(plain.release))
      expect(crashed.endpoint.table).toEqual(plain.endpoint.table)
      expectSound(crashed)
    }
  })

  it('leaves a log in which other policies can be valued', () => {
    // The level of all arms falls to half; the arm that the race left behind is valued as if it had served all along.
    const falling =
      (rate: number): Behaviour =>
      ({ atMs, uniform }) => ({ reward: uniform() < (atMs < 1_800_000 ? rate : rate / 2) ? 1 : 0 })
    const arms = { v1: falling(0.2), v2: falling(0.3), v3: falling(0.2) }
    const plan = { stop: { by: 'evidence', chance: 1 - 1e-15, loss: null }, floorPpm: 50_000 } as const
    const run = runBandit(world({ plan, arms, ticks: 120 }))
    const half = (isLate: boolean) => chosenRows(run, ({ atMs }) => isLate === atMs >= 1_800_000)
    const truth = { v1: 0.15, v2: 0.225 }
    for (const [version, value] of Object.entries(truth)) {
      const policy = { [version]: 1_000_000 }
      const valuation = valuePolicy({ policy, halves: [half(false), half(true)], alpha: 0.001 })
      expect(valuation.refused).toBeNull()
      for (const estimate of valuation.estimates) {
        if ('refused' in estimate) throw new Error(estimate.refused)
        expect(estimate.lower).toBeLessThan(value)
        expect(estimate.upper).toBeGreaterThan(value)
      }
    }
  })

  it('tells no more than what moved noticeably', () => {
    const run = runBandit(world({ arms: { v1: yes(0.1), v2: yes(0.1), v3: yes(0.1) }, ticks: 60 }))
    const stage = tellAll(run.log, 'digits-1').filter(({ kind }) => kind === 'stage')
    expect(stage.length).toBeGreaterThan(1)
    expect(stage.length).toBeLessThanOrEqual(run.release.epochs.length)
  })
})
