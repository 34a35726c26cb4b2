/**
 * Looks at the evidence: of a release that runs, and of the stable version where none does. Only a look that changes
 * something is written down; the newest one is at hand in any case.
 */
import { judge } from '../core/judge/judge.ts'
import { limits } from '../core/limits.ts'
import { lookAt, settled } from '../core/monitor/look.ts'
import { isInProbation, probationToEnd, returnPlan } from '../core/monitor/monitoring.ts'
import type { Look } from '../core/monitor/report.ts'
import { triedVersions } from '../core/plan.ts'
import type { ReleaseState } from '../core/state.ts'
import type { Clock } from '../ports/clock.ts'
import type { EvidenceSource } from '../ports/evidence-source.ts'
import type { MetricSources, ReadingsQuery } from '../ports/metric-sources.ts'
import type { MonitoringSource } from '../ports/monitoring-source.ts'
import type { Desk } from './desk.ts'
import type { Ledger } from './ledger.ts'

export type LookPorts = {
  clock: Clock
  evidence: EvidenceSource
  monitoring: MonitoringSource
  sources: MetricSources
}

export interface Looks {
  lookAtRelease(release: ReleaseState): void
  /** The release has ended: nothing is kept of it. */
  forget(release: string): void
  /** The stable version as it is now; null where nothing is watched. */
  lookAtStable(endpoint: string): Look | null
  /** A release judges for itself; where none runs, or the candidate has everybody, the stable version is looked at, and may go back. */
  monitor(endpoint: string): void
}

export function createLooks(ports: LookPorts, ledger: Ledger, desk: Desk): Looks {
  const { clock, evidence, monitoring, sources } = ports
  const rests = new Map<string, Rest>()

  const lookAtStable = (name: string): Look | null => {
    const endpoint = ledger.state().endpoints[name]
    const watched = monitoring.watch(name)
    if (endpoint?.monitoring === undefined || watched === null) return null
    return lookAt(endpoint.spec, endpoint.monitoring, watched)
  }

  return {
    lookAtStable,

    lookAtRelease(release) {
      const { endpoint } = release.plan
      const sinceMs = clock.nowMs()
      if (rests.get(release.id)?.isOver(sinceMs) === false) return
      const seen = evidence.read({ endpoint, epochs: release.epochs.map(one => one.epoch) })
      const judgement = judge(release, seen, sources.read(readingsQuery(release)))
      desk.latest.set(release.id, { atMs: clock.nowMs(), judgement })
      ledger.recordIfItMatters({ type: 'judged', release: release.id, judgement })
      // The gateway shares this thread: a look at many epochs must not keep callers waiting.
      rests.set(release.id, restAfter(sinceMs, clock.nowMs()))
    },

    forget: release => rests.delete(release),

    monitor(name) {
      const isBusy = ledger.state().endpoints[name]?.activeRelease !== null
      if (isBusy && !isInProbation(ledger.state(), name)) return
      const look = lookAtStable(name)
      if (look === null) return
      const known = ledger.state().endpoints[name]?.monitoring
      if (known === undefined) return
      const report = settled(known, look.report, clock.nowMs())
      ledger.recordIfItMatters({ type: 'monitored', endpoint: name, report })
      const ending = probationToEnd(ledger.state(), name)
      if (ending !== null) {
        const { release, reason: note } = ending
        ledger.record({ type: 'operator', release, verb: 'rollback', actor: 'monitor', note })
      }
      const plan = returnPlan(ledger.state(), name)
      if (plan === null) return
      const release = `${name}-${(ledger.state().endpoints[name]?.releaseCount ?? 0) + 1}`
      ledger.record({ type: 'release-started', release, plan, actor: 'monitor' })
    },
  }
}

type Rest = { isOver(nowMs: number): boolean }

/** After a look, as long as its share of the time asks for. A clock that was put back says nothing, and ends it. */
function restAfter(sinceMs: number, untilMs: number): Rest {
  const restMs = Math.min((untilMs - sinceMs) / limits.lookShareMax, limits.lookWaitMaxMs)
  return { isOver: nowMs => nowMs < untilMs || nowMs >= untilMs + restMs }
}

/** The external metrics that the release's checks are of, since the candidate could first be met. */
function readingsQuery(release: ReleaseState): ReadingsQuery {
  const { plan } = release
  const measured = [...plan.guardrails, ...plan.signals].flatMap(({ metric, measure }) =>
    measure.kind === 'external' ? [[metric, measure.metric] as const] : [],
  )
  return {
    endpoint: plan.endpoint,
    versions: [...new Set([plan.from, ...triedVersions(plan)])],
    metrics: Object.fromEntries(measured),
    sinceMs: release.exposedFromMs ?? release.startedAtMs,
  }
}
