/** Flags that a release, a stage or a rule of an endpoint goes by. */
import { z } from 'zod'
import { object } from '../resource-parts.ts'
import { allowedMark, exactlyOne, type Loose, type Report } from '../resource-rules.ts'
import { flagName } from './flag.ts'

const variant = z.string().min(1).max(200)

export const variantsAsked = z
  .union(
    [variant, z.array(variant).min(1).max(100)],
    `is neither a variant nor a list of them${allowedMark}a variant, a list of variants`,
  )
  .meta({ description: 'The variants of the flag that fit; of a boolean flag the value true if it is left out.' })

const namedGate = object({
  name: flagName.meta({ description: 'The flag.' }),
  is: variantsAsked.optional(),
})

export const flagGate = z.union([flagName, namedGate]).meta({
  id: 'FlagGate',
  description: 'The name of a flag that must be on, or its name and the variants that let it pass.',
})

/** One of header and flag, each with what belongs to it. */
export function routeRule(rule: Loose, report: Report): void {
  exactlyOne(rule, ['header', 'flag'], report)
  if (rule['header'] !== undefined && rule['equals'] === undefined)
    report(['equals'], 'is missing: what the header must say')
  if (rule['header'] !== undefined && rule['is'] !== undefined) report(['is'], 'is of a flag', 'equals')
  if (rule['flag'] !== undefined && rule['equals'] !== undefined) report(['equals'], 'is of a header', 'is')
}
