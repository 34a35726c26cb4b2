/** Canaries lived through the core's one door: approvals, freezes, the way back in steps, a control of equal size. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ControlEvent } from '../../src/core/event.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import { refusalOf } from '../../src/core/release/refusals.ts'
import type { CanaryPlan } from '../../src/core/stage-plans.ts'
import { isTerminal } from '../../src/core/state.ts'
import { fold } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import { type LiveCore, liveCore } from '../support/live-core.ts'
import { canaryPlan, endpointSpec, happen, releasePlan } from '../support/releases.ts'

const saturday = Date.parse('2026-08-01T12:00:00Z')
const monday = Date.parse('2026-08-03T00:00:00Z')
const weekend = [{ days: ['sat' as const, 'sun' as const], zone: 'UTC' }]
const instances = { v1: 4, v2: 3, v3: 2 }

function spec() {
  const { versions, ...rest } = endpointSpec()
  const sized = Object.entries(versions).map(([name, version]) => [
    name,
    { ...version, instances: instances[name as keyof typeof instances] },
  ])
  return endpointSpec({ ...rest, versions: Object.fromEntries(sized) })
}

function begun(plan: Partial<ReleasePlan> = {}, startMs = 0): LiveCore {
  const live = liveCore(startMs)
  live.happen(happen.applied(spec()), happen.released(releasePlan(plan)))
  return live
}

const canaryOf = (over: Partial<CanaryPlan>) => ({ stages: [canaryPlan(over)] })
const releaseOf = (live: LiveCore) => live.state().releases['digits-1']
const phaseOf = (live: LiveCore) => releaseOf(live)?.phase
/** The endpoint without fleets that are not wanted, which a new server does not know of. */
const running = (live: LiveCore) => {
  const endpoint = live.state().endpoints['digits']
  const fleets = Object.entries(endpoint?.fleets ?? {}).filter(([, fleet]) => fleet !== 'absent')
  return { ...endpoint, fleets: Object.fromEntries(fleets) }
}
const weightsOf = (live: LiveCore) => live.state().endpoints['digits']?.table.weights
const story = (live: LiveCore) => tellAll(live.log, 'digits-1').map(({ text }) => text)

describe('an approval of a step', () => {
  const asked = { weightPpm: 10_000, floorMs: 0, ceilingMs: null, approve: true as const }
  const free = { weightPpm: 500_000, floorMs: 0, ceilingMs: null }

  it('is asked for once the evidence is in, and lets the next step begin', () => {
    const live = begun(canaryOf({ steps: [asked, free] }))
    live.happen(happen.judged('insufficient'))
    expect(phaseOf(live)).toMatchObject({ kind: 'running', hold: null })
    live.happen(happen.judged('pass'), happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ hold: { cause: 'approval', reason: /step 1 of 2/ } })
    expect(weightsOf(live)).toMatchObject({ v2: 10_000 })
    live.happen(happen.told('approve'))
    expect(phaseOf(live)).toMatchObject({ hold: null })
    expect(weightsOf(live)).toMatchObject({ v2: 500_000 })
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)?.kind).toBe('promoted')
  })

  it('of the last step is that of the whole canary', () => {
    const live = begun(canaryOf({ steps: [asked] }))
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ hold: { cause: 'approval' } })
    live.happen(happen.told('approve'))
    expect(phaseOf(live)?.kind).toBe('promoted')
  })

  it('is asked for again when another hold has taken its place for a while', () => {
    const live = begun(canaryOf({ steps: [asked, free] }))
    live.happen(happen.judged('pass'), happen.judged('invalid'))
    expect(phaseOf(live)).toMatchObject({ hold: { cause: 'invalid' } })
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ hold: { cause: 'approval' } })
    live.happen(happen.told('approve'))
    expect(weightsOf(live)).toMatchObject({ v2: 500_000 })
  })

  it('is not given by resuming', () => {
    const live = begun(canaryOf({ steps: [asked, free] }))
    live.happen(happen.judged('pass'), happen.told('resume'), happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ hold: { cause: 'approval' } })
  })
})

describe('promoting by a step', () => {
  it('goes past the present step alone, whatever it waits for, and past the last one to the promotion', () => {
    const live = begun()
    live.happen(happen.judged('insufficient'), happen.stepped())
    expect(weightsOf(live)).toMatchObject({ v2: 100_000 })
    live.happen(happen.stepped(), happen.stepped())
    expect(phaseOf(live)?.kind).toBe('promoted')
  })

  it('ends a hold at the ceiling', () => {
    const steps = [
      { weightPpm: 10_000, floorMs: 0, ceilingMs: 100 },
      { weightPpm: 20_000, floorMs: 0, ceilingMs: null },
    ]
    const live = begun(canaryOf({ steps }))
    live.wait(200)
    live.happen(happen.judged('insufficient'))
    expect(phaseOf(live)).toMatchObject({ hold: { cause: 'ceiling' } })
    live.happen(happen.stepped())
    expect(phaseOf(live)).toMatchObject({ hold: null, stage: { stepIndex: 1, held: false } })
  })
})

describe('inside a freeze window', () => {
  it('a release makes its candidate ready and gives it no traffic before the window ends', () => {
    const live = begun({ freeze: weekend }, saturday)
    expect(phaseOf(live)).toMatchObject({ kind: 'starting', hold: { cause: 'freeze' } })
    expect(weightsOf(live)).toEqual({ v1: 1_000_000 })
    live.wait(monday - saturday - 1)
    expect(phaseOf(live)?.kind).toBe('starting')
    live.wait(1)
    expect(weightsOf(live)).toMatchObject({ v2: 10_000 })
    expect(story(live)).toContain(
      'holds: frozen by sat, sun UTC, until 2026-08-03T00:00Z; going back is possible at any time',
    )
  })

  it('no step is taken on any evidence, and the release goes on by itself afterwards', () => {
    const live = begun({ freeze: weekend }, monday - 49 * 3_600_000)
    expect(phaseOf(live)?.kind).toBe('running')
    live.wait(3_600_000)
    live.happen(happen.judged('pass'), happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ kind: 'running', hold: { cause: 'freeze' }, stage: { stepIndex: 0 } })
    live.wait(48 * 3_600_000)
    live.happen(happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ hold: null, stage: { stepIndex: 1 } })
  })

  it('a breach and an abort go back all the same, promotion and approval are refused', () => {
    const frozen = () => {
      const live = begun({ freeze: weekend }, monday - 49 * 3_600_000)
      live.wait(3_600_000)
      return live
    }
    const refused = frozen()
    for (const word of [{ verb: 'promote' as const }, { verb: 'promote' as const, step: true as const }]) {
      const release = releaseOf(refused)
      if (release === undefined) throw new Error('no release')
      expect(refusalOf(release, word, refused.nowMs())).toMatch(/is frozen by sat, sun UTC/)
    }
    refused.happen(happen.told('promote'), happen.stepped())
    expect(phaseOf(refused)).toMatchObject({ kind: 'running', stage: { stepIndex: 0 } })
    const broken = frozen()
    broken.happen(happen.judged('fail'))
    expect(phaseOf(broken)?.kind).toBe('rolled-back')
    const aborted = frozen()
    aborted.happen(happen.told('abort'))
    expect(phaseOf(aborted)?.kind).toBe('rolled-back')
  })

  it('an approval that was awaited before is awaited after it', () => {
    const live = begun({ freeze: weekend, ...canaryOf({ approval: true }) }, monday - 49 * 3_600_000)
    live.happen(happen.judged('pass'), happen.judged('pass'), happen.judged('pass'))
    live.wait(3_600_000)
    live.happen(happen.told('approve'))
    expect(phaseOf(live)).toMatchObject({ hold: { cause: 'approval' } })
    live.wait(48 * 3_600_000)
    live.happen(happen.told('approve'))
    expect(phaseOf(live)?.kind).toBe('promoted')
  })
})

describe('a gate that says yes inside a freeze window', () => {
  it('lets the promotion go on once the window has ended', () => {
    const gate = { before: 'promotion' as const, url: 'http://gate', timeoutMs: 1_000, secret: null }
    const one = canaryOf({ steps: [{ weightPpm: 100_000, floorMs: 0, ceilingMs: null }] })
    const live = begun({ freeze: weekend, gates: [gate], ...one }, monday - 49 * 3_600_000)
    live.happen(happen.judged('pass'))
    live.wait(3_600_000)
    const answered = { before: 'promotion' as const, confirmed: true, reason: 'fine' }
    live.happen({ type: 'gate-answered', release: 'digits-1', ...answered })
    expect(phaseOf(live)).toMatchObject({ kind: 'running', hold: { cause: 'freeze' } })
    live.wait(48 * 3_600_000)
    expect(phaseOf(live)?.kind).toBe('promoted')
  })
})

describe('the way back in steps', () => {
  const paced = { return: { stepsPpm: [500_000, 100_000], everyMs: 10_000 } }

  it('passes over weights that the candidate does not have, and ends at nothing', () => {
    const live = begun(canaryOf(paced))
    live.happen(happen.stepped(), happen.stepped())
    expect(weightsOf(live)).toMatchObject({ v2: 500_000 })
    live.happen(happen.told('abort'))
    expect(weightsOf(live)).toMatchObject({ v2: 100_000 })
    live.wait(9_999)
    expect(weightsOf(live)).toMatchObject({ v2: 100_000 })
    live.wait(1)
    expect(weightsOf(live)).toEqual({ v1: 1_000_000 })
    expect(phaseOf(live)).toMatchObject({ kind: 'rolled-back', cause: 'operator' })
    expect(story(live)).toContain('v2 still gets 10 % of the traffic')
  })

  it('leads from probation too, with the capacity of the old version first', () => {
    const live = begun({ probationMs: 1e6, ...canaryOf(paced) })
    live.happen(happen.told('promote'))
    live.down.add('v1')
    live.crash()
    live.happen(happen.told('rollback'))
    expect(weightsOf(live)).toEqual({ v2: 1_000_000 })
    live.wait(60_000)
    expect(weightsOf(live)).toEqual({ v2: 1_000_000 })
    live.happen(happen.ready('v1'))
    expect(weightsOf(live)).toEqual({ v1: 500_000, v2: 500_000 })
    live.wait(10_000)
    live.wait(10_000)
    expect(phaseOf(live)?.kind).toBe('rolled-back')
  })

  it('is not taken after a breach, unless the plan says so', () => {
    const atOnce = begun(canaryOf(paced))
    atOnce.happen(happen.stepped(), happen.judged('fail'))
    expect(phaseOf(atOnce)?.kind).toBe('rolled-back')
    const inSteps = begun(canaryOf({ return: { ...paced.return, stepsPpm: [50_000], onBreach: true } }))
    inSteps.happen(happen.stepped(), happen.judged('fail'))
    expect(weightsOf(inSteps)).toMatchObject({ v2: 50_000 })
    inSteps.wait(10_000)
    expect(phaseOf(inSteps)).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
  })

  it('is cut short by saying it again', () => {
    const live = begun(canaryOf(paced))
    live.happen(happen.stepped(), happen.stepped(), happen.told('abort'))
    expect(phaseOf(live)?.kind).toBe('returning')
    live.happen(happen.told('rollback'))
    expect(phaseOf(live)?.kind).toBe('rolled-back')
  })

  it('ends at once when the candidate cannot be kept running', () => {
    const live = begun(canaryOf(paced))
    live.happen(happen.stepped(), happen.stepped(), happen.told('abort'), happen.lost('v2'))
    expect(phaseOf(live)?.kind).toBe('rolled-back')
  })
})

describe('a control of equal size', () => {
  const control = 'v1~control'
  const equal = (over: Partial<ReleasePlan> = {}) => begun({ ...canaryOf({ control: 'equal' }), ...over })

  it('is a fresh fleet of the stable version, as large as the candidate, and gets what the candidate gets', () => {
    const live = equal()
    const asked = live.commands.flatMap(one => (one.type === 'ensure-fleet' ? [one] : []))
    expect(asked.map(({ version, instances: count }) => [version.name, version.instances, count])).toEqual([
      ['v1', 4, undefined],
      ['v2', 3, undefined],
      [control, 3, 3],
    ])
    expect(asked[2]?.version.backend).toEqual(asked[0]?.version.backend)
    expect(weightsOf(live)).toEqual({ v1: 980_000, [control]: 10_000, v2: 10_000 })
    live.happen(happen.judged('pass'), happen.judged('pass'))
    expect(weightsOf(live)).toEqual({ [control]: 500_000, v2: 500_000 })
  })

  it('ends with its stage, once no traffic goes there', () => {
    const live = equal({ probationMs: 1_000 })
    live.happen(happen.told('promote'))
    expect(phaseOf(live)?.kind).toBe('probation')
    expect(live.state().endpoints['digits']?.fleets[control]).toBe('absent')
    expect(live.state().endpoints['digits']?.fleets['v1']).toBe('ready')
    const order = live.commands.slice(-2).map(one => one.type)
    expect(order).toEqual(['apply-route', 'stop-fleet'])
    const next = begun({ stages: [canaryPlan({ control: 'equal' }), canaryPlan()] })
    next.happen(happen.stepped(), happen.stepped(), happen.stepped())
    expect(weightsOf(next)).toEqual({ v1: 990_000, v2: 10_000 })
    expect(next.state().endpoints['digits']?.fleets[control]).toBe('absent')
  })

  it('that does not become ready takes the release back before any traffic moved', () => {
    const live = liveCore()
    live.down.add(control)
    live.happen(happen.applied(spec()), happen.released(releasePlan(canaryOf({ control: 'equal' }))))
    expect(phaseOf(live)).toMatchObject({ kind: 'rolled-back', cause: 'never-ready' })
    expect(live.commands.filter(one => one.type === 'apply-route')).toHaveLength(1)
    expect(live.commands.filter(one => one.type === 'stop-fleet').map(one => one.version)).toEqual(['v2', control])
  })

  it('that is lost on the way lets no step pass until it is back', () => {
    const live = equal()
    live.happen(happen.lost(control), happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ kind: 'running', stage: { stepIndex: 0 } })
    live.happen(happen.ready(control), happen.judged('pass'))
    expect(phaseOf(live)).toMatchObject({ stage: { stepIndex: 1 } })
  })
})

const verdict = fc.constantFrom('pass' as const, 'fail' as const, 'insufficient' as const, 'invalid' as const)
const moment: fc.Arbitrary<ControlEvent | 'wait' | 'crash'> = fc.oneof(
  { weight: 4, arbitrary: verdict.map(one => happen.judged(one)) },
  fc.constantFrom('v1', 'v2', 'v1~control').map(happen.lost),
  fc.constantFrom('v1', 'v2', 'v1~control').map(happen.ready),
  fc
    .constantFrom('pause' as const, 'resume' as const, 'approve' as const, 'abort' as const)
    .map(one => happen.told(one)),
  fc.constant(happen.stepped()),
  fc.constantFrom('wait' as const, 'crash' as const),
)
const asked = fc.record({
  approve: fc.boolean(),
  approval: fc.boolean(),
  isFrozen: fc.boolean(),
  isPaced: fc.boolean(),
  hasControl: fc.boolean(),
  probationMs: fc.constantFrom(0, 3_600_000),
})
const life = fc.tuple(asked, fc.array(moment, { maxLength: 25 }))

function planOf(one: typeof asked extends fc.Arbitrary<infer Value> ? Value : never): Partial<ReleasePlan> {
  const steps = [10_000, 100_000, 500_000].map((weightPpm, index) => ({
    weightPpm,
    floorMs: 0,
    ceilingMs: null,
    ...(one.approve && index === 1 && { approve: true as const }),
  }))
  return {
    probationMs: one.probationMs,
    ...(one.isFrozen && { freeze: [{ fromMinute: 0, toMinute: 720, zone: 'UTC' }] }),
    ...canaryOf({
      steps,
      approval: one.approval,
      ...(one.isPaced && { return: { stepsPpm: [500_000, 50_000], everyMs: 1_000 } }),
      ...(one.hasControl && { control: 'equal' as const }),
    }),
  }
}

function lived([one, moments]: typeof life extends fc.Arbitrary<infer Value> ? Value : never): LiveCore {
  const live = begun(planOf(one))
  for (const next of moments) relive(live, next)
  return live
}

function relive(live: LiveCore, next: ControlEvent | 'wait' | 'crash'): void {
  if (next === 'wait') live.wait(4 * 3_600_000)
  else if (next === 'crash') live.crash()
  else live.happen(next)
}

describe('in any life of a canary', () => {
  it('the log replays to the same state and story', () => {
    fc.assert(
      fc.property(life, one => {
        const live = lived(one)
        expect(fold(JSON.parse(JSON.stringify(live.log)))).toEqual(live.state())
      }),
    )
  })

  it('a crash anywhere, with all fleets coming back, changes nothing of what is decided', () => {
    const calm = moment.filter(one => typeof one === 'string' || one.type !== 'fleet-failed')
    fc.assert(
      fc.property(fc.tuple(asked, fc.array(calm, { maxLength: 25 })), fc.nat(25), ([one, moments], where) => {
        const straight = lived([one, moments])
        const crashed = lived([one, [...moments.slice(0, where), 'crash', ...moments.slice(where)]])
        expect(releaseOf(crashed)).toEqual(releaseOf(straight))
        expect(running(crashed)).toEqual(running(straight))
      }),
      { numRuns: 200 },
    )
  })

  it('rollback is reached from every state that is no end, inside a freeze window too', () => {
    fc.assert(
      fc.property(life, one => {
        const live = lived(one)
        const release = releaseOf(live)
        if (release === undefined || isTerminal(release)) return
        live.happen(happen.told('abort'), happen.ready('v1'))
        for (let second = 0; second < 4; second++) live.wait(1_000)
        expect(phaseOf(live)?.kind).toBe('rolled-back')
        expect(weightsOf(live)).toEqual({ v1: 1_000_000 })
      }),
      { numRuns: 200 },
    )
  })

  it('no weight of the candidate rises and nothing is promoted inside a freeze window', () => {
    fc.assert(
      fc.property(life, one => {
        const live = lived(one)
        if (!one[0].isFrozen) return
        const isFrozen = (atMs: number) => atMs % 86_400_000 < 43_200_000
        let before = fold([])
        let events: typeof live.log = []
        for (const logged of live.log) {
          events = [...events, logged]
          const after = fold(events)
          const was = before.endpoints['digits']?.table.weights['v2'] ?? 0
          const now = after.endpoints['digits']?.table.weights['v2'] ?? 0
          if (isFrozen(logged.atMs)) expect(now).toBeLessThanOrEqual(was)
          before = after
        }
      }),
      { numRuns: 60 },
    )
  })

  it('a control has the weight of the candidate or none, and no traffic without a fleet that was ready', () => {
    fc.assert(
      fc.property(life, one => {
        const live = lived([{ ...one[0], hasControl: true, isPaced: false }, one[1]])
        const ready = new Set<string>()
        for (const { event } of live.log) if (event.type === 'fleet-ready') ready.add(event.version)
        for (const command of live.commands) {
          if (command.type !== 'apply-route') continue
          const { weights } = command.table
          const control = weights['v1~control']
          if (control !== undefined) expect(control).toBe(weights['v2'])
          for (const version of Object.keys(weights)) expect(version === 'v1' || ready.has(version)).toBe(true)
        }
        const release = releaseOf(live)
        if (release !== undefined && isTerminal(release))
          expect(live.state().endpoints['digits']?.fleets['v1~control'] ?? 'absent').toBe('absent')
      }),
      { numRuns: 200 },
    )
  })
})

describe('a recreation that a freeze window opens on', () => {
  it('is finished: nobody is left without an answer until the window ends', () => {
    const stage = { kind: 'recreate' as const, holdMs: 0, retryAfterMs: 1_000, watchMs: 0 }
    const live = liveCore(monday - 48 * 3_600_000 - 1)
    live.silent.add('v2')
    live.happen(happen.applied(spec()), happen.released(releasePlan({ freeze: weekend, stages: [stage] })))
    expect(live.state().endpoints['digits']?.table.gap).toBeDefined()
    live.wait(3_600_000)
    live.happen({ type: 'fleet-ready', endpoint: 'digits', version: 'v2', instances: 3 })
    expect(phaseOf(live)?.kind).toBe('promoted')
    expect(weightsOf(live)).toEqual({ v2: 1_000_000 })
  })
})
