/**
 * One release in virtual time: the real reducer and the real judge, with fleets, gates and traffic of a scenario. Everything
 * that is drawn comes of one seed.
 */
import type { Random } from '../../stats/numerics/random.ts'
import type { Command } from '../command.ts'
import { publicName } from '../control-fleet.ts'
import type { EndpointSpec } from '../endpoint.ts'
import { assertNever } from '../errors.ts'
import type { ControlEvent } from '../event.ts'
import { judge } from '../judge/judge.ts'
import { limits } from '../limits.ts'
import type { ReleasePlan } from '../plan.ts'
import { type ControlState, candidateOf, emptyState, isTerminal, type ReleaseState } from '../state.ts'
import type { ReturnCause } from '../state-words.ts'
import { step } from '../step.ts'
import { type Due, Fleets } from './fleets.ts'
import { momentsOf } from './moments.ts'
import type { Scenario } from './scenario.ts'
import { mayBreach, onlyBreachesMatter } from './screen.ts'
import { streamOf } from './streams.ts'
import type { TrafficSource } from './traffic-source.ts'
import { tried } from './trials.ts'

export type Simulated = {
  spec: EndpointSpec
  plan: ReleasePlan
  scenario: Scenario
  /** What the release is served by. */
  traffic: (seed: number) => TrafficSource
}

/** `kept`: a comparison ended and stable stays. `waiting`: the horizon came while it held. */
export type RunEnd = 'promoted' | 'rolled-back' | 'kept' | 'waiting' | 'undecided'

export type Run = {
  seed: number
  end: RunEnd
  /** The version that was promoted. */
  promoted: string | null
  cause: ReturnCause | null
  reason: string
  /** From the start of the release to the decision, or to the horizon. */
  decidedMs: number
  /** The stage that decided, from 0. */
  stage: number
  /** Units and requests that met another version than stable, until it was promoted. */
  exposedUnits: number
  exposedRequests: number
  /** By version: how many requests it answered until then; and how many failed in all. */
  requests: Readonly<Record<string, number>>
  failed: Readonly<Record<string, number>>
  unserved: number
  instanceHours: number
  beyondStable: number
  looks: number
}

type Exposed = Pick<Run, 'exposedUnits' | 'exposedRequests' | 'requests'>

/** Time between two looks grows by this share of the time since the release last moved, up to the longest. */
const paceShare = 0.1
const longestLookMs = 6 * 3_600_000
/** Windows in which nothing moves begin and end by the clock. */
const longestLookWithWindowsMs = 15 * 60_000
/** A race begins a new period at every update: within one it is looked at whenever its age has doubled. */
const racePaceShare = 1
/** Where only a breach matters, checks that have no quick bound are judged once this much more time has passed. */
const judgedShare = 0.5
/** A smoke test or a replay takes this long. */
const trialMs = 5_000
/** Simulated time in the log; nothing depends on it. */
const epochMs = Date.UTC(2026, 0, 5)

export function simulateRun(simulated: Simulated, seed: number): Run {
  return new World(simulated, seed).run()
}

class World {
  readonly #simulated: Simulated
  readonly #seed: number
  readonly #traffic: TrafficSource
  readonly #fleets: Fleets
  readonly #trials: Random
  readonly #id: string
  #state: ControlState = emptyState
  #due: Due[] = []
  #nowMs = 0
  #startMs = 0
  /** Since when the release has stood as it stands: the pace of looks is by that. */
  #movedMs = 0
  #judgedMs = 0
  #looks = 0
  #approvalAtMs: number | null = null
  #stage = 0
  #decided: { isPromoted: boolean; decidedMs: number; exposed: Exposed } | null = null

  constructor(simulated: Simulated, seed: number) {
    const { spec, scenario, traffic } = simulated
    this.#simulated = simulated
    this.#seed = seed
    this.#traffic = traffic(seed)
    const elsewhere = Object.entries(spec.versions).map(
      ([name, { backend }]) => [name, backend.kind === 'url'] as const,
    )
    this.#fleets = new Fleets(scenario, Object.fromEntries(elsewhere))
    this.#trials = streamOf(seed, 'trials')
    this.#id = `${spec.name}-1`
  }

  run(): Run {
    const { spec, plan, scenario } = this.#simulated
    this.#record({ type: 'endpoint-applied', spec, actor: 'simulation' })
    // Callers are let in, and the release begins, once stable is up.
    while (!this.#fleets.isUp(spec.stable) && this.#due.length > 0) this.#reach(this.#nextDueMs())
    this.#startMs = this.#nowMs
    this.#movedMs = this.#nowMs
    this.#record({ type: 'release-started', release: this.#id, plan, actor: 'simulation' })
    const horizonMs = this.#startMs + scenario.horizonMs
    while (this.#nowMs < horizonMs && !isTerminal(this.#release())) {
      this.#pass(Math.min(horizonMs, this.#nextMs()))
      this.#look()
      this.#noteDecision()
    }
    return this.#result()
  }

  /** The first time, and again where a breach in probation takes a promotion back. */
  #noteDecision(): void {
    const { phase } = this.#release()
    if (phase.kind === 'running') this.#stage = phase.stageIndex
    if (phase.kind === 'running' || phase.kind === 'starting') return
    const isPromoted = phase.kind === 'promoting' || phase.kind === 'probation' || phase.kind === 'promoted'
    if (this.#decided?.isPromoted === isPromoted) return
    this.#decided = { isPromoted, decidedMs: this.#nowMs - this.#startMs, exposed: this.#exposed() }
  }

  /** Units and requests that have met another version than stable. A control is the stable version under another name. */
  #exposed(): Exposed {
    const { units, requests } = this.#traffic.served()
    const { from } = this.#simulated.plan
    const others = Object.keys(requests).filter(version => publicName(version) !== from)
    return {
      exposedUnits: others.reduce((sum, version) => sum + (units[version] ?? 0), 0),
      exposedRequests: others.reduce((sum, version) => sum + (requests[version] ?? 0), 0),
      requests: { ...requests },
    }
  }

  #release(): ReleaseState {
    const release = this.#state.releases[this.#id]
    if (release === undefined) throw new Error(`release ${this.#id} did not begin`)
    return release
  }

  /** The next look, or what happens before it. */
  #nextMs(): number {
    const release = this.#release()
    const ageMs = this.#nowMs - this.#movedMs
    const share = isRace(release) ? racePaceShare : paceShare
    const longestMs = release.plan.freeze === undefined ? longestLookMs : longestLookWithWindowsMs
    const paceMs = Math.ceil(Math.max(limits.tickIntervalMs, Math.min(longestMs, ageMs * share)))
    const moments = momentsOf(release).map(atMs => atMs - epochMs)
    const soon = [...moments, this.#nextDueMs(), this.#approvalAtMs ?? Number.POSITIVE_INFINITY]
    return Math.min(this.#nowMs + paceMs, ...soon.filter(atMs => atMs > this.#nowMs))
  }

  #nextDueMs(): number {
    return this.#due.reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY)
  }

  /** Callers send, fleets cost, reports come. */
  #pass(toMs: number): void {
    const fromMs = this.#nowMs
    const stable = this.#simulated.spec.versions[this.#simulated.plan.from]
    const isPaid = stable !== undefined && stable.backend.kind !== 'url'
    this.#fleets.pass(toMs - fromMs, isPaid ? stable.instances : 0)
    const span = { fromMs: fromMs - this.#startMs, toMs: toMs - this.#startMs, isUp: this.#fleets.isUp }
    this.#traffic.pass(span)
    this.#reach(toMs)
  }

  #reach(atMs: number): void {
    this.#nowMs = atMs
    const now = this.#due.filter(one => one.atMs <= atMs)
    this.#due = this.#due.filter(one => one.atMs > atMs)
    for (const { event } of now) if (this.#fleets.hear(event)) this.#record(event)
  }

  /** As the controller does at a tick. */
  #look(): void {
    this.#looks += 1
    const release = this.#release()
    const { kind } = release.phase
    if ((kind === 'running' || kind === 'probation') && this.#isTelling(release)) {
      const evidence = this.#traffic.read(epochsOf(release))
      this.#judgedMs = this.#nowMs
      this.#record({ type: 'judged', release: this.#id, judgement: judge(release, evidence) })
    }
    this.#record({ type: 'tick', release: this.#id })
    this.#approve()
  }

  /** Whether a judgement could change anything. */
  #isTelling(release: ReleaseState): boolean {
    if (!onlyBreachesMatter(release, epochMs + this.#nowMs)) return true
    const isDue =
      !isRace(release) && this.#nowMs - this.#movedMs >= (this.#judgedMs - this.#movedMs) * (1 + judgedShare)
    return isDue || mayBreach(release, this.#traffic.peek(epochsOf(release)))
  }

  /** Whoever approves takes as long as the scenario says. */
  #approve(): void {
    const { phase } = this.#release()
    const waits = phase.kind === 'running' && phase.hold?.cause === 'approval'
    const { approvalAfterMs } = this.#simulated.scenario
    if (!waits || approvalAfterMs === null) {
      this.#approvalAtMs = null
      return
    }
    this.#approvalAtMs ??= this.#nowMs + approvalAfterMs
    if (this.#nowMs < this.#approvalAtMs) return
    this.#approvalAtMs = null
    this.#record({ type: 'operator', release: this.#id, verb: 'approve', actor: 'simulation', note: null })
  }

  #record(event: ControlEvent): void {
    const before = this.#state.releases[this.#id]
    const { state, commands } = step(this.#state, event, epochMs + this.#nowMs)
    this.#state = state
    const after = state.releases[this.#id]
    if (before?.phase.kind !== after?.phase.kind || before?.epochs !== after?.epochs)
      this.#movedMs = this.#judgedMs = this.#nowMs
    for (const command of commands) this.#carryOut(command)
  }

  #carryOut(command: Command): void {
    switch (command.type) {
      case 'ensure-fleet':
        this.#due.push(...this.#fleets.ensure(command, this.#nowMs))
        return
      case 'stop-fleet':
        this.#due.push(...this.#fleets.stop(command, this.#nowMs))
        return
      case 'apply-route': {
        const { spec, table } = command
        this.#traffic.route(table)
        this.#due.push({
          atMs: this.#nowMs,
          event: { type: 'traffic-applied', endpoint: spec.name, epoch: table.epoch },
        })
        this.#reach(this.#nowMs)
        return
      }
      case 'run-trial': {
        const report = tried(command.trial, this.#simulated.scenario, this.#trials)
        this.#due.push({ atMs: this.#nowMs + trialMs, event: { type: 'trial-ended', release: this.#id, report } })
        return
      }
      case 'ask-gate': {
        const { before } = command.gate
        const event = { type: 'gate-answered', release: this.#id, before, confirmed: true, reason: '' } as const
        this.#due.push({ atMs: this.#nowMs, event })
        return
      }
      // Nobody asks for flags here.
      case 'remove-route':
      case 'apply-flags':
        return
      default:
        assertNever(command)
    }
  }

  #result(): Run {
    const { failed, unserved } = this.#traffic.served()
    const decided = this.#decided
    // After a promotion everybody meets the candidate, for good or ill; on the way back some still do.
    const exposed = decided?.isPromoted === true ? decided.exposed : this.#exposed()
    return {
      seed: this.#seed,
      ...endOf(this.#release()),
      decidedMs: decided?.decidedMs ?? this.#nowMs - this.#startMs,
      stage: this.#stage,
      ...exposed,
      failed: { ...failed },
      unserved,
      ...this.#fleets.cost(),
      looks: this.#looks,
    }
  }
}

function epochsOf({ epochs }: ReleaseState): number[] {
  return epochs.map(({ epoch }) => epoch)
}

function isRace({ phase }: ReleaseState): boolean {
  return phase.kind === 'running' && phase.stage.kind === 'bandit'
}

function endOf(release: ReleaseState): Pick<Run, 'end' | 'promoted' | 'cause' | 'reason'> {
  const { phase } = release
  switch (phase.kind) {
    case 'promoted':
    case 'promoting':
    case 'probation':
      return { end: 'promoted', promoted: candidateOf(release), cause: null, reason: '' }
    case 'rolled-back':
    case 'returning': {
      const { cause, reason } = phase
      return { end: cause === 'kept' ? 'kept' : 'rolled-back', promoted: null, cause, reason }
    }
    case 'running':
    case 'starting': {
      const reason = phase.hold?.reason ?? ''
      return { end: phase.hold == null ? 'undecided' : 'waiting', promoted: null, cause: null, reason }
    }
    case 'queued':
      return { end: 'undecided', promoted: null, cause: null, reason: '' }
    default:
      return assertNever(phase)
  }
}
