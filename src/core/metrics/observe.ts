/** What one row of a prediction contributes to a metric, as numbers. Pure; a row that says nothing contributes null. */
import { assertNever } from '../errors.ts'
import type { Measures } from '../measures.ts'
import { type Answer, type Label, labelText, type OutcomeValues, type Truth } from '../prediction.ts'
import { discountedGain, reciprocalRank } from './ranking.ts'
import type { MetricSpec, ValueSource } from './spec.ts'

/** A row of an answer with all that is known of it. */
export type Row = {
  latencyMs: number
  status: number
  /** The model server failed; left out where only what comes later is looked at. */
  failed?: boolean
  predicted: Answer | null
  scores: readonly number[] | null
  measures?: Measures
  values: OutcomeValues
}

/** An expression of the user's, ready to run: a finite number, or null where it has none. */
export type Expression = (row: Row) => number | null

export type Observation = readonly number[]

/** Probabilities below this are taken for it, so that a logarithm stays finite. */
const leastProbability = 2 ** -52

/** Relative errors of values nearer to 0 than this say nothing. */
export const mapeValueMin = 1e-9

/** Greater values are refused: their products must be exact. */
const valueMax = 1e100

/**
 * By form: counts [harmful 0|1]; moments the vector; sketch [value]; scores [score, positive 0|1]; confusion [true
 * class, predicted class].
 */
export function observe(spec: MetricSpec, row: Row, expression: Expression | null): Observation | null {
  const observed = observeAny(spec, row, expression)
  return observed?.every(value => Math.abs(value) <= valueMax) === true ? observed : null
}

function observeAny(spec: MetricSpec, row: Row, expression: Expression | null): Observation | null {
  switch (spec.type) {
    case 'accuracy':
      return ofLabels(row, (truth, predicted) => [hit(spec.unitLevel === true, truth === predicted)])
    case 'precision':
      return ofLabels(row, (truth, predicted) => (predicted === text(spec.class) ? [miss(truth === predicted)] : null))
    case 'recall':
      return ofLabels(row, (truth, predicted) => (truth === text(spec.class) ? [miss(truth === predicted)] : null))
    case 'f1':
      return ofLabels(row, (truth, predicted) => f1Parts(text(spec.class), truth, predicted))
    case 'f1-macro':
      return ofLabels(row, (truth, predicted) => confusionCell(spec.classes.map(text), truth, predicted))
    case 'auc':
      return ofScores(row, spec.classes, (scores, truth, index) => {
        const score = scores[index(text(spec.positive))]
        return score === undefined ? null : [score, truth === text(spec.positive) ? 1 : 0]
      })
    case 'log-loss':
      return ofScores(row, spec.classes, (scores, truth, index) => {
        const score = scores[index(truth)]
        return score === undefined ? null : [-Math.log(Math.min(1, Math.max(score, leastProbability)))]
      })
    case 'brier':
      return ofScores(row, spec.classes, (scores, truth, index) => {
        const at = index(truth)
        return scores[at] === undefined ? null : [scores.reduce((sum, p, i) => sum + (p - (i === at ? 1 : 0)) ** 2, 0)]
      })
    case 'calibration':
      return ofScores(row, spec.classes, (scores, truth, index) => {
        const confidence = Math.max(...scores)
        return [confidence - (scores.indexOf(confidence) === index(truth) ? 1 : 0)]
      })
    case 'mae':
      return ofNumbers(row, (truth, predicted) => [Math.abs(predicted - truth)])
    case 'rmse':
      return ofNumbers(row, (truth, predicted) => [(predicted - truth) ** 2])
    case 'r2':
      return ofNumbers(row, (truth, predicted) => [truth, truth ** 2, (predicted - truth) ** 2])
    case 'mape':
      return ofNumbers(row, (truth, predicted) =>
        Math.abs(truth) < mapeValueMin ? null : [Math.abs((predicted - truth) / truth)],
      )
    case 'ndcg':
      return ofRanking(row, (items, relevant) => [discountedGain(items, relevant, spec.at)])
    case 'mrr':
      return ofRanking(row, (items, relevant) => [reciprocalRank(items, relevant, spec.at)])
    case 'mean':
    case 'count':
    case 'quantile':
      return ofValue(sourceValue(spec.of, row), spec)
    case 'rate': {
      const value = sourceValue(spec.of, row)
      const isHarmful = spec.better === 'lower'
      if (value === null) return null
      return [spec.unitLevel === true || isHarmful ? Number(value > 0) : Number(value <= 0)]
    }
    case 'ratio': {
      const [of, per] = [sourceValue(spec.of, row), sourceValue(spec.per, row)]
      return of === null || per === null ? null : [of, per]
    }
    case 'expression':
      return ofValue(expression?.(row) ?? null, spec)
    default:
      return assertNever(spec)
  }
}

/** By unit it is the unit's own value that is clipped, later. */
function ofValue(value: number | null, { winsorise, unitLevel }: MetricSpec): Observation | null {
  if (value === null || !Number.isFinite(value)) return null
  return [winsorise === undefined || unitLevel === true ? value : clip(value, winsorise)]
}

export function clip(value: number, bound: number): number {
  return Math.max(-bound, Math.min(bound, value))
}

function sourceValue(source: ValueSource, { latencyMs, status, failed, measures, values }: Row): number | null {
  switch (source.from) {
    case 'reward':
      return values.reward
    case 'latency':
      return latencyMs
    case 'error':
      // The caller left before there was an answer: that tells nothing.
      return status === 0 && failed !== true ? null : Number(failed === true || status >= 400)
    case 'measured':
      return measures?.[source.name] ?? null
    case 'reported':
      return values.metrics[source.name] ?? null
    default:
      return assertNever(source)
  }
}

const text = labelText

/** Counts count what is harmful, means what is right. */
function hit(isMean: boolean, right: boolean): number {
  return isMean === right ? 1 : 0
}

function miss(right: boolean): number {
  return right ? 0 : 1
}

function ofLabels(
  { predicted, values }: Row,
  observed: (truth: string, predicted: string) => Observation | null,
): Observation | null {
  const [truth, said] = [scalar(values.label), scalar(predicted)]
  return truth === null || said === null ? null : observed(text(truth), text(said))
}

function ofNumbers(
  { predicted, values }: Row,
  observed: (truth: number, predicted: number) => Observation | null,
): Observation | null {
  const { label } = values
  return typeof label === 'number' && typeof predicted === 'number' ? observed(label, predicted) : null
}

/** By how much a score may leave the range from 0 to 1 by rounding: half precision keeps three digits. */
const scoreRounding = 0.005

/** Of logits, or of scores from 0 to 100, a loss would mean nothing, and most of them would fall into one bin of an AUC. */
function isProbability(score: number): boolean {
  return score >= -scoreRounding && score <= 1 + scoreRounding
}

function ofScores(
  { scores, values }: Row,
  classes: readonly Label[] | null,
  observed: (scores: readonly number[], truth: string, index: (label: string) => number) => Observation | null,
): Observation | null {
  const truth = scalar(values.label)
  if (scores === null || scores.length === 0 || truth === null || !scores.every(isProbability)) return null
  const names = classes === null ? null : classes.map(text)
  return observed(scores, text(truth), label => (names === null ? Number(label) : names.indexOf(label)))
}

function ofRanking(
  { predicted, values }: Row,
  observed: (items: readonly string[], relevant: readonly string[]) => Observation,
): Observation | null {
  const { label } = values
  if (label === null || !isList(predicted)) return null
  const relevant = isList(label) ? label : [label]
  return relevant.length === 0 ? null : observed(predicted.map(text), relevant.map(text))
}

function f1Parts(name: string, truth: string, predicted: string): Observation | null {
  const [isTrue, isSaid] = [truth === name, predicted === name]
  if (!(isTrue || isSaid)) return null
  return isTrue && isSaid ? [2, 2] : [0, 1]
}

function confusionCell(classes: readonly string[], truth: string, predicted: string): Observation | null {
  const [row, column] = [classes.indexOf(truth), classes.indexOf(predicted)]
  return row < 0 || column < 0 ? null : [row, column]
}

function scalar(value: Answer | Truth | null): Label | null {
  return isList(value) ? null : value
}

function isList(value: Answer | Truth | null): value is readonly Label[] {
  return Array.isArray(value)
}
