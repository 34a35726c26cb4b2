/** Flags and segments as people write them. */
import { z } from 'zod'
import { object, percent } from '../resource-parts.ts'
import { allowedMark, withRule } from '../resource-rules.ts'
import { attribute, conditions, moment, valuesMax } from './conditions.ts'
import { flagRule, segmentRule } from './flag-rules.ts'

const notName = `is not the name of a flag: letters, digits and . - _ :, at most 200${allowedMark}new-ranker, checkout.flow`
export const flagName = z
  .string(notName)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?$/, notName)
  .max(200, notName)

const variant = z
  .string()
  .min(1)
  .max(200)
  .refine(name => name !== '__proto__', 'cannot be the name of a variant')

const servingKeys = {
  serve: variant.optional().meta({ description: 'The variant.' }),
  rollout: z
    .record(variant, percent)
    .optional()
    .meta({ description: 'Variants by percentage, 100% in all; raising one takes no unit back.' }),
  by: attribute
    .optional()
    .meta({ description: 'Of a rollout: the attribute that is hashed; the flag’s unit if it is left out.' }),
}

const rule = object({
  name: z
    .string()
    .min(1)
    .max(100)
    .meta({ description: 'Told in explanations; a rollout keeps its units by it when rules move.' }),
  when: conditions.default([]).meta({ description: 'All of them must hold.' }),
  ...servingKeys,
}).meta({ id: 'FlagRule', description: 'The first rule that fits decides: serve or rollout.' })

const step = object({
  at: moment.meta({ description: 'From this time on.' }),
  ...servingKeys,
  rule: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Whose serving changes; the default’s if left out.' }),
  enabled: z.boolean().optional().meta({ description: 'Switched on or off.' }),
}).meta({ id: 'FlagStep', description: 'What changes at a time; the rest stays as it was.' })

const requirement = object({
  flag: flagName.meta({ description: 'The other flag.' }),
  is: z
    .union(
      [variant, z.array(variant).min(1).max(100)],
      `is neither a variant nor a list of them${allowedMark}a variant, a list of variants`,
    )
    .meta({ description: 'The variants of it that it must have one of.' }),
}).meta({
  id: 'FlagRequirement',
  description: 'A flag that must have one of these variants; otherwise `off` is served.',
})

const flagShape = object({
  kind: z.literal('Flag').meta({ description: 'Always `Flag`.' }),
  name: flagName.meta({ description: 'The key that code asks for.' }),
  description: z.string().max(2_000).optional(),
  type: z
    .enum(['boolean', 'string', 'number', 'object'])
    .default('boolean')
    .meta({ description: 'Of all its variants.' }),
  variants: z
    .record(variant, z.unknown())
    .optional()
    .meta({ description: 'Values by name; on: true and off: false for a boolean flag that gives none.' }),
  enabled: z.boolean().default(true).meta({ description: 'The kill switch: false serves `off` to everybody.' }),
  off: z.union([variant, z.null()]).optional().meta({
    description:
      'What a switched-off flag serves; null for the value in the caller’s code. By default the first false one of a boolean flag, null of others.',
  }),
  ...servingKeys,
  requires: z
    .array(requirement)
    .max(20)
    .default([])
    .meta({ description: 'Other flags that must have these variants.' }),
  rules: z
    .array(rule)
    .max(200)
    .default([])
    .meta({ description: 'In order; before `serve` and `rollout` of the flag itself.' }),
  targeting: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: 'In place of rules: a JsonLogic expression as flagd has them.' }),
  schedule: z.array(step).max(100).default([]).meta({ description: 'Changes to come, in order of time.' }),
  unit: attribute.default('targetingKey').meta({ description: 'The attribute that rollouts hash.' }),
  salt: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'Flags with one salt give a unit the same bucket; the name if it is left out.' }),
  metadata: z
    .record(z.string().min(1).max(200), z.union([z.string().max(2_000), z.number(), z.boolean()]))
    .default({})
    .meta({ description: 'Told with every evaluation.' }),
})

export const flagResource = withRule(flagShape, flagRule).meta({
  id: 'Flag',
  description: 'A typed feature flag with rules, rollouts and a kill switch.',
})

const units = z.array(z.string().min(1).max(512)).max(valuesMax)

const segmentShape = object({
  kind: z.literal('Segment').meta({ description: 'Always `Segment`.' }),
  name: flagName.meta({ description: 'What conditions of flags call it.' }),
  description: z.string().max(2_000).optional(),
  include: units.default([]).meta({ description: 'Targeting keys that belong to it.' }),
  exclude: units.default([]).meta({ description: 'Targeting keys that never do.' }),
  when: conditions.default([]).meta({ description: 'Who fits all of these belongs to it too; no other segments.' }),
})

export const segmentResource = withRule(segmentShape, segmentRule).meta({
  id: 'Segment',
  description: 'Units that several flags name together.',
})

export type FlagResource = z.infer<typeof flagResource>
export type SegmentResource = z.infer<typeof segmentResource>
