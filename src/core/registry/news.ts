/** What a registry is to be told, and what it has been told: both follow from the log, so that nothing is forgotten by a crash. */
import { withReleases } from '../releases.ts'
import type { ControlState, EndpointState, ReleaseState } from '../state.ts'
import { candidateOf, isTerminal } from '../state.ts'
import { registryName } from './registry.ts'

export type RegistryNews =
  /** The version that serves everybody now; null where it is none of this registry. `was`: what that was told before. */
  | { kind: 'champion'; registry: string; version: string | null; was: string | null }
  /** How a release of a version ended. */
  | { kind: 'verdict'; release: string; version: string; verdict: 'promoted' | 'rolled-back'; reason: string }

/** What the registry of an endpoint has not been told yet, the oldest first. */
export function newsOf({ endpoints, releases }: ControlState, name: string): RegistryNews[] {
  const endpoint = endpoints[name]
  if (endpoint?.spec.registry === undefined) return []
  const own = registryName(endpoint.spec.registry.source)
  const verdicts = Object.values(releases).flatMap(release => verdictOf(endpoint, release, own))
  const was = endpoint.champion?.registry === own ? endpoint.champion.version : null
  const version = originVersion(endpoint, endpoint.stable, own)
  return version === was ? verdicts : [...verdicts, { kind: 'champion', registry: own, version, was }]
}

function verdictOf(endpoint: EndpointState, release: ReleaseState, own: string): RegistryNews[] {
  const { id, phase, plan, registryTold } = release
  if (registryTold === true || !isTerminal(release) || plan.endpoint !== endpoint.spec.name) return []
  const version = originVersion(endpoint, candidateOf(release), own)
  if (version === null) return []
  if (phase.kind === 'promoted') return [{ kind: 'verdict', release: id, version, verdict: 'promoted', reason: '' }]
  const reason = phase.kind === 'rolled-back' ? phase.reason : ''
  return [{ kind: 'verdict', release: id, version, verdict: 'rolled-back', reason }]
}

function originVersion({ spec }: EndpointState, version: string, own: string): string | null {
  const origin = spec.versions[version]?.origin
  return origin?.registry === own ? origin.version : null
}

/** The registry took it in. */
export function newsTold(state: ControlState, endpoint: string, news: RegistryNews): ControlState {
  return news.kind === 'verdict' ? verdictTold(state, news.release) : championTold(state, endpoint, news)
}

function verdictTold(state: ControlState, id: string): ControlState {
  const release = state.releases[id]
  if (release === undefined || release.registryTold === true) return state
  return { ...state, releases: withReleases(state.releases, { ...release, registryTold: true }) }
}

function championTold(
  state: ControlState,
  name: string,
  { registry, version }: Extract<RegistryNews, { kind: 'champion' }>,
): ControlState {
  const endpoint = state.endpoints[name]
  const told = endpoint?.champion?.registry === registry ? endpoint.champion.version : null
  if (endpoint === undefined || told === version) return state
  const { champion: _before, ...rest } = endpoint
  const next = version === null ? rest : { ...rest, champion: { registry, version } }
  return { ...state, endpoints: { ...state.endpoints, [name]: next } }
}
