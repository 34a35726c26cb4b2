/** Releases and stages that wait for a flag, and endpoints whose rules name a version, through the core's one door. */
import { describe, expect, it } from 'vitest'
import type { ControlEvent } from '../../src/core/event.ts'
import type { FlagSpec } from '../../src/core/flags/flag.ts'
import { usesOfFlag } from '../../src/core/flags/uses.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import { refusalOf } from '../../src/core/release/refusals.ts'
import { fold } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import { type LiveCore, liveCore } from '../support/live-core.ts'
import { canaryPlan, endpointSpec, happen, releasePlan } from '../support/releases.ts'
import { shadowPlan } from '../support/shadows.ts'
import { flag } from './flags/support.ts'

function flagged(overrides: Partial<FlagSpec> = {}): ControlEvent {
  return { type: 'flag-applied', spec: flag(overrides), actor: 'ann', note: null }
}

const on = flagged({ default: { kind: 'variant', variant: 'on' } })
const off = flagged()
const oneStep = canaryPlan({ steps: [{ weightPpm: 100_000, floorMs: 0, ceilingMs: null }] })

function begun(plan: Partial<ReleasePlan>, ...before: ControlEvent[]): LiveCore {
  const live = liveCore()
  live.happen(...before, happen.applied(endpointSpec()), happen.released(releasePlan(plan)))
  return live
}

const phaseOf = (live: LiveCore) => live.state().releases['digits-1']?.phase
const weightsOf = (live: LiveCore) => live.state().endpoints['digits']?.table.weights
const story = (live: LiveCore) => tellAll(live.log, 'digits-1').map(({ text }) => text)
const whole = { flags: [{ flag: 'ranker' }] }

describe('a release that waits for a flag', () => {
  it('makes its candidate ready, and begins once the flag is on', () => {
    const live = begun(whole, off)
    expect(phaseOf(live)).toMatchObject({
      kind: 'starting',
      hold: { cause: 'flag', reason: /until the flag ranker is on/ },
    })
    expect(live.state().endpoints['digits']?.fleets['v2']).toBe('ready')
    live.wait(10_000)
    expect(weightsOf(live)).toEqual({ v1: 1_000_000 })
    live.happen(on)
    live.wait(500)
    expect(phaseOf(live)?.kind).toBe('running')
    expect(weightsOf(live)).toMatchObject({ v2: 10_000 })
  })

  it('waits for a flag that is not there', () => {
    expect(phaseOf(begun(whole))).toMatchObject({ kind: 'starting', hold: { cause: 'flag' } })
  })

  it('stands still while the flag is off, keeps its traffic, and goes on by itself', () => {
    const live = begun(whole, on)
    expect(phaseOf(live)?.kind).toBe('running')
    live.happen(off)
    live.wait(500)
    live.happen(happen.judged('pass'), happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ kind: 'running', hold: { cause: 'flag' }, stage: { stepIndex: 0 } })
    expect(weightsOf(live)).toMatchObject({ v2: 10_000 })
    expect(story(live)).toContain('holds: waits until the flag ranker is on; going back is possible at any time')
    live.happen(on)
    live.wait(500)
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ hold: null, stage: { stepIndex: 1 } })
  })

  it('goes back at a breach and at an abort all the same; promotion is refused', () => {
    const held = () => {
      const live = begun(whole, on)
      live.happen(off)
      live.wait(500)
      return live
    }
    const broken = held()
    broken.happen(happen.judged('fail'))
    expect(phaseOf(broken)?.kind).toBe('rolled-back')
    const aborted = held()
    aborted.happen(happen.told('abort'))
    expect(phaseOf(aborted)?.kind).toBe('rolled-back')
    const refused = held()
    const release = refused.state().releases['digits-1']
    if (release === undefined) throw new Error('no release')
    expect(refusalOf(release, { verb: 'promote' }, 0)).toMatch(
      /waits until the flag ranker is on; switch that on, or abort/,
    )
    refused.happen(happen.told('promote'), happen.told('resume'))
    expect(phaseOf(refused)).toMatchObject({ kind: 'running', hold: { cause: 'flag' } })
  })

  it('is not promoted while the flag is off', () => {
    const live = begun({ ...whole, stages: [oneStep] }, on)
    live.happen(off, happen.judged('pass'))
    live.wait(500)
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ kind: 'running', hold: { cause: 'flag' } })
    live.happen(on)
    live.wait(500)
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)?.kind).toBe('promoted')
  })

  it('may wait for a variant, and for a time that the flag knows of', () => {
    const variant = { flags: [{ flag: 'ranker', is: ['off'] }] }
    expect(phaseOf(begun(variant, off))?.kind).toBe('running')
    const later = flagged({ schedule: [{ atMs: 60_000, serve: { kind: 'variant', variant: 'on' } }] })
    const live = begun(whole, later)
    live.wait(59_999)
    expect(phaseOf(live)?.kind).toBe('starting')
    live.wait(1)
    expect(phaseOf(live)?.kind).toBe('running')
  })

  it('is let through by a flag that is on for its endpoint alone', () => {
    const rules = [
      {
        name: 'digits first',
        when: [{ kind: 'attribute', attribute: 'endpoint', test: { op: 'in', values: ['digits'] } }],
        serve: { kind: 'variant', variant: 'on' },
      },
    ] as const
    expect(phaseOf(begun(whole, flagged({ rules })))?.kind).toBe('running')
  })

  it('uses the flag until it has ended', () => {
    const live = begun(whole, on)
    expect(usesOfFlag(live.state(), 'ranker')).toEqual(['release digits-1'])
    live.happen(happen.told('abort'))
    expect(usesOfFlag(live.state(), 'ranker')).toEqual([])
  })
})

describe('a stage that waits for a flag', () => {
  const staged = { stages: [oneStep, canaryPlan()], flags: [{ flag: 'ranker', stage: 1 }] }

  it('lets the stage before it go on, watched, until the flag is on', () => {
    const live = begun(staged, off)
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ kind: 'running', stageIndex: 0, hold: { cause: 'flag' } })
    expect(weightsOf(live)).toMatchObject({ v2: 100_000 })
    live.happen(happen.judged('pass'))
    live.wait(60_000)
    expect(phaseOf(live)).toMatchObject({ kind: 'running', stageIndex: 0 })
    live.happen(on)
    live.wait(500)
    expect(phaseOf(live)).toMatchObject({ kind: 'running', stageIndex: 1, hold: null })
    expect(weightsOf(live)).toMatchObject({ v2: 10_000 })
  })

  it('goes back at a breach while it waits', () => {
    const live = begun(staged, off)
    live.happen(happen.judged('pass'), happen.judged('fail'))
    expect(phaseOf(live)?.kind).toBe('rolled-back')
  })

  it('asks no gate before the promotion while it waits', () => {
    const gates = [{ before: 'promotion' as const, url: 'http://gate', timeoutMs: 1_000, secret: null }]
    const live = begun({ ...staged, gates }, off)
    live.happen(happen.judged('pass'))
    live.crash()
    expect(live.commands.filter(({ type }) => type === 'ask-gate')).toEqual([])
  })

  it('holds in its midst while the flag is off, and the first stage minds it not', () => {
    const live = begun(staged, off)
    expect(phaseOf(live)).toMatchObject({ kind: 'running', hold: null })
    live.happen(on, happen.judged('pass'))
    live.happen(off)
    live.wait(500)
    expect(phaseOf(live)).toMatchObject({ stageIndex: 1, hold: { cause: 'flag' } })
  })

  it('folds to the same state from the log', () => {
    const live = begun(staged, off)
    live.happen(happen.judged('pass'), on)
    live.wait(500)
    live.crash()
    live.happen({ type: 'flag-undone', flag: 'ranker', actor: 'ann', note: null })
    live.wait(500)
    expect(fold(live.log)).toEqual(live.state())
  })
})

describe('the versions that rules name', () => {
  const rules = [{ flag: 'ranker', version: 'v2' }]
  const fleets = (live: LiveCore) => live.state().endpoints['digits']?.fleets

  it('run beside the stable version, and end when no rule names them any more', () => {
    const live = liveCore()
    live.happen(happen.applied(endpointSpec({ rules })))
    expect(fleets(live)).toEqual({ v1: 'ready', v2: 'ready' })
    live.happen(happen.applied(endpointSpec()))
    expect(fleets(live)).toEqual({ v1: 'ready', v2: 'absent' })
    live.happen(happen.applied(endpointSpec({ rules })))
    expect(fleets(live)).toEqual({ v1: 'ready', v2: 'ready' })
  })

  it('outlive the releases that try them and those that leave them behind', () => {
    const tried = liveCore()
    tried.happen(happen.applied(endpointSpec({ rules })), happen.released(releasePlan()), happen.told('abort'))
    expect(fleets(tried)).toEqual({ v1: 'ready', v2: 'ready' })
    const left = liveCore()
    const staying = endpointSpec({ rules: [{ flag: 'ranker', version: 'v1' }] })
    left.happen(happen.applied(staying), happen.released(releasePlan()), happen.told('promote'))
    expect(left.state().endpoints['digits']?.stable).toBe('v2')
    expect(fleets(left)).toEqual({ v1: 'ready', v2: 'ready' })
  })

  it('end once the release does in which the rules were withdrawn', () => {
    const live = liveCore()
    const naming = endpointSpec({ rules: [{ flag: 'ranker', version: 'v3' }] })
    live.happen(happen.applied(naming), happen.released(releasePlan()), happen.applied(endpointSpec()))
    expect(fleets(live)).toMatchObject({ v3: 'ready' })
    live.happen(happen.told('abort'))
    expect(fleets(live)).toEqual({ v1: 'ready', v2: 'absent', v3: 'absent' })
  })

  const roll: ReleasePlan['stages'][number] = {
    kind: 'rolling',
    maxSurge: { count: 1 },
    maxUnavailable: { count: 0 },
    ...{ minReadyMs: 0, progressDeadlineMs: 60_000, minRequests: 0 },
  }
  const { versions } = endpointSpec()
  const inTwos = Object.fromEntries(Object.entries(versions).map(([name, one]) => [name, { ...one, instances: 2 }]))
  const ruled = endpointSpec({ rules, versions: inTwos })

  it('are whole again once a release has ended that made them smaller', () => {
    const live = liveCore()
    const replay = shadowPlan({ mode: 'replay' })
    live.happen(happen.applied(ruled), happen.released(releasePlan({ stages: [replay] })))
    expect(live.state().endpoints['digits']?.sizes).toEqual({ v2: 1 })
    live.happen(happen.told('abort'))
    expect(live.state().releases['digits-1']?.phase.kind).toBe('rolled-back')
    expect(live.state().endpoints['digits']?.sizes).toBeUndefined()
    const last = live.commands.findLast(one => one.type === 'ensure-fleet' && one.version.name === 'v2')
    expect(last).toMatchObject({ version: { instances: 2 } })
    expect(last).not.toHaveProperty('instances')
    expect(fleets(live)).toEqual({ v1: 'ready', v2: 'ready' })
  })

  it.each(['starting', 'failed'] as const)('get no traffic of a roll while they are %s', state => {
    const live = liveCore()
    live.silent.add('v2')
    live.happen(happen.applied(ruled))
    if (state === 'failed') live.happen(happen.lost('v2'))
    live.happen(happen.released(releasePlan({ stages: [roll] })), happen.judged('pass'))
    expect(fleets(live)).toMatchObject({ v1: 'ready', v2: 'starting' })
    expect(weightsOf(live)).toEqual({ v1: 1_000_000 })
    live.happen({ type: 'fleet-ready', endpoint: 'digits', version: 'v2', instances: 1 })
    expect(weightsOf(live)).toMatchObject({ v2: expect.any(Number) })
  })
})
