/**
 * The control plane put together: the ledger writes and folds events, orders carry out the commands that come of them, and
 * looks read the evidence at every tick.
 */

import { assertNever, CutoverError } from '../core/errors.ts'
import { learnedWindowMs } from '../core/label-delays.ts'
import { limits } from '../core/limits.ts'
import { own } from '../core/own.ts'
import type { ReleasePlan } from '../core/plan.ts'
import { refusalOf } from '../core/release/refusals.ts'
import { type ControlState, type EndpointState, isTerminal, meetsUsers, type ReleaseState } from '../core/state.ts'
import { tell, tellDeclared } from '../core/tell.ts'
import type { TimelineEntry } from '../core/timeline.ts'
import type { Baselines } from '../ports/baselines.ts'
import type { Clock } from '../ports/clock.ts'
import type { Deployer, FleetReport } from '../ports/deployer.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { EvidenceSource } from '../ports/evidence-source.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { FlagSink } from '../ports/flag-sink.ts'
import type { Gates } from '../ports/gates.ts'
import type { MetricSources } from '../ports/metric-sources.ts'
import type { MonitoringSource } from '../ports/monitoring-source.ts'
import type { Notice, Notices } from '../ports/notices.ts'
import type { Secrets } from '../ports/secrets.ts'
import type { TrafficRate } from '../ports/traffic-rate.ts'
import type { TrafficSink } from '../ports/traffic-sink.ts'
import type { Trials } from '../ports/trials.ts'
import { stateAhead } from './admission/ahead.ts'
import { admitEndpoint, admitVersion } from './admission/endpoint.ts'
import { admitRelease, considerRelease } from './admission/release.ts'
import type { ControlPlane, ReleaseView } from './control-plane.ts'
import { createDesk } from './desk.ts'
import { flagDoors } from './flag-doors.ts'
import { createKeyDesk } from './keys.ts'
import { type Answer, createLedger } from './ledger.ts'
import { createLooks } from './looks.ts'
import { createOrders } from './orders.ts'
import type { RegistryDoors } from './registrar.ts'

export type ControllerPorts = {
  log: EventLog
  clock: Clock
  deployer: Deployer
  traffic: TrafficSink
  flags: FlagSink
  evidence: EvidenceSource
  /** Whether all that was recorded of the endpoint is in its evidence; while it is not, nothing is judged by it. */
  isWhole: (endpoint: string) => boolean
  monitoring: MonitoringSource
  expressions: Expressions
  rate: TrafficRate
  sources: MetricSources
  notices: Notices
  gates: Gates
  trials: Trials
  baselines: Baselines
  secrets: Secrets
  /** Something went wrong that no caller is there to hear. */
  complain: (what: string, cause: unknown) => void
}

export interface Controller extends ControlPlane, RegistryDoors {
  /** Folds the log; afterwards `state()` tells what the last server left behind. */
  load(): void
  /** Takes over what should run and begins to look at the evidence. */
  start(): void
  /** What the deployer has to say. */
  report(report: FleetReport): void
  /** The watch of an endpoint's stable version begins anew. */
  renewWatch(endpoint: string): void
  /** One look at every release under way; `start` does this on a clock. */
  tick(): void
  stop(): void
}

export function createController(ports: ControllerPorts): Controller {
  const { log, clock, deployer, evidence, monitoring, expressions, baselines } = ports
  const desk = createDesk()
  let stopTicking: (() => void) | null = null

  const ledger = createLedger(ports, {
    folded({ before, logged, after }) {
      const entries = tell(before, logged, after)
      desk.publish(logged, entries)
      notify(entries, after)
      const declared = tellDeclared(before, logged, after)
      if (declared !== null) take({ ...declared, index: entries.length }, after)
    },
    recorded({ before, commands }) {
      forgetEnded(before)
      for (const issued of commands) orders.carryOut(issued)
    },
  })
  const orders = createOrders(ports, ledger)
  const looks = createLooks(ports, ledger, desk)
  const { state } = ledger

  const take = (told: Omit<Notice, 'to'>, { endpoints }: ControlState): void =>
    ports.notices.take({ ...told, to: endpoints[told.endpoint]?.spec.webhooks ?? {} })

  const notify = (entries: readonly TimelineEntry[], after: ControlState): void => {
    for (const [index, entry] of entries.entries()) {
      const endpoint = after.releases[entry.release]?.plan.endpoint
      if (endpoint !== undefined) take({ entry, index, endpoint }, after)
    }
  }

  /** Evidence of earlier epochs is needed no more once a new release has begun, and none of an endpoint that is gone. */
  const forgetEnded = (before: ControlState): void => {
    for (const [endpoint, { table }] of Object.entries(before.endpoints))
      if (state().endpoints[endpoint] === undefined) evidence.forget({ endpoint, beforeEpoch: table.epoch + 1 })
    for (const [endpoint, now] of Object.entries(state().endpoints)) {
      if (now.activeRelease !== null && before.endpoints[endpoint]?.activeRelease !== now.activeRelease) {
        evidence.forget({ endpoint, beforeEpoch: now.table.epoch })
      }
    }
  }

  const labelDelayMs = (endpoint: string): number | null =>
    monitoring.delays(endpoint).find(({ name }) => name === 'label')?.delay?.p90Ms ?? null

  /** Known before the release began, so that its first predictions count already. */
  const learnedWindow = (endpoint: string): Pick<ReleasePlan, 'labelWindowMs'> => {
    const maturity = monitoring.delays(endpoint).find(({ name }) => name === 'label')?.maturity
    return maturity?.known === true && maturity.source === 'learned' ? { labelWindowMs: learnedWindowMs(maturity) } : {}
  }

  /** What fails at one of them must not keep the others waiting. */
  const attempt = (doing: string, act: () => void): void => {
    try {
      act()
    } catch (cause) {
      ports.complain(doing, cause)
    }
  }

  const tickRelease = (release: ReleaseState): void => {
    if (meetsUsers(release)) looks.lookAtRelease(release)
    ledger.recordIfItMatters({ type: 'tick', release: release.id })
  }

  const need = (id: string): ReleaseState => {
    const release = own(state().releases, id)
    if (release !== undefined) return release
    const known = Object.keys(state().releases)
    throw new CutoverError('release-not-found', `there is no release ${id}`, [
      { path: 'release', message: 'not found', value: id, allowed: known.slice(-20) },
    ])
  }

  const view = (id: string): ReleaseView => ({ release: need(id), latest: desk.latest.get(id) ?? null })

  return {
    load: ledger.load,

    start() {
      ledger.record({ type: 'server-started', settles: true })
      stopTicking = clock.every(limits.tickIntervalMs, () => this.tick())
    },

    report(report) {
      // Nobody waits for this call: a log that cannot be written must not take the gateway down with it.
      attempt(`recording that ${report.endpoint}/${report.version} is ${report.state}`, () =>
        // A state that is in the log already, or that nobody waits for, is no news.
        ledger.recordAnswer(eventOf(report)),
      )
    },

    tick() {
      attempt('recording what was answered before', ledger.recordKept)
      attempt('asking again for what was not answered', orders.insist)
      for (const release of Object.values(state().releases)) {
        if (isTerminal(release)) looks.forget(release.id)
        else if (ports.isWhole(release.plan.endpoint))
          attempt(`looking at release ${release.id}`, () => tickRelease(release))
      }
      for (const name of Object.keys(state().endpoints))
        if (ports.isWhole(name)) attempt(`looking at endpoint ${name}`, () => looks.monitor(name))
    },

    renewWatch: endpoint => ledger.recordIfItMatters({ type: 'watch-renewed', endpoint }),

    stop() {
      orders.stop()
      stopTicking?.()
      stopTicking = null
    },

    state,
    keys: createKeyDesk(ports, ledger),
    instances: (endpoint, version) => deployer.status(endpoint, version),

    applyEndpoint({ spec, actor, dryRun, beside }) {
      const around = { state, deployer, expressions, rate: ports.rate }
      return decide({
        admit: () => admitEndpoint(around, spec, beside),
        now: () => own(state().endpoints, spec.name),
        act({ change, spec: admitted }) {
          if (!dryRun && change.action !== 'unchanged')
            ledger.record({ type: 'endpoint-applied', spec: admitted, actor })
          return change
        },
      })
    },

    addVersion({ endpoint, version, actor }) {
      const around = { state, deployer, expressions, rate: ports.rate }
      return decide({
        admit: () => admitVersion(around, endpoint, version),
        now: () => own(state().endpoints, endpoint),
        act: ({ spec }) => ledger.record({ type: 'endpoint-applied', spec, actor }),
      })
    },

    registryTold: told => ledger.recordIfItMatters({ type: 'registry-told', ...told }),

    ...flagDoors(ledger),

    deleteEndpoint({ endpoint, actor }) {
      const known = own(state().endpoints, endpoint)
      if (known === undefined)
        throw new CutoverError('endpoint-not-found', `there is no endpoint ${endpoint}`, [
          { path: 'endpoint', message: 'not found', value: endpoint, allowed: Object.keys(state().endpoints) },
        ])
      if (known.activeRelease !== null)
        throw new CutoverError(
          'in-use',
          `endpoint ${endpoint} has release ${known.activeRelease} under way; abort it first`,
        )
      ledger.record({ type: 'endpoint-deleted', endpoint, actor })
    },

    async applyRelease({ plan: request, actor, dryRun, again, beside }) {
      const ahead = stateAhead(state, beside?.endpoints ?? [], () => clock.nowMs())
      const around = { state: ahead, deployer, expressions, rate: ports.rate, baselines, labelDelayMs }
      return decide({
        admit: () => admitRelease(around, request, again, beside),
        now: () => own(ahead().endpoints, request.endpoint),
        act(admitted) {
          const { change, existing, arms, id } = admitted
          if (arms !== undefined && existing !== null && !dryRun)
            ledger.record({ type: 'arms-changed', release: existing, ...arms, actor })
          if (admitted.plan === null || dryRun) return { change, release: existing }
          const plan = { ...admitted.plan, ...learnedWindow(admitted.plan.endpoint) }
          ledger.record({ type: 'release-started', release: id, plan, actor })
          return { change, release: id }
        },
      })
    },

    consider: request => considerRelease(state(), request),
    rate: endpoint => ports.rate.perSecond(endpoint),
    baseline: query => baselines.read(query),

    operate({ release: id, verb, actor, note, step }) {
      const refusal = refusalOf(need(id), { verb, ...(step === true && { step }) }, clock.nowMs())
      if (refusal !== null) throw new CutoverError('release-state', refusal)
      ledger.record({ type: 'operator', release: id, verb, actor, note, ...(step === true && { step }) })
      return view(id)
    },

    release: view,
    look: looks.lookAtStable,
    delays: endpoint => monitoring.delays(endpoint),

    timeline(id): readonly TimelineEntry[] {
      need(id)
      return desk.entries(id)
    },

    events: ({ afterSeq, limit }) => log.read({ afterSeq, limit: Math.min(limit, limits.pageMax) }),

    subscribe: listener => desk.subscribe(listener),
  }
}

/**
 * Acts on what was admitted in the same turn in which the endpoint is seen not to have moved since: between the answer of a
 * door and whoever waits for it others are answered too, and two releases would take each other for the only one.
 */
async function decide<Admitted extends { on: EndpointState | undefined }, Done>(how: {
  admit: () => Promise<Admitted>
  now: () => EndpointState | undefined
  act: (admitted: Admitted) => Done
}): Promise<Done> {
  for (;;) {
    const admitted = await how.admit()
    if (how.now() === admitted.on) return how.act(admitted)
  }
}

function eventOf(report: FleetReport): Answer {
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
