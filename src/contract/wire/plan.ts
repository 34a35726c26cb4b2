/** A release's plan as it runs: every default filled in. */
import { z } from 'zod'
import { marginUnits } from './judgement.ts'
import { names, ppm } from './parts.ts'

export const wireStageKinds = ['recreate', 'rolling', 'blueGreen', 'canary', 'shadow', 'abTest', 'bandit'] as const

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
    readyTimeoutMs: z.number().nullable(),
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
    flags: z
      .array(
        z.object({
          flag: z.string(),
          is: z
            .array(z.string())
            .nullable()
            .meta({ description: 'Variants that let it pass; null for the value true.' }),
          stage: z.int().nullable().meta({ description: 'Of that stage alone, from 0; null for the whole release.' }),
        }),
      )
      .meta({ description: 'Flags that must be on for it to go forward.' }),
    freeze: names.meta({ description: 'Windows in which it takes no step forward.' }),
  })
  .meta({ id: 'ReleasePlan', description: 'A release as it runs: every default filled in.' })

export type WirePlan = z.infer<typeof planSchema>
