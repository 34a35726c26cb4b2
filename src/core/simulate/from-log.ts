/** A world as the log has it: the traffic, the delays and the stable version as they were, and a candidate like it but for what is said of it. */
import { normalQuantile } from '../../stats/numerics/special.ts'
import type { DDSketch } from '../../stats/summaries/ddsketch.ts'
import type { EndpointSpec } from '../endpoint.ts'
import { assertNever, CutoverError } from '../errors.ts'
import type { MetricEvidence, VersionEvidence } from '../evidence.ts'
import { armOf } from '../judge/arms.ts'
import type { SignalReport } from '../label-delays.ts'
import { isHigherBetter, type MetricSpec } from '../metrics/spec.ts'
import type { Behaviour, Feedback, Lognormal, MetricDraw, Scenario } from './scenario.ts'

export type RecordedTraffic = {
  requests: number
  firstMs: number
  lastMs: number
  /** Requests by hour of the day, from midnight UTC. */
  hourly: readonly number[]
  /** Units that came more than once, and the requests that were theirs. */
  units: { regulars: number; ofRegulars: number }
  versions: Readonly<Record<string, VersionEvidence>>
}

/** Fewer requests of the stable version say too little to simulate by. */
const requestsMin = 100
const hourMs = 3_600_000
const readyAfterMs = 10_000
const horizonMs = 28 * 24 * hourMs

export type World = { scenario: Scenario; cautions: readonly string[] }

/** `behave`: what each version that was not measured is like, from the stable one's. */
export function worldOf(
  recorded: RecordedTraffic | null,
  of: {
    spec: EndpointSpec
    stable: string
    delays: readonly SignalReport[]
    versions: readonly string[]
    behave: (like: Behaviour) => Behaviour
  },
): World {
  const evidence = recorded?.versions[of.stable]
  if (recorded === null || evidence === undefined || evidence.requests < requestsMin)
    throw new CutoverError(
      'invalid-request',
      `${of.stable} of ${of.spec.name} has ${evidence?.requests ?? 0} recorded requests; ${requestsMin} are needed to measure a world from: name a scenario`,
    )
  const stable = behaviourOf(of.spec, evidence)
  const spanMs = Math.max(1_000, recorded.lastMs - recorded.firstMs)
  const isWholeDay = spanMs >= 24 * hourMs
  const mean = recorded.requests / 24
  const { regulars, ofRegulars } = recorded.units
  const others = of.versions.filter(version => version !== of.stable)
  const scenario: Scenario = {
    name: 'recorded',
    horizonMs,
    traffic: {
      perSecond: (recorded.requests * 1_000) / spanMs,
      hourly: isWholeDay ? recorded.hourly.map(count => count / mean) : recorded.hourly.map(() => 1),
      weekend: 1,
      startHour: 9,
      matched: 1,
    },
    units: { regulars: Math.max(1, regulars), returning: ofRegulars / recorded.requests },
    feedback: feedbackFrom(of.delays),
    versions: {
      [of.stable]: stable,
      ...Object.fromEntries(others.map(version => [version, of.behave(stable)])),
    },
    approvalAfterMs: 0,
  }
  const span = `${recorded.requests} recorded requests over ${Number((spanMs / hourMs).toPrecision(3))} h`
  const cautions = [
    `the world is measured from the newest ${span}: traffic, delays and ${of.stable} are as they were`,
    ...(isWholeDay ? [] : ['less than a day is recorded, so that the traffic is taken as the same at every hour']),
  ]
  return { scenario, cautions }
}

function behaviourOf(spec: EndpointSpec, evidence: VersionEvidence): Behaviour {
  const metrics = Object.entries(evidence.metrics).flatMap(([name, seen]) => {
    const metric: MetricSpec | undefined = spec.metrics[name] ?? { type: 'mean', of: { from: 'reward' } }
    const draw = drawFrom(metric, seen)
    return draw === null ? [] : [[name, draw] as const]
  })
  return {
    readyAfterMs,
    errorRate: evidence.errors / evidence.requests,
    latency: lognormalOf(evidence.latencyMs),
    accuracy: evidence.labelled === 0 ? null : 1 - evidence.wrong / evidence.labelled,
    agreement: null,
    feedbackShare: null,
    metrics: Object.fromEntries(metrics),
  }
}

/** Through the median and the 99th percentile as they were seen. */
function lognormalOf(sketch: DDSketch): Lognormal {
  const at = (share: number) => {
    const seen = sketch.quantile(share)
    return seen.ok ? Math.max(seen.value, 0.001) : 1
  }
  const [median, tail] = [at(0.5), at(0.99)]
  return { median, sigma: Math.log(Math.max(1, tail / median)) / normalQuantile(0.99) }
}

function drawFrom(spec: MetricSpec, seen: MetricEvidence): MetricDraw | null {
  switch (seen.form) {
    case 'counts':
      if (seen.trials === 0) return null
      return { kind: 'rate', rate: isHigherBetter(spec) ? 1 - seen.events / seen.trials : seen.events / seen.trials }
    case 'sketch':
      return { kind: 'quantile', values: lognormalOf(seen.sketch) }
    case 'moments':
      return drawOfMoments(spec, seen.moments)
    case 'scores': {
      const seenAuc = armOf(spec, seen)
      const [of, not] = [total(seen.positives), total(seen.negatives)]
      return seenAuc.ok ? { kind: 'scores', positives: of / (of + not), auc: withinUnit(seenAuc.arm.mean) } : null
    }
    case 'confusion': {
      const rows = total(seen.matrix.flat())
      const isWhole = armOf(spec, seen).ok
      return isWhole ? { kind: 'confusion', shares: seen.matrix.map(row => row.map(count => count / rows)) } : null
    }
    default:
      return assertNever(seen)
  }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0)
}

/** A distribution that is never wrong cannot be drawn. */
function withinUnit(auc: number): number {
  return Math.min(0.9999, Math.max(0.0001, auc))
}

function drawOfMoments(
  spec: MetricSpec,
  { n, mean, covariance }: { n: number; mean: readonly number[]; covariance: readonly (readonly number[])[] },
): MetricDraw | null {
  // Rows that are neither of the class nor called so are not in these sums: how many there are is not known.
  if (n < 2 || spec.type === 'f1') return null
  const part = (index: number) => ({ mean: mean[index] ?? 0, deviation: Math.sqrt(covariance[index]?.[index] ?? 0) })
  if (spec.type === 'ratio') return { kind: 'ratio', of: part(0), per: part(1) }
  if (spec.type === 'rate' || spec.type === 'accuracy') return { kind: 'rate', rate: part(0).mean }
  return { kind: 'value', ...part(0), shape: 'normal', explained: 0 }
}

function feedbackFrom(delays: readonly SignalReport[]): Scenario['feedback'] {
  const any: Feedback = { share: 1, medianMs: 0, spread: 0 }
  const named = delays.flatMap(({ name, delay, versions }) => {
    const sum = (of: (one: (typeof versions)[number]) => number) => versions.reduce((total, one) => total + of(one), 0)
    const predicted = sum(one => one.predicted)
    if (delay === null || predicted === 0) return []
    const { p50Ms, p90Ms } = delay
    const spread = p50Ms > 0 ? Math.log(Math.max(1, p90Ms / p50Ms)) / normalQuantile(0.9) : 0
    const share = Math.min(1, sum(one => one.arrived) / predicted)
    return [[name, { share, medianMs: p50Ms, spread }] as const]
  })
  return { any, named: Object.fromEntries(named) }
}
