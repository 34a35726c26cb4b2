/**
 * A world without time or processes: the real fold of the control plane, and fleets and a gateway that do what they are
 * told in whatever order a test chooses. It breaks when what it is told breaks a promise.
 */
import type { Command } from '../../src/core/command.ts'
import type { ControlEvent, OperatorVerb } from '../../src/core/event.ts'
import { limits } from '../../src/core/limits.ts'
import { refusalOf } from '../../src/core/release/refusals.ts'
import type { StagePlan } from '../../src/core/stage-plans.ts'
import { type ControlState, emptyState, isTerminal, type ReleaseState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import type { TrafficTable } from '../../src/core/traffic.ts'
import { endpointSpec, happen, judgement, releasePlan } from './releases.ts'

/** A fleet as the deployer keeps it: what leaves still runs, and what comes in its place waits for that. */
type Fleet = {
  wanted: number
  ready: number
  starting: number
  leaving: number
  stops: boolean
  told: number | 'failed' | null
}

export type World = {
  state: () => ControlState
  release: () => ReleaseState
  /** The table that the gateway routes by; null from a crash to the first one after it: until then it does not listen. */
  applied: () => TrafficTable | null
  ready: (version: string) => number
  running: (version: string) => number
  /** Everything that could happen next, by name. */
  choices: () => readonly Choice[]
  happen: (event: ControlEvent) => void
  pass: (ms: number) => void
  crash: () => void
  operate: (verb: OperatorVerb) => boolean
  /** The version's instances never become ready any more, and those that are not are told to have failed. */
  spoil: (version: string) => void
  judge: (verdict: 'pass' | 'insufficient' | 'fail') => void
  /** Commands of all events so far. */
  commands: () => readonly Command[]
}

export type Choice = { name: string; run: () => void }

export type Setup = {
  stage: StagePlan
  /** The stage after it. */
  after?: StagePlan
  sizes: { v1: number; v2: number }
  probationMs?: number
  onFail?: 'rollback' | 'hold'
  /** Called after everything that happens. */
  check?: (world: World) => void
}

export function fleetWorld({ stage, after, sizes, probationMs = 0, onFail = 'rollback', check }: Setup): World {
  const spec = endpointSpec()
  const versions = Object.fromEntries(
    Object.entries(spec.versions).map(([name, one]) => [name, { ...one, instances: sizes[name as 'v1'] ?? 1 }]),
  )
  const fleets = new Map<string, Fleet[]>()
  const spoiled = new Set<string>()
  const commands: Command[] = []
  let reports: ControlEvent[] = []
  let tables: TrafficTable[] = []
  let state = emptyState
  let applied: TrafficTable | null = null
  let atMs = 1_000_000

  const of = (version: string): Fleet[] => fleets.get(version) ?? []
  const current = (version: string): Fleet | undefined => of(version).find(fleet => !fleet.stops)
  const total = (version: string, read: (fleet: Fleet) => number): number =>
    of(version).reduce((sum, fleet) => sum + read(fleet), 0)

  const settle = (version: string): void => {
    for (const fleet of of(version)) {
      const { wanted, ready, starting, leaving, stops } = fleet
      if (!stops) fleet.starting += Math.max(0, wanted - ready - starting - leaving)
      if (spoiled.has(version) && fleet.starting > 0 && !stops && fleet.told !== 'failed') {
        fleet.told = 'failed'
        reports.push({ type: 'fleet-failed', endpoint: 'digits', version, reason: 'exited with code 1' })
      }
      if (stops || leaving > 0 || fleet.ready !== wanted || fleet.told === wanted) continue
      fleet.told = wanted
      reports.push({ type: 'fleet-ready', endpoint: 'digits', version, instances: wanted })
    }
    const ended = of(version).filter(({ stops, leaving }) => stops && leaving === 0)
    fleets.set(
      version,
      of(version).filter(fleet => !ended.includes(fleet)),
    )
    if (ended.length > 0 && of(version).length === 0)
      reports.push({ type: 'fleet-stopped', endpoint: 'digits', version })
  }

  const shrink = (fleet: Fleet, to: number): void => {
    const surplus = Math.max(0, fleet.ready + fleet.starting - to)
    const unready = Math.min(surplus, fleet.starting)
    fleet.starting -= unready
    fleet.ready -= surplus - unready
    fleet.leaving += surplus
  }

  const carryOut = (command: Command): void => {
    commands.push(command)
    if (command.type === 'apply-route') tables.push(command.table)
    if (command.type === 'ensure-fleet') {
      const { name, instances } = command.version
      const wanted = command.instances ?? instances
      const fleet = current(name) ?? { wanted, ready: 0, starting: 0, leaving: 0, stops: false, told: null }
      fleets.set(name, [...of(name).filter(one => one !== fleet), fleet])
      Object.assign(fleet, { wanted, told: null })
      shrink(fleet, wanted)
      settle(name)
    }
    if (command.type === 'stop-fleet') {
      const fleet = current(command.version)
      if (fleet !== undefined) {
        shrink(fleet, 0)
        fleet.stops = true
      }
      if (of(command.version).length === 0)
        reports.push({ type: 'fleet-stopped', endpoint: 'digits', version: command.version })
      settle(command.version)
    }
  }

  const tell = (event: ControlEvent): void => {
    const result = step(state, event, atMs)
    if (result.state === state && result.commands.length > 0 && event.type !== 'server-started')
      throw new Error(`${event.type} changed nothing and wants ${result.commands.map(one => one.type).join(', ')}`)
    state = result.state
    for (const command of result.commands) carryOut(command)
    check?.(world)
  }

  const change = (version: string, run: () => void): void => {
    run()
    settle(version)
    check?.(world)
  }

  const fleetChoices = (version: string, fleet: Fleet): Choice[] => {
    const starts = (): void => {
      fleet.starting -= 1
      fleet.ready += 1
    }
    const ends = (): void => {
      fleet.leaving -= 1
    }
    return [
      ...(fleet.starting > 0 && !spoiled.has(version)
        ? [{ name: `${version} starts`, run: () => change(version, starts) }]
        : []),
      ...(fleet.leaving > 0 ? [{ name: `${version} ends`, run: () => change(version, ends) }] : []),
    ]
  }

  const deliver = (): void => {
    const report = reports.shift()
    if (report !== undefined) tell(report)
  }

  const route = (): void => {
    applied = tables.shift() ?? applied
    if (applied !== null) tell(happen.routed(applied.epoch))
  }

  const choices = (): Choice[] => [
    ...Object.keys(versions).flatMap(version => of(version).flatMap(fleet => fleetChoices(version, fleet))),
    ...(reports.length > 0 ? [{ name: 'a report arrives', run: deliver }] : []),
    ...(tables.length > 0 ? [{ name: 'a table takes effect', run: route }] : []),
  ]

  const world: World = {
    state: () => state,
    release: () => {
      const release = state.releases['digits-1']
      if (release === undefined) throw new Error('no release has begun')
      return release
    },
    applied: () => applied,
    ready: version => total(version, fleet => (fleet.stops ? 0 : fleet.ready)),
    running: version => total(version, fleet => fleet.ready + fleet.starting + fleet.leaving),
    choices,
    happen: tell,
    pass: ms => {
      atMs += ms
      tell(happen.passed())
    },
    crash: () => {
      fleets.clear()
      reports = []
      tables = []
      applied = null
      tell(happen.restarted())
    },
    operate: verb => {
      if (refusalOf(world.release(), { verb }, atMs) !== null) return false
      tell(happen.told(verb))
      return true
    },
    spoil: version => {
      spoiled.add(version)
      for (const fleet of of(version).filter(({ stops }) => !stops)) {
        const lost = Math.min(1, fleet.ready)
        fleet.ready -= lost
        fleet.starting += lost
      }
      settle(version)
    },
    judge: verdict => {
      const { phase } = world.release()
      if (phase.kind !== 'running' && phase.kind !== 'probation') return
      tell({ type: 'judged', release: 'digits-1', judgement: judgement(verdict, { stepRequests: 1_000 }) })
    },
    commands: () => commands,
  }

  tell(happen.applied({ ...spec, versions }))
  calm(world)
  const plan = releasePlan({ stages: after === undefined ? [stage] : [stage, after], probationMs, onFail })
  tell(happen.released(plan))
  return world
}

/** Lets everything happen that is under way. */
export function calm(world: World): void {
  for (let turn = 0; turn < 10_000; turn += 1) {
    const next = world.choices()[0]
    if (next === undefined) return
    next.run()
  }
  throw new Error('it never calms down')
}

/** Lets all that is under way happen, time pass and the evidence pass, until the release has ended. */
export function untilEnded(world: World): void {
  for (let turn = 0; turn < 200; turn += 1) {
    calm(world)
    if (isTerminal(world.release())) return
    world.judge('pass')
    world.pass(limits.insistMs)
  }
  throw new Error(`it never ends: ${JSON.stringify(world.release().phase)}`)
}
