/** Whose requests a release is of, as people write it. */
import { z } from 'zod'
import { cookieName, headerName } from './request-parts.ts'
import { object } from './resource-parts.ts'
import { exactlyOne, type Loose, type Report, withRule } from './resource-rules.ts'

const value = z.string().min(1).max(512)

const ruleShape = object({
  header: headerName.optional().meta({ description: 'Name of a request header.' }),
  cookie: cookieName.optional().meta({ description: 'Name of a cookie.' }),
  equals: value.optional().meta({ description: 'The one value that fits.' }),
  in: z.array(value).min(1).max(1_000).optional().meta({ description: 'The values that fit.' }),
  prefix: value.optional().meta({ description: 'What values that fit begin with.' }),
})

function scopeRule(rule: Loose, report: Report): void {
  exactlyOne(rule, ['header', 'cookie'], report)
  exactlyOne(rule, ['equals', 'in', 'prefix'], report)
}

export const scopeMatch = withRule(ruleShape, scopeRule).meta({
  id: 'ScopeMatch',
  description: 'One of header and cookie, and one of equals, in and prefix.',
})

export type ScopeMatchResource = z.infer<typeof scopeMatch>
