/** The conditions of a flag's rule, and of a segment, as people write them. */
import { z } from 'zod'
import { freezeWindow } from '../freeze.ts'
import { object } from '../resource-parts.ts'
import { allowedMark, exactlyOne, type Loose, type Report, withRule } from '../resource-rules.ts'

/** Values of one condition; `limits.flagValuesMax`. */
export const valuesMax = 10_000
export const conditionsMax = 50

const value = z.union(
  [z.string().max(1_000), z.number(), z.boolean()],
  `is not a value${allowedMark}a text, a number, true or false`,
)
const values = z.array(value).min(1).max(valuesMax)
const text = z.string().min(1).max(1_000)
const texts = z.union(
  [text, z.array(text).min(1).max(valuesMax)],
  `is neither a text nor a list of texts${allowedMark}a text, a list of texts`,
)

const notTime = `is not a time${allowedMark}2026-12-01T09:00:00Z`
export const moment = z
  .string(notTime)
  .refine(written => z.iso.datetime({ offset: true }).safeParse(written).success, notTime)
  .meta({ description: 'A time: 2026-12-01T09:00:00Z.' })

export const attribute = z
  .string()
  .min(1)
  .max(200)
  .refine(name => name !== '__proto__', 'cannot be the name of an attribute')

const testKeys = {
  equals: value.optional().meta({ description: 'The one value that fits; values are compared as text.' }),
  in: values.optional().meta({ description: 'The values that fit; of a list one element must.' }),
  prefix: texts.optional().meta({ description: 'What values that fit begin with.' }),
  suffix: texts.optional().meta({ description: 'What they end with.' }),
  contains: texts.optional().meta({ description: 'What they have in them.' }),
  'at-least': z.number().optional().meta({ description: 'A number from here on.' }),
  'more-than': z.number().optional().meta({ description: 'A number above this.' }),
  'at-most': z.number().optional().meta({ description: 'A number up to here.' }),
  'less-than': z.number().optional().meta({ description: 'A number below this.' }),
  semver: text.optional().meta({ description: 'A range of semantic versions: ">=1.4.0 <2.0.0", ^1.2.' }),
  exists: z.literal(true).optional().meta({ description: 'There is a value.' }),
}

const plainKeys = {
  attribute: attribute
    .optional()
    .meta({ description: 'Name of an attribute of the context; user.plan looks into user.' }),
  ...testKeys,
  segment: z.string().min(1).max(200).optional().meta({ description: 'Units of this segment.' }),
  from: moment.optional().meta({ description: 'From this time on.' }),
  until: moment.optional().meta({ description: 'Before this time.' }),
  during: freezeWindow.optional().meta({ description: 'Hours that come again every week.' }),
  not: z.literal(true).optional().meta({ description: 'The condition must not hold.' }),
}

const plainCondition = withRule(object(plainKeys), (value, report) => conditionRule(value, report, plainKinds)).meta({
  id: 'FlagPlainCondition',
  description: 'One of attribute, segment, during, and from and until.',
})

export const condition = withRule(
  object({
    ...plainKeys,
    any: z.array(plainCondition).min(1).max(conditionsMax).optional().meta({ description: 'One of these must hold.' }),
  }),
  (value, report) => conditionRule(value, report, [...plainKinds, 'any']),
).meta({
  id: 'FlagCondition',
  description: 'One of attribute (with one test), segment, during, any, and from and until.',
})

export const conditions = z.array(condition).max(conditionsMax)

const plainKinds = ['attribute', 'segment', 'during', 'from or until'] as const
const bounds = ['at-least', 'more-than', 'at-most', 'less-than'] as const

/** One kind of condition; an attribute has one test, of which two bounds may be one. */
function conditionRule(condition: Loose, report: Report, kinds: readonly string[]): void {
  const isGiven = (kind: string): boolean =>
    kind === 'from or until'
      ? condition['from'] !== undefined || condition['until'] !== undefined
      : condition[kind] !== undefined
  const given = kinds.filter(isGiven)
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`
    report([], `takes exactly one of ${kinds.join(', ')}; ${found}`, kinds.join(', '))
  }
  if (condition['attribute'] !== undefined) testRule(condition, report)
  else
    for (const key of Object.keys(testKeys))
      if (condition[key] !== undefined) report([key], 'tests an attribute, and none is named', 'attribute')
}

function testRule(condition: Loose, report: Report): void {
  const tests = Object.keys(testKeys).filter(key => !(bounds as readonly string[]).includes(key))
  const hasBound = bounds.some(key => condition[key] !== undefined)
  if (hasBound) {
    for (const [a, b] of [
      ['at-least', 'more-than'],
      ['at-most', 'less-than'],
    ] as const)
      if (condition[a] !== undefined && condition[b] !== undefined) report([b], `${a} is given already`, `${a} or ${b}`)
    for (const key of tests)
      if (condition[key] !== undefined) report([key], 'is a second test beside a bound', bounds.join(', '))
    return
  }
  exactlyOne(condition, tests.concat(bounds), report)
}

export type ConditionResource = z.infer<typeof condition>
export type PlainConditionResource = z.infer<typeof plainCondition>
