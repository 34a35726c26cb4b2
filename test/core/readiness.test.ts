/** Nobody is moved to a version that cannot serve, and nothing that serves is let go: where stages, restarts and lost fleets meet. */
import { describe, expect, it } from 'vitest'
import type { ControlEvent } from '../../src/core/event.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import { fold } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import { abTestPlan, two } from '../support/ab-tests.ts'
import { banditPlan } from '../support/bandits.ts'
import { type LiveCore, liveCore } from '../support/live-core.ts'
import { canaryPlan, endpointSpec, happen, judgement, releasePlan } from '../support/releases.ts'
import { arm, shadowPlan } from '../support/shadows.ts'

const half = canaryPlan({ steps: [{ weightPpm: 500_000, floorMs: 0, ceilingMs: null }] })
const roll: ReleasePlan['stages'][number] = {
  kind: 'rolling',
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
  minReadyMs: 0,
  progressDeadlineMs: 60_000,
  minRequests: 0,
}
const recreate: ReleasePlan['stages'][number] = { kind: 'recreate', holdMs: 0, retryAfterMs: 1_000, watchMs: 0 }

function begun(plan: Partial<ReleasePlan>): LiveCore {
  const live = liveCore()
  live.happen(happen.applied(), happen.released(releasePlan(plan)))
  return live
}

/** The server comes up again; these versions take their time. */
function restartedWithout(live: LiveCore, ...versions: readonly string[]): void {
  for (const version of versions) live.silent.add(version)
  live.crash()
}

const phaseOf = (live: LiveCore) => live.state().releases['digits-1']?.phase
const endpointOf = (live: LiveCore) => live.state().endpoints['digits']
const weightsOf = (live: LiveCore) => endpointOf(live)?.table.weights
const story = (live: LiveCore) => tellAll(live.log, 'digits-1').map(({ text }) => text)
const stopped = (live: LiveCore) =>
  live.commands.flatMap(command => (command.type === 'stop-fleet' ? [command.version] : []))
const challengers = (verdicts: Readonly<Record<string, 'pass' | 'insufficient' | 'fail'>>): ControlEvent => {
  const arms = Object.entries(verdicts).map(([version, verdict]) => [version, arm(verdict, { goal: verdict })])
  return happen.judged('insufficient', { arms: Object.fromEntries(arms) })
}

describe('a promotion while the candidate starts again', () => {
  it('waits until it is ready: everybody stays where they are, and the old version runs', () => {
    const live = begun({ stages: [half] })
    restartedWithout(live, 'v2')
    live.happen(happen.told('promote'))
    expect(phaseOf(live)).toMatchObject({ kind: 'promoting', awaitsFleet: true })
    expect(weightsOf(live)).toEqual({ v1: 500_000, v2: 500_000 })
    expect(endpointOf(live)).toMatchObject({ stable: 'v1', fleets: { v1: 'ready' } })
    expect(story(live).at(-1)).toMatch(/^v2 takes all traffic as soon as it is ready/)
    live.happen(happen.ready('v2'))
    expect(phaseOf(live)?.kind).toBe('promoted')
    expect(weightsOf(live)).toEqual({ v2: 1_000_000 })
    expect(story(live).filter(text => text.includes('takes all traffic'))).toHaveLength(1)
    expect(fold(JSON.parse(JSON.stringify(live.log)))).toEqual(live.state())
  })

  it('goes back where it does not come up, and where an operator says so', () => {
    for (const end of [happen.lost('v2'), happen.told('abort')]) {
      const live = begun({ stages: [half] })
      restartedWithout(live, 'v2')
      live.happen(happen.told('promote'), end)
      expect(phaseOf(live)?.kind).toBe('rolled-back')
      expect(weightsOf(live)).toEqual({ v1: 1_000_000 })
    }
  })

  it('waits through another restart, an operator’s word for it too', () => {
    const live = begun({ stages: [half], probationMs: 1_000 })
    restartedWithout(live, 'v2')
    live.happen(happen.told('promote'))
    live.crash()
    expect(phaseOf(live)).toMatchObject({ kind: 'promoting', awaitsFleet: true })
    live.happen(happen.ready('v2'))
    expect(phaseOf(live)?.kind).toBe('probation')
  })

  it('does not end the gap in which callers are held for it', () => {
    const gates = [{ before: 'promotion' as const, url: 'http://gate', timeoutMs: 1_000, secret: null }]
    const live = begun({ stages: [recreate], gates })
    restartedWithout(live, 'v2')
    live.happen({ type: 'gate-answered', release: 'digits-1', before: 'promotion', confirmed: true, reason: 'fine' })
    expect(endpointOf(live)?.table.gap).toBeDefined()
    live.happen(happen.ready('v2'))
    expect(phaseOf(live)?.kind).toBe('promoted')
    expect(endpointOf(live)?.table).toMatchObject({ weights: { v2: 1_000_000 } })
    expect(endpointOf(live)?.table.gap).toBeUndefined()
  })

  it('folds as it was lived in logs of before it waited', () => {
    const live = begun({ stages: [half] })
    live.silent.add('v2')
    live.happen(happen.restarted(), happen.judged('pass'), happen.routed((endpointOf(live)?.table.epoch ?? 0) + 1))
    expect(phaseOf(live)?.kind).toBe('promoted')
    expect(weightsOf(live)).toEqual({ v2: 1_000_000 })
  })
})

describe('the next stage', () => {
  it('of a candidate that starts again waits for it: a roll counts on its instances', () => {
    const live = begun({ stages: [shadowPlan(), roll] })
    restartedWithout(live, 'v2')
    live.happen(challengers({ v2: 'pass' }))
    expect(phaseOf(live)).toMatchObject({ kind: 'starting', stageIndex: 1 })
    expect(weightsOf(live)).toEqual({ v1: 1_000_000 })
    live.happen(happen.ready('v2'))
    expect(phaseOf(live)?.kind).toBe('running')
    expect(weightsOf(live)).toEqual({ v1: 500_000, v2: 500_000 })
  })

  it('gives the stable version no traffic while that cannot be kept running', () => {
    const live = begun({ stages: [banditPlan({ arms: ['v1', 'v2'] }), half] })
    live.silent.add('v1')
    live.happen(happen.lost('v1'))
    expect(weightsOf(live)).toEqual({ v2: 1_000_000 })
    const arms = ['v1', 'v2'].map(version => ({
      ...{ version, rewards: 100, n: 100, mean: 0.1, variance: 0.1, chance: 0.5, loss: 0.1 },
    }))
    const bandit = {
      arms,
      ...{ weights: { v1: 500_000, v2: 500_000 }, leader: 'v2', evidence: { log: 9, needed: 3 }, ends: true },
    }
    const judged = { ...judgement('pass'), arms: { v2: arm('pass') }, bandit }
    live.happen({ type: 'judged', release: 'digits-1', judgement: judged })
    expect(phaseOf(live)).toMatchObject({ kind: 'starting', stageIndex: 1 })
    expect(weightsOf(live)).toEqual({ v2: 1_000_000 })
    live.happen(happen.ready('v1'))
    expect(weightsOf(live)).toEqual({ v1: 500_000, v2: 500_000 })
  })
})

describe('a challenger that the stage before gave traffic', () => {
  it('ends after its traffic has left it when it is dropped', () => {
    const test = abTestPlan({ ...two })
    const live = begun({ stages: [test, shadowPlan({ challengers: ['v2', 'v3'] })] })
    live.happen(challengers({ v2: 'pass', v3: 'pass' }))
    expect(phaseOf(live)).toMatchObject({ kind: 'running', stageIndex: 1 })
    expect(weightsOf(live)).toEqual({ v1: 500_000, v2: 200_000, v3: 300_000 })
    const before = live.commands.length
    live.happen(challengers({ v2: 'insufficient', v3: 'fail' }))
    expect(weightsOf(live)).toEqual({ v1: 800_000, v2: 200_000 })
    const kinds = live.commands.slice(before).map(({ type }) => type)
    expect(kinds).toEqual(['apply-route', 'apply-route', 'stop-fleet'])
    expect(stopped(live)).toEqual(['v3'])
  })

  it('answers recorded requests with the fleet that it has: that is neither shrunk nor ended', () => {
    const { versions } = endpointSpec()
    const three = Object.fromEntries(Object.entries(versions).map(([name, one]) => [name, { ...one, instances: 3 }]))
    const live = liveCore()
    const replay = shadowPlan({ mode: 'replay', pairs: 10 })
    live.happen(
      happen.applied(endpointSpec({ versions: three })),
      happen.released(releasePlan({ stages: [half, replay] })),
    )
    const before = live.commands.length
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ kind: 'running', stageIndex: 1 })
    expect(endpointOf(live)?.sizes).toBeUndefined()
    live.crash()
    const asked = live.commands.flatMap(one => (one.type === 'run-trial' ? [one.trial.id] : []))
    expect(asked).toEqual(['digits-1-replay-v2-1', 'digits-1-replay-v2-2'])
    const report = { sent: 10, answered: 10, compared: 10, agreed: 10 }
    live.happen(happen.tried('digits-1-replay-v2-2', report), challengers({ v2: 'pass' }))
    expect(phaseOf(live)?.kind).toBe('promoted')
    const sized = live.commands.slice(before).flatMap(one => (one.type === 'ensure-fleet' ? [one.instances] : []))
    expect(sized.every(instances => instances === undefined)).toBe(true)
    expect(stopped(live)).toEqual(['v1'])
  })
})
