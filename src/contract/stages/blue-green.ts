/** The blue-green stage as people write it. */
import { z } from 'zod'
import { headerName } from '../request-parts.ts'
import { duration, lasting, object, percent } from '../resource-parts.ts'
import { allowedMark, isObject, type Loose, type Report, withRule } from '../resource-rules.ts'
import { parsePercentPpm } from '../units.ts'

const method = z
  .string()
  .regex(/^[A-Z]+$/, `is not a method${allowedMark}GET, POST, PUT`)
  .max(20)
const path = z
  .string()
  .regex(/^\/[\x21-\x7e]*$/, `is not a path${allowedMark}/v2/models/digits/infer`)
  .max(1_024)
/** Said by the connection or the body, not by an author. */
const ownFields = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
])
const smokeHeader = headerName.refine(
  name => !ownFields.has(name.toLowerCase()),
  `is set by the connection itself${allowedMark}content-type, x-tenant`,
)
const headerValue = z.string().regex(/^[\x20-\x7e]*$/, `is not the value of a header${allowedMark}printable ASCII`)
const status = z.int().min(200).max(599)

const preview = object({
  header: headerName.default('x-cutover-preview').meta({ description: 'The header that asks for green.' }),
  value: headerValue.default('green').meta({ description: 'What it must say.' }),
})

const smokeRequest = object({
  method: method.optional().meta({ description: 'POST with a body, GET without one, if it is left out.' }),
  path: path.meta({ description: 'As the model server gets it, query included.' }),
  headers: z
    .record(smokeHeader, headerValue)
    .default({})
    .meta({ description: 'Sent as they are and shown with the plan: nothing secret belongs here.' }),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())])
    .optional()
    .meta({ description: 'A text as it is; anything else is sent as JSON.' }),
  expect: object({
    status: z
      .union([status, z.array(status).min(1).max(20)])
      .default(200)
      .meta({ description: 'One of these must come back.' }),
    within: lasting.optional().meta({ description: 'To the last byte of the answer.' }),
    contains: z.string().min(1).max(1_000).optional().meta({ description: 'A text that the answer must have in it.' }),
  })
    .prefault({})
    .meta({ description: 'What the answer must be.' }),
})

const replay = withRule(
  object({
    requests: z
      .int()
      .min(1)
      .max(1_000)
      .default(500)
      .meta({ description: 'The newest recorded requests of the stable version, sent to green.' }),
    agreement: percent
      .default('95%')
      .meta({ description: 'That green answers at least this share alike is to be shown.' }),
    alpha: z
      .number()
      .gt(0)
      .max(0.5)
      .default(0.05)
      .meta({ description: 'The chance that green passes with less, however often it is tried.' }),
    concurrency: z.int().min(1).max(64).default(4).meta({ description: 'Requests under way at once.' }),
    methods: z
      .array(method)
      .min(1)
      .max(20)
      .default(['GET', 'POST'])
      .meta({ description: 'Only requests with these methods are sent again.' }),
    paths: z
      .array(path)
      .min(1)
      .max(50)
      .optional()
      .meta({ description: 'Only requests whose path begins with one of these; any if it is left out.' }),
  }),
  agreementRule,
)

const blueGreenShape = object({
  preview: z
    .union([preview, z.literal(false)])
    .prefault({})
    .meta({ description: 'Callers who send this header meet green before the switch; false for nobody.' }),
  smoke: z
    .array(smokeRequest)
    .max(100)
    .default([])
    .meta({ description: 'Requests that green must answer as expected before anything else.' }),
  replay: replay
    .optional()
    .meta({ description: 'Recorded requests that green answers too, compared with what was said.' }),
  promotion: z
    .enum(['automatic', 'manual'])
    .default('automatic')
    .meta({ description: 'manual: the switch waits for `approve`.' }),
  after: duration
    .default('0s')
    .meta({ description: 'An automatic switch comes no earlier than this after green is ready.' }),
  watch: duration
    .default('5m')
    .meta({ description: "After the switch green is compared with blue's last period so long at least." }),
  keep: duration.default('15m').meta({ description: 'Blue stays warm so long after the switch.' }),
  shares: z
    .array(z.string().min(1).max(200))
    .max(50)
    .default([])
    .meta({ description: 'What both versions use, in your words: told before the switch.' }),
})

export const blueGreenStage = blueGreenShape.meta({
  id: 'BlueGreen',
  description: 'Green stands beside blue in full, is tried without callers, then everybody is switched at once.',
})

/** No number of answers shows that all of them are alike. */
function agreementRule(stage: Loose, report: Report): void {
  const { agreement } = stage
  if (typeof agreement !== 'string') return
  const ppm = parsePercentPpm(agreement)
  if (ppm === 0 || ppm === 1_000_000)
    report(['agreement'], 'cannot be shown by any number of answers', 'above 0% and below 100%, such as 99.5%')
}

/** Whom a blue-green stage has switched, no stage after it may split again. */
export function blueGreenIsLast(release: Loose, report: Report): void {
  const { stages } = release
  if (!Array.isArray(stages)) return
  for (const [index, stage] of stages.entries()) {
    if (index === stages.length - 1 || !isObject(stage) || stage['blueGreen'] === undefined) continue
    report(['stages', index, 'blueGreen'], 'switches everybody, so no stage can come after it', 'the last stage')
  }
}
