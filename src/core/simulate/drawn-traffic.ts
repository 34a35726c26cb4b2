/**
 * Traffic by the batch: numbers of requests, errors, labels and values between two looks, drawn from the distributions that
 * as many single requests would give. Weeks cost milliseconds. A unit's values in two epochs have nothing to do with each
 * other here; whatever else the evidence of single requests has, this has.
 */
import { drawBinomial, drawMultinomial, drawPoisson } from '../../stats/numerics/draws.ts'
import type { Random } from '../../stats/numerics/random.ts'
import { publicName } from '../control-fleet.ts'
import { type EpochEvidence, emptyVersionEvidence, type MetricEvidence, type VersionEvidence } from '../evidence.ts'
import { limits } from '../limits.ts'
import type { TrafficTable, Weights } from '../traffic.ts'
import { Arrivals, maturityMs, type Rows } from './arrivals.ts'
import { createMetricSums, drawOf, type Measured } from './metric-sums.ts'
import { PairSums } from './pair-sums.ts'
import { type Behaviour, expectedRequests, feedbackOf, type Scenario } from './scenario.ts'
import { streamOf } from './streams.ts'
import type { MetricSums } from './sums.ts'
import type { Served, TrafficSource } from './traffic-source.ts'
import { type Met, UnitCells } from './unit-cells.ts'
import { addLognormal } from './values.ts'

/** `timed`: answers whose times have been drawn. */
type Version = {
  evidence: VersionEvidence
  timed: number
  metrics: Map<string, { measured: Measured; sums: MetricSums }>
}
type Epoch = { versions: Map<string, Version>; pairs: Map<string, PairSums> }
type Span = Parameters<TrafficSource['pass']>[0]

export type DrawnTrafficOptions = {
  scenario: Scenario
  measured: readonly Measured[]
  /** Predictions this old are judged by their labels; the age by which nearly all labels have come where it is null. */
  labelWindowMs: number | null
  seed: number
}

export class DrawnTraffic implements TrafficSource {
  readonly #scenario: Scenario
  readonly #measured: readonly Measured[]
  readonly #signals: readonly string[]
  readonly #units: UnitCells | null
  readonly #random: { requests: Random; answers: Random; times: Random; known: Random; pairs: Random }
  readonly #arrivals = new Map<string, Arrivals>()
  readonly #unitArrivals = new Map<string, Arrivals>()
  readonly #pairArrivals = new Map<string, Arrivals>()
  readonly #ageing: { matured: Arrivals; labelled: Arrivals }
  readonly #epochs = new Map<number, Epoch>()
  readonly #served = { units: {}, requests: {}, failed: {}, unserved: 0 } as {
    units: Record<string, number>
    requests: Record<string, number>
    failed: Record<string, number>
    unserved: number
  }
  #table: TrafficTable | null = null

  constructor({ scenario, measured, labelWindowMs, seed }: DrawnTrafficOptions) {
    this.#scenario = scenario
    this.#measured = measured
    const labelled = Object.values(scenario.versions).some(({ accuracy }) => accuracy !== null)
    this.#signals = [...new Set([...(labelled ? ['label'] : []), ...measured.flatMap(({ signal }) => signal ?? [])])]
    const ofUnits = new Set(measured.flatMap(({ signal, byUnit }) => (byUnit && signal !== null ? [signal] : [])))
    const { regulars, returning } = scenario.units
    this.#units = returning > 0 ? new UnitCells(regulars, streamOf(seed, 'units')) : null
    this.#random = {
      requests: streamOf(seed, 'requests'),
      answers: streamOf(seed, 'answers'),
      times: streamOf(seed, 'times'),
      known: streamOf(seed, 'known'),
      pairs: streamOf(seed, 'pairs'),
    }
    const label = feedbackOf(scenario, 'label')
    const windowMs = labelWindowMs ?? Math.max(1_000, maturityMs(label))
    const aged = { share: 1, medianMs: windowMs, spread: 0 }
    this.#ageing = {
      matured: new Arrivals(aged, streamOf(seed, 'matured')),
      labelled: new Arrivals(aged, streamOf(seed, 'matured labels')),
    }
    for (const signal of this.#signals) {
      const feedback = feedbackOf(scenario, signal)
      this.#arrivals.set(signal, new Arrivals(feedback, streamOf(seed, `known ${signal}`)))
      if (ofUnits.has(signal))
        this.#unitArrivals.set(signal, new Arrivals(feedback, streamOf(seed, `known of units ${signal}`)))
      this.#pairArrivals.set(signal, new Arrivals(feedback, streamOf(seed, `known of pairs ${signal}`)))
    }
  }

  route(table: TrafficTable): void {
    if (this.#table?.release !== table.release) this.#units?.forget()
    this.#table = table
    this.#units?.enter(table.segments)
  }

  pass(span: Span): void {
    const table = this.#table
    const expected = expectedRequests(this.#scenario, span.fromMs, span.toMs)
    const requests = drawPoisson(this.#random.requests, expected)
    // What came in the span is known by its end alone; delays are counted from there.
    if (table !== null) this.#serve(table, requests, span)
    for (const [signal, arrivals] of this.#arrivals)
      for (const rows of arrivals.due(span.toMs)) this.#know(signal, rows)
    for (const [signal, arrivals] of this.#unitArrivals)
      for (const rows of arrivals.due(span.toMs)) this.#knowUnits(signal, rows)
    for (const [signal, arrivals] of this.#pairArrivals)
      for (const { epoch, version, rows } of arrivals.due(span.toMs))
        this.#epochs.get(epoch)?.pairs.get(version)?.know(this.#random.pairs, signal, rows)
    this.#age(span.toMs)
  }

  read(epochs: readonly number[]): EpochEvidence[] {
    return epochs.map(epoch => {
      const known = this.#epochs.get(epoch)
      for (const [name, version] of known?.versions ?? []) this.#drawTimes(name, version)
      const pairs = [...(known?.pairs ?? [])].map(([name, sums]) => [name, sums.read()] as const)
      return { ...evidenceOf(epoch, known), ...(pairs.length > 0 && { pairs: Object.fromEntries(pairs) }) }
    })
  }

  peek(epochs: readonly number[]): EpochEvidence[] {
    return epochs.map(epoch => evidenceOf(epoch, this.#epochs.get(epoch)))
  }

  served(): Served {
    return this.#served
  }

  #serve(table: TrafficTable, requests: number, span: Span): void {
    if (table.gap !== undefined) {
      this.#served.unserved += requests
      return
    }
    const { matched } = this.#scenario.traffic
    const inScope = table.scope === undefined ? requests : drawBinomial(this.#random.requests, requests, matched)
    if (inScope < requests) tally(this.#served.requests, table.stable, requests - inScope)
    for (const met of this.#share(table, inScope)) this.#answer(table, met, span)
    this.#mirror(table, inScope, span)
  }

  /** Regulars keep their version; whoever comes once gets one by the weights. */
  #share({ segments, weights }: TrafficTable, requests: number): Met[] {
    const random = this.#random.requests
    const regular = this.#units === null ? 0 : drawBinomial(random, requests, this.#scenario.units.returning)
    const once = split(random, requests - regular, weights).map(([version, count]) => ({
      version,
      requests: count,
      newUnits: count,
      unitsMet: count,
      unitsServed: count,
    }))
    return [...once, ...(this.#units?.pass(regular, segments) ?? [])].filter(met => met.requests > 0)
  }

  #answer(table: TrafficTable, met: Met, { toMs, isUp }: Span): void {
    const { version, requests } = met
    const { epoch, release, stable } = table
    const isThere = isUp(version)
    if (!isThere && !isUp(stable)) {
      this.#served.unserved += requests
      return
    }
    const own = this.#behaviour(version)
    const errors = isThere ? drawBinomial(this.#random.answers, requests, own.errorRate) : requests
    tally(this.#served.requests, isThere ? version : stable, requests)
    tally(this.#served.units, isThere ? version : stable, met.unitsMet)
    if (isThere) tally(this.#served.failed, version, errors)
    if (release === null) return
    const { evidence, metrics } = this.#versionIn(epoch, version)
    evidence.newUnits += met.newUnits
    evidence.unitsMet += met.unitsMet
    evidence.unitsServed += met.unitsServed
    evidence.requests += requests
    evidence.errors += errors
    // Where another version answers in its place nothing is learned of this one but that it was not there.
    if (!isThere) return
    const answered = requests - errors
    evidence.answered += answered
    for (const { measured, sums } of metrics.values()) {
      if (measured.byUnit) sums.meet(met.unitsServed)
      if (measured.signal === null) sums.add(this.#random.answers, measured.byUnit ? met.unitsServed : requests)
    }
    this.#expect({ epoch, version, own, answered, units: met.unitsServed, atMs: toMs })
  }

  /** Times are drawn when they are read: for all answers since they were last. */
  #drawTimes(name: string, version: Version): void {
    const { evidence } = version
    const cold = Math.max(version.timed, Math.min(evidence.answered, limits.warmUpAnswers))
    addLognormal(evidence.latencyMs, this.#random.times, this.#behaviour(name).latency, evidence.answered - cold)
    version.timed = evidence.answered
  }

  #expect(of: { epoch: number; version: string; own: Behaviour; answered: number; units: number; atMs: number }): void {
    const { epoch, version, own, answered, units, atMs } = of
    const share = own.feedbackShare ?? undefined
    for (const [signal, arrivals] of this.#arrivals) {
      const known = arrivals.expect({ epoch, version, rows: answered }, atMs, share)
      if (signal !== 'label' || own.accuracy === null) continue
      this.#ageing.matured.expect({ epoch, version, rows: answered }, atMs)
      this.#ageing.labelled.expect({ epoch, version, rows: known }, atMs)
    }
    for (const arrivals of this.#unitArrivals.values()) arrivals.expect({ epoch, version, rows: units }, atMs, share)
  }

  #know(signal: string, { epoch, version, rows }: Rows): void {
    const { evidence, metrics } = this.#versionIn(epoch, version)
    const { accuracy } = this.#behaviour(version)
    if (signal === 'label' && accuracy !== null) {
      evidence.labelled += rows
      evidence.wrong += drawBinomial(this.#random.known, rows, 1 - accuracy)
    }
    for (const { measured, sums } of metrics.values())
      if (measured.signal === signal && !measured.byUnit) sums.add(this.#random.known, rows)
  }

  #knowUnits(signal: string, { epoch, version, rows }: Rows): void {
    for (const { measured, sums } of this.#versionIn(epoch, version).metrics.values())
      if (measured.signal === signal && measured.byUnit) sums.add(this.#random.known, rows)
  }

  #age(atMs: number): void {
    for (const { epoch, version, rows } of this.#ageing.matured.due(atMs))
      this.#versionIn(epoch, version).evidence.matured += rows
    for (const { epoch, version, rows } of this.#ageing.labelled.due(atMs))
      this.#versionIn(epoch, version).evidence.maturedLabelled += rows
  }

  /** Copies of what the champion got, as many as the budget takes. */
  #mirror({ epoch, stable, weights, mirrors = [] }: TrafficTable, requests: number, span: Span): void {
    const share = (weights[stable] ?? 0) / limits.ppmTotal
    for (const { version, fractionPpm, budget } of mirrors) {
      if (!span.isUp(version) || !span.isUp(stable)) continue
      const wanted = drawBinomial(this.#random.pairs, requests, (share * fractionPpm) / limits.ppmTotal)
      const most = ((budget.ratePerSecondMax ?? Number.POSITIVE_INFINITY) * (span.toMs - span.fromMs)) / 1_000
      const answered = this.#pairsIn(epoch, stable, version).pass(
        this.#random.pairs,
        Math.floor(Math.min(wanted, most)),
      )
      for (const arrivals of this.#pairArrivals.values()) arrivals.expect({ epoch, version, rows: answered }, span.toMs)
    }
  }

  #pairsIn(epoch: number, stable: string, challenger: string): PairSums {
    const { pairs } = this.#epochIn(epoch)
    const known = pairs.get(challenger)
    if (known !== undefined) return known
    const sides = { champion: this.#behaviour(stable), challenger: this.#behaviour(challenger) }
    const made = new PairSums(sides, this.#measured, one => {
      const [champion, other] = [drawOf(one, sides.champion), drawOf(one, sides.challenger)]
      return champion === null || other === null ? null : [champion, other]
    })
    pairs.set(challenger, made)
    return made
  }

  #epochIn(epoch: number): Epoch {
    const known = this.#epochs.get(epoch)
    if (known !== undefined) return known
    const made: Epoch = { versions: new Map(), pairs: new Map() }
    this.#epochs.set(epoch, made)
    return made
  }

  #versionIn(epoch: number, name: string): Version {
    const { versions } = this.#epochIn(epoch)
    const known = versions.get(name)
    if (known !== undefined) return known
    const own = this.#behaviour(name)
    const metrics = this.#measured.flatMap(measured => {
      const draw = drawOf(measured, own)
      return draw === null ? [] : [[measured.name, { measured, sums: createMetricSums(measured.spec, draw) }] as const]
    })
    const made: Version = { evidence: emptyVersionEvidence(), timed: 0, metrics: new Map(metrics) }
    versions.set(name, made)
    return made
  }

  #behaviour(name: string): Behaviour {
    const known = this.#scenario.versions[publicName(name)]
    if (known === undefined) throw new Error(`the scenario says nothing of ${name}`)
    return known
  }
}

function evidenceOf(epoch: number, known: Epoch | undefined): EpochEvidence {
  const versions: Record<string, VersionEvidence> = {}
  for (const [name, { evidence, metrics }] of known?.versions ?? []) versions[name] = withMetrics(evidence, metrics)
  return { epoch, versions }
}

function withMetrics(evidence: VersionEvidence, metrics: Version['metrics']): VersionEvidence {
  if (metrics.size === 0) return evidence
  const read: Record<string, MetricEvidence> = {}
  for (const [name, { sums }] of metrics) read[name] = sums.read()
  return { ...evidence, metrics: read }
}

function tally(counts: Record<string, number>, name: string, by: number): void {
  counts[name] = (counts[name] ?? 0) + by
}

function split(random: Random, requests: number, weights: Weights): [string, number][] {
  const versions = Object.keys(weights)
  const counts = drawMultinomial(
    random,
    requests,
    versions.map(version => weights[version] ?? 0),
  )
  return versions.map((version, index) => [version, counts[index] ?? 0])
}
