/** From Scenario documents to the scenarios that the core simulates: units converted, defaults filled in, `like` resolved. */
import { toProblems } from '../contract/problems.ts'
import { type ScenarioDocument, scenarioDocument } from '../contract/scenario.ts'
import { CutoverError } from '../core/errors.ts'
import type { Behaviour, Feedback, Lognormal, MetricDraw, Scenario, Traffic } from '../core/simulate/scenario.ts'
import { normalQuantileOfTail } from '../core/simulate/values.ts'
import { durationMs, percentPpm } from './quantities.ts'

/** Throws invalid-resource with a problem per fault, each with its path. */
export function validateScenario(value: unknown): ScenarioDocument {
  const result = scenarioDocument.safeParse(value)
  if (result.success) return result.data
  throw new CutoverError('invalid-resource', 'the scenario is not valid', toProblems(result.error, value))
}

export function compileScenario(document: ScenarioDocument): Scenario {
  const { feedback, versions } = document
  const any = feedbackOf(feedback, { share: 1, medianMs: 0, spread: defaultSpread })
  const named = Object.entries(feedback.of).map(([signal, own]) => [signal, feedbackOf(own, any)] as const)
  return {
    name: document.name,
    horizonMs: durationMs(document.horizon),
    traffic: trafficOf(document.traffic),
    units: { regulars: document.units.regulars, returning: fraction(document.units.returning) },
    feedback: { any, named: Object.fromEntries(named) },
    approvalAfterMs: durationOrNever(document['approve-after']),
    versions: Object.fromEntries(Object.keys(versions).map(name => [name, behaviourOf(name, versions)])),
  }
}

const defaultSpread = 0.7
const peakHour = 14

function fraction(text: string): number {
  return percentPpm(text) / 1_000_000
}

function durationOrNever(text: string): number | null {
  return text === 'never' ? null : durationMs(text)
}

function feedbackOf(
  { share, delay, spread }: { share?: string | undefined; delay?: string | undefined; spread?: number | undefined },
  otherwise: Feedback,
): Feedback {
  return {
    share: share === undefined ? otherwise.share : fraction(share),
    medianMs: delay === undefined ? otherwise.medianMs : durationMs(delay),
    spread: spread ?? otherwise.spread,
  }
}

const daysOfWeek = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']

function trafficOf(traffic: ScenarioDocument['traffic']): Traffic {
  const { hourly, swing = '0%', peak = peakHour, day, hour } = traffic
  return {
    perSecond: traffic['requests-per-second'],
    hourly: hourly === undefined ? wave(fraction(swing), peak) : shares(hourly),
    weekend: fraction(traffic.weekend),
    startHour: daysOfWeek.indexOf(day) * 24 + hour,
    matched: fraction(traffic.matched),
  }
}

function wave(swing: number, peak: number): number[] {
  return Array.from({ length: 24 }, (_, hour) => 1 + swing * Math.cos(((hour - peak) / 24) * 2 * Math.PI))
}

function shares(hourly: readonly number[]): number[] {
  const mean = hourly.reduce((sum, one) => sum + one, 0) / hourly.length
  return hourly.map(one => one / mean)
}

/** A version like one that is known but for what is said of it, as in a scenario. */
export function behaviourLike(like: Behaviour, said: unknown): Behaviour {
  const { versions } = validateScenario({
    kind: 'Scenario',
    name: 'candidate',
    traffic: { 'requests-per-second': 1 },
    versions: { candidate: said },
  })
  const own = behaviourOf('candidate', versions)
  const document = versions['candidate'] ?? {}
  const taken = Object.entries(keysOf).filter(([key]) => Object.hasOwn(document, key))
  return {
    ...like,
    ...Object.fromEntries(taken.map(([, field]) => [field, own[field]])),
    metrics: { ...like.metrics, ...own.metrics },
  }
}

const keysOf = {
  'ready-after': 'readyAfterMs',
  'error-rate': 'errorRate',
  latency: 'latency',
  accuracy: 'accuracy',
  agreement: 'agreement',
  'feedback-share': 'feedbackShare',
} as const

type Documents = ScenarioDocument['versions']

function behaviourOf(name: string, versions: Documents): Behaviour {
  const said = versions[name]
  const like = said?.like === undefined ? undefined : versions[said.like]
  const own = { ...like, ...said, metrics: { ...like?.metrics, ...said?.metrics } }
  const share = (text: string | undefined) => (text === undefined ? null : fraction(text))
  return {
    readyAfterMs: durationOrNever(own['ready-after'] ?? '10s'),
    errorRate: share(own['error-rate']) ?? 0,
    latency: throughQuantiles(latencyMs(own.latency ?? { p50: '20ms', p99: '80ms' })),
    accuracy: share(own.accuracy),
    agreement: share(own.agreement),
    feedbackShare: share(own['feedback-share']),
    metrics: Object.fromEntries(Object.entries(own.metrics).map(([metric, draw]) => [metric, drawOf(draw)])),
  }
}

function latencyMs({ p50, p99 }: { p50: string; p99: string }): { p50: number; p99: number } {
  return { p50: durationMs(p50), p99: durationMs(p99) }
}

function throughQuantiles({ p50, p99 }: { p50: number; p99: number }): Lognormal {
  return { median: p50, sigma: Math.log(p99 / p50) / normalQuantileOfTail(0.01) }
}

/** The contract has seen to it that one kind is whole. */
function drawOf(draw: Documents[string]['metrics'][string]): MetricDraw {
  const { rate, mean, deviation, shape, explained, p50, p99, of, per, precision, recall, auc, confusion } = draw
  const positives = fraction(draw.positives ?? '0%')
  if (confusion !== undefined) return { kind: 'confusion', shares: sharesOf(confusion) }
  if (auc !== undefined) return { kind: 'scores', positives, auc }
  if (precision !== undefined && recall !== undefined)
    return { kind: 'shares', positives, precision: fraction(precision), recall: fraction(recall) }
  if (rate !== undefined) return { kind: 'rate', rate: fraction(rate) }
  if (p50 !== undefined && p99 !== undefined) return { kind: 'quantile', values: throughQuantiles({ p50, p99 }) }
  if (of !== undefined && per !== undefined) return { kind: 'ratio', of: { ...of }, per: { ...per } }
  const share = explained === undefined ? 0 : fraction(explained)
  return { kind: 'value', mean: mean ?? 0, deviation: deviation ?? 0, shape: shape ?? 'normal', explained: share }
}

function sharesOf(confusion: readonly (readonly number[])[]): number[][] {
  const rows = confusion.flat().reduce((sum, one) => sum + one, 0)
  return confusion.map(row => row.map(count => count / rows))
}
