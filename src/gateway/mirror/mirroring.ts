/**
 * Which requests are copied to challengers. Copies are made of what callers sent once they have been served, and nothing
 * that becomes of them reaches a caller: a copy has its own time and its own end.
 */
import { bucketOf, saltSeed } from '../../core/assign.ts'
import type { Mirror, TrafficTable } from '../../core/traffic.ts'
import type { Choice } from '../choose.ts'
import { ownHeader, ownHeaders } from '../headers.ts'
import type { Inbound } from '../inbound.ts'
import type { Challenger } from './challenger.ts'

/** A mirror with the one that gets its copies, who is known once the table has taken effect. */
export type Aim = { readonly mirror: Mirror; challenger: Challenger | null }

/** The mirrors of one traffic table. */
export type Mirroring = {
  /** One for all challengers, so that they answer the same requests; apart from the seeds that choose versions and payloads. */
  readonly seed: number
  readonly aims: readonly Aim[]
}

/** Null for a table without mirrors. */
export function mirroringOf({ endpoint, stable, mirrors = [] }: TrafficTable): Mirroring | null {
  const others = mirrors.filter(({ version }) => version !== stable)
  if (others.length === 0) return null
  return { seed: saltSeed(`mirrors of ${endpoint}`), aims: others.map(mirror => ({ mirror, challenger: null })) }
}

const none: readonly Aim[] = []

/**
 * The mirrors that copy a request. Only what the table gave to the stable version, and that version answers itself, has a
 * champion's answer; and a request that is a copy already, from a gateway before this one, is not copied again.
 */
export function aimsFor(choice: Choice, request: { inbound: Inbound; unit: string; path: string }): readonly Aim[] {
  const { mirroring, table } = choice.route
  if (mirroring === null || choice.pinned) return none
  if (choice.assigned !== table.stable || choice.version !== table.stable) return none
  const { inbound, unit, path } = request
  if (ownHeader(inbound, ownHeaders.shadow) !== undefined) return none
  const bucket = bucketOf(unit, mirroring.seed)
  const { method } = inbound
  return only(mirroring.aims, ({ mirror }) => copies(mirror, { bucket, method, path }))
}

type Request = { bucket: number; method: string; path: string }

function copies({ fractionPpm, methods, paths }: Mirror, { bucket, method, path }: Request): boolean {
  if (bucket >= fractionPpm || !methods.includes(method)) return false
  return paths === null || paths.some(prefix => path.startsWith(prefix))
}

/** As a rule all or none of them are meant, and no list is made. */
export function only<Item>(items: readonly Item[], isMeant: (item: Item) => boolean): readonly Item[] {
  return items.every(isMeant) ? items : items.filter(isMeant)
}
