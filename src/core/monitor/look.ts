/**
 * One look at a watched version: a verdict for each feature, for the predicted value, for accuracy and for each limit, and
 * what of it is an alarm. Pure; every window is compared once, and limits are judged by always-valid sequences.
 */
import type { FeatureDrift } from '../../stats/drift/binned-drift.ts'
import { type CorrectedFeature, datasetDrift } from '../../stats/drift/dataset-drift.ts'
import { bernoulliSequence } from '../../stats/sequential/bernoulli-sequence.ts'
import type { EndpointSpec } from '../endpoint.ts'
import type { Counts, Verdict } from '../judge/judgement.ts'
import { percent } from '../judge/words.ts'
import { limits } from '../limits.ts'
import type { LimitEvidence, QualityEvidence, StreamEvidence, WatchEvidence } from './evidence.ts'
import type {
  Alarm,
  DriftReport,
  FeatureReport,
  LimitReport,
  Look,
  MonitoringState,
  MonitorReport,
  QualityReport,
} from './report.ts'
import type { DriftSpec, MonitorCheck, MonitorSpec } from './spec.ts'

export function lookAt(
  spec: Pick<EndpointSpec, 'drift' | 'monitor'>,
  known: MonitoringState,
  evidence: WatchEvidence,
): Look {
  const drift = spec.drift === undefined ? null : driftReport(spec.drift, evidence)
  const limits = spec.monitor === undefined ? [] : limitReports(spec.monitor, evidence)
  const shown = spec.drift?.onDrift === 'ignore' ? null : drift
  return { drift, limits, report: reportOf(known, { drift: shown, limits }) }
}

function driftReport(spec: DriftSpec, { version, sinceMs, streams, quality }: WatchEvidence): DriftReport {
  const corrected = datasetDrift({
    features: streams.map(({ source, name, drift }) => ({ name: `${source} ${name}`, drift })),
    alpha: spec.alpha,
  })
  const features = streams.map((stream, index) =>
    featureReport(stream, corrected.ok ? corrected.features[index] : undefined),
  )
  const accuracy = quality === null ? null : qualityReport(quality, spec)
  const verdicts = [...features, ...(accuracy === null ? [] : [accuracy])].map(({ verdict }) => verdict)
  return { version, sinceMs, alpha: spec.alpha, verdict: worst(verdicts), features, quality: accuracy }
}

function worst(verdicts: readonly Verdict[]): Verdict {
  return (['fail', 'invalid', 'insufficient'] as const).find(one => verdicts.includes(one)) ?? 'pass'
}

function featureReport(stream: StreamEvidence, corrected: CorrectedFeature | undefined): FeatureReport {
  const { name, source, type, reference, current, drift } = stream
  const pValue = corrected?.adjustedPValue ?? null
  const common = { name, source, type, verdict: corrected?.verdict ?? 'invalid', pValue, reference, current } as const
  if (!drift.ok) return { ...common, ...noNumbers, reason: drift.reason }
  const { psi, jensenShannon, wasserstein } = drift.statistics
  const decision = { method: drift.decidedBy, statistic: statisticOf(drift) }
  return {
    ...common,
    ...decision,
    reason: sentenceOf(stream, { ...decision, pValue, isDrift: common.verdict === 'fail' }),
    psi: psi.ok ? psi.psi : null,
    psiThreshold: psi.ok ? psi.threshold : null,
    jensenShannon: jensenShannon.ok ? jensenShannon.distance : null,
    wasserstein: wasserstein?.ok === true ? wasserstein.normalizedDistance : null,
    missing: { reference: drift.referenceMissingShare, current: drift.currentMissingShare },
  }
}

const noNumbers = {
  method: null,
  statistic: null,
  psi: null,
  psiThreshold: null,
  jensenShannon: null,
  wasserstein: null,
  missing: null,
} as const

function statisticOf({ decidedBy, statistics }: FeatureDrift): number | null {
  const { ks, chiSquare } = statistics
  if (decidedBy === 'ks') return ks?.ok === true ? ks.statistic : null
  return chiSquare.ok ? chiSquare.statistic : null
}

function sentenceOf(
  { name, source, reference, current }: StreamEvidence,
  found: { method: string; statistic: number | null; pValue: number | null; isDrift: boolean },
): string {
  const what = source === 'answer' ? 'the predicted value' : name
  const rows = `${current?.predictions ?? 0} against ${reference.predictions} predictions`
  const numbers = `${found.method} ${short(found.statistic)}, p ${short(found.pValue)}, ${rows}`
  return found.isDrift ? `${what} drifted (${numbers})` : `no drift of ${what} shown (${numbers})`
}

function short(value: number | null): string {
  return value === null ? '-' : Number(value.toPrecision(3)).toString()
}

function qualityReport(evidence: QualityEvidence, spec: DriftSpec): QualityReport {
  const { reference, rateMax, labelled, isAlarmed, change } = evidence
  const common = { reference, rateMax, labelled }
  if (!change.ok) return { ...common, verdict: change.kind, reason: change.reason, ...noChange }
  const { rateSince, logEvidence, threshold } = change
  const numbers = `${percent(rateSince)} wrong against ${percent(reference.wrong / reference.labelled)} of the first ${reference.labelled} labelled`
  // Before a first window there was hardly a chance to see anything.
  const verdict = isAlarmed ? 'fail' : labelled < spec.window ? 'insufficient' : 'pass'
  const reason = isAlarmed ? `accuracy fell: ${numbers}` : `no fall of accuracy shown: ${numbers}`
  return { ...common, verdict, reason, rateSince, logEvidence, threshold }
}

const noChange = { rateSince: null, logEvidence: null, threshold: null } as const

function limitReports(spec: MonitorSpec, { limits }: WatchEvidence): LimitReport[] {
  return spec.checks.flatMap(check => {
    const evidence = limits.find(({ metric }) => metric === check.metric)
    return evidence === undefined ? [] : [limitReport(check, spec, evidence)]
  })
}

/** Fewer trials show no more than a great breach, and neither pass nor end one. */
export const limitTrialsMin = 100

/**
 * The limit is broken if the evidence of the running window, of the last one or of the whole stretch says so: windows
 * find a great breach soon after a long time without one, the stretch finds a small one in the end. Half of alpha each.
 * A breach lasts until windows have kept the limit.
 */
function limitReport(check: MonitorCheck, spec: MonitorSpec, evidence: LimitEvidence): LimitReport {
  const { window, last, stretch, broken = null } = evidence
  const found = [window, last, stretch, broken].flatMap(counts =>
    counts === null ? [] : [{ counts, logEvidence: evidenceOf(counts, check, spec) }],
  )
  const threshold = limitThreshold(spec)
  const strongest = found.toSorted((a, b) => (b.logEvidence ?? 0) - (a.logEvidence ?? 0))[0]
  const isBroken = (strongest?.logEvidence ?? 0) >= threshold
  const shown = (isBroken ? strongest?.counts : last) ?? window
  const verdict = isBroken ? 'fail' : stretch.trials < limitTrialsMin ? 'insufficient' : 'pass'
  return {
    metric: check.metric,
    verdict,
    reason: `${check.metric} ${isBroken ? 'broke' : 'keeps'} its limit: ${limitWords(check, shown)}`,
    rateMax: check.rateMax,
    ...shown,
    rate: shown.trials === 0 ? null : shown.events / shown.trials,
    logEvidence: strongest?.logEvidence ?? null,
    threshold,
  }
}

/** Of both, the windows and the stretch. */
function limitThreshold(spec: MonitorSpec): number {
  return -Math.log(spec.alpha / 2)
}

/**
 * The logarithm of the evidence that the rate is above what the check allows; null where the counts keep it, which can be
 * no evidence and is not worth its cost.
 */
function evidenceOf(counts: Counts, check: MonitorCheck, spec: MonitorSpec): number | null {
  if (counts.events <= counts.trials * check.rateMax) return null
  const sequence = bernoulliSequence({ ...counts, rate: check.rateMax, alpha: spec.alpha / 2 })
  return sequence.ok ? sequence.logEvidenceAbove : null
}

/** Whether counts alone show that the limit is broken. */
export function breaksLimit(counts: Counts, check: MonitorCheck, spec: MonitorSpec): boolean {
  return (evidenceOf(counts, check, spec) ?? 0) >= limitThreshold(spec)
}

function limitWords({ event, rateMax }: MonitorCheck, { trials, events }: Counts): string {
  const share = percent(trials === 0 ? null : events / trials)
  switch (event.kind) {
    case 'error':
      return `${share} of ${trials} requests failed, at most ${percent(rateMax)} may`
    case 'slow':
      return `${share} of ${trials} answers took over ${event.maxMs} ms, at most ${percent(rateMax)} may`
    case 'wrong':
      return `${share} of ${trials} labelled answers were wrong, at most ${percent(rateMax)} may be`
    default:
      return event satisfies never
  }
}

/**
 * What is to be reported of a look: where alarms have come and gone again and again, each lasts longer than the one before.
 * Windows that end every second are compared every second, and a drift that every other one of them shows would fill the
 * log and tell receivers twice a second. That an alarm begins is told at once, always.
 */
export function settled(known: MonitoringState, report: MonitorReport, atMs: number): MonitorReport {
  const ageMs = atMs - known.changedAtMs
  // A clock that was put back says nothing.
  if (ageMs < 0 || ageMs >= alarmLastsMs(known.restless ?? 0)) return report
  const isTold = (alarm: Alarm) => report.alarms.some(({ kind, name }) => kind === alarm.kind && name === alarm.name)
  const kept = known.alarms.filter(alarm => !isTold(alarm))
  return kept.length === 0 ? report : reportWith(report.version, [...report.alarms, ...kept])
}

function alarmLastsMs(restless: number): number {
  const beyond = restless - limits.monitorRestlessChanges
  return beyond < 0 ? 0 : Math.min(limits.monitorAlarmLastsMaxMs, limits.monitorAlarmLastsMinMs * 2 ** beyond)
}

function reportWith(version: string, alarms: readonly Alarm[]): MonitorReport {
  const isBreached = alarms.some(({ kind }) => kind === 'limit')
  return { version, status: isBreached ? 'breached' : alarms.length > 0 ? 'drifting' : 'ok', alarms }
}

/** An alarm ends with a pass: what can tell nothing keeps it. */
function reportOf(
  known: MonitoringState,
  { drift, limits }: { drift: DriftReport | null; limits: readonly LimitReport[] },
): MonitorReport {
  const candidates: { kind: Alarm['kind']; name: string; verdict: Verdict; reason: string }[] = [
    ...(drift?.features ?? []).map(one => ({ ...one, kind: one.source })),
    ...(drift === null || drift.quality === null
      ? []
      : [{ ...drift.quality, kind: 'quality' as const, name: 'accuracy' }]),
    ...limits.map(one => ({ ...one, kind: 'limit' as const, name: one.metric })),
  ]
  const alarms = candidates.flatMap(({ kind, name, verdict, reason }): Alarm[] => {
    const before = known.alarms.find(alarm => alarm.kind === kind && alarm.name === name)
    if (verdict === 'fail') return [{ kind, name, reason }]
    return verdict === 'pass' || before === undefined ? [] : [before]
  })
  return reportWith(known.version, alarms)
}
