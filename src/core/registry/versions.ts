/** Versions that came from a registry, beside those that people declare. */

import type { EndpointSpec, VersionSpec } from '../endpoint.ts'
import { limits } from '../limits.ts'
import { own } from '../own.ts'
import { triedVersions } from '../plan.ts'
import type { ControlState, EndpointState } from '../state.ts'

type Versions = EndpointSpec['versions']

/**
 * What a document leaves unsaid of found versions: they stay, since no file knows of them. Of those that nobody needs only
 * the newest do, and none without a registry. A document that declares one as it is keeps where it came from.
 */
export function withFoundVersions(state: ControlState, spec: EndpointSpec): EndpointSpec {
  const known = own(state.endpoints, spec.name)
  const found = Object.values(known?.spec.versions ?? {}).filter(({ origin }) => origin !== undefined)
  if (known === undefined || found.length === 0) return spec
  const asked = Object.values(spec.versions).map(version => withOrigin(version, own(known.spec.versions, version.name)))
  const unsaid = found.filter(({ name }) => !Object.hasOwn(spec.versions, name))
  const idle = unsaid.filter(({ name }) => !isNeeded(state, known, name))
  const room = spec.registry === undefined ? 0 : limits.registryVersionsKept
  const surplus = new Set(idle.slice(0, Math.max(0, idle.length - room)))
  const kept = unsaid.filter(version => !surplus.has(version))
  // The order is that of their coming.
  const [declared, fresh] = [
    asked.filter(one => one.origin === undefined),
    asked.filter(one => one.origin !== undefined),
  ]
  return { ...spec, versions: byName([...declared, ...kept, ...fresh]) }
}

/** The specification with one more version, as a document would ask for it. */
export function withFoundVersion({ spec }: EndpointState, version: VersionSpec): EndpointSpec {
  const declared = Object.values(spec.versions).filter(({ origin }) => origin === undefined)
  return { ...spec, versions: byName([...declared, version]) }
}

/** Whether a release of this version was ever asked for: then no registry asks again. */
export function wasTried({ releases }: ControlState, endpoint: string, version: string): boolean {
  return Object.values(releases).some(({ plan }) => plan.endpoint === endpoint && plan.to === version)
}

function isNeeded({ releases }: ControlState, endpoint: EndpointState, version: string): boolean {
  const { stable, spec, fleets, activeRelease, queue = [] } = endpoint
  if (version === stable || version === spec.stable || (fleets[version] ?? 'absent') !== 'absent') return true
  const ids = [activeRelease, ...queue.map(({ release }) => release)]
  return ids.some(id => {
    const plan = id === null ? undefined : releases[id]?.plan
    return plan !== undefined && (plan.from === version || triedVersions(plan).includes(version))
  })
}

function withOrigin(version: VersionSpec, known: VersionSpec | undefined): VersionSpec {
  return known?.origin === undefined ? version : { ...version, origin: known.origin }
}

function byName(versions: readonly VersionSpec[]): Versions {
  return Object.fromEntries(versions.map(version => [version.name, version]))
}
