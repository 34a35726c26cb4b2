/** Which version and which of its instances serve a request. */
import { type Assignment, assign } from '../core/assign.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { CutoverError } from '../core/errors.ts'
import type { ReadFeatures } from '../core/features.ts'
import type { FleetView, Instance } from '../ports/backend.ts'
import { contextOf } from './context-features.ts'
import { badHeader, excerpt } from './errors.ts'
import { headerText, ownHeader, ownHeaders } from './headers.ts'
import type { Inbound } from './inbound.ts'
import type { Guards } from './resilience/guards.ts'
import type { CompiledRoute } from './route.ts'
import { cookie } from './unit.ts'

export type Choice = {
  route: CompiledRoute
  /** The version that the table, a rule or the caller chose. */
  assigned: string
  propensity: number
  /** A rule or the caller chose it: kept, but no evidence. */
  pinned: boolean
  /** The features of the request chose it. */
  byContext: boolean
  /** As they were read to choose; null where nothing asked for them. */
  read: ReadFeatures | null
  /** The version that answers: the stable one in place of one without a ready instance. */
  version: string
  /** Null if nothing is ready. */
  instance: Instance | null
}

/**
 * A version that the caller names is served by itself or not at all; one that the table or a rule chose falls back to
 * the stable version. A conversation that only one version can go on with `stays` there, whatever the table says, as long
 * as that one serves. `rule`: the version that a rule of the endpoint sends the request to.
 */
export function choose(
  from: Instances,
  route: CompiledRoute,
  request: {
    inbound: Inbound
    unit: string
    pin: string | null
    rule?: string | null
    body?: Buffer | null
    stays?: string | null
  },
): Choice {
  const { table, seed } = route
  const { inbound, unit, pin, rule = null, stays = null } = request
  if (pin !== null) return itself(from, route, pin)
  if (rule !== null) return orStable(from, route, { version: rule, propensity: 1, byRule: true }, null)
  if (table.scope !== undefined && isOutside(route, inbound)) return itself(from, route, table.scope.outside)
  const read = contextOf(route, inbound, request.body ?? null)
  const header = (name: string) => headerText(inbound, name)
  const assigned = assign(table, { unit, seed, header, features: read?.features ?? null })
  const kept = stays === null || stays === assigned.version ? null : itself(from, route, stays)
  if (kept !== null && kept.instance !== null) return kept
  return orStable(from, route, assigned, read)
}

function orStable(
  from: Instances,
  route: CompiledRoute,
  { version, propensity, byRule, byContext }: Assignment,
  read: ReadFeatures | null,
): Choice {
  const { table, spec } = route
  const own = pick(from, spec, version)
  const substitute = own === null && version !== table.stable ? pick(from, spec, table.stable) : null
  return {
    route,
    assigned: version,
    propensity,
    pinned: byRule,
    byContext: byContext === true,
    read,
    version: substitute === null ? version : table.stable,
    instance: own ?? substitute,
  }
}

/** Ready instances, and which versions are given a rest. */
type Instances = { readonly fleets: FleetView; readonly guards: Guards }

/** Null where nothing is ready, and for a version that is given a rest. */
export function pick({ fleets, guards }: Instances, spec: EndpointSpec, version: string): Instance | null {
  return guards.lets(spec, version) ? fleets.pick(spec.name, version) : null
}

/** Chosen by no chance: kept, but no evidence. */
function itself(from: Instances, route: CompiledRoute, version: string): Choice {
  const instance = pick(from, route.spec, version)
  return { route, assigned: version, propensity: 1, pinned: true, byContext: false, read: null, version, instance }
}

function isOutside({ inScope }: CompiledRoute, inbound: Inbound): boolean {
  const reader = {
    header: (name: string) => headerText(inbound, name),
    cookie: (name: string) => cookie(inbound.field('cookie'), name),
  }
  return inScope !== null && !inScope(reader)
}

/** The version the caller asks for, in the path or by header. Throws pin-refused, version-not-found, invalid-request. */
export function pinOf(route: CompiledRoute, inbound: Inbound, inPath: string | null): string | null {
  const inHeader = ownHeader(inbound, ownHeaders.version) ?? null
  const pin = inPath ?? inHeader
  if (pin === null) return null
  if (inPath !== null && inHeader !== null && inPath !== inHeader) {
    throw badHeader(ownHeaders.version, inHeader, `${excerpt(inPath)}, the version in the path, or absent`)
  }
  if (!route.spec.allowPin) {
    const how = `call it without a version in the path and without ${ownHeaders.version}, or set allow-pin: true`
    throw new CutoverError('pin-refused', `endpoint ${route.spec.name} does not let callers choose a version; ${how}`)
  }
  assertVersion(route, pin)
  return pin
}

export function assertVersion(route: CompiledRoute, version: string): void {
  if (route.versions.includes(version)) return
  const { spec, versions } = route
  throw new CutoverError(
    'version-not-found',
    `endpoint ${spec.name} has no version ${excerpt(version)}; it has ${versions.join(', ')}`,
    [{ path: 'version', message: 'unknown version', value: excerpt(version), allowed: versions }],
  )
}
