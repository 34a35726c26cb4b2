/**
 * What the control API says, as schemas: the OpenAPI document, the CLI and the dashboard rest on them. Domain types are
 * never sent as they are; `api/` turns them into these shapes. Times are ISO 8601 in UTC, weights parts per million.
 */
import { z } from 'zod'
import { metricTypes } from './metric-names.ts'
import { timelineKinds } from './resource-webhooks.ts'
import { judgementSchema, marginUnits } from './wire-judgement.ts'
import { trialSchema } from './wire-trial.ts'

const time = z.iso.datetime().meta({ description: 'ISO 8601, UTC.' })
const ppm = z.int().min(0).max(1_000_000).meta({ description: 'Parts per million.' })
const names = z.array(z.string())

/** RFC 9457, with the code and the faults of an input. */
export const problemSchema = z
  .object({
    type: z.string().meta({ description: '`urn:cutover:` and the code.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable; see the reference of error codes.' }),
    problems: z
      .array(
        z.object({
          path: z.string().meta({ description: 'Such as stages[0].canary.steps[1]; empty for the whole input.' }),
          message: z.string(),
          value: z.unknown().optional(),
          allowed: names.optional(),
        }),
      )
      .optional(),
    problemsNotListed: z.int().optional(),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457).' })

export const instanceStates = ['starting', 'ready', 'unhealthy', 'draining', 'failed'] as const
export const fleetStates = ['absent', 'starting', 'ready', 'failed'] as const

const ready = z.object({ path: z.string(), timeoutMs: z.int() })

export const versionSchema = z
  .object({
    endpoint: z.string(),
    name: z.string(),
    role: z.enum(['stable', 'candidate', 'idle']),
    weightPpm: ppm,
    backend: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('onnx'), path: z.string() }),
      z.object({
        kind: z.literal('command'),
        argv: names,
        cwd: z.string(),
        env: names.meta({ description: 'Names only: values may be secrets.' }),
        ready,
      }),
      z.object({ kind: z.literal('url'), addresses: names, ready }),
    ]),
    fleet: z.enum(fleetStates),
    instancesWanted: z.int(),
    instancesReady: z.int(),
    instances: z.array(z.object({ id: z.string(), state: z.enum(instanceStates), detail: z.string() })),
  })
  .meta({ id: 'VersionView', description: 'A version and how it runs now.' })

export const endpointSchema = z
  .object({
    name: z.string(),
    protocol: z.enum(['open-inference', 'http']),
    stable: z.string().meta({ description: 'The version that serves by right.' }),
    weightsPpm: z.record(z.string(), ppm),
    epoch: z.int().meta({ description: 'Counts the periods in which weights did not change.' }),
    appliedEpoch: z.int().meta({ description: 'The greatest epoch that the gateway confirmed.' }),
    activeRelease: z.string().nullable(),
    queue: names.meta({ description: 'Releases that wait for its end, in order.' }),
    releaseCount: z.int(),
    unit: z.discriminatedUnion('from', [
      z.object({ from: z.literal('request') }),
      z.object({ from: z.literal('header'), name: z.string() }),
      z.object({ from: z.literal('cookie'), name: z.string() }),
      z.object({ from: z.literal('body'), pointer: z.string() }),
    ]),
    allowPin: z.boolean(),
    answer: z
      .object({ output: z.string(), read: z.enum(['value', 'argmax', 'ranking']), scores: z.string().optional() })
      .nullable(),
    metrics: z.record(z.string(), z.looseObject({ type: z.enum(metricTypes) })),
    features: z
      .record(z.string(), z.object({ type: z.enum(['number', 'category']) }))
      .meta({ description: 'Read of the requests whose bodies are kept.' }),
    labelWindowMs: z.number().nullable().meta({ description: 'Null where it is learned.' }),
    webhooks: z.array(
      z.object({ name: z.string(), url: z.string(), events: z.array(z.enum(timelineKinds)), signed: z.boolean() }),
    ),
    external: z
      .array(z.object({ name: z.string(), from: z.enum(['prometheus', 'http']), url: z.string(), everyMs: z.number() }))
      .meta({ description: 'Metrics that other systems measure.' }),
    timeouts: z.object({ connectMs: z.int(), firstByteMs: z.int(), idleMs: z.int() }),
    bodyBytesMax: z.int(),
    capacity: z.object({ instances: z.int() }).nullable(),
    payloadSamplePpm: ppm,
    versions: z.array(versionSchema),
  })
  .meta({ id: 'EndpointView', description: 'An endpoint as of now.' })

export const changeActions = ['created', 'updated', 'unchanged', 'started', 'queued'] as const

export const wireStageKinds = ['recreate', 'rolling', 'blueGreen', 'canary', 'shadow', 'abTest', 'bandit'] as const

export const forecastSchema = z
  .object({
    requestsPerSecond: z.number().nullable().meta({ description: 'At present; null if not known yet.' }),
    capacity: z
      .int()
      .nullable()
      .meta({ description: 'Instances at once, as the endpoint declares; null if it does not.' }),
    stages: z.array(
      z.object({
        kind: z.enum(wireStageKinds),
        peakInstances: z.int(),
        gates: z.array(
          z.object({
            step: z.int().meta({ description: 'From 0.' }),
            weightPpm: ppm,
            requests: z.int().meta({ description: 'That the candidate must answer in this step.' }),
            expectedMs: z.number().nullable().meta({ description: 'At the present traffic.' }),
            ceilingMs: z.number().nullable(),
          }),
        ),
      }),
    ),
    warnings: names,
  })
  .meta({
    id: 'Forecast',
    description: 'What a release will take: instances at the peak, requests and time of each gate.',
  })

export const changeSchema = z
  .object({
    action: z.enum(changeActions),
    resource: z.string().meta({ description: 'Such as Endpoint/digits or Release/digits-1.' }),
    differences: z.array(
      z.object({
        path: z.string(),
        before: z.unknown().optional().meta({ description: 'Absent where nothing was.' }),
        after: z.unknown().optional().meta({ description: 'Absent where nothing is left.' }),
      }),
    ),
    note: z.string().nullable(),
    release: z.string().nullable().meta({ description: 'The release that was started or runs already.' }),
    forecast: forecastSchema.nullable().meta({ description: 'Of a release that starts.' }),
  })
  .meta({ id: 'Change', description: 'What applying a document did, or would do.' })

export const applyAnswerSchema = z
  .object({ dryRun: z.boolean(), changes: z.array(changeSchema) })
  .meta({ id: 'Applied', description: 'One change per document, in their order.' })

export const phaseKinds = [
  'queued',
  'starting',
  'running',
  'promoting',
  'probation',
  'returning',
  'promoted',
  'rolled-back',
] as const

export const releaseStates = ['queued', 'active', 'holding', 'paused', 'promoted', 'rolled-back'] as const
export const holdCauses = ['ceiling', 'invalid', 'signal', 'guardrail', 'approval', 'gate', 'freeze', 'group'] as const
export const returnCauses = [
  'guardrail',
  'never-ready',
  'fleet-lost',
  'operator',
  'kept',
  'stage-failed',
  'refused',
  'replaced',
  'group',
] as const
export const wireVerbs = ['promote', 'pause', 'resume', 'approve', 'abort', 'rollback'] as const

export const releaseSummarySchema = z
  .object({
    id: z.string(),
    endpoint: z.string(),
    from: z.string(),
    to: z.string(),
    state: z.enum(releaseStates).meta({ description: 'What a person wants to know first.' }),
    phase: z.enum(phaseKinds),
    candidatePpm: ppm,
    stage: z
      .object({
        index: z.int(),
        count: z.int(),
        kind: z.enum(wireStageKinds),
        step: z.int().nullable().meta({ description: 'From 0; null before the first.' }),
        steps: z.int(),
      })
      .nullable(),
    waitsFor: z.string().nullable().meta({ description: 'Of a queued release: the one whose end it waits for.' }),
    hold: z.object({ since: time, cause: z.enum(holdCauses), reason: z.string() }).nullable(),
    returned: z.object({ cause: z.enum(returnCauses), reason: z.string() }).nullable(),
    probationUntil: time.nullable(),
    downtimeMs: z
      .number()
      .nullable()
      .meta({ description: 'How long nobody served, once that is over; null while it lasts, and where it never was.' }),
    actor: z.string(),
    startedAt: time,
    endedAt: time.nullable(),
  })
  .meta({ id: 'ReleaseSummary', description: 'A release as of now.' })

const checkPlan = z.object({
  metric: z.string(),
  margin: z.number(),
  marginUnit: z.enum(marginUnits),
  alpha: z.number(),
  minEvents: z.int(),
  dryRun: z.boolean(),
  bound: z
    .object({
      kind: z.enum(['max', 'min', 'margin']),
      value: z.number(),
      failures: z.int(),
      missing: z.enum(['insufficient', 'pass']),
    })
    .nullable()
    .meta({ description: 'Of an external metric: what a reading is held against.' }),
})

const goalPlan = checkPlan.extend({
  kind: z.enum(['no-worse', 'improve']),
  minimumEffect: z.number().nullable(),
})

const hypothesis = z
  .object({
    baseline: z
      .object({ n: z.number(), mean: z.number(), variance: z.number(), perDay: z.number().nullable() })
      .nullable()
      .meta({ description: 'The metric on the stable version before.' }),
    needed: z.record(z.string(), z.number()).nullable().meta({ description: 'By version: units, or rows.' }),
    days: z.number().nullable().meta({ description: 'At present traffic.' }),
    unknown: z.string().nullable().meta({ description: 'Why what is null is not known.' }),
  })
  .meta({ id: 'Hypothesis', description: 'What an A/B test was planned with.' })

const amountPlan = z.union([z.object({ count: z.int() }), z.object({ ppm })])

/** A stage's parameters as it runs, in the words of its resource, in parts per million and milliseconds. */
const stagePlan = z.looseObject({
  kind: z.enum(wireStageKinds),
  steps: z
    .array(
      z.object({
        weightPpm: ppm,
        floorMs: z.number(),
        ceilingMs: z.number().nullable(),
        approve: z.boolean().optional(),
      }),
    )
    .optional()
    .meta({ description: 'Of a canary.' }),
  control: z.enum(['equal']).optional().meta({ description: 'Of a canary: a fresh fleet of the stable version.' }),
  approval: z.boolean().optional(),
  minRequests: z.int().optional(),
  holdMs: z.number().optional().meta({ description: 'Of a recreation.' }),
  maxSurge: amountPlan.optional().meta({ description: 'Of a roll.' }),
  maxUnavailable: amountPlan.optional(),
  variants: z.array(z.string()).optional().meta({ description: 'Of an A/B test.' }),
  goal: goalPlan.nullable().optional(),
  hypothesis: hypothesis.nullable().optional(),
  text: z.string().optional().meta({ description: 'One sentence for a person.' }),
  challengers: z.array(z.string()).readonly().optional().meta({ description: 'Of a shadow.' }),
  pairs: z.int().optional(),
  arms: z.array(z.string()).optional().meta({ description: 'Of a bandit.' }),
})

export const planSchema = z
  .object({
    planVersion: z.literal(1),
    stages: z.array(stagePlan),
    guardrails: z.array(checkPlan),
    signals: z.array(checkPlan),
    goals: z.array(goalPlan),
    minimumAgeMs: z.number(),
    coverageAlpha: z.number().nullable(),
    onFail: z.enum(['rollback', 'hold']),
    probationMs: z.number(),
    sampleRatioAlpha: z.number(),
    readyTimeoutMs: z.number(),
    drainMs: z.number(),
    labelWindowMs: z
      .number()
      .nullable()
      .meta({ description: 'As the endpoint had learned it before the release; null where it had not.' }),
    reason: z.string().nullable().meta({ description: 'Why Cutover started it by itself; null where somebody did.' }),
    gates: z
      .array(
        z.object({
          before: z.enum(['start', 'promotion']),
          url: z.string(),
          timeoutMs: z.number(),
          signed: z.boolean(),
        }),
      )
      .meta({ description: 'Who is asked before the release goes on.' }),
    group: z
      .object({ name: z.string(), endpoints: names })
      .nullable()
      .meta({ description: 'Endpoints whose releases move or return as one.' }),
    match: names.meta({ description: 'Whose requests take part; empty where all do.' }),
    freeze: names.meta({ description: 'Windows in which it takes no step forward.' }),
  })
  .meta({ id: 'ReleasePlan', description: 'A release as it runs: every default filled in.' })

export const timelineEntrySchema = z
  .object({
    seq: z.int().meta({ description: 'Number of the event in the log.' }),
    at: time,
    release: z.string(),
    kind: z.enum(timelineKinds),
    text: z.string().meta({ description: 'One sentence for a person.' }),
    candidatePpm: ppm.meta({ description: "The candidate's share after this entry." }),
    judgement: judgementSchema.nullable().meta({ description: 'The look at the evidence that decided it.' }),
    trial: trialSchema.nullable().meta({ description: 'The trial whose end it tells of.' }),
    exposure: z
      .object({ requests: z.int(), units: z.int(), durationMs: z.number() })
      .nullable()
      .meta({ description: 'What the candidate met, on the entries that end a release.' }),
  })
  .meta({ id: 'TimelineEntry', description: 'One decision of a release.' })

/** Without the numbers: the story at a glance. */
export const timelineLineSchema = timelineEntrySchema
  .pick({ seq: true, at: true, kind: true, text: true, candidatePpm: true })
  .meta({ id: 'TimelineLine' })

export const releaseSchema = releaseSummarySchema
  .extend({
    weightsPpm: z.record(z.string(), ppm),
    plan: planSchema,
    epochs: z.array(z.object({ epoch: z.int(), candidatePpm: ppm, since: time })),
    exposed: z.object({ from: time.nullable(), to: time.nullable() }),
    gaps: z
      .array(z.object({ from: time, to: time.nullable() }))
      .meta({ description: 'When nobody served, as the gateway had it; the last one is open while it lasts.' }),
    latest: z.object({ at: time, judgement: judgementSchema }).nullable(),
    wait: z
      .object({
        requests: z.number().nullable().meta({ description: 'Of the candidate; null if no number would do.' }),
        requestsPerMinute: z.number(),
        waitMs: z.number().nullable().meta({ description: 'Null: at the present rate it does not end.' }),
        says: z.string(),
      })
      .nullable()
      .meta({ description: 'How long the step will wait for its evidence if traffic goes on as it does.' }),
    timeline: z.array(timelineLineSchema),
  })
  .meta({ id: 'ReleaseView', description: 'A release, its plan, its newest judgement and its story.' })

export const explanationSchema = z
  .object({
    release: releaseSummarySchema,
    plan: planSchema,
    decisions: z.array(timelineEntrySchema),
    latest: z.object({ at: time, judgement: judgementSchema }).nullable(),
  })
  .meta({ id: 'Explanation', description: 'Every decision with the numbers that it rests on.' })

export const eventTypes = [
  'server-started',
  'endpoint-applied',
  'endpoint-deleted',
  'release-started',
  'fleet-ready',
  'fleet-failed',
  'fleet-stopped',
  'traffic-applied',
  'judged',
  'trial-ended',
  'gate-answered',
  'monitored',
  'tick',
  'arms-changed',
  'operator',
] as const

export const eventSchema = z
  .object({
    seq: z.int(),
    at: time,
    type: z.enum(eventTypes),
    endpoint: z.string().nullable(),
    release: z.string().nullable(),
    data: z.record(z.string(), z.unknown()).meta({ description: 'As recorded, without secrets; grows over time.' }),
  })
  .meta({ id: 'Event', description: 'An entry of the log: the ground state.' })

export const deliveryStates = ['waiting', 'delivered', 'dead'] as const

export const deliverySchema = z
  .object({
    id: z.string().meta({ description: 'The same in every attempt.' }),
    endpoint: z.string(),
    webhook: z.string(),
    release: z.string(),
    event: z.enum(timelineKinds),
    url: z.string(),
    state: z.enum(deliveryStates),
    attempts: z.int(),
    at: time,
    next: time.nullable().meta({ description: 'Of a waiting one: not before then.' }),
    detail: z.string().meta({ description: 'What the last attempt met.' }),
  })
  .meta({ id: 'Delivery', description: 'What was sent to a webhook and what became of it.' })

const oneLabel = z.union([z.string(), z.number(), z.boolean()])
const label = z.union([oneLabel, z.array(oneLabel).readonly()])

export const predictionSchema = z
  .object({
    id: z.string(),
    endpoint: z.string(),
    version: z.string().meta({ description: 'The version that answered.' }),
    assigned: z.string().meta({ description: 'The version that the traffic table chose.' }),
    release: z.string().nullable(),
    epoch: z.int(),
    unit: z.string(),
    propensity: z.number().meta({ description: 'The probability with which the version was chosen.' }),
    pinned: z.boolean(),
    at: time,
    latencyMs: z.number(),
    status: z.int(),
    failed: z.boolean(),
    answer: z
      .array(label)
      .readonly()
      .nullable()
      .meta({ description: 'One predicted value per row; for a ranking a list.' }),
    scores: z
      .array(z.array(z.number()).readonly())
      .readonly()
      .nullable()
      .meta({ description: 'Scores of the classes, row by row, where a metric needs them.' }),
    features: z
      .record(z.string(), z.union([z.number(), z.string(), z.null()]))
      .nullable()
      .meta({ description: 'Declared features of the request, where its body was kept.' }),
    shadowOf: z
      .string()
      .nullable()
      .meta({ description: 'Of a challenger that answered a copy: the prediction that the caller got.' }),
    payload: z
      .object({
        request: z.base64(),
        response: z.base64(),
        sent: z
          .object({ method: z.string(), path: z.string(), headers: z.array(z.tuple([z.string(), z.string()])) })
          .nullable()
          .meta({ description: 'How the request was sent, without credentials; null where it cannot be sent again.' }),
      })
      .nullable()
      .meta({ description: 'Bodies in base64; null in lists and for units whose payloads are not kept.' }),
    outcomes: z.array(
      z.object({
        id: z.string(),
        row: z.int(),
        label: label.nullable(),
        reward: z.number().nullable(),
        metrics: z.record(z.string(), z.number()),
        at: time,
      }),
    ),
  })
  .meta({ id: 'PredictionView', description: 'What a version answered, and what became known of it.' })

export const summaryDimensions = ['version', 'epoch', 'release', 'hour', 'day'] as const

export const summaryRowSchema = z
  .object({
    key: z
      .object({
        version: z.string().optional(),
        epoch: z.int().optional(),
        release: z.string().nullable().optional(),
        hour: z.string().optional().meta({ description: 'When it begins, UTC.' }),
        day: z.string().optional(),
      })
      .meta({ description: 'The dimensions that were asked for.' }),
    requests: z.int(),
    errors: z.int().meta({ description: 'Statuses of 400 and above, failures, and versions that were not there.' }),
    units: z.int().meta({ description: 'Distinct units.' }),
    labelled: z.int().meta({ description: 'Rows with a predicted value and a true one.' }),
    wrong: z.int(),
    rewards: z.object({ count: z.int(), sum: z.number() }),
    latencyMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
    first: z.string(),
    last: z.string(),
  })
  .meta({ id: 'SummaryRow', description: 'Recorded predictions and their outcomes, added up.' })

export const metricSchema = z
  .object({
    endpoint: z.string(),
    name: z.string(),
    type: z.enum(['error-rate', 'latency', ...metricTypes]),
    declared: z.boolean().meta({ description: 'Whether the endpoint declares it; the others exist anyway.' }),
    quantile: z.number().nullable(),
    marginUnit: z.enum(marginUnits).meta({ description: 'The usual one; declared metrics also take %.' }),
  })
  .meta({ id: 'Metric', description: 'What a check of a release can name.' })

/** Verbs on a release take a word of explanation. */
export const verbRequestSchema = z
  .strictObject({
    note: z.string().max(1_000).optional().meta({ description: 'Why.' }),
    step: z.boolean().optional().meta({ description: 'Of promote: past the present step alone.' }),
  })
  .meta({ id: 'VerbRequest', description: 'Why, and how far.' })

/** The short form of a release: one strategy with its defaults. */
export const shortReleaseSchema = z
  .strictObject({
    endpoint: z.string(),
    to: z.string(),
    strategy: z.enum(wireStageKinds).default('canary'),
  })
  .meta({ id: 'ShortRelease', description: 'A release by one strategy with its defaults.' })

/** What the inference listener answers to feedback. */
export const feedbackAnswerSchema = z.object({
  results: z.array(
    z.object({
      id: z.string().nullable(),
      prediction: z.string().nullable(),
      status: z.enum(['joined', 'pending', 'duplicate', 'invalid']),
      detail: z.string().optional(),
    }),
  ),
})

export type WireProblem = z.infer<typeof problemSchema>
export type WireVersion = z.infer<typeof versionSchema>
export type WireEndpoint = z.infer<typeof endpointSchema>
export type WireChange = z.infer<typeof changeSchema>
export type WireApplied = z.infer<typeof applyAnswerSchema>
export type WireReleaseSummary = z.infer<typeof releaseSummarySchema>
export type WireRelease = z.infer<typeof releaseSchema>
export type WirePlan = z.infer<typeof planSchema>
export type WireTimelineEntry = z.infer<typeof timelineEntrySchema>
export type WireTimelineLine = z.infer<typeof timelineLineSchema>
export type WireExplanation = z.infer<typeof explanationSchema>
export type WireEvent = z.infer<typeof eventSchema>
export type WireDelivery = z.infer<typeof deliverySchema>
export type WirePrediction = z.infer<typeof predictionSchema>
export type WireSummaryRow = z.infer<typeof summaryRowSchema>
export type WireMetric = z.infer<typeof metricSchema>
export type WireFeedbackAnswer = z.infer<typeof feedbackAnswerSchema>
