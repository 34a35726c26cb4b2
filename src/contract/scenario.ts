/** Scenario documents: the worlds in which `cutover simulate` tries a release. They say what is true, and change nothing. */
import { z } from 'zod'
import { duration, name, object, percent } from './resource-parts.ts'
import { allowedMark, type Loose, type Report, withRule } from './resource-rules.ts'
import { parseDurationMs, parsePercentPpm } from './units.ts'

const days = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const

const trafficShape = object({
  'requests-per-second': z
    .number()
    .gt(0)
    .max(1_000_000)
    .meta({ description: 'Of the whole endpoint, as a mean over a week.' }),
  swing: percent.optional().meta({
    description: 'How far the traffic rises above its mean at the peak of a day, and falls below it at the other end.',
  }),
  peak: z.int().min(0).max(23).optional().meta({ description: 'The hour of the peak; 14.' }),
  hourly: z
    .array(z.number().min(0))
    .length(24, `takes 24 numbers, one for each hour of a day${allowedMark}24 numbers`)
    .optional()
    .meta({ description: 'Instead of swing and peak: the traffic of each hour from midnight, in any unit.' }),
  weekend: percent.default('100%').meta({ description: 'Saturday and Sunday, as a share of a weekday.' }),
  day: z.enum(days).default('monday').meta({ description: 'When the release starts.' }),
  hour: z.int().min(0).max(23).default(9).meta({ description: 'When the release starts.' }),
  matched: percent
    .default('100%')
    .meta({ description: 'Share of the requests that the `match` of the release is about, where it has one.' }),
})

const traffic = withRule(trafficShape, trafficRule)

const feedbackShape = {
  share: percent.optional().meta({ description: 'Share of the answers of which it ever becomes known; 100%.' }),
  delay: duration.optional().meta({ description: 'Median of the time that it takes; 0s.' }),
  spread: z
    .number()
    .min(0)
    .max(3)
    .optional()
    .meta({ description: 'Standard deviation of the logarithm of the delay; 0.7. With 0 all take the median.' }),
}

const lognormal = withRule(
  object({
    p50: duration.meta({ description: 'Median.' }),
    p99: duration.meta({ description: 'One in a hundred takes longer.' }),
  }),
  latencyRule,
).meta({ description: 'A lognormal distribution through two of its quantiles.' })

const part = object({ mean: z.number(), deviation: z.number().min(0) })

const metricDraw = object({
  rate: percent.optional().meta({ description: 'Share of the rows, or units, that say yes.' }),
  mean: z.number().optional().meta({ description: 'Mean of one row, or unit.' }),
  deviation: z.number().min(0).optional().meta({ description: 'Standard deviation of one row, or unit.' }),
  shape: z
    .enum(['normal', 'gamma'])
    .optional()
    .meta({ description: 'Of mean and deviation: normal, or skewed to the right and above 0; normal.' }),
  explained: percent
    .optional()
    .meta({ description: 'Share of the variance that the covariate of the metric explains; 0%.' }),
  p50: z.number().gt(0).optional().meta({ description: 'Of a quantile: the median, lognormal with p99.' }),
  p99: z.number().gt(0).optional(),
  of: part.optional().meta({ description: 'Of a ratio: what is divided, in one row or unit.' }),
  per: part.optional().meta({ description: 'Of a ratio: what it is divided by.' }),
  positives: percent
    .optional()
    .meta({ description: 'Of precision, recall, f1 and auc: the share of the labelled rows that are of the class.' }),
  precision: percent.optional().meta({ description: 'Share of what is called the class that is of it.' }),
  recall: percent.optional().meta({ description: 'Share of what is of the class that is called so.' }),
  auc: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .meta({ description: 'How often a row of the class scores above one that is not; normal scores of equal spread.' }),
  confusion: z
    .array(z.array(z.number().min(0)).min(2).max(100))
    .min(2)
    .max(100)
    .optional()
    .meta({ description: 'Of f1-macro: rows by true class, in each by predicted class, as counts or shares.' }),
})

const behaviour = object({
  like: name.optional().meta({ description: 'Whatever is not said here is as it is for this version.' }),
  'ready-after': z
    .union([duration, z.literal('never')])
    .optional()
    .meta({ description: 'How long a fleet takes to start; 10s. `never` fails to start.' }),
  'error-rate': percent.optional().meta({ description: 'Share of its answers that are errors; 0%.' }),
  latency: lognormal.optional().meta({ description: 'Of its answers; 20ms and 80ms.' }),
  accuracy: percent.optional().meta({ description: 'Share of its labelled answers that are right.' }),
  agreement: percent.optional().meta({
    description: 'Share of its answers that are like those of the stable version to the same requests.',
  }),
  'feedback-share': percent
    .optional()
    .meta({ description: 'Labels and values become known of another share of its answers than `feedback` says.' }),
  metrics: z
    .record(name, withRule(metricDraw, drawRule))
    .default({})
    .meta({ description: 'What one row (or unit, of metrics by unit) contributes to a metric, by its name.' }),
}).meta({ id: 'Behaviour', description: 'What a version does in a scenario.' })

const scenarioShape = object({
  kind: z.literal('Scenario').meta({ description: 'Always `Scenario`.' }),
  name: name.meta({ description: 'What results call it.' }),
  horizon: duration
    .default('28d')
    .meta({ description: 'A simulated release that has not ended by then is undecided.' }),
  traffic,
  units: object({
    regulars: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .default(10_000)
      .meta({ description: 'Units that come again and again, all as often.' }),
    returning: percent
      .default('0%')
      .meta({ description: 'Share of the requests that are of regulars; the others are of units that come once.' }),
  })
    .prefault({})
    .meta({ description: 'Whose the requests are.' }),
  feedback: object({
    ...feedbackShape,
    of: z
      .record(z.string().min(1), object(feedbackShape))
      .default({})
      .meta({ description: 'For one kind of it: `label`, `reward`, or `metrics.NAME` of a reported value.' }),
  })
    .prefault({})
    .meta({ description: 'What becomes known of answers, and how late.' }),
  'approve-after': z
    .union([duration, z.literal('never')])
    .default('0s')
    .meta({ description: 'How long somebody takes to approve what waits for it.' }),
  versions: z.record(name, behaviour).meta({ description: 'What each version does, by its name.' }),
})

export const scenarioDocument = withRule(scenarioShape, scenarioRule).meta({
  id: 'Scenario',
  description: 'A world to simulate a release in; read by `cutover simulate`, never applied.',
})

export type ScenarioDocument = z.infer<typeof scenarioDocument>

function trafficRule(value: Loose, report: Report): void {
  const { hourly } = value
  if (!Array.isArray(hourly)) return
  for (const other of ['swing', 'peak'])
    if (value[other] !== undefined)
      report([other], 'says the same as hourly; only one of the two can hold', 'hourly, or swing and peak')
  if (hourly.every(one => one === 0)) report(['hourly'], 'is 0 in every hour', 'some traffic')
}

function latencyRule({ p50, p99 }: Loose, report: Report): void {
  const [middle, tail] = [p50, p99].map(text => (typeof text === 'string' ? parseDurationMs(text) : null))
  if (middle === 0) report(['p50'], 'must be above 0', 'such as 20ms')
  if (middle != null && tail != null && tail < middle) report(['p99'], 'is less than p50', 'p50 or more')
}

const drawKeys = {
  rate: ['rate'],
  value: ['mean', 'deviation'],
  quantile: ['p50', 'p99'],
  ratio: ['of', 'per'],
  shares: ['precision', 'recall'],
  scores: ['auc'],
  confusion: ['confusion'],
}

/** One kind of distribution, whole. */
function drawRule(value: Loose, report: Report): void {
  const begun = Object.values(drawKeys).filter(keys => keys.some(key => value[key] !== undefined))
  const [keys, second] = begun
  if (keys === undefined || second !== undefined) {
    const kinds =
      'rate; mean and deviation; p50 and p99; of and per; precision, recall and positives; auc and positives; confusion'
    report([], 'takes one kind of distribution', kinds)
    return
  }
  classRule(value, keys, report)
  for (const key of keys) if (value[key] === undefined) report([key], 'is missing', keys.join(' and '))
  if (keys !== drawKeys.value)
    for (const key of ['shape', 'explained'])
      if (value[key] !== undefined) report([key], 'belongs to mean and deviation', keys.join(' and '))
  const [middle, tail] = [value['p50'], value['p99']]
  if (typeof middle === 'number' && typeof tail === 'number' && tail < middle)
    report(['p99'], 'is less than p50', 'p50 or more')
}

function classRule(value: Loose, keys: readonly string[], report: Report): void {
  const { positives, precision, recall, confusion } = value
  const isOfClass = keys === drawKeys.shares || keys === drawKeys.scores
  const share = (text: unknown) => (typeof text === 'string' ? (parsePercentPpm(text) ?? 0) / 1_000_000 : 0)
  if (isOfClass && (positives === undefined || share(positives) <= 0 || share(positives) >= 1))
    report(['positives'], 'must be more than 0% and less than 100%', 'such as 10%')
  if (!isOfClass && positives !== undefined)
    report(['positives'], 'belongs to precision and recall, or to auc', keys.join(' and '))
  if (keys === drawKeys.shares && precision !== undefined && recall !== undefined) {
    const [hits, of] = [share(positives) * share(recall), share(precision)]
    if (of === 0) report(['precision'], 'must be above 0%', 'such as 80%')
    else if (hits / of + share(positives) - hits > 1)
      report(['precision'], 'would call more rows the class than there are', 'a greater one, or less recall')
  }
  const rows = Array.isArray(confusion) ? confusion : null
  if (rows?.some(row => Array.isArray(row) && row.length !== rows.length) === true)
    report(['confusion'], 'has a row of another length than it has rows', `${rows.length} numbers each`)
  const isEmpty = (one: number) =>
    rows?.every((row, at) => (at === one ? row.every(isZero) : isZero(row[one]))) === true
  if (rows?.every(Array.isArray) === true && rows.some((_, one) => isEmpty(one)))
    report(['confusion'], 'has a class that is neither true nor predicted', 'more than 0 in its row or column')
}

function isZero(value: unknown): boolean {
  return value === 0
}

/** `like` leads to a version that says all of it itself. */
function scenarioRule({ versions }: Loose, report: Report): void {
  const all = typeof versions === 'object' && versions !== null ? (versions as Loose) : {}
  const isPlain = (one: unknown) => (one as Loose | null)?.['like'] === undefined
  const plain = Object.keys(all).filter(key => isPlain(all[key]))
  for (const [key, one] of Object.entries(all)) {
    const like = (one as Loose | null)?.['like']
    if (typeof like === 'string' && !plain.includes(like))
      report(['versions', key, 'like'], 'is no version that is described by itself', plain.join(', '))
  }
}
