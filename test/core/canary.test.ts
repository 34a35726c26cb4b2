import { describe, expect, it } from 'vitest'
import { canary } from '../../src/core/strategies/canary.ts'
import type { StageCommand, StageEvent } from '../../src/core/strategies/strategy.ts'
import { canaryPlan, judgement, stageContext } from '../support/releases.ts'

/** Runs the events through the strategy and compares what it wanted after each. */
function check(
  plan: ReturnType<typeof canaryPlan>,
  steps: readonly [StageEvent, readonly StageCommand['type'][]][],
): void {
  let state = canary.initial(plan)
  for (const [event, expected] of steps) {
    const result = canary.step(plan, state, event, stageContext())
    expect(result.commands.map(command => command.type)).toEqual(expected)
    if (expected.length === 0) expect(result.state).toBe(state)
    state = result.state
  }
}

const entered: StageEvent = { type: 'entered', atMs: 0 }
const judged = (verdict: 'pass' | 'insufficient', atMs: number, stepRequests = 100): StageEvent => ({
  type: 'judged',
  atMs,
  judgement: judgement(verdict, { stepRequests }),
})
const step = (percent: number, floorMs: number, ceilingMs: number | null) => ({
  weightPpm: percent * 10_000,
  floorMs,
  ceilingMs,
})

describe('canary', () => {
  it('steps up on passing evidence and passes after the last step', () => {
    check(canaryPlan(), [
      [entered, ['set-weight']],
      [judged('pass', 1), ['set-weight']],
      [judged('pass', 2), ['set-weight']],
      [judged('pass', 3), ['passed']],
    ])
  })

  it('waits on insufficient evidence for as long as it takes', () => {
    check(canaryPlan(), [
      [entered, ['set-weight']],
      [judged('insufficient', 1e9), []],
      [judged('insufficient', 1e12), []],
    ])
  })

  it('does not step before the candidate answered enough requests in the step', () => {
    check(canaryPlan({ minRequests: 50 }), [
      [entered, ['set-weight']],
      [judged('pass', 1, 49), []],
      [judged('pass', 2, 50), ['set-weight']],
    ])
  })

  it('is not passed before its goal is shown, nor before the release is old enough', () => {
    const plan = canaryPlan({ steps: [step(10, 0, null), step(50, 0, 60_000)] })
    const goal = (verdict: 'pass' | 'insufficient') => ({ verdict, reason: 'not shown yet' })
    const seen = (atMs: number, verdict: 'pass' | 'insufficient', notBeforeMs = 0): StageEvent => ({
      type: 'judged',
      atMs,
      judgement: judgement('pass', { stepRequests: 100, goal: goal(verdict) }),
      notBeforeMs,
    })
    check(plan, [
      [entered, ['set-weight']],
      [seen(1, 'insufficient'), ['set-weight']],
      [seen(2, 'insufficient'), []],
      [seen(3, 'pass', 4), []],
      [seen(4, 'pass', 4), ['passed']],
    ])
    check(plan, [
      [entered, ['set-weight']],
      [seen(1, 'insufficient'), ['set-weight']],
      [seen(60_001, 'insufficient'), ['hold']],
    ])
  })

  it('does not step before its floor, whatever the evidence', () => {
    check(canaryPlan({ steps: [step(10, 1_000, null), step(50, 0, null)] }), [
      [entered, ['set-weight']],
      [judged('pass', 999), []],
      [judged('pass', 1_000), ['set-weight']],
    ])
  })

  it('holds once at its ceiling and goes on when the evidence comes', () => {
    check(canaryPlan({ steps: [step(10, 0, 1_000), step(50, 0, null)] }), [
      [entered, ['set-weight']],
      [judged('insufficient', 1_000), ['hold']],
      [judged('insufficient', 1_001), []],
      [judged('pass', 1_002), ['release-hold', 'set-weight']],
    ])
  })

  it('waits for approval where the plan asks for it, and only for that', () => {
    check(canaryPlan({ steps: [step(50, 0, null)], approval: true }), [
      [entered, ['set-weight']],
      [{ type: 'approved', atMs: 1 }, []],
      [judged('pass', 2), ['hold']],
      [judged('pass', 3), ['hold']],
      [{ type: 'approved', atMs: 4 }, ['passed']],
    ])
  })
})
