import { describe, expect, it } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { shadow } from '../../src/core/strategies/shadow.ts'
import type { ShadowState } from '../../src/core/strategies/shadow-state.ts'
import type { StageCommand, StageContext, StageEvent } from '../../src/core/strategies/strategy.ts'
import type { TrialReport } from '../../src/core/trial.ts'
import { stageContext } from '../support/releases.ts'
import { accuracyGoal, arm, seenArms, shadowPlan } from '../support/shadows.ts'

type Step = [StageEvent, readonly (StageCommand['type'] | Partial<StageCommand>)[]]

/** Runs the events through the strategy and compares what it wanted after each; answers where it stands. */
function check(
  plan: ReturnType<typeof shadowPlan>,
  steps: readonly Step[],
  over: Partial<StageContext> = {},
): ShadowState {
  let state = shadow.initial(plan)
  for (const [event, expected] of steps) {
    const context = stageContext({ fleets: { v1: 'ready', v2: 'ready', v3: 'ready' }, ...over })
    const result = shadow.step(plan, state, event, context)
    expect(result.commands.length, JSON.stringify(result.commands)).toBe(expected.length)
    for (const [index, one] of expected.entries())
      expect(result.commands[index]).toMatchObject(typeof one === 'string' ? { type: one } : one)
    // A look or a tick that wants nothing is not written down.
    if (expected.length === 0 && (event.type === 'judged' || event.type === 'tick')) expect(result.state).toBe(state)
    state = result.state
  }
  return state
}

const entered: StageEvent = { type: 'entered', atMs: 0 }
const seen = (arms: Parameters<typeof seenArms>[0], atMs = 1, notBeforeMs = 0): StageEvent => ({
  type: 'judged',
  atMs,
  judgement: seenArms(arms),
  notBeforeMs,
})
const lost = (version: string): StageEvent => ({ type: 'fleet', atMs: 1, version, state: 'failed', reason: 'exited' })
const ready = (version: string, instances = 1): StageEvent => ({
  type: 'fleet',
  atMs: 1,
  version,
  state: 'ready',
  instances,
})
const two = shadowPlan({ challengers: ['v2', 'v3'], goal: accuracyGoal })

describe('a stage with challengers', () => {
  it('copies requests to all of them and leaves the weights alone', () => {
    const mirror = (version: string) => ({
      version,
      fractionPpm: 1_000_000,
      methods: ['POST'],
      paths: null,
      budget: two.budget,
    })
    check(two, [[entered, [{ type: 'set-route', extras: { mirrors: [mirror('v2'), mirror('v3')] } }]]])
    expect(shadow.needs?.(two, { stable: 'v1', candidate: 'v2' })).toEqual(['v2', 'v3'])
  })

  it('passes its challenger when there are enough pairs, the checks pass and the goal is shown', () => {
    check(shadowPlan(), [
      [entered, ['set-route']],
      [seen({ v2: arm('insufficient') }), []],
      [seen({ v2: arm('pass', { requests: 99 }) }), []],
      [seen({ v2: arm('pass', { goal: 'insufficient' }) }), []],
      [seen({ v2: arm('pass') }), [{ type: 'passed', winner: 'v2' }]],
    ])
  })

  it('lasts as long as it must, and the release too', () => {
    check(shadowPlan({ floorMs: 50 }), [
      [entered, ['set-route']],
      [seen({ v2: arm('pass') }, 49), []],
      [seen({ v2: arm('pass') }, 50, 60), []],
      [seen({ v2: arm('pass') }, 60, 60), ['passed']],
    ])
  })

  it('holds once past its ceiling and says what is missing, and goes on when it comes', () => {
    check(shadowPlan({ ceilingMs: 100 }), [
      [entered, ['set-route']],
      [seen({ v2: arm('pass', { requests: 7 }) }, 99), []],
      [
        seen({ v2: arm('pass', { requests: 7 }) }, 100),
        [{ type: 'hold', cause: 'ceiling', reason: 'v2 has 7 of 100 pairs' }],
      ],
      [seen({ v2: arm('pass', { requests: 8 }) }, 101), []],
      [seen({ v2: arm('pass') }, 102), ['release-hold', 'passed']],
    ])
  })

  it('an operator promotes what has not been dropped', () => {
    const state = check(two, [[entered, ['set-route']]])
    expect(shadow.refusesPromotion?.(state, 'v2')).toBeNull()
    const dropped = check(two, [
      [entered, ['set-route']],
      [lost('v2'), ['set-route', 'stop']],
    ])
    expect(shadow.refusesPromotion?.(dropped, 'v2')).toContain('v2 was dropped')
  })
})

describe('of several challengers', () => {
  it('the one with the best estimate of the goal goes on, the first named where they are equal', () => {
    const both = (v2: number, v3: number) => seen({ v2: arm('pass', { harm: v2 }), v3: arm('pass', { harm: v3 }) })
    check(two, [
      [entered, ['set-route']],
      [both(-0.01, -0.02), ['set-route', { type: 'stop', version: 'v2' }, { type: 'passed', winner: 'v3' }]],
    ])
    check(two, [
      [entered, ['set-route']],
      [both(-0.02, -0.02), ['set-route', { type: 'stop', version: 'v3' }, { type: 'passed', winner: 'v2' }]],
    ])
  })

  it('all get their pairs before one goes on, unless it is late', () => {
    const behind = { v2: arm('pass'), v3: arm('pass', { requests: 20 }) }
    check({ ...two, ceilingMs: 1_000 }, [
      [entered, ['set-route']],
      [seen(behind, 500), []],
      [seen(behind, 1_000), ['set-route', { type: 'stop', version: 'v3' }, { type: 'passed', winner: 'v2' }]],
    ])
  })

  it('one that fails or is lost is dropped and told, the others go on', () => {
    const left = { mirrors: [expect.objectContaining({ version: 'v2' })] }
    const failed = check(two, [
      [entered, ['set-route']],
      [
        seen({ v2: arm('insufficient'), v3: arm('fail', { guardrail: 'fail' }) }),
        [
          { type: 'set-route', extras: left },
          { type: 'stop', version: 'v3' },
        ],
      ],
      [lost('v3'), []],
    ])
    expect(failed.dropped).toMatchObject([{ version: 'v3', cause: 'guardrail' }])
    expect(shadow.progress(two, failed).says).toBe(
      'dropped: v3: the pairs say fail; v2 goes on with copies of the requests of 100 % of the units',
    )
  })

  it('one that is dropped and one that passes in the same look', () => {
    check(two, [
      [entered, ['set-route']],
      [
        seen({ v2: arm('fail', { guardrail: 'fail' }), v3: arm('pass') }),
        ['set-route', { type: 'stop', version: 'v2' }, { type: 'passed', winner: 'v3' }],
      ],
    ])
  })

  it('without any left the stage fails: by a guardrail, else because none was better, else because fleets were lost', () => {
    const missed = arm('fail', { goal: 'fail' })
    const harmful = arm('fail', { guardrail: 'fail' })
    const disagreeing = arm('fail', { agreement: 'fail' })
    const ends = (...steps: Step[]) => check(two, [[entered, ['set-route']], ...steps])
    ends([seen({ v2: missed, v3: missed }), [{ type: 'failed', cause: 'kept' }]])
    ends([seen({ v2: missed, v3: harmful }), [{ type: 'failed', cause: 'guardrail' }]])
    ends([seen({ v2: missed, v3: disagreeing }), [{ type: 'failed', cause: 'guardrail' }]])
    ends([lost('v2'), ['set-route', 'stop']], [lost('v3'), [{ type: 'failed', cause: 'fleet-lost' }]])
    ends([lost('v1'), []])
  })
})

const report = (over: Partial<TrialReport>): TrialReport => ({
  id: 'digits-1-replay-v2-1',
  version: 'v2',
  sent: 100,
  answered: 100,
  compared: 100,
  agreed: 100,
  examples: [],
  reason: '',
  ...over,
})
const reported = (over: Partial<TrialReport> = {}, atMs = 1): StageEvent => ({
  type: 'trial',
  atMs,
  report: report(over),
})
const tick = (atMs: number): StageEvent => ({ type: 'tick', atMs })
const replaying = shadowPlan({ mode: 'replay', challengers: ['v2', 'v3'] })

describe('a replay', () => {
  it('needs no fleet beforehand: one instance of one challenger after another answers recorded requests', () => {
    expect(shadow.needs?.(replaying, { stable: 'v1', candidate: 'v2' })).toEqual([])
    check(replaying, [
      [entered, [{ type: 'ensure', version: 'v2', instances: 1 }]],
      [ready('v3'), []],
      [
        ready('v2'),
        [
          {
            type: 'run-trial',
            trial: expect.objectContaining({ kind: 'replay', version: 'v2', against: 'v1', requests: 100 }),
          },
        ],
      ],
      [
        reported(),
        [
          { type: 'stop', version: 'v2' },
          { type: 'ensure', version: 'v3', instances: 1 },
        ],
      ],
      [ready('v3'), ['run-trial']],
      [reported({ version: 'v3', id: 'digits-1-replay-v3-1' }), [{ type: 'stop', version: 'v3' }]],
    ])
  })

  it('asks again after a while with too few recorded requests, and when no report comes', () => {
    const again = { type: 'run-trial', trial: expect.objectContaining({ id: 'digits-1-replay-v2-2' }) } as const
    check(replaying, [
      [entered, ['ensure']],
      [ready('v2'), ['run-trial']],
      [reported({ sent: 30 }), []],
      [tick(limits.replayPauseMs), []],
      [tick(limits.replayPauseMs + 1), [again]],
      [reported({ sent: 100 }), []],
      [reported({ id: 'digits-1-replay-v2-2' }), ['stop', 'ensure']],
    ])
    check(replaying, [
      [entered, ['ensure']],
      [ready('v2'), ['run-trial']],
      [tick(limits.replayReportMs), []],
      [tick(limits.replayReportMs + 1), [again]],
    ])
  })

  it('is asked for again after a restart, once its instance is back', () => {
    check(replaying, [
      [entered, ['ensure']],
      [ready('v2'), ['run-trial']],
      [{ type: 'restarted', atMs: 2 }, []],
      [ready('v2'), [{ type: 'run-trial', trial: expect.objectContaining({ id: 'digits-1-replay-v2-2' }) }]],
    ])
  })

  it('goes on with the next challenger when one is lost', () => {
    check(replaying, [
      [entered, ['ensure']],
      [
        lost('v2'),
        [
          { type: 'stop', version: 'v2' },
          { type: 'ensure', version: 'v3', instances: 1 },
        ],
      ],
    ])
  })

  it('hands the winner over with its whole fleet', () => {
    const steps: Step[] = [
      [entered, ['ensure']],
      [ready('v2'), ['run-trial']],
      [reported(), ['stop']],
      [seen({ v2: arm('pass') }), [{ type: 'ensure', version: 'v2' }]],
      [seen({ v2: arm('pass') }), []],
      [ready('v2', 1), []],
      [ready('v2', 3), [{ type: 'passed', winner: 'v2' }]],
    ]
    const state = check(shadowPlan({ mode: 'replay' }), steps, { declared: { v1: 1, v2: 3 } })
    expect(shadow.refusesPromotion?.(state, 'v2')).toContain('not running in full')
  })
})
