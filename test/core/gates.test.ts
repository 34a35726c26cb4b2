import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/core/command.ts'
import { type ControlEvent, type LoggedEvent, operatorVerbs } from '../../src/core/event.ts'
import { type ControlState, emptyState, isTerminal } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import type { GatePlace } from '../../src/core/webhook.ts'
import { happen, releasePlan } from '../support/releases.ts'

const gate = (before: GatePlace) => ({ before, url: 'http://127.0.0.1:1/', timeoutMs: 1_000, secret: null })
const answered = (before: GatePlace, confirmed: boolean): ControlEvent => ({
  type: 'gate-answered',
  release: 'digits-1',
  before,
  confirmed,
  reason: 'because',
})

function run(events: readonly ControlEvent[], from: ControlState = emptyState) {
  const log: LoggedEvent[] = []
  const commands: Command[] = []
  let state = from
  const take = (event: ControlEvent): void => {
    log.push({ seq: log.length + 1, atMs: log.length * 100, event })
    const result = step(state, event, log.length * 100 - 100)
    state = result.state
    for (const command of result.commands) {
      commands.push(command)
      if (command.type === 'apply-route')
        take({ type: 'traffic-applied', endpoint: 'digits', epoch: command.table.epoch })
    }
  }
  for (const event of events) take(event)
  const asked = commands.flatMap(command => (command.type === 'ask-gate' ? [command.gate.before] : []))
  return { state, log, commands, asked, release: state.releases['digits-1'], endpoint: state.endpoints['digits'] }
}

const begun = (...places: GatePlace[]) => [
  happen.applied(),
  happen.ready('v1'),
  happen.released(releasePlan({ gates: places.map(gate) })),
]
const passed = [happen.judged('pass'), happen.judged('pass'), happen.judged('pass')]

describe('a gate before the start', () => {
  it('is asked when the candidate is ready, and nobody meets it before the yes', () => {
    const waiting = run([...begun('start'), happen.ready('v2')])
    expect(waiting.asked).toEqual(['start'])
    expect(waiting.endpoint?.table.weights).toEqual({ v1: 1_000_000 })
    const going = run([...begun('start'), happen.ready('v2'), answered('start', true)])
    expect(going.endpoint?.table.weights['v2']).toBe(10_000)
  })

  it('takes the release back by its no', () => {
    const { release, commands } = run([...begun('start'), happen.ready('v2'), answered('start', false)])
    expect(release?.phase).toMatchObject({
      kind: 'rolled-back',
      cause: 'refused',
      reason: expect.stringMatching(/because/),
    })
    expect(commands.at(-1)).toMatchObject({ type: 'stop-fleet', version: 'v2' })
  })

  it('is asked again by the next server', () => {
    const { asked, release } = run([
      ...begun('start'),
      happen.ready('v2'),
      happen.restarted(),
      happen.ready('v1'),
      happen.ready('v2'),
    ])
    expect(asked).toEqual(['start', 'start'])
    expect(release?.phase.kind).toBe('starting')
  })
})

describe('a gate before the promotion', () => {
  it('keeps the last weights until the yes', () => {
    const waiting = run([...begun('promotion'), happen.ready('v2'), ...passed])
    expect(waiting.asked).toEqual(['promotion'])
    expect(waiting.endpoint?.table.weights['v2']).toBe(500_000)
    expect(waiting.release?.phase).toMatchObject({ kind: 'running', hold: { cause: 'gate' } })
    const going = run([...begun('promotion'), happen.ready('v2'), ...passed, answered('promotion', true)])
    expect(going.release?.phase.kind).toBe('promoted')
  })

  it('is asked once, however often the stage passes', () => {
    expect(run([...begun('promotion'), happen.ready('v2'), ...passed, ...passed]).asked).toEqual(['promotion'])
  })

  it('does not save a candidate whose guardrail breaks meanwhile', () => {
    const { release } = run([
      ...begun('promotion'),
      happen.ready('v2'),
      ...passed,
      happen.judged('fail'),
      answered('promotion', true),
    ])
    expect(release?.phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
  })

  it('is passed over by an operator who approves', () => {
    const { release } = run([...begun('promotion'), happen.ready('v2'), ...passed, happen.told('approve')])
    expect(release?.phase.kind).toBe('promoted')
  })

  it('is told in the story', () => {
    const { log } = run([...begun('start', 'promotion'), happen.ready('v2'), answered('start', true), ...passed])
    const holds = tellAll(log, 'digits-1').filter(({ kind }) => kind === 'hold')
    expect(holds.map(({ text }) => text)).toEqual([
      'v2 is ready; waiting for the start to be confirmed',
      'holds: all stages passed; waiting for the promotion to be confirmed',
    ])
  })
})

const event: fc.Arbitrary<ControlEvent> = fc.oneof(
  fc
    .constantFrom('pass' as const, 'fail' as const, 'insufficient' as const, 'invalid' as const)
    .map(one => happen.judged(one)),
  fc.constantFrom('v1', 'v2').map(happen.ready),
  fc.constantFrom('v1', 'v2').map(happen.lost),
  fc.constantFrom(...operatorVerbs).map(happen.told),
  fc
    .tuple(fc.constantFrom('start' as const, 'promotion' as const), fc.boolean())
    .map(([before, yes]) => answered(before, yes)),
  fc.constant(happen.passed()),
  fc.constant(happen.restarted()),
)
const history = fc
  .tuple(fc.subarray<GatePlace>(['start', 'promotion']), fc.array(event, { maxLength: 30 }))
  .map(([places, events]) => [...begun(...places), ...events])

describe('whatever happens', () => {
  it('nobody meets a candidate whose start was not confirmed', () => {
    fc.assert(
      fc.property(history, events => {
        const { release } = run(events)
        if (release?.plan.gates?.some(({ before }) => before === 'start') && release.exposedFromMs !== null)
          expect(release.confirmed).toContain('start')
      }),
    )
  })

  it('no release is promoted past its gate, but by an operator', () => {
    fc.assert(
      fc.property(history, events => {
        const { release } = run(events)
        if (release?.phase.kind !== 'promoted' || !release.plan.gates?.some(({ before }) => before === 'promotion'))
          return
        const spoke = events.some(one => one.type === 'operator' && (one.verb === 'promote' || one.verb === 'approve'))
        expect(spoke || release.confirmed?.includes('promotion')).toBe(true)
      }),
    )
  })

  it('the log folds to the same state, and an ended release is silent', () => {
    fc.assert(
      fc.property(history, event, (events, last) => {
        const { state, log, release } = run(events)
        expect(fold(log)).toEqual(state)
        if (release === undefined || !isTerminal(release) || last.type === 'server-started') return
        expect(step(state, last, 1e9).state.releases['digits-1']).toBe(release)
      }),
    )
  })
})
