import { describe, expect, it } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import type { BlueGreenPlan } from '../../src/core/stage-plans.ts'
import { blueGreen } from '../../src/core/strategies/blue-green.ts'
import type { StageCommand, StageContext, StageEvent } from '../../src/core/strategies/strategy.ts'
import type { TrialReport } from '../../src/core/trial.ts'
import { checkResult } from '../support/judgement.ts'
import { blueGreenPlan, judgement, smokeRequest, stageContext, trialReport } from '../support/releases.ts'

type Word = string | StageCommand
type Step = readonly [StageEvent, readonly Word[], string?]

/** Runs the events through the strategy and compares what it wanted after each: types, or whole commands; and what it says. */
function check(plan: BlueGreenPlan, steps: readonly Step[], over: Partial<StageContext> = {}): void {
  let state = blueGreen.initial(plan)
  for (const [event, expected, says] of steps) {
    const { commands, state: next } = blueGreen.step(plan, state, event, stageContext(over))
    expect(commands.map((command, index) => (typeof expected[index] === 'string' ? command.type : command))).toEqual(
      expected,
    )
    if (says !== undefined) expect(blueGreen.progress(plan, next).says).toContain(says)
    state = next
  }
}

const entered = (atMs = 0): StageEvent => ({ type: 'entered', atMs })
const tick = (atMs: number): StageEvent => ({ type: 'tick', atMs })
const approved = (atMs: number): StageEvent => ({ type: 'approved', atMs })
const restarted = (atMs: number): StageEvent => ({ type: 'restarted', atMs })
const ready = (atMs: number, version = 'v2'): StageEvent => ({
  type: 'fleet',
  atMs,
  version,
  state: 'ready',
  instances: 1,
})
const lost = (atMs: number, version = 'v2'): StageEvent => ({
  type: 'fleet',
  atMs,
  version,
  state: 'failed',
  reason: 'x',
})
const smoked = (atMs: number, over: Partial<TrialReport> = {}): StageEvent => ({
  type: 'trial',
  atMs,
  report: trialReport('digits-1/smoke/1', over),
})
const replayed = (atMs: number, agreed: number, compared = 100, attempt = 1): StageEvent => ({
  type: 'trial',
  atMs,
  report: trialReport(`digits-1/replay/${attempt}`, { sent: compared, answered: compared, compared, agreed }),
})
const judged = (
  atMs: number,
  verdict: 'pass' | 'insufficient' = 'pass',
  over: { blue?: number; notBeforeMs?: number; goal?: 'pass' | 'insufficient' } = {},
): StageEvent => ({
  type: 'judged',
  atMs,
  notBeforeMs: over.notBeforeMs ?? 0,
  judgement: judgement(verdict, {
    checks: [checkResult({ blue: over.blue ?? 50, minEvents: 50 })],
    goal: { verdict: over.goal ?? 'pass', reason: 'the goal is open' },
  }),
})

const everybody: StageCommand = { type: 'set-weight', candidatePpm: limits.ppmTotal }
const bare = blueGreenPlan({ smoke: [], replay: null })
const smokeOnly = blueGreenPlan({ replay: null })

describe('blue-green', () => {
  it('shows green to who asks for a preview, tries it, switches everybody at once, watches and passes', () => {
    const rules = [{ header: 'x-cutover-preview', equals: 'green', version: 'v2' }]
    check(blueGreenPlan(), [
      [entered(), [{ type: 'set-route', extras: { rules } }, 'run-trial'], 'v2 stands ready beside v1'],
      [smoked(1), ['run-trial'], 'smoke: as it went'],
      [replayed(2, 100), [], '100 of 100 answers alike'],
      [judged(3), [everybody], 'everybody is switched to v2 at once'],
      [judged(4, 'insufficient'), []],
      [judged(1_003), [{ type: 'passed', reason: 'the evidence says pass', keepMs: 9_000 }]],
    ])
  })

  it('needs no check that the plan does not ask for, and no preview', () => {
    check(blueGreenPlan({ smoke: [], replay: null, preview: null }), [
      [entered(), [{ type: 'set-route', extras: { rules: [] } }]],
      [judged(1), [everybody]],
    ])
  })

  it('asks for smoke and replay with what the plan says', () => {
    const smoke = [smokeRequest(), smokeRequest({ path: '/other' })]
    const bounds = { requests: 200, concurrencyMax: 4, methods: ['POST'], paths: null }
    const replay = { kind: 'replay', id: 'digits-1/replay/1', version: 'v2', against: 'v1', comparator: null } as const
    check(blueGreenPlan({ smoke }), [
      [
        entered(),
        [
          'set-route',
          { type: 'run-trial', trial: { kind: 'smoke', id: 'digits-1/smoke/1', version: 'v2', requests: smoke } },
        ],
      ],
      [smoked(1, { agreed: 2 }), [{ type: 'run-trial', trial: { ...replay, ...bounds } }]],
    ])
  })

  it('goes back when a smoke request is not answered as expected', () => {
    const reason = 'smoke: 0 of 1 smoke requests; GET /health: status 500'
    const examples = [{ prediction: null, reason: 'GET /health: status 500', expected: '', answered: '' }]
    check(blueGreenPlan(), [
      [entered(), ['set-route', 'run-trial']],
      [
        smoked(1, { agreed: 0, examples, reason: '0 of 1 smoke requests' }),
        [{ type: 'failed', cause: 'stage-failed', reason }],
      ],
    ])
  })

  it('goes back when the replay refutes the agreement', () => {
    check(blueGreenPlan({ smoke: [] }), [
      [entered(), ['set-route', 'run-trial']],
      [replayed(1, 50), ['failed']],
    ])
  })

  it('takes a replay that shows nothing for no pass: it holds, and tries again after a while', () => {
    const again = 2 + limits.trialRetryMs
    check(blueGreenPlan({ smoke: [] }), [
      [entered(), ['set-route', 'run-trial']],
      [replayed(2, 5, 5), ['hold'], 'tried again in 60 s'],
      [judged(3), []],
      [tick(again - 1), []],
      [tick(again), ['run-trial']],
      [judged(again + 1e9), []],
      [replayed(again + 1e9, 100, 100, 2), ['release-hold']],
      [judged(again + 1e9 + 1), [everybody]],
    ])
  })

  it('asks more of each further try, so that trying often is no way to pass', () => {
    const plan = blueGreenPlan({ smoke: [] })
    const agreeing = Array.from({ length: 20 }, (_, index): Step[] => {
      const atMs = (index + 1) * 2 * limits.trialRetryMs
      const report = replayed(atMs, index < 19 ? 5 : 47, index < 19 ? 5 : 47, index + 1)
      return index < 19
        ? [
            [report, ['hold']],
            [tick(atMs + limits.trialRetryMs), ['run-trial']],
          ]
        : [[report, ['hold']]]
    })
    // 47 of 47 pass on the first try, and no longer on the twentieth.
    check(plan, [
      [entered(), ['set-route', 'run-trial']],
      [replayed(1, 47, 47), []],
    ])
    check(plan, [[entered(), ['set-route', 'run-trial']], ...agreeing.flat()])
  })

  it('never switches while a check runs, however much time has passed and whatever the evidence says', () => {
    check(blueGreenPlan({ afterMs: 10 }), [
      [entered(), ['set-route', 'run-trial']],
      [judged(limits.trialTimeoutMs), []],
      [approved(limits.trialTimeoutMs), []],
      [tick(limits.trialTimeoutMs), []],
      [smoked(limits.trialTimeoutMs + 1), ['run-trial']],
      [judged(limits.trialTimeoutMs + 2), []],
    ])
  })

  it('asks again for a trial whose report never came', () => {
    check(smokeOnly, [
      [entered(), ['set-route', 'run-trial']],
      [tick(2 * limits.trialTimeoutMs - 1), []],
      [tick(2 * limits.trialTimeoutMs), ['run-trial']],
    ])
  })

  it('takes no report of another trial for its own', () => {
    check(blueGreenPlan(), [
      [entered(), ['set-route', 'run-trial']],
      [replayed(1, 100), []],
      [smoked(2), ['run-trial']],
      [smoked(3, { agreed: 0 }), []],
    ])
  })

  it('switches no earlier than `after`, nor before the release is old enough', () => {
    check({ ...bare, afterMs: 100 }, [
      [entered(50), ['set-route']],
      [judged(149), []],
      [judged(151, 'insufficient', { notBeforeMs: 200 }), []],
      [judged(200, 'insufficient', { notBeforeMs: 200 }), [everybody]],
    ])
  })

  it('waits for what green will be compared with, then holds, and goes on when it has come', () => {
    check({ ...bare, afterMs: 100, watchMs: 1_000 }, [
      [entered(), ['set-route']],
      [judged(1_099, 'insufficient', { blue: 49 }), []],
      [judged(1_100, 'insufficient', { blue: 49 }), ['hold']],
      [judged(1_101, 'insufficient', { blue: 49 }), []],
      [judged(1_102, 'insufficient', { blue: 50 }), ['release-hold', everybody]],
    ])
  })

  it('manual: waits for approval, and for nothing else then', () => {
    check({ ...bare, promotion: 'manual', shares: ['the feature store'] }, [
      [entered(), ['set-route'], 'both versions use the feature store'],
      [judged(1), [{ type: 'hold', cause: 'approval', reason: expect.stringContaining('the feature store') }]],
      [judged(2), ['hold']],
      [approved(3), ['release-hold']],
      [judged(4, 'insufficient', { blue: 0 }), [everybody]],
      [approved(5), []],
    ])
  })

  it('does not pass before the watch is over, every check passes and the goals are shown', () => {
    check(bare, [
      [entered(), ['set-route']],
      [judged(1), [everybody]],
      [judged(1_000), []],
      [judged(1_001, 'insufficient'), ['hold']],
      [judged(1_002, 'pass', { goal: 'insufficient' }), []],
      [judged(1_003), ['release-hold', 'passed']],
    ])
  })

  it('does not pass while the gateway has not confirmed the switch', () => {
    const unconfirmed = { epoch: 3, appliedEpoch: 2 }
    check(
      bare,
      [
        [entered(), ['set-route']],
        [judged(1), [everybody]],
        [judged(2_000), []],
      ],
      unconfirmed,
    )
  })

  it('goes back when green is lost, and does not mind what blue does', () => {
    check(smokeOnly, [
      [entered(), ['set-route', 'run-trial']],
      [lost(1, 'v1'), []],
      [lost(2), [{ type: 'failed', cause: 'fleet-lost', reason: 'v2 cannot be kept running: x' }]],
    ])
  })

  it('after a crash asks for the lost trial again once green is ready, with the same id', () => {
    check(smokeOnly, [
      [entered(), ['set-route', 'run-trial']],
      [restarted(1), []],
      [tick(2), []],
      [ready(3, 'v1'), []],
      [
        ready(4),
        [
          {
            type: 'run-trial',
            trial: { kind: 'smoke', id: 'digits-1/smoke/1', version: 'v2', requests: [smokeRequest()] },
          },
        ],
      ],
      [ready(5), []],
    ])
  })

  it('after a crash neither switches nor passes before green is ready again', () => {
    const state = blueGreen.initial(bare)
    expect(blueGreen.refusesPromotion?.(state, 'v2')).toBe(null)
    const down = blueGreen.step(bare, state, restarted(1), stageContext()).state
    expect(blueGreen.refusesPromotion?.(down, 'v2')).toMatch(/not ready/)
    check(bare, [
      [entered(), ['set-route']],
      [restarted(1), []],
      [judged(2), []],
      [ready(3), []],
      [judged(4), [everybody]],
      [restarted(5), []],
      [judged(2_000), []],
      [ready(2_001), []],
      [judged(2_002), ['passed']],
    ])
  })

  it('tries a failed check again once an operator lets the release go on, and by nothing else', () => {
    check(smokeOnly, [
      [entered(), ['set-route', 'run-trial']],
      [smoked(1, { agreed: 0 }), ['failed']],
      [judged(2), []],
      [restarted(3), []],
      [ready(4), []],
      [tick(5), ['run-trial'], 'smoke failed and is tried again'],
      [smoked(6), []],
      [smoked(7, { id: 'digits-1/smoke/2' }), []],
      [judged(8), [everybody]],
    ])
  })
})
