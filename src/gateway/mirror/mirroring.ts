/**
 * Which requests are copied to challengers. Copies are made of what callers sent once they have been served, and nothing
 * that becomes of them reaches a caller: a copy has its own bytes, its own time and its own end.
 */
import { bucketOf, saltSeed } from '../../core/assign.ts'
import type { Mirror, TrafficTable } from '../../core/traffic.ts'
import type { Choice } from '../choose.ts'
import { ownHeader, ownHeaders } from '../headers.ts'
import type { Inbound } from '../inbound.ts'

/** The mirrors of one traffic table. */
export type Mirroring = {
  /** One for all challengers, so that they answer the same requests; apart from the seeds that choose versions and payloads. */
  readonly seed: number
  readonly mirrors: readonly Mirror[]
}

/** Null for a table without mirrors. */
export function mirroringOf({ endpoint, stable, mirrors = [] }: TrafficTable): Mirroring | null {
  const others = mirrors.filter(({ version }) => version !== stable)
  return others.length === 0 ? null : { seed: saltSeed(`mirrors of ${endpoint}`), mirrors: others }
}

const none: readonly Mirror[] = []

/**
 * The mirrors that copy a request. Only what the table gave to the stable version, and that version answers itself, has a
 * champion's answer; and a request that is a copy already, from a gateway before this one, is not copied again.
 */
export function mirrorsFor(
  choice: Choice,
  request: { inbound: Inbound; unit: string; path: string },
): readonly Mirror[] {
  const { mirroring, table } = choice.route
  if (mirroring === null || choice.pinned) return none
  if (choice.assigned !== table.stable || choice.version !== table.stable) return none
  const { inbound, unit, path } = request
  if (ownHeader(inbound, ownHeaders.shadow) !== undefined) return none
  const bucket = bucketOf(unit, mirroring.seed)
  const { method } = inbound
  return mirroring.mirrors.filter(
    ({ fractionPpm, methods, paths }) =>
      bucket < fractionPpm && methods.includes(method) && (paths?.some(prefix => path.startsWith(prefix)) ?? true),
  )
}
