/** What keeps a release waiting is not ended by something else, and what is decided is not decided again. */
import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/core/command.ts'
import type { ControlEvent } from '../../src/core/event.ts'
import type { EpochEvidence, VersionEvidence } from '../../src/core/evidence.ts'
import { emptyVersionEvidence } from '../../src/core/evidence.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { Judgement } from '../../src/core/judge/judgement.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import { refusalOf } from '../../src/core/release/refusals.ts'
import { emptyState, type ReleaseState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import { abTestPlan, lookAt, two } from '../support/ab-tests.ts'
import { checkResult } from '../support/judgement.ts'
import { canaryPlan, happen, judgement, releasePlan } from '../support/releases.ts'
import { arm, seenArms, shadowPlan } from '../support/shadows.ts'

/** A release whose traffic takes effect at once, by a clock of the test's own. */
class World {
  state = emptyState
  nowMs = 0
  readonly commands: Command[] = []

  constructor(plan: Partial<ReleasePlan>) {
    this.take(happen.applied(), happen.ready('v1'), happen.released(releasePlan(plan)), happen.ready('v2'))
  }

  take(...events: readonly ControlEvent[]): this {
    for (const event of events) {
      const { state, commands } = step(this.state, event, this.nowMs)
      this.state = state
      this.nowMs += 10
      this.commands.push(...commands)
      for (const command of commands) if (command.type === 'apply-route') this.take(happen.routed(command.table.epoch))
    }
    return this
  }

  look(judgement: Judgement): this {
    return this.take({ type: 'judged', release: 'digits-1', judgement })
  }

  tick(afterMs = 0): this {
    this.nowMs += afterMs
    return this.take({ type: 'tick', release: 'digits-1' })
  }

  get release(): ReleaseState {
    const release = this.state.releases['digits-1']
    if (release === undefined) throw new Error('there is no release')
    return release
  }

  get candidatePpm(): number {
    return this.state.endpoints['digits']?.table.weights['v2'] ?? 0
  }

  get holdCause(): string | null {
    const { phase } = this.release
    return phase.kind === 'running' ? (phase.hold?.cause ?? null) : null
  }
}

const promotionGate = { before: 'promotion', url: 'http://127.0.0.1:1/', timeoutMs: 1_000, secret: null } as const
const yes: ControlEvent = {
  type: 'gate-answered',
  release: 'digits-1',
  before: 'promotion',
  confirmed: true,
  reason: 'because',
}
const passes = [happen.judged('pass'), happen.judged('pass'), happen.judged('pass')]
const breached = { ...checkResult({ blue: 100, minEvents: 10 }), role: 'signal', verdict: 'fail' } as const
const signal: ControlEvent = {
  type: 'judged',
  release: 'digits-1',
  judgement: judgement('pass', { checks: [breached as Judgement['checks'][number]] }),
}

describe('the yes of a promotion gate', () => {
  const asked = (plan: Partial<ReleasePlan> = {}) => new World({ gates: [promotionGate], ...plan }).take(...passes)

  test.each<[string, ControlEvent, Partial<ReleasePlan>, ControlEvent]>([
    ['is paused', happen.told('pause'), {}, happen.told('resume')],
    ['has a signal that is breached', signal, {}, happen.judged('pass')],
    ['has evidence that is invalid', happen.judged('invalid'), {}, happen.judged('pass')],
    ['is held by a breach', happen.judged('fail'), { onFail: 'hold' }, happen.told('resume')],
  ])('does not promote what %s; it is promoted when that is over', (_, meanwhile, plan, over) => {
    const world = asked(plan).take(meanwhile, yes)
    expect([world.release.phase.kind, world.candidatePpm]).toEqual(['running', 500_000])
    expect(world.take(over).tick().release.phase.kind).toBe('promoted')
  })

  test('promotes at once where nothing else is in its way', () => {
    expect(asked().take(yes).release.phase.kind).toBe('promoted')
  })

  test('is awaited on where something came and went', () => {
    expect(asked().take(happen.judged('invalid'), happen.judged('pass')).holdCause).toBe('gate')
  })
})

test('with on-fail: hold a breach stands, whatever later looks and time say, until somebody resumes', () => {
  const world = new World({ onFail: 'hold' }).take(happen.judged('fail'), ...passes).tick(1_000_000)
  expect([world.holdCause, world.candidatePpm]).toEqual(['guardrail', 10_000])
  world.take(happen.told('resume'), happen.judged('pass'))
  expect([world.holdCause, world.candidatePpm]).toEqual([null, 100_000])
})

test('past its ceiling a release holds for that again when its evidence is valid again', () => {
  const stages = [canaryPlan({ steps: [{ weightPpm: 10_000, floorMs: 0, ceilingMs: 1_000 }] })]
  const world = new World({ stages }).tick(2_000).take(happen.judged('insufficient'))
  expect(world.holdCause).toBe('ceiling')
  expect(world.take(happen.judged('invalid')).holdCause).toBe('invalid')
  expect(world.take(happen.judged('insufficient')).holdCause).toBe('ceiling')
  expect(world.take(happen.judged('invalid'), happen.told('resume')).holdCause).toBeNull()
  expect(
    new World({ stages }).tick(2_000).take(happen.judged('invalid'), happen.judged('pass')).tick().release.phase.kind,
  ).toBe('promoted')
})

describe('a stage that has passed and waits for its gate', () => {
  const shipped = () => {
    const plan = abTestPlan()
    const world = new World({ stages: [plan], gates: [promotionGate] }).tick(plan.floorMs)
    return world.look(lookAt({ v2: { goal: 'pass', benefit: 0.05 } })).tick(plan.ceilingMs ?? 0)
  }

  test('is not decided again by time or by a later look', () => {
    const world = shipped().look(lookAt({ v2: { goal: 'insufficient', benefit: 0.02 } }))
    expect([world.release.phase.kind, world.holdCause]).toEqual(['running', 'gate'])
    expect(world.take(yes).release.phase.kind).toBe('promoted')
  })

  test('is taken back by a breach', () => {
    expect(shipped().take(happen.judged('fail')).release.phase).toMatchObject({
      kind: 'rolled-back',
      cause: 'guardrail',
    })
  })
})

test('while the next stage is made ready a breach takes the candidate back from those who meet it', () => {
  const world = new World({ stages: [canaryPlan(), abTestPlan(two)] }).take(...passes)
  expect([world.release.phase.kind, world.candidatePpm]).toEqual(['starting', 500_000])
  expect(world.take(happen.judged('pass')).release.phase.kind).toBe('starting')
  expect(world.take(happen.judged('fail')).release.phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
  expect(world.candidatePpm).toBe(0)
})

describe('a paused release', () => {
  test('is not approved: it would go on', () => {
    const stages = [canaryPlan({ approval: true })]
    const world = new World({ stages }).take(...passes)
    expect(world.holdCause).toBe('approval')
    world.take(happen.told('pause'))
    expect(refusalOf(world.release, { verb: 'approve' }, world.nowMs)).toMatch(/paused; resume it before you approve$/)
    expect(world.take(happen.told('approve')).release.phase.kind).toBe('running')
  })

  test.each([
    ['its promotion', [], 'promoted'],
    ['its next stage', [canaryPlan()], 'running'],
  ] as const)('that waits for its fleet after a replay goes on to %s when it is resumed', (_, more, kind) => {
    const world = new World({ stages: [shadowPlan({ mode: 'replay', pairs: 10, challengers: ['v2'] }), ...more] })
    const id = world.commands.flatMap(command => (command.type === 'run-trial' ? [command.trial.id] : []))[0] ?? ''
    const counts = { sent: 10, answered: 10, compared: 10, agreed: 10 }
    world.take({
      type: 'trial-ended',
      release: 'digits-1',
      report: { id, version: 'v2', ...counts, examples: [], reason: '' },
    })
    world
      .look(seenArms({ v2: arm('pass') }))
      .take(happen.told('pause'), happen.ready('v2'))
      .tick()
    expect([world.release.phase, world.candidatePpm]).toEqual([
      expect.objectContaining({ stageIndex: 0, paused: true }),
      0,
    ])
    expect(world.take(happen.told('resume')).tick().release.phase.kind).toBe(kind)
  })
})

describe('an A/B test of two variants', () => {
  const evidenceOf = (release: ReleaseState, odd: (version: string) => Partial<VersionEvidence>): EpochEvidence[] =>
    release.epochs.map(({ epoch, candidatePpm, weights = { v1: 1_000_000 - candidatePpm, v2: candidatePpm } }) => {
      const of = (version: string, ppm: number): VersionEvidence => {
        const count = ppm / 500
        const met = { requests: count, newUnits: count, unitsMet: count, unitsServed: count }
        const labels = { labelled: count, wrong: count / 20, matured: count, maturedLabelled: count * 0.9 }
        return { ...emptyVersionEvidence(), ...met, ...labels, ...odd(version) }
      }
      return {
        epoch,
        versions: Object.fromEntries(Object.entries(weights).map(([name, ppm]) => [name, of(name, ppm)])),
      }
    })
  const accuracy = {
    metric: 'accuracy',
    measure: { kind: 'accuracy' },
    margin: 0.02,
    alpha: 0.01,
    minEvents: 50,
  } as const
  const plan = { coverageAlpha: 0.001, signals: [accuracy] }
  const failing: Partial<VersionEvidence> = { errors: 200 }

  test.each<[string, Partial<VersionEvidence>, string]>([
    ['breaks a signal', { wrong: 300 }, 'signal'],
    ['has labels of other predictions', { maturedLabelled: 0 }, 'invalid'],
  ])('drops the one that fails though the other %s, which holds it after that', (_, other, cause) => {
    const world = new World({ ...plan, stages: [abTestPlan(two)] }).take(happen.ready('v3'))
    const odd = (version: string) => (version === 'v2' ? failing : version === 'v3' ? other : {})
    for (let look = 0; look < 3; look += 1) world.look(judge(world.release, evidenceOf(world.release, odd))).tick()
    expect(world.candidatePpm).toBe(0)
    expect(world.holdCause).toBe(cause)
  })

  test.each<[string, string, Partial<VersionEvidence>]>([
    ['labels come at another rate', 'v2', { maturedLabelled: 0 }],
    ['the control fails', 'v1', { errors: 900 }],
  ])('says nothing where %s, as a canary does', (_, version, odd) => {
    const half = { weightPpm: 500_000, floorMs: 0, ceilingMs: null }
    const verdicts = [abTestPlan(), canaryPlan({ steps: [half] })].map(stage => {
      const world = new World({ ...plan, stages: [stage] })
      const evidence = evidenceOf(world.release, name => (name === version ? odd : {}))
      const { verdict, validity } = judge(world.release, evidence)
      return [verdict, validity.verdict]
    })
    expect(verdicts).toEqual([
      ['invalid', 'invalid'],
      ['invalid', 'invalid'],
    ])
  })
})
