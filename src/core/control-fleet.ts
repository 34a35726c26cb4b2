/**
 * The control of a canary: a fresh fleet of the stable version under a name of its own, so that traffic and evidence can
 * tell the two apart. Names of versions have no `~`, so it meets no other, and callers never see it.
 */

import type { EndpointSpec, VersionSpec } from './endpoint.ts'
import { own } from './own.ts'

const mark = '~control'

/** The name under which a control of the version is kept. */
export function controlOf(version: string): string {
  return `${version}${mark}`
}

export function isControl(name: string): boolean {
  return name.endsWith(mark)
}

/** The version as its author called it: what callers, counters and lists see. */
export function publicName(name: string): string {
  return isControl(name) ? name.slice(0, -mark.length) : name
}

/** How a fleet of this name runs: a control as its version does, with `instances` copies. */
export function fleetSpec(spec: EndpointSpec, name: string, instances: number | undefined): VersionSpec | undefined {
  const version = own(spec.versions, publicName(name))
  if (version === undefined || !isControl(name)) return version
  return { ...version, name, instances: instances ?? version.instances }
}

/** Weights with a control's share added to that of its version. */
export function publicWeights(weights: Readonly<Record<string, number>>): Record<string, number> {
  const shown: Record<string, number> = {}
  for (const [name, ppm] of Object.entries(weights)) shown[publicName(name)] = (shown[publicName(name)] ?? 0) + ppm
  return shown
}
