/**
 * Releases by id, as a state has them. Over the years there are thousands, and each change of one copies them all; whoever
 * folds a whole log, and shows nobody the states in between, fills one record instead.
 */
import type { ControlState, ReleaseState } from './state.ts'

type Releases = ControlState['releases']

const filling = Symbol('filling')

/** To begin a fold with: changes are written into its releases, until it is `filled`. */
export function toFill(state: ControlState): ControlState {
  // Not enumerable, so that no copy has it.
  return { ...state, releases: Object.defineProperty({ ...state.releases }, filling, { value: true }) }
}

/** As any other state: what changes is copied from now on. */
export function filled(state: ControlState): ControlState {
  return { ...state, releases: { ...state.releases } }
}

export function withReleases(releases: Releases, ...changed: readonly ReleaseState[]): Releases {
  const next = recordOf(releases)
  for (const release of changed) next[release.id] = release
  return next
}

function recordOf(releases: Releases): Record<string, ReleaseState> {
  return Object.hasOwn(releases, filling) ? releases : { ...releases }
}

/** The state with those releases alone that an event can change: what a story needs to know of before. */
export function glimpse(state: ControlState, named: string | null): ControlState {
  const ids = new Set([...openReleases(state), ...(named === null ? [] : [named])])
  const seen = [...ids].flatMap(id => state.releases[id] ?? [])
  return { ...state, releases: Object.fromEntries(seen.map(release => [release.id, release])) }
}

/** Those that run or wait. */
export function openReleases({ endpoints }: Pick<ControlState, 'endpoints'>): string[] {
  return Object.values(endpoints).flatMap(({ activeRelease, queue = [] }) => [
    ...(activeRelease === null ? [] : [activeRelease]),
    ...queue.map(({ release }) => release),
  ])
}
