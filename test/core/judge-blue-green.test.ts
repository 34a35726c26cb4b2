import { describe, expect, it } from 'vitest'
import { judge } from '../../src/core/judge/judge.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import type { ReleaseEpoch, ReleaseState } from '../../src/core/state.ts'
import { blueGreen } from '../../src/core/strategies/blue-green.ts'
import { runningRelease, seen } from '../support/evidence.ts'
import { blueGreenPlan, canaryPlan } from '../support/releases.ts'

/** Epochs from 2 on, with the candidate's share in percent; the first of them may belong to a canary before. */
function release(percents: readonly number[], over: Partial<ReleasePlan> = {}, canaryEpochs = 0): ReleaseState {
  const stage = blueGreenPlan()
  const stages = canaryEpochs > 0 ? [canaryPlan(), stage] : [stage]
  const one = runningRelease(percents, { stages, ...over })
  const stageIndex = stages.length - 1
  const epochs = one.epochs.map(
    (epoch, index): ReleaseEpoch => (index < canaryEpochs || stageIndex === 0 ? epoch : { ...epoch, stageIndex }),
  )
  const phase = { kind: 'running', stageIndex, stage: blueGreen.initial(stage), paused: false, hold: null } as const
  return { ...one, epochs, phase }
}

const nobody = { requests: 0 }
const good = { requests: 1_000, errors: 4, newUnits: 1_000 }
const bad = { requests: 1_000, errors: 80, newUnits: 1_000 }

describe('a blue-green release is judged', () => {
  it('before the switch by nothing yet, but tells what blue has', () => {
    const judgement = judge(release([0]), seen([{ percent: 0, stable: good, candidate: nobody }]))
    expect(judgement).toMatchObject({ verdict: 'insufficient', validity: { verdict: 'pass' }, exposedRequests: 0 })
    expect(judgement.checks[0]?.stable).toMatchObject({ version: 'v1', trials: 1_000, events: 4 })
  })

  const switched = (candidate: typeof good) =>
    seen([
      { percent: 0, stable: good, candidate: nobody },
      { percent: 100, stable: nobody, candidate },
    ])

  it('after it by blue before against green after, and says that this is not at the same time', () => {
    const judgement = judge(release([0, 100]), switched(good))
    expect(judgement).toMatchObject({ verdict: 'pass', stepRequests: 1_000, exposedRequests: 1_000 })
    expect(judgement.checks[0]).toMatchObject({
      candidate: { version: 'v2', trials: 1_000 },
      stable: { version: 'v1', trials: 1_000 },
      strata: [{ epoch: 3, candidate: { trials: 1_000, events: 4 }, stable: { trials: 1_000, events: 4 } }],
    })
    expect(judgement.checks[0]?.method).toMatch(/before against after the switch, not at the same time/)
  })

  it('and fails a green that is worse', () => {
    expect(judge(release([0, 100]), switched(bad)).verdict).toBe('fail')
  })

  it('without calling a split that was never meant a mismatch', () => {
    const judgement = judge(release([0, 100]), switched({ ...good, newUnits: 17 }))
    expect(judgement.validity).toMatchObject({ verdict: 'pass', observed: [] })
  })

  it('as invalid where blue failed too', () => {
    const broken = { requests: 1_000, errors: 900 }
    const evidence = seen([
      { percent: 0, stable: broken, candidate: nobody },
      { percent: 100, stable: nobody, candidate: broken },
    ])
    expect(judge(release([0, 100]), evidence)).toMatchObject({ verdict: 'invalid', reason: /control broken too/ })
  })

  it('in probation as before: late labels still count', () => {
    const probation = { ...release([0, 100]), phase: { kind: 'probation', untilMs: 1 } } as ReleaseState
    expect(judge(probation, switched(bad)).verdict).toBe('fail')
  })

  it('while both serve, after a canary, by the traffic that both have', () => {
    const evidence = seen([
      { percent: 50, stable: good, candidate: good },
      { percent: 50, stable: good, candidate: bad },
    ])
    const judgement = judge(release([50, 50], {}, 1), evidence)
    expect(judgement.verdict).toBe('fail')
    expect(judgement.checks[0]?.method).not.toMatch(/before against after/)
    expect(judgement.checks[0]?.strata).toHaveLength(2)
  })
})
