import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CheckResult, Judgement } from '../../src/core/judge/judgement.ts'
import { releaseWait, span, stepWait, waitText } from '../../src/core/judge/wait.ts'
import type { StagePlan } from '../../src/core/stage-plans.ts'
import { canary } from '../../src/core/strategies/canary.ts'
import type { StageState } from '../../src/core/strategies/table.ts'
import { runningRelease } from '../support/evidence.ts'
import { canaryPlan, judgement, stageContext } from '../support/releases.ts'

const minute = 60_000

function check(over: {
  candidate: number
  stable?: number
  needs?: number
  verdict?: CheckResult['verdict']
}): CheckResult {
  const { candidate, stable = 10_000, needs = 100, verdict = 'insufficient' } = over
  const side = (version: string, trials: number) => ({ version, trials, events: 0, value: 0 })
  return {
    check: { metric: 'error-rate', measure: { kind: 'error-rate' }, margin: 0.01, alpha: 0.01, minEvents: needs },
    role: 'guardrail',
    verdict,
    reason: 'too few',
    candidate: side('v2', candidate),
    stable: side('v1', stable),
    harm: { estimate: null, lower: null, upper: null },
    logEvidence: null,
    method: '',
    strata: [],
  }
}

function look(requests: number, checks: readonly CheckResult[], exposedRequests = requests): Judgement {
  return judgement('insufficient', { stepRequests: requests, exposedRequests, checks })
}

describe('the wait of a step', () => {
  const cases: [string, Judgement, number, { requests: number; waitMs: number | null } | null][] = [
    ['is what is missing over the rate', look(20, []), 50, { requests: 30, waitMs: 15 * minute }],
    [
      'goes by the check that needs most',
      look(20, [check({ candidate: 20 })]),
      50,
      { requests: 80, waitMs: 40 * minute },
    ],
    [
      'counts labels at the share seen so far',
      look(100, [check({ candidate: 20 })]),
      50,
      { requests: 400, waitMs: 40 * minute },
    ],
    [
      'counts the stable side too',
      look(100, [check({ candidate: 100, stable: 50 })]),
      50,
      { requests: 100, waitMs: 10 * minute },
    ],
    ['never ends without traffic', look(0, []), 50, { requests: 50, waitMs: null }],
    [
      'never ends where labels do not come',
      look(200, [check({ candidate: 0 })]),
      50,
      { requests: Number.POSITIVE_INFINITY, waitMs: null },
    ],
    ['is none where counts suffice', look(100, [check({ candidate: 100 })]), 50, null],
    ['is none for a check that has passed', look(100, [check({ candidate: 10, verdict: 'pass' })]), 50, null],
  ]
  it.each(cases)('%s', (_rule, seen, minRequests, expected) => {
    const wait = stepWait({ judgement: seen, minRequests, sinceMs: 0, atMs: 10 * minute })
    expect(wait === null ? null : { requests: wait.requests, waitMs: wait.waitMs }).toEqual(expected)
  })

  it('is not told of a step that is too young to have met anybody', () => {
    const wait = (atMs: number) => stepWait({ judgement: look(0, []), minRequests: 50, sinceMs: 0, atMs })
    expect(wait(minute - 1)).toBeNull()
    expect(wait(minute)).toMatchObject({ waitMs: null })
  })

  it('gets shorter by as much as was waited while traffic goes on evenly', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 100, max: 5_000 }), (perMinute, needed) => {
        const at = (minutes: number) =>
          stepWait({
            judgement: look(perMinute * minutes, []),
            minRequests: needed,
            sinceMs: 0,
            atMs: minutes * minute,
          })
        const [early, late] = [at(1), at(2)]
        if (early?.waitMs == null || late?.waitMs == null) return
        expect(Math.abs(early.waitMs - late.waitMs - minute)).toBeLessThan(2)
      }),
    )
  })

  it('is told with the rate, and with cheaper routes where it is longer than the ceiling leaves', () => {
    const wait = { requests: 30, requestsPerMinute: 2, waitMs: 15 * minute }
    expect(waitText(wait, 20 * minute)).toBe('about 15 min more at the present 2 requests a minute')
    expect(waitText(wait, 10 * minute)).toMatch(
      /15 min more at .*; cheaper: a shadow stage .* wider margin.* longer at-most/,
    )
    expect(waitText({ ...wait, waitMs: null }, null)).toMatch(/will not end by itself; cheaper/)
    expect(waitText({ ...wait, requestsPerMinute: 0, waitMs: null }, null)).toBe(
      'the candidate gets no requests at present, so it will not end by itself',
    )
    expect([span(900), span(100_000), span(5 * minute), span(50 * 3_600_000)]).toEqual(['1 s', '100 s', '5 min', '2 d'])
  })

  it('stands in the reason of a hold at the ceiling', () => {
    const plan = canaryPlan({ steps: [{ weightPpm: 100, floorMs: 0, ceilingMs: 10 * minute }], minRequests: 50 })
    const entered = canary.step(plan, canary.initial(plan), { type: 'entered', atMs: 0 }, stageContext())
    const judged = { type: 'judged' as const, atMs: 10 * minute, judgement: look(20, []) }
    const { commands } = canary.step(plan, entered.state, judged, stageContext())
    expect(commands[0]).toMatchObject({ type: 'hold', reason: expect.stringMatching(/15 min more .* cheaper/) })
  })

  it('is the time that a step lasts at least, where that is over last', () => {
    const steps = [{ weightPpm: 100, floorMs: 30 * minute, ceilingMs: null }]
    const release = runningRelease([1], { stages: [canaryPlan({ steps, minRequests: 50 })] })
    const told = (requests: number, atMs: number) => releaseWait(release, { judgement: look(requests, []), atMs })
    expect(told(50, 10 * minute)).toMatchObject({
      wait: { requests: 0, waitMs: 20 * minute },
      says: 'the step lasts 20 min more at least, as its `for` asks',
    })
    expect(told(20, 10 * minute)?.says).toMatch(/^the step lasts 20 min/)
    expect(told(4, 10 * minute)?.says).toMatch(/requests a minute/)
    expect(told(0, 10 * minute)?.says).toMatch(/will not end by itself$/)
    expect(told(50, 30 * minute)).toBeNull()
  })

  it.each([
    ['shadow', { kind: 'shadow', floorMs: 60 * minute } as StagePlan, { kind: 'shadow', sinceMs: 0 } as StageState],
    ['abTest', { kind: 'abTest', floorMs: 60 * minute } as StagePlan, { kind: 'abTest', sinceMs: 0 } as StageState],
  ])('is told of a stage of the kind %s', (_kind, plan, stage) => {
    const release = runningRelease([1], { stages: [plan] })
    if (release.phase.kind !== 'running') throw new Error('the release runs')
    const told = { ...release, phase: { ...release.phase, stage } }
    expect(releaseWait(told, { judgement: look(9_000, []), atMs: 10 * minute })?.says).toBe(
      'the stage lasts 50 min more at least, as its `for` asks',
    )
  })

  it('of a release is that of its running step', () => {
    const release = runningRelease([1], { stages: [canaryPlan({ minRequests: 50 })] })
    expect(releaseWait(release, { judgement: look(20, []), atMs: 10 * minute })).toMatchObject({
      wait: { waitMs: 15 * minute },
    })
    const ended = { ...release, phase: { kind: 'promoted' as const, atMs: 0 } }
    expect(releaseWait(ended, { judgement: look(20, []), atMs: 10 * minute })).toBeNull()
  })
})
