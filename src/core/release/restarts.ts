/**
 * A server that starts again starts every fleet again. Until those that have traffic are ready, nothing that callers get is
 * evidence, and no stage goes forward: a version is not judged by what became of the server.
 */
import { limits } from '../limits.ts'
import { atMost, isOpen, type Period, withBegun, withEnded } from '../period.ts'
import type { ReleaseState } from '../state.ts'
import type { Draft } from './draft.ts'

/** A server came up. One that went before the fleets were ready goes on with the same wait. */
export function beginRestart(draft: Draft, atMs: number): Draft {
  const { release } = draft
  return isWhole(draft) ? draft : { ...draft, release: { ...release, restarts: withRestart(release.restarts, atMs) } }
}

/** The periods as a start of the server leaves them: evidence is read by them anew, so that they may be fewer than before. */
export function withRestart(restarts: readonly Period[] | undefined, atMs: number): readonly Period[] {
  return atMost(withBegun(restarts, atMs), limits.restartPeriodsMax)
}

/** Once all that has traffic is ready, or is known not to come up, the release goes on. */
export function endRestart(draft: Draft, atMs: number): Draft {
  const { release } = draft
  if (!isSettling(release) || !isWhole(draft)) return draft
  const { restarts = [], ...rest } = release
  const ended = withEnded(restarts, atMs)
  return { ...draft, release: { ...rest, ...(ended.length > 0 && { restarts: ended }) } }
}

export function isSettling({ restarts }: Pick<ReleaseState, 'restarts'>): boolean {
  return isOpen(restarts)
}

function isWhole({ endpoint: { table, fleets } }: Draft): boolean {
  return Object.keys(table.weights).every(version => fleets[version] !== 'starting')
}
