/** Freeze windows as people write them. */
import { z } from 'zod'
import { object } from './resource-parts.ts'
import { allowedMark, type Loose, type Report, withRule } from './resource-rules.ts'

const weekday = z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])
const clock = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, `is not a time of day${allowedMark}00:00 to 23:59`)
  .meta({ description: 'A time of day: 22:00.' })

const windowShape = object({
  days: z
    .array(weekday)
    .min(1)
    .max(7)
    .optional()
    .meta({ description: 'Days on which the window begins; every day if they are left out.' }),
  from: clock.optional().meta({ description: 'When it begins; midnight if neither from nor to is given.' }),
  to: clock.optional().meta({ description: 'When it ends; no later than from means on the next day.' }),
  zone: z
    .string()
    .refine(isZone, `is not a time zone${allowedMark}UTC, Europe/Berlin, America/New_York`)
    .default('UTC')
    .meta({ description: 'Whose clock is meant: an IANA name.' }),
})

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}

function windowRule({ days, from, to }: Loose, report: Report): void {
  if (days === undefined && from === undefined && to === undefined)
    report([], 'says nothing of when', 'days, from and to')
  if ((from === undefined) !== (to === undefined))
    report([from === undefined ? 'from' : 'to'], 'from and to go together', 'both or neither')
}

export const freezeWindow = withRule(windowShape, windowRule).meta({
  id: 'FreezeWindow',
  description: 'A time that comes again every week, by the clock of a zone.',
})

export type FreezeResource = z.infer<typeof freezeWindow>
