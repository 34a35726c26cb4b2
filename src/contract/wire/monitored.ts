/** How the stable version of an endpoint stands by what is watched of it, in short. */
import { z } from 'zod'

export const monitorStatuses = ['unwatched', 'ok', 'drifting', 'breached'] as const
export const alarmKinds = ['feature', 'answer', 'quality', 'limit'] as const

export const monitoredShape = {
  status: z.enum(monitorStatuses),
  alarms: z.array(z.object({ kind: z.enum(alarmKinds), name: z.string(), reason: z.string() })),
}

export const monitoredSchema = z
  .object(monitoredShape)
  .meta({ description: 'Of the stable version; all that is measured of it is under `/drift`.' })
