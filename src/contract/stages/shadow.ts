/** The shadow stage as people write it. */
import { z } from 'zod'
import { stageGoal } from '../resource-checks.ts'
import { duration, lasting, name, object, percent, requestTime } from '../resource-parts.ts'
import { allowedMark, asObject, durationsRule, isObject, type Loose, type Report, withRule } from '../resource-rules.ts'

const notMethod = `is not a method of HTTP in capitals${allowedMark}GET, POST`
const notPath = `is not a path${allowedMark}/v2/models, /predict`
const missingGoal = `is missing${allowedMark}metric: accuracy, no-worse-than: 1pp`
const share = z.number().min(0).max(1)

const tolerance = object({
  absolute: z.number().min(0).default(0).meta({ description: 'In the unit of the numbers.' }),
  relative: percent.default('1%').meta({ description: 'Of the greater of both numbers.' }),
})

const comparator = withRule(
  object({
    number: tolerance.optional().meta({ description: 'Equal within the greater of both tolerances.' }),
    vector: tolerance.optional().meta({ description: 'Every element of the scores, as numbers.' }),
    cosine: share.optional().meta({ description: 'The cosine of both vectors is at least this: 0.99.' }),
    ranking: object({
      persistence: z
        .number()
        .gt(0)
        .lt(1)
        .default(0.9)
        .meta({ description: 'How far down readers look: 0.9 is ten items.' }),
      least: share.default(0.9),
    })
      .optional()
      .meta({ description: 'Rank-biased overlap of at least this.' }),
    text: share.optional().meta({ description: 'Similarity (1 - edits / length) of at least this: 0.9.' }),
  }),
  (value, report) => {
    const kinds = Object.keys(value).filter(kind => value[kind] !== undefined)
    if (kinds.length !== 1) report([], `names exactly one way to compare; found ${kinds.join(', ') || 'none'}`)
  },
)

/** What an agreement is shown at, unless it says its own. */
const agreementAlpha = 0.05

const agreement = z.union([
  z.literal('any'),
  percent.transform(least => ({ least, alpha: agreementAlpha })),
  object({
    least: percent.meta({ description: 'The least share of answers that must agree.' }),
    alpha: z.number().gt(0).lt(0.5).default(agreementAlpha).meta({ description: 'Chance to show it falsely.' }),
  }),
])

/** What is asked where nothing else is: without it a challenger that answers nonsense in time would pass. */
export const defaultAgreement = { least: '90%', alpha: agreementAlpha } as const

const shadowShape = object({
  challengers: z.array(name).min(1).max(20).optional().meta({
    description: 'Versions that answer copies; the candidate alone by default, and among them in any case.',
  }),
  mode: z
    .enum(['live', 'replay'])
    .default('live')
    .meta({ description: 'Copies of what callers send, or recorded requests, which take one instance at a time.' }),
  fraction: percent.default('100%').meta({ description: 'Share of units whose requests are copied.' }),
  methods: z
    .array(z.string(notMethod).regex(/^[A-Z]+$/, notMethod))
    .min(1)
    .max(20)
    .default(['GET', 'POST'])
    .meta({ description: 'Only requests with these methods are copied: name none that changes something.' }),
  paths: z.array(z.string(notPath).regex(/^\//, notPath)).min(1).max(50).optional().meta({
    description: 'Only requests whose path, as the model server gets it, begins with one of these; any by default.',
  }),
  budget: object({
    rate: z
      .number()
      .gt(0)
      .optional()
      .meta({ description: 'Copies per second and challenger; as many as callers send by default.' }),
    concurrency: z.int().min(1).max(1_000).default(16).meta({ description: 'Copies under way at once.' }),
    queue: z.int().min(1).max(10_000).default(256).meta({ description: 'Copies that wait.' }),
    body: z
      .int()
      .min(1)
      .max(16 * 1024 * 1024)
      .default(1024 * 1024)
      .meta({ description: 'Bytes of a body; a request with a longer one is not copied.' }),
    timeout: requestTime
      .default('10s')
      .meta({ description: 'A copy that is not answered by then has failed. Up to 1d.' }),
  })
    .prefault({})
    .meta({
      description: 'What copies may cost. A copy beyond it is dropped and counted; callers never wait for one.',
    }),
  compare: z
    .union([z.enum(['label', 'shape']), comparator])
    .optional()
    .meta({
      description:
        'When two answers agree: label, shape (keys and types of kept bodies), number, vector, cosine, ranking or text. By default as the endpoint reads its answers.',
    }),
  until: object({
    pairs: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(1_000)
      .meta({ description: 'Requests that each challenger and the champion both had.' }),
    for: duration.default('0s').meta({ description: 'The stage lasts at least this long.' }),
    'at-most': lasting.default('24h').meta({ description: 'Without enough evidence by then the release holds.' }),
  })
    .prefault({})
    .meta({ description: 'When the stage can end.' }),
  agreement: agreement.optional().meta({
    description: 'The least share of answers that must agree, or `any`; 90% by default where there is no goal.',
  }),
  goal: stageGoal(missingGoal)
    .optional()
    .meta({ description: 'What must be shown on pairs: both versions against one label.' }),
  alpha: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.05)
    .meta({ description: 'Chance to show the goal falsely, over all challengers together.' }),
  examples: z.int().min(0).max(100).default(10).meta({ description: 'The worst disagreements that are kept.' }),
})

export const shadowStage = withRule(shadowShape, shadowRule).meta({
  id: 'Shadow',
  description: 'Challengers answer copies of requests that callers never hear of, and are compared pair by pair.',
})

const replayPairsMax = 1_000

function shadowRule(shadow: Loose, report: Report): void {
  const until = asObject(shadow['until'])
  durationsRule({ path: ['until'], floor: until['for'], ceiling: until['at-most'] }, report)
  const goal = shadow['goal']
  if (isObject(goal) && typeof goal['metric'] === 'string' && goal['metric'].startsWith('latency-'))
    report(['goal', 'metric'], 'a latency can be guarded, not be a goal', 'error-rate or a metric of the endpoint')
  if (shadow['mode'] !== 'replay') return
  if (goal !== undefined) report(['goal'], 'a replay does not know labels; it compares answers', 'agreement')
  if (typeof until['pairs'] === 'number' && until['pairs'] > replayPairsMax)
    report(['until', 'pairs'], 'is more than a replay asks of the newest recorded requests', `up to ${replayPairsMax}`)
}
