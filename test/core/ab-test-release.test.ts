import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/core/command.ts'
import { type ControlEvent, type LoggedEvent, operatorVerbs } from '../../src/core/event.ts'
import type { Verdict } from '../../src/core/judge/judgement.ts'
import { type ControlState, emptyState, isTerminal } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import { totalVariationPpm } from '../../src/core/traffic.ts'
import { type ArmSeen, abTestPlan, lookAt, two } from '../support/ab-tests.ts'
import { canaryPlan, happen, judgement, releasePlan } from '../support/releases.ts'

/** A live run whose commands a faultless gateway and deployer answer; what each event did is kept. */
function run(events: readonly ControlEvent[]) {
  const log: LoggedEvent[] = []
  const commands: Command[] = []
  const states: { event: ControlEvent; before: ControlState; after: ControlState }[] = []
  let state: ControlState = emptyState
  const take = (event: ControlEvent): void => {
    const logged = { seq: log.length + 1, atMs: log.length * 100, event }
    log.push(logged)
    const result = step(state, event, logged.atMs)
    states.push({ event, before: state, after: result.state })
    state = result.state
    for (const command of result.commands) {
      commands.push(command)
      if (command.type === 'apply-route') take(happen.routed(command.table.epoch))
    }
  }
  for (const event of events) take(event)
  return { state, log, commands, states, release: state.releases['digits-1'], endpoint: state.endpoints['digits'] }
}

const looked = (arms: Readonly<Record<string, ArmSeen>>): ControlEvent => ({
  type: 'judged',
  release: 'digits-1',
  judgement: lookAt(arms),
})
const begin = (over: Parameters<typeof releasePlan>[0], ready = ['v2', 'v3']) => [
  happen.applied(),
  happen.ready('v1'),
  happen.released(releasePlan(over)),
  ...ready.map(happen.ready),
]
const inThree = { stages: [abTestPlan(two)] }
const splitInThree = { v1: 500_000, v2: 200_000, v3: 300_000 }
const open: ArmSeen = { goal: 'insufficient' }
const better: ArmSeen = { goal: 'pass', benefit: 0.05 }

describe('a release by A/B test', () => {
  it('gives traffic to no variant before all of them are ready', () => {
    expect(run(begin(inThree, ['v2'])).endpoint?.table.weights).toEqual({ v1: 1_000_000 })
    expect(run(begin(inThree)).endpoint?.table.weights).toEqual(splitInThree)
  })

  it('promotes the winner, whichever it is, and lets all other fleets go', () => {
    const { endpoint, release, commands } = run([...begin(inThree), looked({ v2: open, v3: better })])
    expect(release).toMatchObject({ phase: { kind: 'promoted' }, candidate: 'v3' })
    expect(endpoint?.table.weights).toEqual({ v3: 1_000_000 })
    const stopped = commands.flatMap(one => (one.type === 'stop-fleet' ? [one.version] : []))
    expect(stopped.toSorted()).toEqual(['v1', 'v2'])
  })

  it('hands the winner to the next stage', () => {
    const stages = [abTestPlan(two), canaryPlan()]
    const { endpoint, release } = run([...begin({ stages }), looked({ v2: open, v3: better })])
    expect(release).toMatchObject({ phase: { kind: 'running', stageIndex: 1 }, candidate: 'v3' })
    expect(endpoint?.table.weights).toEqual({ v1: 990_000, v3: 10_000 })
    expect(release?.epochs.at(-1)?.weights).toEqual({ v1: 990_000, v3: 10_000 })
  })

  it('keeps the stable version without a difference, and tells it', () => {
    const worse: ArmSeen = { goal: 'fail', benefit: -0.1 }
    const { release, endpoint, log } = run([...begin(inThree), looked({ v2: worse, v3: worse })])
    expect(release?.phase).toMatchObject({ kind: 'rolled-back', cause: 'kept' })
    expect(endpoint?.table.weights).toEqual({ v1: 1_000_000 })
    const story = tellAll(log, 'digits-1').map(({ text }) => text)
    expect(story.filter(text => text.startsWith('hypothesis: v2 (20 %) or v3 (30 %) will increase'))).toHaveLength(1)
    expect(story.some(text => text.includes('v2 is shown to be worse: conversion -10 % in [-11 %, -9 %]'))).toBe(true)
  })

  it('tells that a variant was dropped, stops it after its traffic has left, and goes on', () => {
    const { log, commands, endpoint } = run([...begin(inThree), looked({ v2: { ...open, guards: 'fail' }, v3: open })])
    expect(tellAll(log, 'digits-1').at(-1)?.text).toBe(
      'dropped, and the share goes to v1: v2: the guardrails of v2 say fail',
    )
    expect(commands.slice(-2)).toMatchObject([{ type: 'apply-route' }, { type: 'stop-fleet', version: 'v2' }])
    expect(endpoint?.table.weights).toEqual({ v1: 700_000, v3: 300_000 })
  })

  it('goes back when every variant breaks a guardrail, also while it is paused; or holds if the plan says so', () => {
    const broken = { ...open, guards: 'fail' } as const
    const look = looked({ v2: broken, v3: broken })
    expect(run([...begin(inThree), happen.told('pause'), look]).release?.phase).toMatchObject({
      kind: 'rolled-back',
      cause: 'guardrail',
    })
    const held = run([...begin({ ...inThree, onFail: 'hold' }), look])
    expect(held.release?.phase).toMatchObject({ kind: 'running', hold: { cause: 'guardrail' } })
  })

  it('drops a variant that breaks a guardrail while it is paused, and does no more', () => {
    const paused = [...begin(inThree), happen.told('pause')]
    const { endpoint } = run([...paused, looked({ v2: { ...better, guards: 'fail' }, v3: better })])
    expect(endpoint?.table.weights).toEqual({ v1: 700_000, v3: 300_000 })
    expect(run([...paused, looked({ v2: { goal: 'fail', benefit: -1 }, v3: better })]).endpoint?.table.weights).toEqual(
      splitInThree,
    )
  })

  it('waits for approval again after its evidence was invalid for a while', () => {
    const stages = [abTestPlan({ ...two, approval: true })]
    const shown = looked({ v2: better, v3: open })
    const invalid: ControlEvent = { type: 'judged', release: 'digits-1', judgement: judgement('invalid') }
    const { release } = run([...begin({ stages }), shown, invalid, shown])
    expect(release?.phase).toMatchObject({ hold: { cause: 'approval' } })
    expect(run([...begin({ stages }), shown, invalid, shown, happen.told('approve')]).release?.phase.kind).toBe(
      'promoted',
    )
  })

  it('ships nothing while it is paused or its evidence is invalid', () => {
    const ends = looked({ v2: better, v3: open })
    const invalid: ControlEvent = { type: 'judged', release: 'digits-1', judgement: judgement('invalid') }
    expect(run([...begin(inThree), happen.told('pause'), ends]).release?.phase).toMatchObject({ paused: true })
    expect(run([...begin(inThree), invalid]).release?.phase).toMatchObject({ hold: { cause: 'invalid' } })
    expect(run([...begin(inThree), invalid, ends]).release?.phase.kind).toBe('promoted')
  })

  it('goes on where it stood after a restart, and stops what it had dropped', () => {
    const before = [...begin(inThree), looked({ v2: { ...open, guards: 'fail' }, v3: open })]
    const after = run([...before, happen.restarted(), happen.ready('v1'), happen.ready('v3')])
    expect(after.release).toEqual(run(before).release)
    expect(after.endpoint?.fleets).toEqual({ v1: 'ready', v3: 'ready' })
  })
})

const verdict = fc.constantFrom<Verdict>('pass', 'fail', 'insufficient')
const armSeen = fc.record({
  goal: verdict,
  guards: fc.constantFrom<Verdict>('pass', 'pass', 'insufficient', 'fail'),
  benefit: fc.double({ min: -0.2, max: 0.2, noNaN: true }),
  trials: fc.integer({ min: 0, max: 2_000 }),
})
const event: fc.Arbitrary<ControlEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ v2: armSeen, v3: armSeen }).map(looked) },
  {
    weight: 1,
    arbitrary: fc.constant<ControlEvent>({ type: 'judged', release: 'digits-1', judgement: judgement('invalid') }),
  },
  { weight: 1, arbitrary: fc.constantFrom('v1', 'v2', 'v3').map(happen.ready) },
  { weight: 1, arbitrary: fc.constantFrom('v2', 'v3').map(happen.lost) },
  { weight: 1, arbitrary: fc.constantFrom(...operatorVerbs).map(happen.told) },
  { weight: 3, arbitrary: fc.constant(happen.passed()) },
  { weight: 1, arbitrary: fc.constant(happen.restarted()) },
)
const history = fc
  .record({
    mode: fc.constantFrom('sequential' as const, 'fixed' as const, 'bayesian' as const),
    approval: fc.boolean(),
    floorMs: fc.constantFrom(0, 1_500),
    onFail: fc.constantFrom('rollback' as const, 'hold' as const),
    events: fc.array(event, { maxLength: 30 }),
  })
  .map(({ mode, approval, floorMs, onFail, events }) => [
    ...begin({ onFail, stages: [abTestPlan({ ...two, mode, approval, floorMs, ceilingMs: 2_500 })] }),
    ...events,
  ])

describe('any history of an A/B test', () => {
  it('gives no variant more than its share, takes from the control nothing, and moves only what must move', () => {
    fc.assert(
      fc.property(history, events => {
        for (const { before, after } of run(events).states) {
          const [was, now] = [before, after].map(state => state.endpoints['digits']?.table)
          const release = after.releases['digits-1']
          if (was === undefined || now === undefined || release?.phase.kind !== 'running') continue
          const { v1 = 0, v2 = 0, v3 = 0 } = now.weights
          expect(v1 + v2 + v3).toBe(1_000_000)
          expect(v1).toBeGreaterThanOrEqual(500_000)
          expect([0, 200_000]).toContain(v2)
          expect([0, 300_000]).toContain(v3)
          const gone = (was.weights['v2'] ?? 0) - v2 + ((was.weights['v3'] ?? 0) - v3)
          if (gone > 0) expect(totalVariationPpm(was.weights, now.weights)).toBe(gone)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('promotes a variant only on a look that shows it and breaks nothing, an approval of one, or an operator', () => {
    fc.assert(
      fc.property(history, events => {
        const { states, release } = run(events)
        const at = states.find(({ after }) => after.releases['digits-1']?.phase.kind === 'promoting')
        if (at === undefined || release === undefined) return
        const { event, before } = at
        const winner = release.candidate ?? 'v2'
        if (event.type === 'operator') {
          expect(['promote', 'approve']).toContain(event.verb)
          return
        }
        if (event.type !== 'judged') throw new Error(`promoted by ${event.type}`)
        const stage = before.releases['digits-1']?.phase
        const looked = stage?.kind === 'running' && stage.stage.kind === 'abTest' ? stage.stage.shown : null
        const arm = event.judgement.arms?.[winner]
        expect(arm?.verdict).toBe('pass')
        expect(arm?.goal?.verdict === 'pass' || looked?.includes(winner) === true).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('is the same when it is folded again, and says nothing after its end', () => {
    fc.assert(
      fc.property(history, events => {
        const { log, state, states } = run(events)
        expect(fold(log)).toEqual(state)
        for (const { before, after } of states) {
          const release = before.releases['digits-1']
          if (release !== undefined && isTerminal(release)) expect(after.releases['digits-1']).toBe(release)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('can be aborted from wherever it has got to', () => {
    fc.assert(
      fc.property(history, events => {
        const { release, endpoint } = run([...events, happen.told('abort'), happen.ready('v1')])
        expect(['promoted', 'rolled-back']).toContain(release?.phase.kind)
        if (release?.phase.kind === 'rolled-back') expect(endpoint?.table.weights).toEqual({ v1: 1_000_000 })
      }),
      { numRuns: 200 },
    )
  })
})
