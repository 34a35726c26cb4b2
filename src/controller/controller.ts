/**
 * The control plane: appends events, folds them, carries out the commands that come of them, and looks at the evidence
 * at every tick. One writer; everything that happens goes through `record`.
 */
import type { IssuedCommand } from '../core/command.ts'
import { fleetSpec } from '../core/control-fleet.ts'
import { readyTimeoutOf } from '../core/endpoint.ts'
import { assertNever, CutoverError } from '../core/errors.ts'
import type { ControlEvent, LoggedEvent } from '../core/event.ts'
import { judge } from '../core/judge/judge.ts'
import { limits } from '../core/limits.ts'
import { lookAt } from '../core/monitor/look.ts'
import { isInProbation, probationToEnd, returnPlan } from '../core/monitor/monitoring.ts'
import type { Look } from '../core/monitor/report.ts'
import type { ReleasePlan } from '../core/plan.ts'
import { gateAwaited } from '../core/release/gates.ts'
import { refusalOf } from '../core/release/refusals.ts'
import { versionsOf } from '../core/stage-plans.ts'
import { type ControlState, emptyState, isTerminal, type ReleaseState } from '../core/state.ts'
import { issue, step } from '../core/step.ts'
import { tell } from '../core/tell.ts'
import type { TimelineEntry } from '../core/timeline.ts'
import type { GatePlace } from '../core/webhook.ts'
import type { Baselines } from '../ports/baselines.ts'
import type { Clock } from '../ports/clock.ts'
import type { Deployer, FleetReport } from '../ports/deployer.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { EvidenceSource } from '../ports/evidence-source.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { Gates } from '../ports/gates.ts'
import type { MetricSources, ReadingsQuery } from '../ports/metric-sources.ts'
import type { MonitoringSource } from '../ports/monitoring-source.ts'
import type { Notices } from '../ports/notices.ts'
import type { TrafficRate } from '../ports/traffic-rate.ts'
import type { TrafficSink } from '../ports/traffic-sink.ts'
import type { Trials } from '../ports/trials.ts'
import { admitEndpoint, admitRelease } from './admission.ts'
import type { ControlPlane, ReleaseView } from './control-plane.ts'
import { createDesk } from './desk.ts'

export type ControllerPorts = {
  log: EventLog
  clock: Clock
  deployer: Deployer
  traffic: TrafficSink
  evidence: EvidenceSource
  monitoring: MonitoringSource
  expressions: Expressions
  rate: TrafficRate
  sources: MetricSources
  notices: Notices
  gates: Gates
  trials: Trials
  baselines: Baselines
  /** Something went wrong that no caller is there to hear. */
  complain: (what: string, cause: unknown) => void
}

export interface Controller extends ControlPlane {
  /** Folds the log; afterwards `state()` tells what the last server left behind. */
  load(): void
  /** Takes over what should run and begins to look at the evidence. */
  start(): void
  /** What the deployer has to say. */
  report(report: FleetReport): void
  /** One look at every release under way; `start` does this on a clock. */
  tick(): void
  stop(): void
}

export function createController(ports: ControllerPorts): Controller {
  const { log, clock, deployer, traffic, evidence, monitoring, expressions, baselines } = ports
  const desk = createDesk()
  let state: ControlState = emptyState
  let stopTicking: (() => void) | null = null
  const inbox: ControlEvent[] = []
  let working = false
  let isStopped = false
  let lastInsistMs = clock.nowMs()
  const nextLookMs = new Map<string, number>()

  /** Appends, folds and carries out, in this order: an event is on disk before it takes effect. */
  const record = (event: ControlEvent): void => {
    inbox.push(event)
    // A command's answer that comes at once waits until the event that caused it is done with.
    if (working) return
    working = true
    try {
      for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) recordOne(next)
    } finally {
      working = false
    }
  }

  const recordOne = (event: ControlEvent): void => {
    for (const logged of log.append([{ atMs: clock.nowMs(), event }])) {
      const { before, commands } = takeIn(logged)
      forgetEnded(before)
      for (const command of commands) carryOut(command)
    }
  }

  const takeIn = (logged: LoggedEvent): { before: ControlState; commands: readonly IssuedCommand[] } => {
    const before = state
    const result = step(state, logged.event, logged.atMs)
    state = result.state
    const entries = tell(before, logged, state)
    desk.publish(logged, entries)
    notify(entries)
    return { before, commands: issue(logged.seq, result.commands) }
  }

  const notify = (entries: readonly TimelineEntry[]): void => {
    for (const [index, entry] of entries.entries()) {
      const endpoint = state.releases[entry.release]?.plan.endpoint
      if (endpoint === undefined) continue
      ports.notices.take({ entry, index, endpoint, to: state.endpoints[endpoint]?.spec.webhooks ?? {} })
    }
  }

  const carryOut = ({ id, command }: IssuedCommand): void => {
    switch (command.type) {
      case 'ensure-fleet':
        deployer.ensure(command)
        break
      case 'stop-fleet':
        deployer
          .stop(command)
          .catch(cause => ports.complain(`command ${id}: stopping ${command.endpoint}/${command.version}`, cause))
        break
      case 'apply-route':
        traffic.apply(command)
        record({ type: 'traffic-applied', endpoint: command.spec.name, epoch: command.table.epoch })
        break
      case 'remove-route':
        traffic.remove(command.endpoint)
        break
      case 'ask-gate':
        ports.gates
          .ask(command, () => isGateAwaited(command.release, command.gate.before))
          .then(answer => {
            if (answer === null) return
            recordIfItMatters({
              type: 'gate-answered',
              release: command.release,
              before: command.gate.before,
              ...answer,
            })
          })
          .catch(cause => ports.complain(`command ${id}: asking the gate before the ${command.gate.before}`, cause))
        break
      case 'run-trial':
        ports.trials
          .run(command)
          .then(report => {
            // What is broken off because the server ends says nothing of a version: the next server asks again.
            if (!isStopped) recordIfItMatters({ type: 'trial-ended', release: command.release, report })
          })
          .catch(cause => ports.complain(`command ${id}: trying ${command.trial.version}`, cause))
        break
      default:
        command satisfies never
    }
  }

  /** Evidence of earlier epochs is needed no more once a new release has begun. */
  const forgetEnded = (before: ControlState): void => {
    for (const [endpoint, now] of Object.entries(state.endpoints)) {
      if (now.activeRelease !== null && before.endpoints[endpoint]?.activeRelease !== now.activeRelease) {
        evidence.forget({ endpoint, beforeEpoch: now.table.epoch })
      }
    }
  }

  /**
   * Asks again for what was asked and not answered: an answer that the log could not take, or a stable version that
   * failed, in whose place nobody else can serve. All of it is idempotent.
   */
  const insist = (): void => {
    const nowMs = clock.nowMs()
    if (nowMs - lastInsistMs < limits.insistMs) return
    lastInsistMs = nowMs
    for (const { spec, stable, fleets, sizes, table, appliedEpoch } of Object.values(state.endpoints)) {
      for (const [name, fleet] of Object.entries(fleets)) {
        const instances = sizes?.[name]
        const version = fleetSpec(spec, name, instances)
        const isDown = fleet === 'failed' && name === stable
        const isAsked = isDown || (fleet === 'starting' && hasReported(spec.name, name))
        if (version === undefined || !isAsked) continue
        deployer.ensure({
          endpoint: spec.name,
          version,
          readyTimeoutMs: readyTimeoutOf(version, limits.readyTimeoutMs),
          ...(instances !== undefined && { instances }),
        })
      }
      if (appliedEpoch < table.epoch) carryOut({ id: 'again', command: { type: 'apply-route', spec, table } })
    }
  }

  /** Whether a fleet that the log has as starting has something to say: asking while it starts would only give it more time. */
  const hasReported = (endpoint: string, version: string): boolean =>
    deployer.status(endpoint, version).some(({ state: one }) => one === 'ready' || one === 'failed')

  const look = (release: ReleaseState): void => {
    const { endpoint } = release.plan
    const sinceMs = clock.nowMs()
    if (sinceMs < (nextLookMs.get(release.id) ?? 0)) return
    const seen = evidence.read({ endpoint, epochs: release.epochs.map(one => one.epoch) })
    const judgement = judge(release, seen, ports.sources.read(readingsQuery(release)))
    desk.latest.set(release.id, { atMs: clock.nowMs(), judgement })
    recordIfItMatters({ type: 'judged', release: release.id, judgement })
    // The gateway shares this thread: a look at many epochs must not keep callers waiting.
    const untilMs = clock.nowMs()
    nextLookMs.set(release.id, untilMs + (untilMs - sinceMs) / limits.lookShareMax)
  }

  const isGateAwaited = (id: string, before: GatePlace): boolean => {
    const release = state.releases[id]
    return !isStopped && release !== undefined && gateAwaited(release) === before
  }

  /** The stable version as it is now; null where nothing is watched. */
  const lookAtStable = (name: string): Look | null => {
    const endpoint = state.endpoints[name]
    const watched = monitoring.watch(name)
    if (endpoint?.monitoring === undefined || watched === null) return null
    return lookAt(endpoint.spec, endpoint.monitoring, watched)
  }

  /** A release judges for itself; where none runs, or the candidate has everybody, the stable version is looked at. */
  const monitor = (name: string): void => {
    if (state.endpoints[name]?.activeRelease !== null && !isInProbation(state, name)) return
    const look = lookAtStable(name)
    if (look === null) return
    recordIfItMatters({ type: 'monitored', endpoint: name, report: look.report })
    const ending = probationToEnd(state, name)
    if (ending !== null) {
      const { release, reason: note } = ending
      record({ type: 'operator', release, verb: 'rollback', actor: 'monitor', note })
    }
    const plan = returnPlan(state, name)
    const count = state.endpoints[name]?.releaseCount ?? 0
    if (plan !== null) record({ type: 'release-started', release: `${name}-${count + 1}`, plan, actor: 'monitor' })
  }

  /** Known before the release began, so that its first predictions count already. */
  const learnedWindow = (endpoint: string): Pick<ReleasePlan, 'labelWindowMs'> => {
    const maturity = monitoring.delays(endpoint).find(({ name }) => name === 'label')?.maturity
    return maturity?.known === true && maturity.source === 'learned' ? { labelWindowMs: maturity.ageMs } : {}
  }

  /** Only a look that changes something is written down; the newest look is at hand in any case. */
  const recordIfItMatters = (event: ControlEvent): void => {
    if (step(state, event, clock.nowMs()).state !== state) record(event)
  }

  const need = (id: string): ReleaseState => {
    const release = state.releases[id]
    if (release !== undefined) return release
    const known = Object.keys(state.releases)
    throw new CutoverError('release-not-found', `there is no release ${id}`, [
      { path: 'release', message: 'not found', value: id, allowed: known.slice(-20) },
    ])
  }

  const view = (id: string): ReleaseView => ({ release: need(id), latest: desk.latest.get(id) ?? null })

  return {
    load() {
      for (;;) {
        const page = log.read({ afterSeq: desk.lastSeq(), limit: limits.pageMax })
        if (page.length === 0) break
        for (const logged of page) takeIn(logged)
      }
    },

    start() {
      record({ type: 'server-started' })
      stopTicking = clock.every(limits.tickIntervalMs, () => this.tick())
    },

    report(report) {
      try {
        // A state that is in the log already, or that nobody waits for, is no news.
        recordIfItMatters(eventOf(report))
      } catch (cause) {
        // Nobody waits for this call: a log that cannot be written must not take the gateway down with it.
        ports.complain(`recording that ${report.endpoint}/${report.version} is ${report.state}`, cause)
      }
    },

    tick() {
      try {
        insist()
      } catch (cause) {
        ports.complain('asking again for what was not answered', cause)
      }
      for (const release of Object.values(state.releases)) {
        if (isTerminal(release)) {
          nextLookMs.delete(release.id)
          continue
        }
        try {
          if (release.phase.kind === 'running' || release.phase.kind === 'probation') look(release)
          recordIfItMatters({ type: 'tick', release: release.id })
        } catch (cause) {
          ports.complain(`looking at release ${release.id}`, cause)
        }
      }
      for (const name of Object.keys(state.endpoints)) {
        try {
          monitor(name)
        } catch (cause) {
          ports.complain(`looking at endpoint ${name}`, cause)
        }
      }
    },

    stop() {
      isStopped = true
      stopTicking?.()
      stopTicking = null
    },

    state: () => state,
    instances: (endpoint, version) => deployer.status(endpoint, version),

    async applyEndpoint({ spec, actor, dryRun }) {
      const change = await admitEndpoint({ state: () => state, deployer, expressions, rate: ports.rate }, spec)
      if (!dryRun && change.action !== 'unchanged') record({ type: 'endpoint-applied', spec, actor })
      return change
    },

    deleteEndpoint({ endpoint, actor }) {
      const known = state.endpoints[endpoint]
      if (known === undefined)
        throw new CutoverError('endpoint-not-found', `there is no endpoint ${endpoint}`, [
          { path: 'endpoint', message: 'not found', value: endpoint, allowed: Object.keys(state.endpoints) },
        ])
      if (known.activeRelease !== null)
        throw new CutoverError(
          'in-use',
          `endpoint ${endpoint} has release ${known.activeRelease} under way; abort it first`,
        )
      record({ type: 'endpoint-deleted', endpoint, actor })
    },

    async applyRelease({ plan: request, actor, dryRun, again }) {
      const around = { state: () => state, deployer, expressions, rate: ports.rate, baselines }
      const admitted = await admitRelease(around, request, again)
      if (admitted.arms !== undefined && admitted.existing !== null && !dryRun)
        record({ type: 'arms-changed', release: admitted.existing, ...admitted.arms, actor })
      if (admitted.plan === null || dryRun) return { change: admitted.change, release: admitted.existing }
      const plan = { ...admitted.plan, ...learnedWindow(admitted.plan.endpoint) }
      record({ type: 'release-started', release: admitted.id, plan, actor })
      return { change: admitted.change, release: admitted.id }
    },

    operate({ release: id, verb, actor, note, step }) {
      const refusal = refusalOf(need(id), { verb, ...(step === true && { step }) }, clock.nowMs())
      if (refusal !== null) throw new CutoverError('release-state', refusal)
      record({ type: 'operator', release: id, verb, actor, note, ...(step === true && { step }) })
      return view(id)
    },

    release: view,
    look: lookAtStable,
    delays: endpoint => monitoring.delays(endpoint),

    timeline(id): readonly TimelineEntry[] {
      need(id)
      return desk.entries(id)
    },

    events({ afterSeq, limit, release }) {
      const page = log.read({ afterSeq, limit: Math.min(limit, limits.pageMax) })
      return release === null ? page : page.filter(({ event }) => 'release' in event && event.release === release)
    },

    subscribe: listener => desk.subscribe(listener),
  }
}

/** The external metrics that the release's checks are of, since the candidate could first be met. */
function readingsQuery(release: ReleaseState): ReadingsQuery {
  const { plan } = release
  const measured = [...plan.guardrails, ...plan.signals].flatMap(({ metric, measure }) =>
    measure.kind === 'external' ? [[metric, measure.metric] as const] : [],
  )
  const named = plan.stages.flatMap(stage => versionsOf(stage, plan.to))
  return {
    endpoint: plan.endpoint,
    versions: [...new Set([plan.from, plan.to, ...named])],
    metrics: Object.fromEntries(measured),
    sinceMs: release.exposedFromMs ?? release.startedAtMs,
  }
}

function eventOf(report: FleetReport): ControlEvent {
  const { endpoint, version } = report
  switch (report.state) {
    case 'ready':
      return {
        type: 'fleet-ready',
        endpoint,
        version,
        ...(report.instances !== undefined && { instances: report.instances }),
      }
    case 'failed':
      return { type: 'fleet-failed', endpoint, version, reason: report.reason }
    case 'stopped':
      return { type: 'fleet-stopped', endpoint, version }
    default:
      return assertNever(report)
  }
}
