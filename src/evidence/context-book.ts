/** Features beside rewards, row by row, as exact moments by epoch and version: all that a contextual bandit learns from. */

import { columnNames } from '../core/bandit/context.ts'
import type { Regression } from '../core/bandit/regression.ts'
import { regressionRow } from '../core/bandit/regression.ts'
import { type Expression, type Observation, observe, type Row } from '../core/metrics/observe.ts'
import { isKnownAtOnce } from '../core/metrics/spec.ts'
import { type JoinedOutcome, type OutcomeValues, type Prediction, valuesAfter } from '../core/prediction.ts'
import { ExactMoments, type VectorMoments } from '../stats/summaries/exact-moments.ts'

/** The moments as they were read last: reading takes longer than adding, and most epochs do not change any more. */
type Sums = { moments: ExactMoments; read: VectorMoments | null }

export class ContextBook {
  readonly #epochs = new Map<number, Map<string, Sums>>()

  /** Of a prediction that its own version answered. */
  addPrediction(how: Regression, expression: Expression | null, prediction: Prediction): void {
    if (prediction.features === null || !isKnownAtOnce(how.spec)) return
    const { answer, scores } = prediction
    const values = { label: null, reward: null, metrics: {} }
    const row = { ...prediction, predicted: answer?.[0] ?? null, scores: scores?.[0] ?? null, values } satisfies Row
    this.#apply(
      how,
      { ...prediction, features: prediction.features },
      { before: null, after: observe(how.spec, row, expression) },
    )
  }

  addOutcome(how: Regression, expression: Expression | null, joined: JoinedOutcome): void {
    const { features, before } = joined
    if (features === undefined || isKnownAtOnce(how.spec)) return
    const seen = (values: OutcomeValues) => observe(how.spec, { ...joined, values } satisfies Row, expression)
    const rows = { before: before === null ? null : seen(before), after: seen(valuesAfter(joined)) }
    this.#apply(how, { ...joined, features }, rows)
  }

  read({ epoch, version }: { epoch: number; version: string }): VectorMoments | null {
    const sums = this.#epochs.get(epoch)?.get(version)
    if (sums === undefined) return null
    sums.read ??= sums.moments.read()
    return sums.read
  }

  forget(beforeEpoch: number): void {
    for (const epoch of this.#epochs.keys()) if (epoch < beforeEpoch) this.#epochs.delete(epoch)
  }

  #apply(
    how: Regression,
    { version, features }: Pick<Prediction, 'version'> & { features: NonNullable<Prediction['features']> },
    rows: { before: Observation | null; after: Observation | null },
  ): void {
    if (rows.before === null && rows.after === null) return
    const sums = this.#sumsOf(how, version)
    sums.read = null
    if (rows.before !== null) sums.moments.remove(regressionRow(how, features, rows.before))
    if (rows.after !== null) sums.moments.add(regressionRow(how, features, rows.after))
  }

  #sumsOf({ features, epoch }: Regression, version: string): Sums {
    const versions = this.#epochs.get(epoch) ?? new Map<string, Sums>()
    this.#epochs.set(epoch, versions)
    const known = versions.get(version)
    if (known !== undefined) return known
    const made = { moments: new ExactMoments(columnNames(features).length + 1), read: null }
    versions.set(version, made)
    return made
  }
}
