/**
 * Asks the registries of endpoints for new versions, has each released once by its endpoint's plan, and tells the registry
 * what became of it. What has happened is in the log: another server goes on where this one stopped.
 */
import { isDeepStrictEqual } from 'node:util'
import type { VersionSpec } from '../core/endpoint.ts'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { newsOf, type RegistryNews } from '../core/registry/news.ts'
import { type Found, type Registry, registryName } from '../core/registry/registry.ts'
import { asksForPath, planFor, versionFrom, versionName } from '../core/registry/template.ts'
import { wasTried } from '../core/registry/versions.ts'
import type { ControlState } from '../core/state.ts'
import type { Clock } from '../ports/clock.ts'
import type { ModelRegistry, Registries } from '../ports/registries.ts'
import type { ControlPlane } from './control-plane.ts'

/** What of the controller a registry may move. */
export type RegistryDoors = Pick<ControlPlane, 'state' | 'applyRelease'> & {
  addVersion(request: { endpoint: string; version: VersionSpec; actor: string }): Promise<void>
  registryTold(request: { endpoint: string; news: RegistryNews }): void
}

export type RegistrarOptions = {
  control: RegistryDoors
  registries: Registries
  uptime: Clock
  /** Each trouble once, and null when it is over. */
  onTrouble(where: { endpoint: string; registry: string }, problem: string | null): void
}

/** How a registry does, as of the newest look. */
export type RegistryStatus = { endpoint: string; registry: string; failures: number; problem: string | null }

export interface Registrar {
  status(): readonly RegistryStatus[]
  /** Gives up what is under way; resolves when that has ended. */
  close(): Promise<void>
}

type Watched = {
  endpoint: string
  registry: Registry
  source: ModelRegistry
  nextAtMs: number
  failures: number
  problem: string | null
  isLooking: boolean
}

/** Due looks are looked for this often. */
const lookIntervalMs = 500

export function createRegistrar({ control, registries, uptime, onTrouble }: RegistrarOptions): Registrar {
  const watched = new Map<string, Watched>()
  const underWay = new Set<Promise<void>>()
  const closing = new AbortController()

  const actorOf = ({ source }: Registry): string => `registry ${registryName(source)}`

  /** What a document changed is watched anew, at once. */
  const follow = (): void => {
    const { endpoints } = control.state()
    for (const [name, { registry }] of watched)
      if (!isDeepStrictEqual(endpoints[name]?.spec.registry, registry)) watched.delete(name)
    for (const [endpoint, { spec }] of Object.entries(endpoints)) {
      const { registry } = spec
      if (registry === undefined || watched.has(endpoint)) continue
      const source = registries.open(registry.source, closing.signal)
      watched.set(endpoint, {
        endpoint,
        registry,
        source,
        nextAtMs: uptime.nowMs(),
        failures: 0,
        problem: null,
        isLooking: false,
      })
    }
  }

  const note = (one: Watched, trouble: Trouble | null): void => {
    const problem = trouble?.problem ?? null
    if (trouble?.isWait !== true) one.failures = problem === null ? 0 : one.failures + 1
    one.nextAtMs = uptime.nowMs() + pauseMs(one)
    if (one.problem === problem || closing.signal.aborted) return
    one.problem = problem
    onTrouble({ endpoint: one.endpoint, registry: registryName(one.registry.source) }, problem)
  }

  const isWatched = (one: Watched): boolean => !closing.signal.aborted && watched.get(one.endpoint) === one

  const look = async (one: Watched): Promise<void> => {
    // A registry that takes no news may offer versions all the same.
    const deaf = await troubleOf(tellNews(one))
    const mute = await troubleOf(takeNewest(one))
    note(one, mute ?? deaf)
  }

  const takeNewest = async (one: Watched): Promise<void> => {
    const found = await one.source.newest()
    if (found !== null && isWatched(one)) await take(one, found)
  }

  const tellNews = async (one: Watched): Promise<void> => {
    for (const news of newsOf(control.state(), one.endpoint)) {
      await one.source.tell(news)
      if (!isWatched(one)) return
      control.registryTold({ endpoint: one.endpoint, news })
    }
  }

  /** A version is made once and released once, whatever became of it. */
  const take = async (one: Watched, found: Found): Promise<void> => {
    const { endpoint, registry } = one
    const actor = actorOf(registry)
    const name = versionName(registry, found, endpoint)
    if (isDone(control.state(), endpoint, name)) return
    const known = control.state().endpoints[endpoint]?.spec.versions[name]
    if (known !== undefined) refuseOther(known, registry, found)
    else {
      const version = await versionOf(one, found, name)
      if (!isWatched(one)) return
      await control.addVersion({ endpoint, version, actor })
    }
    if (!isWatched(one)) return
    const plan = planFor(registry, { endpoint, version: name })
    await control.applyRelease({ plan, actor, dryRun: false, again: false })
  }

  const versionOf = async ({ registry, source }: Watched, found: Found, name: string): Promise<VersionSpec> => {
    const path = asksForPath(registry) ? await source.place(found) : null
    const filled = versionFrom(registry, { ...found, path }, name)
    if ('problem' in filled) throw new Error(filled.problem)
    return filled.version
  }

  const stop = uptime.every(lookIntervalMs, () => {
    follow()
    const nowMs = uptime.nowMs()
    for (const one of watched.values()) {
      if (one.isLooking) continue
      const isDue = nowMs >= one.nextAtMs || (one.failures === 0 && newsOf(control.state(), one.endpoint).length > 0)
      if (!isDue) continue
      one.isLooking = true
      const looking = look(one).finally(() => {
        one.isLooking = false
        underWay.delete(looking)
      })
      underWay.add(looking)
    }
  })

  return {
    status: () =>
      [...watched.values()].map(({ endpoint, registry, failures, problem }) => ({
        endpoint,
        registry: registryName(registry.source),
        failures,
        problem,
      })),
    async close() {
      stop()
      closing.abort(new Error('the server ends'))
      await Promise.all(underWay)
    },
  }
}

/** `isWait`: nothing is wrong, another release runs. */
type Trouble = { problem: string; isWait: boolean }

async function troubleOf(doing: Promise<void>): Promise<Trouble | null> {
  try {
    await doing
    return null
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return { problem, isWait: error instanceof CutoverError && error.code === 'release-conflict' }
  }
}

/** It serves already, or has had its release. */
function isDone(state: ControlState, endpoint: string, version: string): boolean {
  const known = state.endpoints[endpoint]
  return known === undefined || known.stable === version || wasTried(state, endpoint, version)
}

/** A version of that name is there already: it must be the same one. */
function refuseOther({ name, origin }: VersionSpec, { source }: Registry, found: Found): void {
  if (origin?.registry === registryName(source) && origin.version === found.version) return
  const whence = origin === undefined ? 'the document' : `${origin.registry}, version ${origin.version}`
  throw new Error(`version ${name} is there already and comes from ${whence}; give the registry another \`name\``)
}

/** The interval while all is well; while it fails doubling from there. */
function pauseMs({ registry, failures }: Watched): number {
  const longest = Math.max(registry.everyMs, limits.registryPauseMaxMs)
  return Math.min(longest, registry.everyMs * 2 ** Math.min(failures, 20))
}
