/**
 * Pairs what challengers answered to copies with what callers got, of one endpoint: O(1) each. Predictions and labels may
 * come in any order; what pairs need of a champion is kept for the newest `limits.pairsHeldMax` of them.
 */

import type { PairEvidence } from '../core/evidence.ts'
import { limits } from '../core/limits.ts'
import type { Row } from '../core/metrics/observe.ts'
import { observePair, pairedParts, unpairedReason } from '../core/metrics/paired.ts'
import { isKnownAtOnce, type MetricSpec } from '../core/metrics/spec.ts'
import type { Pairing } from '../core/pairing.ts'
import {
  type Answer,
  type JoinedOutcome,
  type Label,
  labelText,
  type OutcomeValues,
  type Prediction,
  type Truth,
  valuesAfter,
} from '../core/prediction.ts'
import type { VectorMoments } from '../stats/summaries/exact-moments.ts'
import { getOrMake } from './get-or-make.ts'
import { championOf, compareHalves, type Half, type Held, HeldPairs, halfOf, isGone } from './held-pairs.ts'
import type { MetricDefinitions } from './metric-book.ts'
import { PairTally } from './pair-tally.ts'
import { UnitMetric } from './unit-metric.ts'

type Place = { epoch: number; challenger: string }
type Sides<Item> = { champion: Item; challenger: Item }
type Definition = MetricDefinitions['metrics'][number]

const nothingKnown: OutcomeValues = { label: null, reward: null, metrics: {} }

export class PairBook {
  readonly #tallies = new Map<number, Map<string, PairTally>>()
  /** By the first epoch of the stage, challenger and name. */
  readonly #units = new Map<number, Map<string, Map<string, UnitMetric>>>()
  readonly #held = new HeldPairs(({ epoch, version }) => {
    this.#tally({ epoch, challenger: version }).lost += 1
  })
  /** The champion's row of the outcome that came last: those of its shadows follow it. */
  #champion: JoinedOutcome | null = null

  /** Any prediction of an epoch in which answers are paired. */
  addPrediction(pairing: Pairing, definitions: MetricDefinitions | null, prediction: Prediction): void {
    const { shadowOf, id } = prediction
    if (shadowOf === undefined)
      this.#addChampion(pairing, definitions, { key: id, half: championOf(pairing, prediction) })
    else if (!isGone(prediction))
      this.#addChallenger(pairing, definitions, { key: shadowOf, half: halfOf(pairing, prediction) })
  }

  #addChampion(
    pairing: Pairing,
    definitions: MetricDefinitions | null,
    { key, half }: { key: string; half: Half | 'none' },
  ): void {
    const held = this.#held.hold(key, half === 'none' ? 0 : half.bytes)
    if (held.champion !== null) return
    held.champion = half
    for (const challenger of held.waiting.splice(0)) this.#pair(pairing, definitions, { key, held, challenger })
  }

  #addChallenger(
    pairing: Pairing,
    definitions: MetricDefinitions | null,
    { key, half }: { key: string; half: Half },
  ): void {
    const held = this.#held.hold(key, half.bytes)
    if (held.champion !== null) this.#pair(pairing, definitions, { key, held, challenger: half })
    else if (held.waiting.every(one => one.version !== half.version)) held.waiting.push(half)
  }

  /** Of a champion, and then of each of its shadows. */
  addOutcome(pairing: Pairing, definitions: MetricDefinitions | null, joined: JoinedOutcome): void {
    if (joined.shadowOf === undefined) {
      this.#champion = joined
      return
    }
    const champion = this.#championOf(pairing, joined, joined.shadowOf)
    if (champion === 'none') return
    if (champion === 'lost') {
      this.#tally({ epoch: joined.epoch, challenger: joined.version }).lost += 1
      return
    }
    const { before } = joined
    if (before !== null) this.#applyOutcome(pairing, definitions, { champion, joined, values: before, sign: -1 })
    this.#applyOutcome(pairing, definitions, { champion, joined, values: valuesAfter(joined), sign: 1 })
  }

  read(epoch: number): Readonly<Record<string, PairEvidence>> | undefined {
    const challengers = this.#tallies.get(epoch)
    if (challengers === undefined) return undefined
    return Object.fromEntries(
      [...challengers].map(([challenger, tally]) => [challenger, tally.read(this.#readUnits({ epoch, challenger }))]),
    )
  }

  forget(beforeEpoch: number): void {
    for (const epoch of this.#tallies.keys()) if (epoch < beforeEpoch) this.#tallies.delete(epoch)
    for (const epoch of this.#units.keys()) if (epoch < beforeEpoch) this.#units.delete(epoch)
    this.#held.forget(beforeEpoch)
  }

  #pair(
    pairing: Pairing,
    definitions: MetricDefinitions | null,
    { key, held, challenger }: { key: string; held: Held; challenger: Half },
  ): void {
    const { champion } = held
    if (champion === null || champion === 'none' || held.paired.includes(challenger.version)) return
    held.paired.push(challenger.version)
    const place = { epoch: champion.epoch, challenger: challenger.version }
    const isAnswered = !champion.failed && !challenger.failed
    const comparison = isAnswered ? compareHalves(pairing, champion, challenger) : null
    this.#tally(place).add({
      prediction: key,
      atMs: champion.atMs,
      champion,
      challenger,
      comparison,
      examplesMax: pairing.examples,
    })
    if (!isAnswered) return
    const rows = { champion: rowOf(champion), challenger: rowOf(challenger) }
    for (const one of definitions?.metrics ?? [])
      if (isKnownAtOnce(one.spec)) this.#observe(pairing, one, { place, unit: champion.unit, rows, sign: 1 })
  }

  /** The champion's row of the same outcome; `none` if it is no evidence, `lost` if it is not at hand. */
  #championOf(pairing: Pairing, joined: JoinedOutcome, id: string): Sides<Answered>['champion'] | 'none' | 'lost' {
    const { outcome } = joined
    const last = this.#champion
    if (last?.outcome.id === outcome.id && last.outcome.prediction === id)
      return last.counts && last.version === pairing.champion ? last : 'none'
    const held = this.#held.championOf(id) ?? 'lost'
    if (held === 'lost' || held === 'none') return held
    return { ...held, predicted: held.answer?.[outcome.row] ?? null, scores: held.scores?.[outcome.row] ?? null }
  }

  #applyOutcome(
    pairing: Pairing,
    definitions: MetricDefinitions | null,
    {
      champion,
      joined,
      values,
      sign,
    }: { champion: Answered; joined: JoinedOutcome; values: OutcomeValues; sign: 1 | -1 },
  ): void {
    const place = { epoch: joined.epoch, challenger: joined.version }
    const right = rightOf(values.label, { champion: champion.predicted, challenger: joined.predicted })
    if (right !== null) this.#tally(place).addLabelled(right, sign)
    const rows = { champion: { ...answeredRow(champion), values }, challenger: { ...answeredRow(joined), values } }
    for (const one of definitions?.metrics ?? [])
      if (!isKnownAtOnce(one.spec)) this.#observe(pairing, one, { place, unit: joined.unit, rows, sign })
  }

  #observe(
    { firstEpoch }: Pairing,
    { name, spec, expression }: Definition,
    { place, unit, rows, sign }: { place: Place; unit: string; rows: Sides<Row>; sign: 1 | -1 },
  ): void {
    if (unpairedReason(spec) !== null) return
    const vector = observePair(spec, rows, expression)
    if (vector === null) return
    if (spec.unitLevel === true)
      this.#observeUnit({ firstEpoch, challenger: place.challenger, name, spec, unit }, vector, sign)
    else this.#tally(place).addMetric(name, vector, sign)
  }

  #observeUnit(
    where: { firstEpoch: number; challenger: string; name: string; spec: MetricSpec; unit: string },
    vector: readonly number[],
    sign: 1 | -1,
  ): void {
    const { firstEpoch, challenger, name, spec, unit } = where
    const challengers = getOrMake(this.#units, firstEpoch, () => new Map<string, Map<string, UnitMetric>>())
    const metrics = getOrMake(challengers, challenger, () => new Map<string, UnitMetric>())
    const { covariate: _covariate, ...plain } = spec
    const metric = getOrMake(metrics, name, () => new UnitMetric(plain, limits.unitsAnalysedMax))
    const parts = pairedParts(spec)
    // The tally of the first epoch is where they are read.
    this.#tally({ epoch: firstEpoch, challenger })
    for (const [version, from] of [['champion', 0] as const, ['challenger', parts] as const]) {
      const place = { epoch: firstEpoch, version, unit }
      if (sign === 1) metric.add(place, vector.slice(from, from + parts))
      else metric.remove(place, vector.slice(from, from + parts))
    }
  }

  #readUnits({ epoch, challenger }: Place): Record<string, VectorMoments> {
    const metrics = this.#units.get(epoch)?.get(challenger) ?? []
    return Object.fromEntries(
      [...metrics].flatMap(([name, metric]) => {
        const moments = metric.readPair({ epoch, version: 'champion' }, { epoch, version: 'challenger' })
        return moments === null ? [] : [[name, moments]]
      }),
    )
  }

  #tally({ epoch, challenger }: Place): PairTally {
    const challengers = getOrMake(this.#tallies, epoch, () => new Map<string, PairTally>())
    return getOrMake(challengers, challenger, () => new PairTally())
  }
}

/** A row that was answered: by whom does not matter here. */
type Answered = Pick<JoinedOutcome, 'predicted' | 'scores' | 'latencyMs' | 'status' | 'measures'>

function answeredRow({ predicted, scores, latencyMs, status, measures }: Answered): Omit<Row, 'values'> {
  return { predicted, scores, latencyMs, status, ...(measures !== undefined && { measures }) }
}

function rowOf({ answer, scores, ...half }: Half): Row {
  const row = { ...half, predicted: answer?.[0] ?? null, scores: scores?.[0] ?? null }
  return { ...answeredRow(row), values: nothingKnown }
}

/** Null where there is no label, or neither says anything. */
function rightOf(label: Truth | null, said: Sides<Answer | null>): Sides<boolean> | null {
  const truth = scalar(label)
  if (truth === null || (said.champion === null && said.challenger === null)) return null
  const isRight = (answer: Answer | null): boolean => {
    const value = scalar(answer)
    return value !== null && labelText(value) === labelText(truth)
  }
  return { champion: isRight(said.champion), challenger: isRight(said.challenger) }
}

function scalar(value: Answer | Truth | null): Label | null {
  return typeof value === 'object' ? null : value
}
