/** One look at the evidence, as the control API tells it. */
import { z } from 'zod'

export const verdicts = ['pass', 'fail', 'insufficient', 'invalid'] as const
export const roles = ['guardrail', 'signal', 'goal', 'validity'] as const

const number = z.number().nullable()
const side = z.object({
  version: z.string(),
  trials: z.number().meta({ description: 'Requests, answered requests or labelled rows.' }),
  events: number.meta({ description: 'Harmful ones among them; null for a quantile.' }),
  value: number.meta({ description: 'The rate, or the quantile in milliseconds.' }),
})
/** What a margin and a harm are counted in: percentage points, a share of the stable value, the metric's own unit. */
export const marginUnits = ['pp', '%', 'own'] as const

const stratum = z
  .union([
    z.strictObject({ trials: z.number(), events: z.number() }),
    z.strictObject({ n: z.number(), mean: z.number(), variance: z.number() }),
  ])
  .meta({ description: 'Counts, or for means the clusters, their mean and the variance of one.' })

const reading = z.object({ at: z.iso.datetime(), value: number, detail: z.string() })

export const checkResultSchema = z
  .object({
    metric: z.string(),
    role: z.enum(roles),
    verdict: z.enum(verdicts),
    reason: z.string(),
    margin: z.number(),
    marginUnit: z.enum(marginUnits),
    bound: z
      .object({ kind: z.enum(['max', 'min']), value: z.number() })
      .optional()
      .meta({ description: 'Of an external metric that has a bound of its own, in place of the margin.' }),
    counted: z.enum(['errors', 'wrong', 'shortfall']).optional().meta({
      description: 'What `events` of both sides are: always what is bad, also of a metric whose name is good.',
    }),
    alpha: z.number(),
    minEvents: z.number(),
    candidate: side,
    stable: side,
    harm: z
      .object({ estimate: number, lower: number, upper: number })
      .meta({ description: 'candidate - stable for rates, candidate / stable - 1 for latency: greater is worse.' }),
    logEvidence: number.meta({ description: 'Of "harm is above the margin"; a breach at log(1/alpha).' }),
    logEvidenceBelow: number.meta({ description: 'Of "harm is below the margin"; a goal is shown at log(1/alpha).' }),
    posterior: z
      .object({ chance: z.number(), loss: z.object({ candidate: z.number(), stable: z.number() }) })
      .optional()
      .meta({ description: 'Of a Bayesian comparison: the chance that the candidate is better, expected losses.' }),
    method: z.string(),
    dryRun: z.boolean().meta({ description: 'Looked at and told, never acted on.' }),
    readings: z
      .object({ candidate: z.array(reading), stable: z.array(reading) })
      .nullable()
      .meta({ description: 'Of an external metric, the newest last.' }),
    strata: z.array(z.object({ epoch: z.int(), candidate: stratum, stable: stratum })),
  })
  .meta({ id: 'CheckResult', description: 'A check with the numbers that its verdict rests on.' })

const validitySchema = z.object({
  verdict: z.enum(['pass', 'invalid']),
  reason: z.string(),
  logEvidence: number,
  observed: z.array(z.number()),
  expected: z.array(z.number()),
  coverage: z
    .object({ logEvidence: z.number(), candidate: number, stable: number })
    .nullable()
    .meta({ description: 'Labelled shares of matured predictions; null without labels.' }),
})

const goalSchema = z.object({ verdict: z.enum(verdicts), reason: z.string() })

const pairsSchema = z
  .object({
    pairs: z.int().meta({ description: 'Requests of which it is known what both versions did.' }),
    failures: z
      .object({ challenger: z.int(), champion: z.int(), both: z.int() })
      .meta({ description: 'Of one version alone, and of both.' }),
    compared: z.int(),
    agreed: z.int(),
    agreement: z.object({
      least: number.meta({ description: 'The share that must agree; null where none is asked for.' }),
      verdict: z.enum(verdicts),
      reason: z.string(),
      estimate: number,
      lower: number,
      upper: number,
      alpha: z.number(),
    }),
    labelled: z
      .object({ bothRight: z.int(), challengerOnly: z.int(), championOnly: z.int(), bothWrong: z.int() })
      .meta({ description: 'Rows whose true label is known.' }),
    examples: z.array(z.object({ prediction: z.string(), distance: z.number(), note: z.string() })).meta({
      description: 'The worst disagreements: the prediction that the caller got, and how far it is, from 0 to 1.',
    }),
    lost: z.int().meta({ description: 'Answers and labels whose other half was not at hand any more.' }),
  })
  .meta({ id: 'PairNumbers', description: 'What a challenger and the champion did with the same requests.' })

const armSchema = z
  .object({
    verdict: z.enum(verdicts),
    reason: z.string(),
    goal: goalSchema,
    validity: validitySchema,
    checks: z.array(checkResultSchema),
    requests: z.number(),
    pairs: pairsSchema.optional(),
  })
  .meta({ id: 'ArmJudgement', description: 'One of several candidates against the stable version.' })
const asIfOnePeriod = z.object({ n: z.number(), mean: z.number(), variance: z.number() })

const contextNumbersSchema = z
  .object({
    rewards: z.number().meta({ description: 'Of requests whose version was chosen by their features.' }),
    chosen: asIfOnePeriod.meta({ description: 'What they earned.' }),
    leader: asIfOnePeriod.meta({
      description: 'What the leader alone earned in the same periods, where chance chose it.',
    }),
    chance: number.meta({
      description: 'Posterior probability that choosing by features earns more; null with too few.',
    }),
    isBestArm: z.boolean().meta({ description: 'The leader is shown to be the best arm.' }),
    columns: z.array(z.string()),
    fit: z
      .object({
        width: z.number().meta({ description: "An arm's score is as uncertain as this times the root of x' A^-1 x." }),
        scales: z.array(z.object({ centre: z.number(), scale: z.number() }).nullable()),
        arms: z.array(
          z.object({
            version: z.string(),
            coefficients: z.array(z.number()).meta({ description: 'Of the constant, then of the scaled columns.' }),
            factor: z.array(z.array(z.number())).meta({ description: 'The lower triangle L of A = L L.' }),
          }),
        ),
      })
      .nullable()
      .meta({ description: 'By which versions are chosen next; null with too few rewards.' }),
  })
  .meta({ id: 'ContextNumbers', description: 'Of a bandit that chooses by features.' })

export const banditNumbersSchema = z
  .object({
    arms: z.array(
      z.object({
        version: z.string(),
        rewards: z.number().meta({ description: 'That came in this stage.' }),
        n: z.number().meta({ description: 'As if all had come in one period of constant weights.' }),
        mean: z.number(),
        variance: z.number(),
        chance: number.meta({ description: 'Posterior probability of being the best arm; null with too few rewards.' }),
        loss: number.meta({ description: 'Expected loss of choosing it, in the unit of the reward.' }),
      }),
    ),
    weightsPpm: z.record(z.string(), z.int()).meta({ description: 'What the arms ask for, if all of them can serve.' }),
    leader: z.string(),
    evidence: z
      .object({ log: number, needed: z.number() })
      .nullable()
      .meta({ description: 'That the leader is the best; null while an arm has too few rewards.' }),
    ends: z.boolean(),
    context: contextNumbersSchema.nullable(),
  })
  .meta({ id: 'BanditNumbers', description: 'What a bandit decides by: weights and end follow from it.' })

export const judgementSchema = z
  .object({
    version: z
      .int()
      .meta({ description: 'Of the methods: the numbers of a judgement are to be read by those of its version.' }),
    verdict: z.enum(verdicts),
    reason: z.string(),
    validity: validitySchema,
    checks: z.array(checkResultSchema),
    goal: goalSchema,
    arms: z
      .record(z.string(), armSchema)
      .optional()
      .meta({ description: 'By version, where a stage has several candidates.' }),
    bandit: banditNumbersSchema.nullable(),
    stepRequests: z.number(),
    exposedRequests: z.number(),
    exposedUnits: z.number(),
  })
  .meta({ id: 'Judgement', description: 'One look at the evidence: a verdict per check.' })

export type WireJudgement = z.infer<typeof judgementSchema>
export type WireBanditNumbers = z.infer<typeof banditNumbersSchema>
export type WireCheckResult = z.infer<typeof checkResultSchema>
export type WirePairNumbers = z.infer<typeof pairsSchema>
