/**
 * Turns committed predictions and joined outcomes into sufficient statistics per epoch and version, O(1) each.
 * It reads nothing else, so a rebuild from the prediction log gives the same numbers.
 */

import { chosenByContext, type Regression } from '../core/bandit/regression.ts'
import { isControl } from '../core/control-fleet.ts'
import {
  type EpochEvidence,
  emptyVersionEvidence,
  type MetricEvidence,
  type VersionEvidence,
} from '../core/evidence.ts'
import { limits } from '../core/limits.ts'
import type { Expression } from '../core/metrics/observe.ts'
import type { Pairing } from '../core/pairing.ts'
import { isWithin, type Period } from '../core/period.ts'
import {
  answeredAtMs,
  type JoinedOutcome,
  type Label,
  labelText,
  type OutcomeValues,
  type Prediction,
  valuesAfter,
} from '../core/prediction.ts'
import type { EvidenceSource } from '../ports/evidence-source.ts'
import { ContextBook } from './context-book.ts'
import { getOrMake } from './get-or-make.ts'
import { type CohortReport, LabelClock } from './label-clock.ts'
import { MetricBook, type MetricDefinitions } from './metric-book.ts'
import { PairBook } from './pair-book.ts'
import { UnitLedger } from './unit-ledger.ts'

export interface Accumulator extends EvidenceSource {
  add(batch: { fresh: readonly Prediction[]; joined: readonly JoinedOutcome[] }): void
}

export type AccumulatorOptions = {
  /** What an endpoint measures, as it is now; null for one that is not known. */
  definitions(endpoint: string): MetricDefinitions | null
  /** The label window that was known when a release began; null, or left out, where each release learns its own. */
  learnedWindowMs?(release: string): number | null
  /** How answers of this epoch of a release are paired; null where they are not. */
  pairing?(where: { release: string; epoch: number }): Pairing | null
  /** How rewards in this epoch of a release are regressed on features; null where they are not. */
  regression?(where: { release: string; epoch: number }): Regression | null
  /** When a server had started again and the fleets of a release had not; none where it is left out. */
  restarts?(release: string): readonly Period[]
}

/** By endpoint, of the release that it has now. */
type Clocks = Map<string, { release: string; clock: LabelClock }>

type Place = Pick<Prediction, 'release' | 'epoch'>
type Located = Place & Pick<Prediction, 'endpoint'>
type Rules = Place & { pairing: Pairing | null; regression: Regression | null; restarts: readonly Period[] }
const noRules: Rules = { release: null, epoch: 0, pairing: null, regression: null, restarts: [] }

type EpochMap = Map<number, Record<string, VersionEvidence>>

export function createAccumulator({
  definitions,
  learnedWindowMs = () => null,
  pairing = () => null,
  regression = () => null,
  restarts = () => [],
}: AccumulatorOptions): Accumulator {
  const endpoints = new Map<string, EpochMap>()
  const ledgers = new Map<string, UnitLedger>()
  const books = new Map<string, MetricBook>()
  const pairBooks = new Map<string, PairBook>()
  const contextBooks = new Map<string, ContextBook>()
  /** By endpoint, the newest release that came, and an epoch of it: releases follow one another, and epochs only grow. */
  const newest = new Map<string, { release: string; epoch: number }>()
  const clocks: Clocks = new Map()
  /** When rewards and reported values come, whichever is first. */
  const rewardClocks: Clocks = new Map()

  const at = (endpoint: string, epoch: number, version: string): VersionEvidence => {
    const epochs = getOrMake(endpoints, endpoint, () => new Map<number, Record<string, VersionEvidence>>())
    const versions = getOrMake<number, Record<string, VersionEvidence>>(epochs, epoch, () => ({}))
    const known = versions[version]
    if (known !== undefined) return known
    const made = emptyVersionEvidence()
    versions[version] = made
    return made
  }

  /**
   * What was in flight when a newer release began, and what becomes known of it later, is evidence of nothing that still
   * runs. Were it counted, whatever is kept of one release would go back to the older one and begin anew after it.
   */
  const isPast = ({ endpoint, release, epoch }: Located): boolean => {
    const known = newest.get(endpoint)
    return known !== undefined && known.release !== release && epoch < known.epoch
  }

  const enter = ({ endpoint, release, epoch }: Located): void => {
    if (release === null || newest.get(endpoint)?.release === release) return
    newest.set(endpoint, { release, epoch })
  }

  const bookOf = (endpoint: string): MetricBook => getOrMake(books, endpoint, () => new MetricBook())

  /** A release has a clock of its own; null outside of one, and for the outcomes of an earlier one. */
  const clockOf = (
    of: Clocks,
    endpoint: string,
    { release, isNew }: { release: string | null; isNew: boolean },
  ): LabelClock | null => {
    if (release === null) return null
    const known = of.get(endpoint)
    if (known?.release === release) return known.clock
    if (!isNew) return null
    // What was learned before the release is of labels.
    const learned = of === clocks ? learnedWindowMs(release) : null
    const clock = new LabelClock({ windowMs: definitions(endpoint)?.labelWindowMs ?? learned })
    of.set(endpoint, { release, clock })
    return clock
  }

  const addFresh = (prediction: Prediction): void => {
    if (prediction.pinned || isWithin(rulesOf(prediction).restarts, prediction.atMs)) return
    const { endpoint, epoch, release, assigned, version } = prediction
    if (prediction.byContext === true) addByContext(at(endpoint, epoch, assigned))
    const evidence = at(endpoint, epoch, sampleOf(prediction, assigned))
    // A control that was not there says nothing of the version: only its units count, so that the gap is seen.
    if (version === assigned || !isControl(assigned)) addPrediction(evidence, prediction)
    meetUnit(ledgers, prediction, evidence)
    const measured = definitions(endpoint)
    if (measured === null || version !== assigned) return
    const sample = sampleOf(prediction, version)
    bookOf(endpoint).addPrediction(measured, sample === version ? prediction : { ...prediction, version: sample })
    const { regression: how } = rulesOf(prediction)
    if (how !== null) contextBookOf(prediction, how).addPrediction(how, expressionOf(measured, how), prediction)
    // The first row stands for all: labels of one request come together.
    const row = { epoch, version: sample, atMs: answeredAtMs(prediction), rows: 1 }
    if (!isError(prediction)) clockOf(rewardClocks, endpoint, { release, isNew: true })?.addPrediction(row)
    if (isLabellable(prediction)) clockOf(clocks, endpoint, { release, isNew: true })?.addPrediction(row)
  }

  const addJoined = (joined: JoinedOutcome): void => {
    if (!joined.counts || isWithin(rulesOf(joined).restarts, joined.predictedAtMs)) return
    const { endpoint, epoch, release, before, outcome } = joined
    const version = sampleOf(joined, joined.version)
    addOutcome(at(endpoint, epoch, version), joined)
    const measured = definitions(endpoint)
    if (measured === null) return
    bookOf(endpoint).addOutcome(measured, version === joined.version ? joined : { ...joined, version })
    const { regression: how } = rulesOf(joined)
    if (how !== null) contextBookOf(joined, how).addOutcome(how, expressionOf(measured, how), joined)
    if (outcome.row !== 0) return
    const predictedAtMs = answeredAtMs({ atMs: joined.predictedAtMs, latencyMs: joined.latencyMs })
    const arrival = { epoch, version, predictedAtMs, labelledAtMs: outcome.atMs }
    if (isRewarded(outcome) && !isRewarded(before))
      clockOf(rewardClocks, endpoint, { release, isNew: false })?.addLabel(arrival)
    if (outcome.label === null || joined.predicted === null) return
    if ((before?.label ?? null) !== null) return
    clockOf(clocks, endpoint, { release, isNew: false })?.addLabel(arrival)
  }

  /** What holds for all of one epoch while a batch is added; most of a batch are of the same one. */
  let rules: Rules | null = null
  const rulesOf = ({ release, epoch }: Place): Rules => {
    if (release === null) return noRules
    if (rules?.release === release && rules.epoch === epoch) return rules
    const where = { release, epoch }
    rules = { ...where, pairing: pairing(where), regression: regression(where), restarts: restarts(release) }
    return rules
  }

  /** Where a version is chosen by features. */
  const contextBookOf = ({ endpoint, version }: Pick<Prediction, 'endpoint' | 'version'>, how: Regression) => {
    // So that it is read with that epoch, though the arm may have joined later.
    at(endpoint, how.epoch, version)
    return getOrMake(contextBooks, endpoint, () => new ContextBook())
  }

  const pairBookOf = (endpoint: string): PairBook => getOrMake(pairBooks, endpoint, () => new PairBook())

  return {
    add({ fresh, joined }) {
      rules = null
      for (const prediction of fresh) {
        if (isPast(prediction)) continue
        enter(prediction)
        const { endpoint, shadowOf } = prediction
        // What challengers answered to copies is no traffic: no caller has met it.
        if (shadowOf === undefined) addFresh(prediction)
        // Callers and copies alike, where answers are paired.
        const { pairing: how } = rulesOf(prediction)
        if (how !== null) pairBookOf(endpoint).addPrediction(how, definitions(endpoint), prediction)
      }
      for (const one of joined) {
        if (isPast(one)) continue
        const { endpoint, shadowOf } = one
        if (shadowOf === undefined) addJoined(one)
        const { pairing: how } = rulesOf(one)
        if (how !== null) pairBookOf(endpoint).addOutcome(how, definitions(endpoint), one)
      }
    },

    read({ endpoint, epochs }) {
      const known = endpoints.get(endpoint)
      const book = books.get(endpoint)
      // Of the newest prediction's time, not of the clock's: a rebuild must give the same.
      const labels = cohortsOf(clocks.get(endpoint)?.clock)
      const rewarded = cohortsOf(rewardClocks.get(endpoint)?.clock)
      return epochs.map((epoch): EpochEvidence => {
        const versions = Object.entries(known?.get(epoch) ?? {}).map(([version, evidence]) => {
          const { matured = 0, maturedLabelled = 0 } = labels.get(`${epoch} ${version}`) ?? {}
          const came = rewarded.get(`${epoch} ${version}`)
          const rewards = { matured: came?.matured ?? 0, labelled: came?.maturedLabelled ?? 0 }
          const metrics: Readonly<Record<string, MetricEvidence>> = book?.read({ epoch, version }) ?? {}
          const context = contextBooks.get(endpoint)?.read({ epoch, version }) ?? null
          const learnt = context === null ? {} : { context }
          return [version, { ...evidence, matured, maturedLabelled, rewards, metrics, ...learnt }]
        })
        const pairs = pairBooks.get(endpoint)?.read(epoch)
        return { epoch, versions: Object.fromEntries(versions), ...(pairs !== undefined && { pairs }) }
      })
    },

    forget({ endpoint, beforeEpoch }) {
      const known = endpoints.get(endpoint)
      for (const epoch of known?.keys() ?? []) if (epoch < beforeEpoch) known?.delete(epoch)
      books.get(endpoint)?.forget(beforeEpoch)
      pairBooks.get(endpoint)?.forget(beforeEpoch)
      contextBooks.get(endpoint)?.forget(beforeEpoch)
      clocks.get(endpoint)?.clock.forget(beforeEpoch)
      rewardClocks.get(endpoint)?.clock.forget(beforeEpoch)
    },
  }
}

/** Versions are compared by what chance gave them; what features chose is a sample of its own. */
function sampleOf({ byContext }: Pick<Prediction, 'byContext'>, version: string): string {
  return byContext === true ? chosenByContext : version
}

function addByContext(evidence: VersionEvidence): void {
  evidence.byContext = (evidence.byContext ?? 0) + 1
}

function expressionOf({ metrics }: MetricDefinitions, { metric }: Regression): Expression | null {
  return metrics.find(({ name }) => name === metric)?.expression ?? null
}

function cohortsOf(clock: LabelClock | undefined): ReadonlyMap<string, CohortReport> {
  return new Map((clock?.read(0).cohorts ?? []).map(one => [`${one.epoch} ${one.version}`, one]))
}

function isRewarded(values: OutcomeValues | null): boolean {
  return values !== null && (values.reward !== null || Object.keys(values.metrics).length > 0)
}

function addPrediction(evidence: VersionEvidence, prediction: Prediction): void {
  // The caller left before there was an answer: that tells nothing about the version.
  if (prediction.status === 0 && !prediction.failed) return
  evidence.requests += 1
  if (isError(prediction)) evidence.errors += 1
  else addLatency(evidence, prediction.latencyMs)
}

/**
 * Both versions get the same mix of callers, so an answer of 400 and above counts too: a candidate that refuses what the
 * stable version takes is broken for its users. Another version's answer in its place served the user, but this one was
 * not there.
 */
export function isError({ failed, status, version, assigned }: Prediction): boolean {
  return failed || status >= 400 || version !== assigned
}

/**
 * An answer that cannot be read counts as one whose label never comes: nothing can be held against its label, and a version
 * that answers so more often than the other is judged on what is left of its answers.
 */
function isLabellable(prediction: Prediction): boolean {
  return prediction.answer !== null || (prediction.status !== 0 && !isError(prediction))
}

/** The first answers of a version that has just got its traffic are slow for reasons that pass: caches, lazy loading. */
function addLatency(evidence: VersionEvidence, latencyMs: number): void {
  evidence.answered += 1
  if (evidence.answered > limits.warmUpAnswers) evidence.latencyMs.add(latencyMs)
}

function meetUnit(ledgers: Map<string, UnitLedger>, prediction: Prediction, evidence: VersionEvidence): void {
  const { endpoint, release, unit, assigned, epoch } = prediction
  if (release === null) return
  const known = ledgers.get(endpoint)
  const ledger = known?.release === release ? known : new UnitLedger(release)
  if (ledger !== known) ledgers.set(endpoint, ledger)
  ledger.meet({ unit, assigned, epoch, evidence })
}

function addOutcome(evidence: VersionEvidence, joined: JoinedOutcome): void {
  const before = scalar(joined.before?.label ?? null)
  const label = scalar(valuesAfter(joined).label)
  const predicted = scalar(joined.predicted)
  if (label === null || predicted === null) return
  if (before === null) evidence.labelled += 1
  else if (labelText(before) !== labelText(predicted)) evidence.wrong -= 1
  if (labelText(label) !== labelText(predicted)) evidence.wrong += 1
}

function scalar(value: Label | readonly Label[] | null): Label | null {
  return typeof value === 'object' ? null : value
}
