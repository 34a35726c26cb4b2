import { describe, expect, it, test } from 'vitest'
import { abTest } from '../../src/core/strategies/ab-test.ts'
import type { StageCommand, StageContext, StageEvent } from '../../src/core/strategies/strategy.ts'
import { type ArmSeen, abTestPlan, hypothesis, lookAt, two } from '../support/ab-tests.ts'
import { stageContext } from '../support/releases.ts'

type Plan = ReturnType<typeof abTestPlan>

/** Runs the events through the strategy and compares what it wanted after each; weights are followed as a gateway would. */
function check(
  plan: Plan,
  steps: readonly [StageEvent, readonly Partial<StageCommand>[]][],
  over: Partial<StageContext> = {},
) {
  let state = abTest.initial(plan)
  let context = stageContext(over)
  for (const [event, expected] of steps) {
    const result = abTest.step(plan, state, event, context)
    expect(result.commands).toMatchObject(expected)
    expect(result.commands).toHaveLength(expected.length)
    state = result.state
    const moved = result.commands.find(command => command.type === 'set-weights')
    if (moved !== undefined) context = { ...context, weights: moved.weights }
  }
  return state
}

const entered: StageEvent = { type: 'entered', atMs: 0 }
const tick = (atMs: number): StageEvent => ({ type: 'tick', atMs })
const seen = (arms: Readonly<Record<string, ArmSeen>>, atMs = 1, notBeforeMs = 0): StageEvent => ({
  type: 'judged',
  atMs,
  judgement: lookAt(arms),
  notBeforeMs,
})
const split = { type: 'set-weights' as const, weights: { v1: 500_000, v2: 500_000 } }
const splitInThree = { type: 'set-weights' as const, weights: { v1: 500_000, v2: 200_000, v3: 300_000 } }
const open: ArmSeen = { goal: 'insufficient' }

describe('an A/B test of one variant', () => {
  it('keeps its weights while the goal is open, and ships the variant once it is shown to be better', () => {
    check(abTestPlan(), [
      [entered, [split]],
      [seen({ v2: open }), []],
      [seen({ v2: { goal: 'pass', benefit: 0.03 } }), [{ type: 'passed', winner: 'v2' }]],
    ])
  })

  it('keeps the stable version once the goal is refuted', () => {
    check(abTestPlan(), [
      [entered, [split]],
      [seen({ v2: { goal: 'fail', benefit: -0.05 } }), [{ type: 'failed', cause: 'kept' }]],
    ])
  })

  it('ends without a difference when its time is over, and says what the interval is', () => {
    check(abTestPlan({ ceilingMs: 100 }), [
      [entered, [split]],
      [tick(99), []],
      [seen({ v2: open }, 99), []],
      [tick(100), []],
      [
        seen({ v2: { goal: 'insufficient', benefit: 0.004 } }, 101),
        [
          {
            type: 'failed',
            cause: 'kept',
            reason:
              'no difference of at least 2 % was shown in conversion: v2: conversion +0.4 % in [-0.6 %, +1.4 %] over 1000 values',
          },
        ],
      ],
    ])
  })

  it('ends without a difference when the planned sample is used up', () => {
    check(abTestPlan({ hypothesis: hypothesis({ v1: 500, v2: 500 }) }), [
      [entered, [split]],
      [seen({ v2: { ...open, trials: 499 } }), []],
      [seen({ v2: { ...open, trials: 500 } }), [{ type: 'failed', cause: 'kept' }]],
    ])
  })

  it('does not end before its floor, whatever is shown', () => {
    const shown = { v2: { goal: 'pass', benefit: 0.1 } } as const
    check(abTestPlan({ floorMs: 50, hypothesis: hypothesis({ v1: 5, v2: 5 }) }), [
      [entered, [split]],
      [seen(shown, 49), []],
      [seen({ v2: open }, 49), []],
      [seen({ v2: { goal: 'fail', benefit: -0.1 } }, 49), []],
      [tick(50), []],
      [seen(shown, 51), [{ type: 'passed', winner: 'v2' }]],
    ])
  })

  it('ships nothing whose guardrails are open, nor before the release is old enough, and holds when time is over', () => {
    const plan = abTestPlan({ ceilingMs: 100 })
    const open = { v2: { goal: 'pass', guards: 'insufficient', benefit: 0.1 } } as const
    const fine = { v2: { goal: 'pass', benefit: 0.1 } } as const
    check(plan, [
      [entered, [split]],
      [seen(open, 10), []],
      [seen(fine, 20, 30), []],
      [tick(100), []],
      [seen(open, 101), [{ type: 'hold', cause: 'ceiling' }]],
      [seen(open, 102), [{ type: 'hold', cause: 'ceiling' }]],
      [seen(fine, 103), [{ type: 'release-hold' }, { type: 'passed', winner: 'v2' }]],
    ])
  })

  it('waits for approval where the plan asks for it, and only for that', () => {
    const shown = { v2: { goal: 'pass', benefit: 0.1 } } as const
    check(abTestPlan({ approval: true }), [
      [entered, [split]],
      [{ type: 'approved', atMs: 1 }, []],
      [seen(shown), [{ type: 'hold', cause: 'approval' }]],
      [seen({ v2: open }), [{ type: 'hold', cause: 'approval' }]],
      [{ type: 'approved', atMs: 2 }, [{ type: 'release-hold' }, { type: 'passed', winner: 'v2' }]],
    ])
  })

  it('of a version that an earlier stage chose is a test of that version', () => {
    const plan = abTestPlan({ hypothesis: hypothesis({ v1: 500, v2: 500 }) })
    expect(abTest.needs?.(plan, { stable: 'v1', candidate: 'v3' })).toEqual(['v1', 'v3'])
    const chosen = { type: 'set-weights' as const, weights: { v1: 500_000, v3: 500_000 } }
    check(
      plan,
      [
        [entered, [chosen]],
        [seen({ v3: { ...open, trials: 500 } }), [{ type: 'failed', cause: 'kept' }]],
      ],
      { candidate: 'v3' },
    )
  })

  it('goes back when its only fleet is lost', () => {
    check(abTestPlan(), [
      [entered, [split]],
      [{ type: 'fleet', atMs: 1, version: 'v1', state: 'failed', reason: 'gone' }, []],
      [
        { type: 'fleet', atMs: 1, version: 'v2', state: 'failed', reason: 'exited' },
        [{ type: 'failed', cause: 'fleet-lost' }],
      ],
    ])
  })

  it('says its hypothesis when it begins', () => {
    const plan = abTestPlan({ hypothesis: hypothesis({ v1: 500, v2: 500 }), ceilingMs: 86_400_000 })
    const state = check(plan, [[entered, [split]]])
    expect(abTest.progress(plan, state).says).toBe(
      'hypothesis: v2 (50 %) will increase conversion by at least 2 % against v1; sequential, alpha 0.05, power 0.8; ' +
        'needs v1 500, v2 500 values, of which v1 is the control, about 7 days at present traffic, longer than the test may last',
    )
  })
})

test('a test that may last an hour is not said to last too long where minutes are enough', () => {
  const brief = { ...hypothesis({ v1: 500, v2: 500 }), days: 10 / 1_440 }
  const plan = abTestPlan({ hypothesis: brief, ceilingMs: 3_600_000 })
  const state = check(plan, [[entered, [split]]])
  expect(abTest.progress(plan, state).says).toMatch(/about 10 minutes at present traffic$/)
})

describe('a fixed test', () => {
  const plan = abTestPlan({ mode: 'fixed', hypothesis: hypothesis({ v1: 500, v2: 500 }) })

  it('decides at its planned look and at no other', () => {
    check(plan, [
      [entered, [split]],
      [seen({ v2: { goal: 'fail', benefit: -0.1, trials: 499 } }), []],
      [seen({ v2: { goal: 'pass', benefit: 0.1, trials: 499 } }), []],
      [seen({ v2: { goal: 'pass', benefit: 0.1, trials: 500 } }), [{ type: 'passed', winner: 'v2' }]],
    ])
  })

  it('keeps what it has seen then while a guardrail is waited for', () => {
    const state = check(plan, [
      [entered, [split]],
      [seen({ v2: { goal: 'pass', guards: 'insufficient', benefit: 0.1, trials: 500 } }), []],
      [seen({ v2: { goal: 'insufficient', guards: 'insufficient', benefit: 0, trials: 900 } }), []],
      [seen({ v2: { goal: 'insufficient', benefit: 0, trials: 901 } }), [{ type: 'passed', winner: 'v2' }]],
    ])
    expect(state.shown).toEqual(['v2'])
  })
})

describe('an A/B test of several variants', () => {
  const plan = abTestPlan(two)

  it('ships the leader once it is shown to be better, not one that is behind it', () => {
    const [ahead, behind] = [0.05, 0.02]
    check(plan, [
      [entered, [splitInThree]],
      [seen({ v2: { goal: 'pass', benefit: behind }, v3: { goal: 'insufficient', benefit: ahead } }), []],
      [
        seen({ v2: { goal: 'pass', benefit: behind }, v3: { goal: 'pass', benefit: ahead } }),
        [{ type: 'passed', winner: 'v3' }],
      ],
    ])
  })

  it('ships the best of those shown when its time is over', () => {
    check(plan, [
      [entered, [splitInThree]],
      [tick(1_000_000), []],
      [
        seen({ v2: { goal: 'pass', benefit: 0.02 }, v3: { goal: 'insufficient', benefit: 0.05 } }, 1_000_001),
        [{ type: 'passed', winner: 'v2' }],
      ],
    ])
  })

  it('drops one that breaks a guardrail, gives its share to the control alone and goes on', () => {
    const state = check(plan, [
      [entered, [splitInThree]],
      [
        seen({ v2: { goal: 'insufficient', guards: 'fail' }, v3: open }),
        [{ type: 'set-weights', weights: { v1: 700_000, v3: 300_000 } }],
      ],
      [{ type: 'applied', atMs: 2, epoch: 3 }, [{ type: 'stop', version: 'v2' }]],
      [{ type: 'applied', atMs: 2, epoch: 3 }, []],
      [seen({ v2: { goal: 'pass', guards: 'fail' }, v3: open }), []],
      [seen({ v3: { goal: 'pass', benefit: 0.1 } }), [{ type: 'passed', winner: 'v3' }]],
    ])
    expect(state.dropped).toEqual({ v2: 'the guardrails of v2 say fail' })
    expect(abTest.refusesPromotion?.(state, 'v2')).toContain('v2 was dropped')
  })

  it('drops one that is shown to be worse, and keeps when all are', () => {
    check(plan, [
      [entered, [splitInThree]],
      [
        seen({ v2: { goal: 'fail', benefit: -0.1 }, v3: open }),
        [{ type: 'set-weights', weights: { v1: 700_000, v3: 300_000 } }],
      ],
      [seen({ v3: { goal: 'fail', benefit: -0.1 } }), [{ type: 'failed', cause: 'kept' }]],
    ])
  })

  it('drops a variant whose fleet is lost', () => {
    check(plan, [
      [entered, [splitInThree]],
      [
        { type: 'fleet', atMs: 1, version: 'v3', state: 'failed', reason: 'exited' },
        [{ type: 'set-weights', weights: { v1: 800_000, v2: 200_000 } }],
      ],
      [{ type: 'fleet', atMs: 2, version: 'v3', state: 'failed', reason: 'exited' }, []],
    ])
  })

  it('takes its decision back when the winner breaks a guardrail while approval is awaited', () => {
    check(abTestPlan({ ...two, approval: true }), [
      [entered, [splitInThree]],
      [seen({ v2: open, v3: { goal: 'pass', benefit: 0.1 } }), [{ type: 'hold', cause: 'approval' }]],
      [
        seen({ v2: open, v3: { goal: 'pass', benefit: 0.1, guards: 'fail' } }),
        [{ type: 'release-hold' }, { type: 'set-weights', weights: { v1: 800_000, v2: 200_000 } }],
      ],
      [{ type: 'approved', atMs: 2 }, []],
    ])
  })
})
