import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ControlEvent, type LoggedEvent, operatorVerbs } from '../../src/core/event.ts'
import type { Verdict } from '../../src/core/judge/judgement.ts'
import { type ControlState, emptyState, isTerminal, type ReleaseState } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { runningChallengers } from '../../src/core/strategies/shadow-state.ts'
import { tellAll } from '../../src/core/tell.ts'
import { canaryPlan, happen, releasePlan } from '../support/releases.ts'
import { type ArmFacts, arm, seenArms, shadowPlan } from '../support/shadows.ts'

type Seen = { before: ControlState; event: ControlEvent; after: ControlState }

/** A live run with a faultless gateway; trials report that all agreed. */
function run(events: readonly ControlEvent[]) {
  const log: LoggedEvent[] = []
  const seen: Seen[] = []
  let state = emptyState
  const take = (event: ControlEvent): void => {
    const logged = { seq: log.length + 1, atMs: log.length * 100, event }
    log.push(logged)
    const { state: after, commands } = step(state, event, logged.atMs)
    seen.push({ before: state, event, after })
    state = after
    for (const command of commands) {
      if (command.type === 'apply-route')
        take({ type: 'traffic-applied', endpoint: 'digits', epoch: command.table.epoch })
      if (command.type !== 'run-trial') continue
      const { id, version } = command.trial
      const numbers = { sent: 100, answered: 100, compared: 100, agreed: 100 }
      take({ type: 'trial-ended', release: 'digits-1', report: { id, version, ...numbers, examples: [], reason: '' } })
    }
  }
  for (const event of events) take(event)
  return { state, log, seen, release: state.releases['digits-1'], endpoint: state.endpoints['digits'] }
}

const judgedArms = (arms: Readonly<Record<string, { verdict: Verdict } & ArmFacts>>): ControlEvent => ({
  type: 'judged',
  release: 'digits-1',
  judgement: seenArms(Object.fromEntries(Object.entries(arms).map(([name, one]) => [name, arm(one.verdict, one)]))),
})

const verdict = fc.constantFrom<Verdict>('pass', 'fail', 'insufficient', 'invalid')
const anyArm = fc.record({
  verdict,
  requests: fc.constantFrom(10, 100),
  goal: fc.constantFrom<Verdict>('pass', 'insufficient'),
  guardrail: verdict,
  harm: fc.integer({ min: -3, max: 3 }),
})
const anyVersion = fc.constantFrom('v1', 'v2', 'v3')
const event: fc.Arbitrary<ControlEvent> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ v2: anyArm, v3: anyArm }).map(judgedArms) },
  { weight: 2, arbitrary: anyVersion.map(happen.ready) },
  anyVersion.map(happen.lost),
  verdict.map(one => happen.judged(one)),
  fc.constantFrom(...operatorVerbs).map(happen.told),
  fc.constant(happen.passed()),
  fc.constant(happen.restarted()),
)
const history = fc
  .record({
    mode: fc.constantFrom('live' as const, 'replay' as const),
    isLast: fc.boolean(),
    onFail: fc.constantFrom('rollback' as const, 'hold' as const),
    ceilingMs: fc.constantFrom(null, 500),
    events: fc.array(event, { maxLength: 40 }),
  })
  .map(({ mode, isLast, onFail, ceilingMs, events }) => [
    happen.applied(),
    happen.ready('v1'),
    happen.released(
      releasePlan({
        onFail,
        stages: [shadowPlan({ mode, ceilingMs, challengers: ['v2', 'v3'] }), ...(isLast ? [] : [canaryPlan()])],
      }),
    ),
    ...events,
  ])

const runs = { numRuns: 400 }
const shadowState = (release: ReleaseState | undefined) =>
  release?.phase.kind === 'running' && release.phase.stage.kind === 'shadow' ? release.phase.stage : null

describe('a release with challengers, whatever happens', () => {
  it('gives callers the champion alone while challengers answer copies', () => {
    fc.assert(
      fc.property(history, events => {
        for (const { after } of run(events).seen) {
          if (shadowState(after.releases['digits-1']) === null) continue
          expect(after.endpoints['digits']?.table.weights).toEqual({ v1: 1_000_000 })
        }
      }),
      runs,
    )
  })

  it('copies requests to those that are left, to nobody in a replay, and to nobody when the stage is over', () => {
    fc.assert(
      fc.property(history, events => {
        for (const { after } of run(events).seen) {
          const release = after.releases['digits-1']
          const mirrors = (after.endpoints['digits']?.table.mirrors ?? []).map(({ version }) => version)
          const state = shadowState(release)
          if (state !== null && state.replays === undefined && runningChallengers(state).length > 0)
            expect(mirrors).toEqual(runningChallengers(state))
          else if (release !== undefined && release.phase.kind !== 'returning') expect(mirrors).toEqual([])
        }
      }),
      runs,
    )
  })

  it('lets no challenger go on without a passing verdict or an operator', () => {
    fc.assert(
      fc.property(history, events => {
        for (const { before, event, after } of run(events).seen) {
          const state = shadowState(before.releases['digits-1'])
          const { phase } = after.releases['digits-1'] ?? {}
          const isLeft = phase?.kind === 'promoting' || phase?.kind === 'probation' || phase?.kind === 'promoted'
          if (state === null || !isLeft) continue
          const chosen = after.releases['digits-1']?.candidate ?? 'v2'
          expect(state.dropped.map(({ version }) => version)).not.toContain(chosen)
          if (event.type === 'operator' && event.verb === 'promote') continue
          const judged = event.type === 'judged' ? event.judgement.arms?.[chosen] : null
          expect(state.winner?.version === chosen || judged?.verdict === 'pass').toBe(true)
        }
      }),
      runs,
    )
  })

  it('is the fold of its log, goes back from anywhere, and is silent at its end', () => {
    fc.assert(
      fc.property(history, events => {
        const { state, log, release } = run(events)
        expect(fold(log)).toEqual(state)
        expect(() => tellAll(log, 'digits-1')).not.toThrow()
        if (release === undefined || isTerminal(release)) return
        const back = run([...events, happen.told('rollback'), happen.ready('v1')])
        expect(back.release?.phase.kind).toBe(
          release.phase.kind === 'returning' ? back.release?.phase.kind : 'rolled-back',
        )
        expect(back.endpoint?.table.mirrors).toBeUndefined()
      }),
      runs,
    )
  })
})

describe('a release with challengers', () => {
  const begun = (over: Parameters<typeof releasePlan>[0] = {}) => [
    happen.applied(),
    happen.ready('v1'),
    happen.released(releasePlan({ stages: [shadowPlan({ challengers: ['v2', 'v3'] }), canaryPlan()], ...over })),
    happen.ready('v2'),
    happen.ready('v3'),
  ]

  it('hands the winner to the stage after it, and tells how', () => {
    const { release, endpoint, log } = run([
      ...begun(),
      judgedArms({ v2: { verdict: 'fail', guardrail: 'fail' }, v3: { verdict: 'pass' } }),
    ])
    expect(release).toMatchObject({ candidate: 'v3', phase: { kind: 'running', stageIndex: 1 } })
    expect(endpoint?.table).toMatchObject({ weights: { v1: 990_000, v3: 10_000 } })
    const told = tellAll(log, 'digits-1').map(({ text }) => text)
    expect(told).toContain('v2, v3 answer copies of the requests of 100 % of the units')
    expect(told.at(-1)).toMatch(/^v3 gets 1 % of the traffic/)
  })

  it('goes back when all are proven harmful, or holds if it is to', () => {
    const harmful = happen.judged('fail', { arms: { v2: arm('fail', { guardrail: 'fail' }) } })
    expect(run([...begun(), harmful]).release?.phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
    expect(run([...begun({ onFail: 'hold' }), harmful]).release?.phase).toMatchObject({ hold: { cause: 'guardrail' } })
  })

  it('is kept as it was when no challenger was better', () => {
    const missed = { verdict: 'fail', goal: 'fail' } as const
    const { release, endpoint } = run([...begun(), judgedArms({ v2: missed, v3: missed })])
    expect(release?.phase).toMatchObject({ kind: 'rolled-back', cause: 'kept' })
    expect(endpoint?.table).toMatchObject({ weights: { v1: 1_000_000 } })
  })

  it('is paused without losing its copies', () => {
    const passing = judgedArms({ v2: { verdict: 'pass' }, v3: { verdict: 'pass' } })
    const paused = run([...begun(), happen.told('pause'), passing])
    expect(paused.release?.phase).toMatchObject({ kind: 'running', stageIndex: 0, paused: true })
    expect(paused.endpoint?.table.mirrors).toHaveLength(2)
    expect(run([...begun(), happen.told('pause'), happen.told('resume'), passing]).release?.phase).toMatchObject({
      stageIndex: 1,
    })
  })
})

it('a winner that has to start again after a restart gets no copies until it is ready, and then all of the traffic', () => {
  const shadow = shadowPlan({ challengers: ['v2', 'v3'] })
  const events = [
    ...[happen.applied(), happen.ready('v1'), happen.released(releasePlan({ stages: [shadow] }))],
    ...[happen.ready('v2'), happen.ready('v3')],
    judgedArms({ v2: { verdict: 'fail' }, v3: { verdict: 'insufficient', goal: 'insufficient' } }),
    happen.restarted(),
    judgedArms({ v3: { verdict: 'pass' } }),
  ]
  const tableAfter = (more: readonly ControlEvent[]) =>
    run([...events, ...more]).seen.at(-1)?.after.endpoints['digits']?.table
  expect(tableAfter([])).toMatchObject({ weights: { v1: 1_000_000 } })
  expect(tableAfter([])?.mirrors).toBeUndefined()
  expect(tableAfter([happen.ready('v3')])?.weights).toEqual({ v3: 1_000_000 })
})
