/** Blue-green through the core's one door, on a simulated endpoint: invariants that hold in any history. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/core/command.ts'
import { type ControlEvent, type LoggedEvent, operatorVerbs } from '../../src/core/event.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import { type ControlState, emptyState, isTerminal } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import { checkResult } from '../support/judgement.ts'
import { blueGreenPlan, endpointSpec, happen, releasePlan } from '../support/releases.ts'

type Happening =
  | { type: 'judged'; verdict: 'pass' | 'fail' | 'insufficient' | 'invalid'; blue: number }
  | { type: 'trial'; good: boolean }
  | { type: 'restarted' }
  | { type: 'ready' | 'lost'; version: string }
  | { type: 'told'; verb: (typeof operatorVerbs)[number] }
  | { type: 'passes'; ms: number }

/** What the gateway would do at once is done at once; trials and fleets answer when the history says so. */
class World {
  state: ControlState = emptyState
  readonly log: LoggedEvent[] = []
  readonly commands: Command[] = []
  asked: Extract<Command, { type: 'run-trial' }>['trial'][] = []
  ready = new Set<string>()
  nowMs = 0

  take(event: ControlEvent): void {
    const logged = { seq: this.log.length + 1, atMs: this.nowMs, event }
    this.log.push(logged)
    const result = step(this.state, event, logged.atMs)
    this.state = result.state
    for (const command of result.commands) this.carryOut(command)
  }

  carryOut(command: Command): void {
    this.commands.push(command)
    if (command.type === 'apply-route') this.take(happen.routed(command.table.epoch))
    if (command.type === 'run-trial') this.asked.push(command.trial)
    if (command.type === 'stop-fleet') this.ready.delete(command.version)
  }

  happen(one: Happening): void {
    this.nowMs += one.type === 'passes' ? 100 + one.ms : 100
    const event = this.eventOf(one)
    if (event !== null) this.take(event)
  }

  /** Null where nothing comes of it. */
  eventOf(one: Happening): ControlEvent | null {
    switch (one.type) {
      case 'judged':
        return happen.judged(one.verdict, { checks: [checkResult({ blue: one.blue, minEvents: 10 })] })
      case 'trial':
        return this.answerTrial(one.good)
      case 'restarted':
        // Trials and fleets of the server before are gone.
        this.asked = []
        this.ready.clear()
        return happen.restarted()
      case 'ready':
        if (this.fleet(one.version) === 'absent') return null
        this.ready.add(one.version)
        return happen.ready(one.version)
      case 'lost':
        this.ready.delete(one.version)
        return happen.lost(one.version)
      case 'told':
        return happen.told(one.verb)
      case 'passes':
        return happen.passed()
    }
  }

  answerTrial(isGood: boolean): ControlEvent | null {
    const trial = this.asked.shift()
    if (trial === undefined) return null
    const compared = trial.kind === 'smoke' ? trial.requests.length : 200
    return happen.tried(trial.id, { sent: compared, answered: compared, compared, agreed: isGood ? compared : 0 })
  }

  fleet(version: string): string {
    return this.state.endpoints['digits']?.fleets[version] ?? 'absent'
  }

  get release() {
    const release = this.state.releases['digits-1']
    if (release === undefined) throw new Error('there is no release')
    return release
  }

  get table() {
    const table = this.state.endpoints['digits']?.table
    if (table === undefined) throw new Error('there is no endpoint')
    return table
  }
}

function begin(over: Partial<ReleasePlan> = {}): World {
  const world = new World()
  world.take(happen.applied(endpointSpec()))
  world.ready.add('v1')
  world.take(happen.ready('v1'))
  world.take(happen.released(releasePlan({ stages: [blueGreenPlan()], ...over })))
  return world
}

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('judged' as const),
      verdict: fc.constantFrom(
        'pass' as const,
        'pass' as const,
        'fail' as const,
        'insufficient' as const,
        'invalid' as const,
      ),
      blue: fc.constantFrom(0, 100),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('trial' as const), good: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ type: 'restarted' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('ready' as const), version: fc.constantFrom('v1', 'v2') }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('lost' as const), version: fc.constantFrom('v1', 'v2') }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('told' as const), verb: fc.constantFrom(...operatorVerbs) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('passes' as const), ms: fc.constantFrom(10, 1_000, 70_000) }) },
)

const plan = fc.record({
  onFail: fc.constantFrom('rollback' as const, 'hold' as const),
  stages: fc
    .record({
      promotion: fc.constantFrom('automatic' as const, 'manual' as const),
      afterMs: fc.constantFrom(0, 500),
      keepMs: fc.constantFrom(0, 5_000),
    })
    .map(over => [blueGreenPlan(over)]),
})
const goodWay: readonly Happening[] = [
  { type: 'ready', version: 'v2' },
  { type: 'trial', good: true },
  { type: 'trial', good: true },
  { type: 'judged', verdict: 'insufficient', blue: 100 },
  { type: 'passes', ms: 2_000 },
  { type: 'judged', verdict: 'pass', blue: 100 },
  { type: 'passes', ms: 20_000 },
]

/** Some of the good way first, so that every state is met often. */
const history = fc.record({
  plan,
  happenings: fc
    .tuple(fc.nat(6), fc.array(happening, { maxLength: 30 }))
    .map(([length, rest]) => [...goodWay.slice(0, length), ...rest]),
})

/** The world after each happening. */
function* lived({ plan: over, happenings }: { plan: Partial<ReleasePlan>; happenings: readonly Happening[] }) {
  const world = begin(over)
  yield world
  for (const one of happenings) {
    world.happen(one)
    yield world
  }
}

function live(happenings: readonly Happening[], over: Partial<ReleasePlan> = {}): World {
  const world = begin(over)
  for (const one of happenings) world.happen(one)
  return world
}

describe('a blue-green release', () => {
  it('ends in green, after one switch, and tells the whole story', () => {
    const world = live(goodWay)
    expect(world.release.phase.kind).toBe('promoted')
    expect(world.table.weights).toEqual({ v2: 1_000_000 })
    expect(world.commands.at(-1)).toMatchObject({ type: 'stop-fleet', version: 'v1' })
    const story = tellAll(world.log, 'digits-1')
    expect(story.map(({ kind, candidatePpm }) => [kind, candidatePpm])).toEqual([
      ['started', 0],
      ['ready', 0],
      ['stage', 0],
      ['stage', 0],
      ['stage', 0],
      ['stage', 1_000_000],
      ['promoting', 1_000_000],
      ['promoted', 1_000_000],
      ['promoted', 1_000_000],
    ])
    expect(story.flatMap(({ trial }) => (trial === undefined ? [] : [trial.id]))).toEqual([
      'digits-1/smoke/1',
      'digits-1/replay/1',
    ])
  })

  it('keeps blue warm, and one word returns to it at once', () => {
    const world = live(goodWay.slice(0, -1))
    expect(world.release.phase).toMatchObject({ kind: 'probation' })
    expect(world.fleet('v1')).toBe('ready')
    world.happen({ type: 'told', verb: 'rollback' })
    expect(world.release.phase.kind).toBe('rolled-back')
    expect(world.table.weights).toEqual({ v1: 1_000_000 })
  })

  it('that is promoted by a word keeps blue warm as well', () => {
    const world = live([
      { type: 'ready', version: 'v2' },
      { type: 'told', verb: 'promote' },
    ])
    expect(world.release.phase).toMatchObject({ kind: 'probation', untilMs: world.nowMs + 10_000 })
    expect(world.table.rules).toEqual([])
  })

  it('asks its gate once, when the watch has been passed, and a breach meanwhile still returns', () => {
    const gates = [{ before: 'promotion', url: 'http://gate', timeoutMs: 1_000, secret: null } as const]
    const world = live(goodWay.slice(0, -1), { gates })
    expect(world.release.phase).toMatchObject({ kind: 'running', hold: { cause: 'gate' } })
    expect(world.commands.filter(({ type }) => type === 'ask-gate')).toHaveLength(1)
    const before = world.state
    world.happen({ type: 'judged', verdict: 'pass', blue: 100 })
    expect(world.state).toBe(before)
    world.happen({ type: 'judged', verdict: 'fail', blue: 100 })
    expect(world.release.phase.kind).toBe('rolled-back')
  })

  it('that is breached in its watch returns at once', () => {
    const world = live([...goodWay.slice(0, 4), { type: 'judged', verdict: 'fail', blue: 100 }])
    expect(world.release.phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
    expect(world.table.weights).toEqual({ v1: 1_000_000 })
  })

  it('that is paused finishes its checks and stops before the switch', () => {
    const paused = live([
      { type: 'ready', version: 'v2' },
      { type: 'told', verb: 'pause' },
      { type: 'trial', good: true },
      { type: 'trial', good: true },
      { type: 'judged', verdict: 'pass', blue: 100 },
    ])
    expect(paused.table.weights).toEqual({ v1: 1_000_000 })
    paused.happen({ type: 'told', verb: 'resume' })
    paused.happen({ type: 'judged', verdict: 'pass', blue: 100 })
    expect(paused.table.weights).toEqual({ v2: 1_000_000 })
  })

  it('shows green to previews alone before the switch, and takes the rule away when it ends', () => {
    const world = live(goodWay.slice(0, 2))
    expect(world.table).toMatchObject({ weights: { v1: 1_000_000 }, rules: [{ version: 'v2' }] })
    world.happen({ type: 'told', verb: 'abort' })
    expect(world.table.rules).toEqual([])
  })

  it.each(goodWay.map((_, index) => index))('that crashes after %i happenings ends the same', crashAt => {
    const calm = live(goodWay)
    const world = begin()
    for (const [index, one] of goodWay.entries()) {
      world.happen(one)
      if (index !== crashAt || isTerminal(world.release)) continue
      world.happen({ type: 'restarted' })
      world.happen({ type: 'ready', version: 'v1' })
      world.happen({ type: 'ready', version: 'v2' })
    }
    world.happen({ type: 'passes', ms: 20_000 })
    expect(world.release.phase.kind).toBe(calm.release.phase.kind)
    expect(world.table).toEqual(calm.table)
    expect(world.release.epochs.map(({ epoch, candidatePpm }) => [epoch, candidatePpm])).toEqual(
      calm.release.epochs.map(({ epoch, candidatePpm }) => [epoch, candidatePpm]),
    )
  })
})

describe('in any blue-green history', () => {
  it('weights are all or nothing, rise to green only while it is ready, and once', () => {
    fc.assert(
      fc.property(history, one => {
        let before = 0
        let switches = 0
        for (const world of lived(one)) {
          const { weights } = world.table
          expect([{ v1: 1_000_000 }, { v2: 1_000_000 }]).toContainEqual(weights)
          const green = weights['v2'] ?? 0
          if (green > before) {
            switches += 1
            expect(world.ready.has('v2')).toBe(true)
          }
          before = green
        }
        expect(switches).toBeLessThanOrEqual(1)
      }),
      { numRuns: 500 },
    )
  })

  it('nobody is switched before every check has passed, but by a word', () => {
    fc.assert(
      fc.property(history, one => {
        const world = begin(one.plan)
        const passed = new Set<string>()
        for (const happened of one.happenings) {
          const [trial] = world.asked
          const before = world.table.weights['v2'] ?? 0
          if (happened.type === 'trial' && happened.good && trial !== undefined) passed.add(trial.kind)
          world.happen(happened)
          if ((world.table.weights['v2'] ?? 0) <= before) continue
          const byWord = happened.type === 'told' && happened.verb === 'promote'
          expect(byWord || (passed.has('smoke') && passed.has('replay'))).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('rollback can be reached from every state that is not an end', () => {
    fc.assert(
      fc.property(history, one => {
        for (const world of lived(one)) if (isTerminal(world.release)) return
        const world = [...lived(one)].at(-1)
        world?.happen({ type: 'told', verb: 'abort' })
        world?.happen({ type: 'ready', version: 'v1' })
        expect(world?.release.phase.kind).toBe('rolled-back')
        expect(world?.table.weights).toEqual({ v1: 1_000_000 })
      }),
      { numRuns: 300 },
    )
  })

  it('blue runs as long as it may be returned to', () => {
    fc.assert(
      fc.property(history, one => {
        for (const world of lived(one)) if (!isTerminal(world.release)) expect(world.fleet('v1')).not.toBe('absent')
      }),
      { numRuns: 300 },
    )
  })

  it('replaying the log gives the live state', () => {
    fc.assert(
      fc.property(history, one => {
        const world = [...lived(one)].at(-1)
        expect(fold(JSON.parse(JSON.stringify(world?.log)) as LoggedEvent[])).toEqual(world?.state)
      }),
    )
  })

  it('a crash anywhere leads to the same end', () => {
    const calm = history.map(one => ({
      ...one,
      happenings: one.happenings.filter(({ type }) => type !== 'restarted' && type !== 'lost'),
    }))
    fc.assert(
      fc.property(calm, fc.nat(40), ({ plan: over, happenings }, crashAt) => {
        // Both fleets come up before anything else happens, in either life.
        const without = live([{ type: 'ready', version: 'v2' }, ...happenings], over)
        const world = live([{ type: 'ready', version: 'v2' }], over)
        for (const [index, one] of happenings.entries()) {
          if (index === crashAt && !isTerminal(world.release)) {
            const nowMs = world.nowMs
            world.happen({ type: 'restarted' })
            world.happen({ type: 'ready', version: 'v1' })
            world.happen({ type: 'ready', version: 'v2' })
            world.nowMs = nowMs
          }
          world.happen(one)
        }
        expect(world.table.weights).toEqual(without.table.weights)
        expect(world.release.phase.kind).toBe(without.release.phase.kind)
      }),
      { numRuns: 500 },
    )
  })
})
