/** The declared metrics of one endpoint: rows and units to sufficient statistics, by epoch and version. */

import type { EndpointSpec } from '../core/endpoint.ts'
import type { MetricEvidence } from '../core/evidence.ts'
import { limits } from '../core/limits.ts'
import { type Expression, observe, type Row } from '../core/metrics/observe.ts'
import { builtinReward, builtinRewardSpec, formOf, isKnownAtOnce, type MetricSpec } from '../core/metrics/spec.ts'
import { type JoinedOutcome, type OutcomeValues, type Prediction, valuesAfter } from '../core/prediction.ts'
import type { Expressions } from '../ports/expressions.ts'
import { getOrMake } from './get-or-make.ts'
import { createRowMetric, type RowMetric } from './row-metric.ts'
import { UnitMetric } from './unit-metric.ts'

export type MetricDefinitions = {
  metrics: readonly { name: string; spec: MetricSpec; expression: Expression | null }[]
  labelWindowMs: number | null
}

/** Accuracy by row is counted for every endpoint anyway. `besides` are metrics that a running release needs. */
export function compileDefinitions(
  spec: EndpointSpec,
  expressions: Expressions,
  besides: Readonly<Record<string, MetricSpec>> = {},
): MetricDefinitions {
  const metrics = Object.entries({ [builtinReward]: builtinRewardSpec, ...spec.metrics, ...besides })
    .filter(([, metric]) => metric.type !== 'accuracy' || metric.unitLevel === true)
    .map(([name, metric]) => ({
      name,
      spec: metric,
      expression: metric.type === 'expression' ? expressions.compile(metric.expression) : null,
    }))
  return { metrics, labelWindowMs: spec.labelWindowMs ?? null }
}

type Where = { epoch: number; version: string }
type One = MetricDefinitions['metrics'][number]

const nothingKnown: OutcomeValues = { label: null, reward: null, metrics: {} }

function rowOf({ latencyMs, status, failed, answer, scores, measures }: Prediction): Row {
  return {
    latencyMs,
    status,
    failed,
    predicted: answer?.[0] ?? null,
    scores: scores?.[0] ?? null,
    ...(measures !== undefined && { measures }),
    values: nothingKnown,
  }
}

export class MetricBook {
  readonly #rows = new Map<number, Map<string, Map<string, RowMetric>>>()
  #units = new Map<string, UnitMetric>()
  #release: string | null = null

  /** Of a prediction that its own version answered, and whose version the caller did not choose. */
  addPrediction({ metrics }: MetricDefinitions, prediction: Prediction): void {
    const { release, unit, epoch, version } = prediction
    this.#enter(release)
    // Most metrics wait for what comes later: few predictions need a row at all.
    let row: Row | null = null
    for (const one of metrics) {
      const { spec } = one
      if (spec.unitLevel === true && release !== null && (spec.type === 'count' || spec.type === 'rate'))
        this.#unitMetric(one).meet({ epoch, version, unit })
      if (!isKnownAtOnce(spec)) continue
      row ??= rowOf(prediction)
      this.#apply(one, { epoch, version, unit, release }, { before: null, after: row })
    }
  }

  addOutcome({ metrics }: MetricDefinitions, joined: JoinedOutcome): void {
    const { epoch, version, unit, release, before, outcome } = joined
    const rowWith = (values: OutcomeValues): Row => ({ ...joined, values })
    const rows = { before: before === null ? null : rowWith(before), after: rowWith(valuesAfter(joined)) }
    for (const one of metrics) {
      const { spec } = one
      if (isKnownAtOnce(spec)) continue
      const known = spec.covariate === undefined ? undefined : outcome.metrics[spec.covariate]
      if (known !== undefined && release !== null && release === this.#release)
        this.#unitMetric(one).setCovariate({ epoch, version, unit }, known)
      this.#apply(one, { epoch, version, unit, release }, rows)
    }
  }

  read({ epoch, version }: Where): Readonly<Record<string, MetricEvidence>> {
    const rows = [...(this.#rows.get(epoch)?.get(version) ?? [])].map(
      ([name, metric]) => [name, metric.read()] as const,
    )
    const units = [...this.#units].flatMap(([name, metric]) => {
      const evidence = metric.read({ epoch, version })
      return evidence === null ? [] : [[name, evidence] as const]
    })
    return Object.fromEntries([...rows, ...units])
  }

  forget(beforeEpoch: number): void {
    for (const epoch of this.#rows.keys()) if (epoch < beforeEpoch) this.#rows.delete(epoch)
    for (const metric of this.#units.values()) metric.forget(beforeEpoch)
  }

  /** Units are followed through one release. Whoever hands predictions over leaves out those of an older one. */
  #enter(release: string | null): void {
    if (release === null || release === this.#release) return
    this.#release = release
    this.#units = new Map()
  }

  #apply(
    one: One,
    place: Where & { unit: string; release: string | null },
    rows: { before: Row | null; after: Row },
  ): void {
    const { spec, expression } = one
    const before = rows.before === null ? null : observe(spec, rows.before, expression)
    const after = observe(spec, rows.after, expression)
    if (before === null && after === null) return
    if (spec.unitLevel === true && formOf(spec) === 'moments') {
      // Outcomes of an earlier release change nothing any more.
      if (place.release === null || place.release !== this.#release) return
      const metric = this.#unitMetric(one)
      if (before !== null) metric.remove(place, before)
      if (after !== null) metric.add(place, after)
      return
    }
    const metric = this.#rowMetric(one, place)
    if (before !== null) metric.remove(before)
    if (after !== null) metric.add(after)
  }

  #unitMetric({ name, spec }: One): UnitMetric {
    return getOrMake(this.#units, name, () => new UnitMetric(spec, limits.unitsAnalysedMax))
  }

  #rowMetric({ name, spec }: One, { epoch, version }: Where): RowMetric {
    const versions = getOrMake(this.#rows, epoch, () => new Map<string, Map<string, RowMetric>>())
    const metrics = getOrMake(versions, version, () => new Map<string, RowMetric>())
    return getOrMake(metrics, name, () => createRowMetric(spec))
  }
}
