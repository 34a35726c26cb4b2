/** What becomes of the server says nothing of a version: after a restart its fleets are waited for before it is judged again. */
import { describe, expect, it } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import type { MonitorSpec } from '../../src/core/monitor/spec.ts'
import { fold } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import { abTestPlan, two } from '../support/ab-tests.ts'
import { type LiveCore, liveCore } from '../support/live-core.ts'
import { canaryPlan, endpointSpec, happen, releasePlan } from '../support/releases.ts'
import { arm } from '../support/shadows.ts'
import { createWorld, sound, type World } from '../support/world.ts'

const guardrails = { 'error-rate': { margin: '1pp', 'min-events': 50 } }
const steps = { canary: { steps: ['20%', '60%'], 'min-requests': 200 } }
const loadMs = 40_000

/** A canary under way whose server has just come up again; its candidate takes as long as it takes to load. */
async function restartedCanary(behaviour: Partial<typeof sound> = {}, beforeMs = 5_000): Promise<[World, string]> {
  const world = await createWorld({ versions: { v1: { ...sound, readyAfterMs: 500 }, v2: sound } })
  const release = await world.release({ guardrails, stages: [steps] })
  await world.pass(beforeMs)
  world.behave('v2', { readyAfterMs: loadMs, ...behaviour })
  await world.restart()
  return [world, release]
}

const story = (world: World, release: string) => world.controller.timeline(release).map(({ text }) => text)

describe('a canary after a restart of the server', () => {
  it('holds nothing against a candidate that takes its time to load, and promotes it', async () => {
    const [world, release] = await restartedCanary()
    await world.pass(loadMs)
    expect(world.counts.misrouted).toBeGreaterThan(500)
    expect(await world.until(() => world.state(release).phase.kind === 'promoted', 120_000)).toBe(true)
    expect(story(world, release)).toContain('all fleets came up in 40 s after the restart; nothing of that time counts')
  })

  it('takes no step while the candidate loads, whatever was shown before', async () => {
    const [world, release] = await restartedCanary({}, 12_500)
    const phase = world.state(release).phase
    await world.pass(loadMs - 1_000)
    expect(world.state(release).phase).toEqual(phase)
    expect(await world.until(() => world.state(release).phase !== phase, 20_000)).toBe(true)
  })

  it('judges by the same numbers after a second restart, in the middle of the first or later', async () => {
    for (const againMs of [10_000, loadMs + 5_000]) {
      const [world, release] = await restartedCanary()
      await world.pass(againMs)
      const before = world.controller.release(release).latest?.judgement
      await world.restart()
      await world.pass(500)
      const after = world.controller.release(release).latest?.judgement
      expect(after?.checks.map(({ candidate }) => candidate)).toEqual(before?.checks.map(({ candidate }) => candidate))
      expect(world.state(release).restarts).toHaveLength(againMs < loadMs ? 1 : 2)
    }
  })

  it('goes back where the candidate is broken once it has come up', async () => {
    const [world, release] = await restartedCanary({ errorRate: 0.5 })
    await world.pass(loadMs - 1_000)
    expect(world.state(release).phase.kind).toBe('running')
    expect(await world.until(() => world.state(release).phase.kind === 'rolled-back', 20_000)).toBe(true)
  })
})

describe('a release whose fleets start again', () => {
  const half = canaryPlan({ steps: [20, 50].map(of => ({ weightPpm: of * 10_000, floorMs: 0, ceilingMs: null })) })
  const step = (live: LiveCore) => {
    const phase = live.state().releases['digits-1']?.phase
    return phase?.kind === 'running' && phase.stage.kind === 'canary' ? phase.stage.stepIndex : phase?.kind
  }

  function begun(...stages: Parameters<typeof releasePlan>[0][]): LiveCore {
    const live = liveCore()
    live.happen(happen.applied(), happen.released(releasePlan(Object.assign({ stages: [half] }, ...stages))))
    live.silent.add('v2')
    return live
  }

  it('goes back by what was shown before', () => {
    const live = begun()
    live.crash()
    live.happen(happen.judged('fail'))
    expect(step(live)).toBe('rolled-back')
  })

  it('goes back where a fleet does not come up', () => {
    const live = begun()
    live.crash()
    live.happen(happen.judged('pass'))
    expect(step(live)).toBe(0)
    live.happen(happen.lost('v2'))
    expect(step(live)).toBe('rolled-back')
  })

  it('says which version did not come up, rather than that all did', () => {
    const live = begun()
    live.silent.add('v1')
    live.crash()
    live.wait(60_000)
    live.happen(happen.ready('v2'), happen.lost('v1'))
    expect(tellAll(live.log, 'digits-1').map(({ text }) => text)).toContain(
      'v1 did not come up in 60 s after the restart; nothing of that time counts',
    )
  })

  it('waits no longer for a version that an operator or a guardrail has taken out of it', () => {
    const live = liveCore()
    live.happen(happen.applied(), happen.released(releasePlan({ stages: [abTestPlan({ ...two })] })))
    live.silent.add('v3')
    live.crash()
    expect(live.state().releases['digits-1']?.restarts).toMatchObject([{ toMs: null }])
    live.wait(3)
    live.happen(happen.judged('insufficient', { arms: { v2: arm('insufficient'), v3: arm('fail') } }))
    expect(live.state().releases['digits-1']?.restarts).toEqual([{ fromMs: 0, toMs: 3 }])
  })

  it('keeps a bounded number of restarts, whatever there were, and the last one as it was', () => {
    const live = begun()
    for (let count = 0; count < 3 * limits.restartPeriodsMax; count += 1) {
      live.wait(10_000)
      live.crash()
      live.wait(2)
      live.happen(happen.ready('v2'))
    }
    const { restarts = [] } = live.state().releases['digits-1'] ?? {}
    expect(restarts).toHaveLength(limits.restartPeriodsMax)
    expect(restarts.at(-1)).toEqual({ fromMs: live.nowMs() - 2, toMs: live.nowMs() })
    expect(fold(JSON.parse(JSON.stringify(live.log)))).toEqual(live.state())
  })

  it('folds as it was lived in logs of before it waited', () => {
    const live = begun()
    live.happen({ type: 'server-started' }, happen.judged('pass'))
    expect(step(live)).toBe(1)
    expect(fold(JSON.parse(JSON.stringify(live.log)))).toEqual(live.state())
  })
})

describe('a stable version that is watched', () => {
  const monitor: MonitorSpec = {
    checks: [{ metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 }],
    ...{ alpha: 0.01, window: 1_000, atMostMs: 3_600_000, onBreach: 'return' },
  }

  it('is not while it starts again: it is from when it is ready, and where it does not come up', () => {
    for (const end of [happen.ready('v1'), happen.lost('v1')]) {
      const live = liveCore(7)
      live.happen(happen.applied(endpointSpec({ monitor })))
      live.silent.add('v1')
      live.crash()
      live.crash()
      const restarts = () => live.state().endpoints['digits']?.monitoring?.restarts
      expect(restarts()).toEqual([{ fromMs: 7, toMs: null }])
      live.wait(5)
      live.happen(end)
      expect(restarts()).toEqual([{ fromMs: 7, toMs: 12 }])
    }
  })
})
