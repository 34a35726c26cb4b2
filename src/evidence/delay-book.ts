/**
 * The delays of labels, rewards and reported values of every endpoint, through all of its releases: what a reader wants to
 * know before and between them. What was dated by a clock that has been put back since by more than a day is let go: ages
 * would be told by the time of that clock, and slots be as wide as it was wrong. The alarm of different coverage is a release's own (`label-clock`); nothing here decides.
 */
import type { EndpointSpec } from '../core/endpoint.ts'
import type { Signal, SignalReport, VersionDelays } from '../core/label-delays.ts'
import { limits } from '../core/limits.ts'
import { signalsOf } from '../core/metrics/spec.ts'
import { answeredAtMs, type JoinedOutcome, type OutcomeValues, type Prediction } from '../core/prediction.ts'
import { delayDistribution } from '../stats/delay/delay-distribution.ts'
import { getOrMake } from './get-or-make.ts'
import { delayOf, maturityOf, meanArrived } from './label-clock.ts'
import { emptyDelaySums, LabelCohorts } from './label-cohorts.ts'
import { type Committed, trafficOf } from './traffic.ts'

/** Cohorts begin with slots of this width and widen as time goes on. */
const slotMs = 1_000

/** What an endpoint waits for; null for one that is not known. */
export type Awaited = {
  signals: readonly Signal[]
  windowMs: number | null
  versions: readonly string[]
}

export interface DelayBook {
  add(committed: Committed): void
  read(endpoint: string): readonly SignalReport[]
}

/** What each endpoint waits for by its specification: labels where there is a predicted value, and what metrics are made of. */
export function awaitedBy(
  specOf: (endpoint: string) => EndpointSpec | undefined,
): (endpoint: string) => Awaited | null {
  const known = new WeakMap<EndpointSpec, Awaited>()
  return endpoint => {
    const spec = specOf(endpoint)
    if (spec === undefined) return null
    const awaited = known.get(spec) ?? awaitedOf(spec)
    known.set(spec, awaited)
    return awaited
  }
}

function awaitedOf(spec: EndpointSpec): Awaited {
  return {
    signals: signalsAwaited(spec),
    windowMs: spec.labelWindowMs ?? null,
    versions: Object.keys(spec.versions),
  }
}

function signalsAwaited({ answer, metrics }: EndpointSpec): Signal[] {
  const signals = new Map<string, string[]>(answer === null ? [] : [['label', []]])
  for (const [name, spec] of Object.entries(metrics))
    for (const signal of signalsOf(spec)) signals.set(signal, [...(signals.get(signal) ?? []), name])
  return [...signals].slice(0, limits.delaySignalsMax).map(([name, of]) => ({ name, metrics: of }))
}

type Series = Map<string, LabelCohorts>
type EndpointDelays = { newestMs: number; bySignal: Map<string, Series> }

export function createDelayBook({ awaited }: { awaited: (endpoint: string) => Awaited | null }): DelayBook {
  const endpoints = new Map<string, EndpointDelays>()

  const delaysOf = (endpoint: string): EndpointDelays =>
    getOrMake(endpoints, endpoint, () => {
      // Those that are gone bring no predictions by which that would be noticed.
      for (const other of endpoints.keys()) if (awaited(other) === null) endpoints.delete(other)
      return { newestMs: Number.NEGATIVE_INFINITY, bySignal: new Map() }
    })

  const addPrediction = (prediction: Prediction): void => {
    const { endpoint, version, assigned, pinned, answer } = prediction
    if (pinned || version !== assigned) return
    const wanted = awaited(endpoint)
    if (wanted === null) {
      endpoints.delete(endpoint)
      return
    }
    const delays = delaysOf(endpoint)
    const atMs = answeredAtMs(prediction)
    const wasPutBack = delays.newestMs - atMs > limits.delayClockSlipMs
    if (wasPutBack) delays.bySignal.clear()
    delays.newestMs = wasPutBack ? atMs : Math.max(delays.newestMs, atMs)
    for (const { name } of wanted.signals)
      if (name !== 'label' || answer !== null) cohortsOf(delays, wanted, { name, version }).addPredictions(atMs, 1)
  }

  /** The first value of the first row counts: those of one request come together, and a correction is no arrival. */
  const addOutcome = ({
    endpoint,
    counts,
    version,
    outcome,
    before,
    predicted,
    predictedAtMs,
    latencyMs,
  }: JoinedOutcome): void => {
    if (!counts || outcome.row !== 0) return
    const wanted = awaited(endpoint)
    const fromMs = answeredAtMs({ atMs: predictedAtMs, latencyMs })
    for (const { name } of wanted?.signals ?? []) {
      if (wanted === null || (name === 'label' && predicted === null)) continue
      if (!has(outcome, name) || (before !== null && has(before, name))) continue
      const delays = delaysOf(endpoint)
      if (fromMs - delays.newestMs > limits.delayClockSlipMs) continue
      const cohorts = cohortsOf(delays, wanted, { name, version })
      cohorts.addLabel(fromMs, outcome.atMs - fromMs)
    }
  }

  return {
    add(committed) {
      const { fresh, joined } = trafficOf(committed)
      for (const prediction of fresh) addPrediction(prediction)
      for (const one of joined) addOutcome(one)
    },
    read(endpoint) {
      const wanted = awaited(endpoint)
      const delays = endpoints.get(endpoint)
      if (wanted === null || delays === undefined) return []
      return wanted.signals.flatMap(signal => {
        const series = delays.bySignal.get(signal.name)
        return series === undefined
          ? []
          : [reportOf(signal, series, { atMs: delays.newestMs, windowMs: wanted.windowMs })]
      })
    },
  }
}

function cohortsOf(
  { bySignal }: EndpointDelays,
  { versions }: Awaited,
  { name, version }: { name: string; version: string },
): LabelCohorts {
  const series = getOrMake(bySignal, name, () => new Map<string, LabelCohorts>())
  const known = series.get(version)
  if (known !== undefined) return known
  // Versions come and go over the years; those that are gone make room.
  if (series.size >= limits.versionsPerEndpointMax)
    for (const gone of series.keys()) if (!versions.includes(gone)) series.delete(gone)
  const made = new LabelCohorts(slotMs)
  series.set(version, made)
  return made
}

function has({ label, reward, metrics }: OutcomeValues, signal: string): boolean {
  if (signal === 'label') return label !== null
  if (signal === 'reward') return reward !== null
  return Object.hasOwn(metrics, signal.slice('metrics.'.length))
}

function reportOf(signal: Signal, series: Series, now: { atMs: number; windowMs: number | null }): SignalReport {
  const sums = emptyDelaySums()
  for (const cohorts of series.values()) cohorts.addTo(sums, now.atMs)
  const counted = delayDistribution(sums)
  const distribution = counted.ok ? counted : null
  const maturity = maturityFor(maturityOf(distribution), now.windowMs)
  const horizonMs = maturity.known ? maturity.ageMs : null
  const versions = [...series].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    ...signal,
    atMs: now.atMs,
    delay: delayOf(distribution),
    maturity,
    versions: versions.map(([version, cohorts]): VersionDelays => {
      const aged = horizonMs === null ? nothingMatured : cohorts.matured(horizonMs, now.atMs)
      return {
        version,
        predicted: cohorts.predicted,
        arrived: cohorts.labelled,
        matured: aged.predicted,
        maturedArrived: aged.labelled,
        maturity: meanArrived(cohorts, { distribution, horizonMs, atMs: now.atMs }),
        cohorts: cohorts.list().map(({ labelled, ...cohort }) => ({ ...cohort, arrived: labelled })),
      }
    }),
  }
}

const nothingMatured = { predicted: 0, labelled: 0 }

function maturityFor(learned: ReturnType<typeof maturityOf>, windowMs: number | null): SignalReport['maturity'] {
  const arrivedShare = learned.known ? learned.labelledShare : null
  if (windowMs !== null) return { known: true, ageMs: windowMs, source: 'declared', arrivedShare }
  return learned.known ? { known: true, ageMs: learned.ageMs, source: 'learned', arrivedShare } : learned
}
