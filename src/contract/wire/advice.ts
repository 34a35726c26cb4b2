/** Advice on which strategy to use, as the control API is asked for it and gives it. */
import { z } from 'zod'
import { duration, margin, name, object } from '../resource-parts.ts'
import { allowedMark } from '../resource-rules.ts'
import { scopeMatch } from '../scope.ts'
import { parseDurationMs } from '../units.ts'
import { names } from './parts.ts'
import { wireStageKinds } from './plan.ts'

const amount = z.number()
const whole = z.int()
const answer = z.boolean().optional()

export const changeKinds = ['simple', 'complex'] as const
export const harmMetrics = ['error-rate', 'accuracy'] as const

const notPoints = 'is not a number of percentage points (allowed: 0.1pp to 100pp)'

export const adviceRequestSchema = object({
  endpoint: name,
  candidates: z.array(name).min(1).max(19).optional().meta({
    description: 'Versions that may take the place of the stable one; the one declared last by default.',
  }),
  goal: object({
    metric: name.meta({ description: 'A metric that the endpoint declares.' }),
    effect: margin.optional().meta({ description: 'The change that matters: 2%, 0.5pp, or in its own unit.' }),
  }).optional(),
  exposure: answer.meta({ description: 'Users may meet the candidate before it is judged.' }),
  downtime: answer.meta({ description: 'Nobody may be served for a while.' }),
  within: duration
    .refine(text => parseDurationMs(text) !== 0, `is no time at all${allowedMark}12h, 7d`)
    .optional()
    .meta({ description: 'A decision must fall by then.' }),
  onlyGoal: answer.meta({ description: 'The goal is all that counts.' }),
  change: z.enum(changeKinds).optional(),
  expensive: answer.meta({ description: 'An instance costs much, such as a GPU.' }),
  idempotent: answer.meta({ description: 'A request may be sent twice.' }),
  groups: z.array(scopeMatch).min(1).max(20).optional().meta({ description: 'Only these users take part.' }),
  harm: object({
    metric: z.enum(harmMetrics).default('error-rate'),
    by: z.string(notPoints).regex(/^(100|\d{1,2}(\.\d+)?)pp$/, notPoints),
  })
    .optional()
    .meta({ description: 'What a bad candidate would do: by so much more requests fail, or answers are wrong.' }),
  requestsPerSecond: amount.min(0).max(1e7).optional().meta({ description: 'Instead of what was measured.' }),
  usersPerDay: amount.gt(0).max(1e10).optional(),
  baseline: object({
    mean: amount.meta({ description: 'Of the goal on the stable version; a share from 0 to 1 for a conversion.' }),
    deviation: amount.gt(0).optional().meta({ description: 'Of one unit; that of a share if it is left out.' }),
  }).optional(),
}).meta({ id: 'AdviceRequest', description: 'What people know; the rest is measured, or assumed and told so.' })

const reason = z.object({
  rule: z.string(),
  effect: z.union([z.number(), z.literal('veto')]),
  says: z.string(),
  source: z.object({ title: z.string(), url: z.string() }),
})

const sample = z.object({
  alpha: amount,
  power: amount,
  fixed: whole.meta({ description: 'That a single look at a fixed time would take.' }),
  needed: whole.meta({ description: 'That the test takes which is looked at all the time.' }),
  inflation: amount.meta({ description: 'needed / fixed.' }),
})

const verdict = z.object({
  stage: z.enum(wireStageKinds),
  asks: z.string(),
  of: z.enum(['requests', 'units', 'pairs', 'nothing']),
  sample: sample.nullable(),
  expectedMs: amount.nullable().meta({ description: 'At the present traffic.' }),
  says: z.string(),
})

const refusal = z.object({
  path: z.string(),
  message: z.string(),
  value: z.unknown().optional(),
  allowed: names.optional(),
})

const plan = z.object({
  rank: whole.meta({ description: 'From 1.' }),
  name: z.string(),
  stages: z.array(z.enum(wireStageKinds)),
  possible: z.boolean().meta({ description: 'No rule excludes it, and the server would start it.' }),
  score: amount,
  fit: z.array(reason),
  misfit: z.array(reason),
  refusals: z.array(refusal).meta({ description: 'What the server would refuse it for.' }),
  zeroDowntime: z.boolean(),
  realTraffic: z.enum(['none', 'recorded', 'copies', 'live']),
  exposesUnjudged: z.boolean(),
  targeted: z.boolean().meta({ description: 'Only some users take part.' }),
  rollback: z.object({ ms: amount, atMost: z.boolean(), says: z.string() }),
  capacity: z.object({ peakInstances: whole, extraInstances: whole, instanceHours: amount.nullable() }),
  verdicts: z.array(verdict),
  totalMs: amount.nullable(),
  exposure: z
    .object({ requests: whole.nullable(), users: whole.nullable(), says: z.string() })
    .meta({ description: 'Who meets a bad candidate; null where nothing would end it.' }),
  file: z.string().meta({ description: 'The release, as YAML that can be applied.' }),
  document: z
    .record(z.string(), z.unknown())
    .meta({ description: 'The same release, as `POST /api/v1/releases` takes it.' }),
})

export const origins = ['measured', 'stated', 'assumed'] as const

export const adviceSchema = z
  .object({
    endpoint: z.string(),
    stable: z.string(),
    situation: z.array(z.object({ name: z.string(), value: z.unknown(), from: z.enum(origins), note: z.string() })),
    plans: z.array(plan).meta({ description: 'The best first; those that are not possible last.' }),
    flags: z.object({ wanted: z.boolean(), reasons: z.array(reason) }),
    open: names.meta({ description: 'What was assumed and would make the advice better if it were said.' }),
  })
  .meta({ id: 'Advice', description: 'Plans for a release, ranked, with reasons and numbers.' })

export type WireAdviceRequest = z.input<typeof adviceRequestSchema>
export type WireAdvice = z.infer<typeof adviceSchema>
export type WireAdvicePlan = WireAdvice['plans'][number]
