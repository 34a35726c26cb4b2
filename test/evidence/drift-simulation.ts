/** A watched version under simulated traffic: how often it raises an alarm, with and without a shift. Seeded. */

import type { Watched } from '../../src/core/monitor/evidence.ts'
import { lookAt } from '../../src/core/monitor/look.ts'
import type { Alarm, Look, MonitoringState } from '../../src/core/monitor/report.ts'
import type { DriftSpec, MonitorSpec } from '../../src/core/monitor/spec.ts'
import type { JoinedOutcome, Prediction } from '../../src/core/prediction.ts'
import { VersionWatch } from '../../src/evidence/watch/version-watch.ts'
import { type Random, randomFrom } from '../../src/stats/numerics/random.ts'

export const alpha = 0.05

const drift: DriftSpec = {
  by: 'unit',
  reference: 2_000,
  window: 1_000,
  atMostMs: 86_400_000,
  alpha,
  toleratedPsi: 0,
  onDrift: 'alert',
}

const monitor: MonitorSpec = {
  checks: [
    { metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 },
    { metric: 'latency-p90', event: { kind: 'slow', quantile: 0.9, maxMs: 100 }, rateMax: 0.1 },
    { metric: 'accuracy', event: { kind: 'wrong' }, rateMax: 0.1 },
  ],
  alpha,
  window: 1_000,
  atMostMs: 86_400_000,
  onBreach: 'alert',
}

const watched: Watched = {
  version: 'v1',
  sinceMs: -1,
  since: { epoch: 1, isWithin: true },
  restarts: [],
  features: {
    age: { source: { from: 'pointer', pointer: '/age' }, type: 'number' },
    amount: { source: { from: 'pointer', pointer: '/amount' }, type: 'number' },
    items: { source: { from: 'pointer', pointer: '/items' }, type: 'number' },
    country: { source: { from: 'pointer', pointer: '/country' }, type: 'category' },
  },
  answer: 'category',
  drift,
  monitor,
}

/** What differs from the reference once it is complete; all zero is no drift. */
export type Shift = {
  /** Of `amount`, in standard deviations of its logarithm. */
  amount: number
  /** Share of the requests that come from another country than before. */
  country: number
  /** Added to the rates of wrong answers and of errors, which keep their limits exactly without it. */
  wrong: number
  errors: number
}

export const noShift: Shift = { amount: 0, country: 0, wrong: 0, errors: 0 }

export type Course = {
  /** Looks, one after every window, and those at which something of this kind was shown. */
  looks: number
  shown: Record<Alarm['kind'], number>
  /** The first look at which it was, from 1; null if never. */
  firstAt: Record<Alarm['kind'], number | null>
}

/** How units come: each makes so many requests in a row, all alike; and what counts once in a window. */
export type Visits = { requests: number; by: DriftSpec['by'] }

type Run = { seed: number; windows: number; shift: Shift; visits?: Visits }

export function course({ seed, windows, shift, visits = { requests: 1, by: 'unit' } }: Run): Course {
  const random = randomFrom(seed)
  const spec = { ...drift, by: visits.by }
  const watch = new VersionWatch({ ...watched, drift: spec })
  const draw = visitors(random, visits.requests)
  const perRow = visits.by === 'unit' ? visits.requests : 1
  const kinds: Alarm['kind'][] = ['feature', 'answer', 'quality', 'limit']
  const found: Course = {
    looks: windows,
    shown: { feature: 0, answer: 0, quality: 0, limit: 0 },
    firstAt: { feature: null, answer: null, quality: null, limit: null },
  }
  let n = 0
  const serveAll = (rows: number, shifted: Shift) => {
    for (let row = 0; row < rows * perRow; row += 1, n += 1) serve(watch, { random, n, shift: shifted, draw })
  }
  serveAll(drift.reference, noShift)
  for (let look = 1; look <= windows; look += 1) {
    serveAll(drift.window, shift)
    const seen = shownBy(lookOf(watch))
    for (const kind of kinds) {
      if (!seen.has(kind)) continue
      found.shown[kind] += 1
      found.firstAt[kind] ??= look
    }
  }
  return found
}

const fresh: MonitoringState = {
  version: 'v1',
  status: 'ok',
  alarms: [],
  sinceMs: 0,
  sinceEpoch: 1,
  changedAtMs: 0,
}

/** A look compares one window at most, so there are as many as streams. */
function lookOf(watch: VersionWatch): Look {
  const streams = Object.keys(watched.features).length + 1
  for (let one = 1; one < streams; one += 1) watch.read()
  return lookAt({ drift, monitor }, fresh, watch.read())
}

function shownBy({ report }: Look): Set<Alarm['kind']> {
  return new Set(report.alarms.map(({ kind }) => kind))
}

type Visitor = { unit: string; features: Prediction['features']; answer: number }

/** A new unit after every `requests` requests. */
function visitors(random: Random, requests: number): (n: number, shift: Shift) => Visitor {
  let visitor: Visitor | null = null
  return (n, shift) => {
    if (visitor === null || n % requests === 0)
      visitor = { unit: `u${n}`, features: featuresOf(random, shift), answer: Math.floor(random.next() ** 2 * 3) }
    return visitor
  }
}

type Request = { random: Random; n: number; shift: Shift; draw: (n: number, shift: Shift) => Visitor }

function serve(watch: VersionWatch, { random, n, shift, draw }: Request): void {
  const isError = random.next() < 0.02 + shift.errors
  const { unit, features, answer } = draw(n, shift)
  const prediction: Prediction = {
    id: `p${n}`,
    endpoint: 'shop',
    epoch: 1,
    release: null,
    unit,
    assigned: 'v1',
    version: 'v1',
    propensity: 1,
    pinned: false,
    atMs: n,
    latencyMs: random.next() < 0.1 ? 150 : 20,
    status: isError ? 500 : 200,
    failed: isError,
    answer: [answer],
    scores: null,
    features,
    payload: null,
  }
  watch.addPrediction(prediction)
  watch.addOutcome(labelOf(prediction, random.next() < 0.1 + shift.wrong ? 'another' : answer))
}

function featuresOf(random: Random, shift: Shift): Prediction['features'] {
  const isElsewhere = random.next() < shift.country
  return {
    age: 20 + Math.floor(50 * random.next()),
    amount: random.next() < 0.05 ? null : Math.exp(3 + normal(random) + shift.amount),
    items: Math.floor(4 * random.next() ** 3),
    country: isElsewhere ? 'elsewhere' : `c${Math.floor(6 * random.next() ** 2)}`,
  }
}

function labelOf({ id, atMs, answer, features, ...prediction }: Prediction, label: string | number): JoinedOutcome {
  return {
    ...prediction,
    outcome: { id, prediction: id, row: 0, label, reward: null, metrics: {}, atMs },
    counts: true,
    predicted: answer?.[0] ?? null,
    scores: null,
    predictedAtMs: atMs,
    before: null,
    ...(features !== null && { features }),
  }
}

/** Box and Muller, Annals of Mathematical Statistics 29, 1958. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}

export type Frequency = { kind: Alarm['kind']; share: number; standardError: number }

/**
 * The share of looks at which something was shown. Windows of one run have one reference in common, so the standard error
 * is that of the mean over runs.
 */
export function frequencies(courses: readonly Course[]): Frequency[] {
  const kinds: Alarm['kind'][] = ['feature', 'answer', 'quality', 'limit']
  return kinds.map(kind => {
    const shares = courses.map(({ shown, looks }) => shown[kind] / looks)
    const share = shares.reduce((sum, one) => sum + one, 0) / shares.length
    const variance = shares.reduce((sum, one) => sum + (one - share) ** 2, 0) / (shares.length - 1)
    return { kind, share, standardError: Math.sqrt(variance / shares.length) }
  })
}
