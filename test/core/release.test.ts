import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/core/command.ts'
import { type ControlEvent, type LoggedEvent, operatorVerbs } from '../../src/core/event.ts'
import { type ControlState, emptyState, isTerminal } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tell, tellAll } from '../../src/core/tell.ts'
import { canaryPlan, happen, releasePlan } from '../support/releases.ts'

/** A live run: every command is answered as a faultless gateway would, in the order of the real controller. */
function run(events: readonly ControlEvent[], from: ControlState = emptyState) {
  const log: LoggedEvent[] = []
  const commands: Command[] = []
  let state = from
  const take = (event: ControlEvent): void => {
    const logged = { seq: log.length + 1, atMs: log.length * 100, event }
    log.push(logged)
    const result = step(state, event, logged.atMs)
    state = result.state
    for (const command of result.commands) {
      commands.push(command)
      if (command.type === 'apply-route')
        take({ type: 'traffic-applied', endpoint: 'digits', epoch: command.table.epoch })
    }
  }
  for (const event of events) take(event)
  return { state, log, commands, release: state.releases['digits-1'], endpoint: state.endpoints['digits'] }
}

const begun = [happen.applied(), happen.ready('v1'), happen.released()]
const serving = [...begun, happen.ready('v2')]

const verdict = fc.constantFrom('pass' as const, 'fail' as const, 'insufficient' as const, 'invalid' as const)
const event: fc.Arbitrary<ControlEvent> = fc.oneof(
  verdict.map(one => happen.judged(one)),
  fc.constantFrom('v1', 'v2').map(happen.ready),
  fc.constantFrom('v1', 'v2').map(happen.lost),
  fc.constantFrom(...operatorVerbs).map(happen.told),
  fc.constant(happen.passed()),
  fc.constant(happen.restarted()),
)
const plan = fc.record({
  approval: fc.boolean(),
  onFail: fc.constantFrom('rollback' as const, 'hold' as const),
  probationMs: fc.constantFrom(0, 500),
})
const history = fc
  .tuple(plan, fc.array(event, { maxLength: 30 }))
  .map(([{ approval, onFail, probationMs }, events]) => [
    happen.applied(),
    happen.ready('v1'),
    happen.released(releasePlan({ onFail, probationMs, stages: [canaryPlan({ approval })] })),
    ...events,
  ])

describe('a release', () => {
  it('makes the candidate ready before anything is routed to it', () => {
    const { endpoint, release } = run(begun)
    expect(release?.phase.kind).toBe('starting')
    expect(endpoint?.table.weights).toEqual({ v1: 1_000_000 })
  })

  it('is promoted after every step passed, and lets the old fleet go', () => {
    const { release, endpoint, commands } = run([
      ...serving,
      happen.judged('pass'),
      happen.judged('pass'),
      happen.judged('pass'),
    ])
    expect(release?.phase.kind).toBe('promoted')
    expect(endpoint?.stable).toBe('v2')
    expect(endpoint?.table.weights).toEqual({ v2: 1_000_000 })
    expect(commands.at(-1)).toMatchObject({ type: 'stop-fleet', version: 'v1' })
  })

  it('goes back when a guardrail fails, and lets the candidate go only after traffic has left it', () => {
    const { release, endpoint, commands } = run([...serving, happen.judged('fail')])
    expect(release?.phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
    expect(endpoint?.stable).toBe('v1')
    const last = commands.slice(-2)
    expect(last.map(command => command.type)).toEqual(['apply-route', 'stop-fleet'])
    expect(last[1]).toMatchObject({ version: 'v2' })
  })

  it('holds instead of going back when the plan says so, and says what can be done', () => {
    const { release } = run([
      ...begun.slice(0, 2),
      happen.released(releasePlan({ onFail: 'hold' })),
      happen.ready('v2'),
      happen.judged('fail'),
    ])
    const reason = 'the evidence says fail; abort it, promote it all the same, or resume it to try again'
    expect(release?.phase).toMatchObject({ kind: 'running', hold: { cause: 'guardrail', reason } })
  })

  it('never moves users when the candidate does not become ready', () => {
    const { release, commands } = run([...begun, happen.lost('v2')])
    expect(release?.phase).toMatchObject({ kind: 'rolled-back', cause: 'never-ready' })
    expect(commands.filter(command => command.type === 'apply-route')).toHaveLength(1)
  })

  it('restores capacity before it shifts traffic back', () => {
    const probation = [
      ...begun.slice(0, 2),
      happen.released(releasePlan({ probationMs: 60_000 })),
      happen.ready('v2'),
      happen.told('promote'),
    ]
    const restarted = run([...probation, happen.restarted(), happen.ready('v2'), happen.told('rollback')])
    expect(restarted.release?.phase).toMatchObject({ kind: 'returning', awaiting: 'fleet' })
    expect(restarted.endpoint?.table.weights).toEqual({ v2: 1_000_000 })
    const restored = run([
      ...probation,
      happen.restarted(),
      happen.ready('v2'),
      happen.told('rollback'),
      happen.ready('v1'),
    ])
    expect(restored.release?.phase.kind).toBe('rolled-back')
    expect(restored.endpoint?.table.weights).toEqual({ v1: 1_000_000 })
  })

  it('can be rolled back by a late verdict while on probation', () => {
    const probation = [
      ...begun.slice(0, 2),
      happen.released(releasePlan({ probationMs: 60_000 })),
      happen.ready('v2'),
      happen.told('promote'),
    ]
    expect(run(probation).release?.phase.kind).toBe('probation')
    expect(run([...probation, happen.judged('fail')]).release?.phase.kind).toBe('rolled-back')
  })

  it('holds while the evidence is invalid, and goes on by itself when it is in order again', () => {
    expect(run([...serving, happen.judged('invalid')]).release?.phase).toMatchObject({ hold: { cause: 'invalid' } })
    expect(run([...serving, happen.judged('invalid'), happen.judged('insufficient')]).release?.phase).toMatchObject({
      hold: null,
    })
  })

  it('rolls back even while paused', () => {
    expect(run([...serving, happen.told('pause'), happen.judged('pass')]).release?.epochs).toHaveLength(1)
    expect(run([...serving, happen.told('pause'), happen.judged('fail')]).release?.phase.kind).toBe('rolled-back')
  })

  it('stands where it stood after a restart: same step, same weights', () => {
    const before = run([...serving, happen.judged('pass')])
    const after = run([...serving, happen.judged('pass'), happen.restarted(), happen.ready('v1'), happen.ready('v2')])
    expect(after.release).toEqual(before.release)
    expect(after.endpoint?.table).toEqual(before.endpoint?.table)
  })

  it('of an endpoint that was deleted and made again goes on counting', () => {
    const gone: ControlEvent = { type: 'endpoint-deleted', endpoint: 'digits', actor: 'test' }
    const { endpoint } = run([...serving, happen.told('abort'), gone, happen.applied()])
    expect(endpoint).toMatchObject({ releaseCount: 1, table: { epoch: 4 } })
  })

  it('writes nothing down for a look that changes nothing', () => {
    const { state } = run(serving)
    expect(step(state, happen.judged('insufficient'), 1).state).toBe(state)
    expect(step(state, happen.passed(), 1).state).toBe(state)
  })
})

describe('in any history', () => {
  it('traffic sums to a million and goes only to fleets that were ready', () => {
    fc.assert(
      fc.property(history, events => {
        const ready = new Set<string>()
        let state = emptyState
        for (const [index, one] of run(events).log.entries()) {
          if (one.event.type === 'fleet-ready') ready.add(one.event.version)
          state = step(state, one.event, index * 100).state
          const weights = state.endpoints['digits']?.table.weights ?? {}
          expect(Object.values(weights).reduce((sum, ppm) => sum + ppm, 0)).toBe(1_000_000)
          for (const version of Object.keys(weights)) expect(version === 'v1' || ready.has(version)).toBe(true)
        }
      }),
    )
  })

  it('replaying the log gives the live state', () => {
    fc.assert(
      fc.property(history, events => {
        const live = run(events)
        expect(fold(JSON.parse(JSON.stringify(live.log)) as LoggedEvent[])).toEqual(live.state)
      }),
    )
  })

  it('a promotion has a passing verdict or an operator behind it', () => {
    fc.assert(
      fc.property(history, events => {
        const { log } = run(events)
        let before = emptyState
        for (const { event: one, atMs } of log) {
          const after = step(before, one, atMs).state
          const was = before.releases['digits-1']?.phase.kind
          if (after.releases['digits-1']?.phase.kind === 'promoting' && was !== 'promoting') {
            const byVerdict = one.type === 'judged' && one.judgement.verdict === 'pass'
            const byWord = one.type === 'operator' && (one.verb === 'promote' || one.verb === 'approve')
            expect(byVerdict || byWord).toBe(true)
          }
          before = after
        }
      }),
      { numRuns: 300 },
    )
  })

  it('rollback can be reached from every state that is not an end', () => {
    fc.assert(
      fc.property(history, events => {
        const { state, release } = run(events)
        if (release === undefined || isTerminal(release)) return
        const back = run([happen.told('abort'), happen.ready('v1')], state)
        expect(back.release?.phase.kind).toBe('rolled-back')
        expect(back.endpoint?.table.weights).toEqual({ v1: 1_000_000 })
      }),
      { numRuns: 300 },
    )
  })

  it('an ended release is silent', () => {
    fc.assert(
      fc.property(history, event, (events, one) => {
        const { state, release } = run(events)
        if (release === undefined || !isTerminal(release)) return
        const result = step(state, one, 1e9)
        expect(result.state.releases['digits-1']).toBe(release)
      }),
      { numRuns: 300 },
    )
  })

  it('the story told live is the story told from the log', () => {
    fc.assert(
      fc.property(history, events => {
        const { log } = run(events)
        let state = emptyState
        const live = log.flatMap(logged => {
          const after = step(state, logged.event, logged.atMs).state
          const entries = tell(state, logged, after)
          state = after
          return entries
        })
        expect(tellAll(log, 'digits-1')).toEqual(live)
      }),
    )
  })
})
