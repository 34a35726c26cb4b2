/**
 * A metric that an endpoint declares: what one row of a prediction contributes and how contributions become a value.
 * Plain data; error-rate and the latency quantiles exist without declaration.
 */
import { assertNever } from '../errors.ts'
import type { MeasureName } from '../measures.ts'
import type { Label } from '../prediction.ts'

/** A number of each row. */
export type ValueSource =
  | { from: 'reward' }
  | { from: 'latency' }
  | { from: 'reported'; name: string }
  /** 1 if the request ended in an error, 0 if not. */
  | { from: 'error' }
  /** Measured by the gateway: tokens, times and cost of an answer in OpenAI's style. */
  | { from: 'measured'; name: MeasureName }

export type MetricDefinition =
  /** Of the label and the predicted value. */
  | { type: 'accuracy' }
  | { type: 'precision' | 'recall' | 'f1'; class: Label }
  | { type: 'f1-macro'; classes: readonly Label[] }
  /** Of the label and the scores of the classes, in the order of `classes`; without it a label is the class's index. */
  | { type: 'auc'; positive: Label; classes: readonly Label[] | null }
  | { type: 'log-loss' | 'brier' | 'calibration'; classes: readonly Label[] | null }
  /** Of two numbers: label and predicted value. */
  | { type: 'mae' | 'rmse' | 'r2' | 'mape' }
  /** Of the relevant items and the ranking, down to a rank. */
  | { type: 'ndcg' | 'mrr'; at: number }
  /** Of a number of each row. */
  | { type: 'mean' | 'count' | 'rate'; of: ValueSource }
  | { type: 'quantile'; of: ValueSource; quantile: number }
  | { type: 'ratio'; of: ValueSource; per: ValueSource }
  | { type: 'expression'; expression: string }

export type MetricType = MetricDefinition['type']

/** What is left out has its default, so that a definition written down once keeps its meaning. */
export type MetricSpec = MetricDefinition & {
  /** Which direction is better; by default that of the type. */
  better?: 'higher' | 'lower'
  /** Every unit counts once; by default every row does. */
  unitLevel?: boolean
  /** Values are clipped at plus and minus this, fixed in advance. */
  winsorise?: number
  /** A reported value of the unit from before the release, that explains part of the variance (CUPED). */
  covariate?: string
}

/** What callers report as `reward`, measured without a declaration; a metric declared under this name takes its place. */
export const builtinReward = 'reward'
export const builtinRewardSpec: MetricSpec = { type: 'mean', of: { from: 'reward' } }

/** The form in which evidence of a metric is kept. */
export type MetricForm = 'counts' | 'moments' | 'sketch' | 'scores' | 'confusion'

export function formOf(spec: MetricSpec): MetricForm {
  switch (spec.type) {
    case 'accuracy':
    case 'rate':
      return spec.unitLevel === true ? 'moments' : 'counts'
    case 'precision':
    case 'recall':
      return 'counts'
    case 'f1-macro':
      return 'confusion'
    case 'auc':
      return 'scores'
    case 'quantile':
      return 'sketch'
    case 'f1':
    case 'log-loss':
    case 'brier':
    case 'calibration':
    case 'mae':
    case 'rmse':
    case 'r2':
    case 'mape':
    case 'ndcg':
    case 'mrr':
    case 'mean':
    case 'count':
    case 'ratio':
    case 'expression':
      return 'moments'
    default:
      return assertNever(spec)
  }
}

/** Whether every unit can count once: the others are of rows by what they are. */
export function canBeByUnit({ type }: Pick<MetricSpec, 'type'>): boolean {
  return !onlyByRow.has(type)
}

const onlyByRow: ReadonlySet<MetricType> = new Set([
  'precision',
  'recall',
  'f1-macro',
  'auc',
  'calibration',
  'r2',
  'quantile',
])

/** Components of a row's contribution where evidence is kept as moments. */
export function dimensionsOf(spec: MetricSpec): number {
  if (spec.type === 'r2') return 3
  return spec.type === 'ratio' || spec.type === 'f1' ? 2 : 1
}

export function isHigherBetter(spec: MetricSpec): boolean {
  if (spec.better !== undefined) return spec.better === 'higher'
  return !lowerIsBetter.has(spec.type)
}

const lowerIsBetter: ReadonlySet<MetricType> = new Set([
  'log-loss',
  'brier',
  'calibration',
  'mae',
  'rmse',
  'mape',
  'quantile',
])

/** Whether the prediction alone says the value, so that nothing has to be waited for. */
export function isKnownAtOnce(spec: MetricSpec): boolean {
  switch (spec.type) {
    case 'mean':
    case 'count':
    case 'rate':
    case 'quantile':
      return isOfPrediction(spec.of)
    case 'ratio':
      return isMeasured(spec.of) && isMeasured(spec.per)
    case 'expression':
      return !/\boutcome\b/.test(spec.expression)
    default:
      return false
  }
}

function isOfPrediction(source: ValueSource): boolean {
  return source.from === 'latency' || source.from === 'error' || isMeasured(source)
}

export function isMeasured({ from }: ValueSource): boolean {
  return from === 'measured'
}

/** What becomes known later and a metric waits for: `label`, `reward`, or `metrics.NAME` for a reported value. */
export function signalsOf(spec: MetricSpec): readonly string[] {
  switch (spec.type) {
    case 'mean':
    case 'count':
    case 'rate':
    case 'quantile':
      return signalOf(spec.of)
    case 'ratio':
      return [...new Set([...signalOf(spec.of), ...signalOf(spec.per)])]
    case 'expression':
      return [...new Set(spec.expression.match(outcomeField) ?? [])].map(field => field.replace('outcome.', ''))
    default:
      return ['label']
  }
}

const outcomeField = /\boutcome\.(?:label|reward|metrics\.[A-Za-z_]\w*)/g

function signalOf(source: ValueSource): readonly string[] {
  if (source.from === 'reported') return [`metrics.${source.name}`]
  return source.from === 'reward' ? ['reward'] : []
}
