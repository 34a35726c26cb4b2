/** The line of releases that wait for the end of the one that runs: who stands in it, and how one leaves it. */

import type { EndpointState, ReleaseState } from '../state.ts'
import type { ReturnCause } from '../state-words.ts'
import type { Draft } from './draft.ts'

export type Queue = NonNullable<EndpointState['queue']>

/** Whether a release that waits has taken the place of the running one. */
export function isReplaced({ queue }: EndpointState): boolean {
  return queue?.some(({ replaces }) => replaces === true) ?? false
}

/** The waiting release goes, before it began. */
export function leaveQueue({ endpoint, release, commands }: Draft, reason: string, atMs: number): Draft {
  const queue = (endpoint.queue ?? []).filter(one => one.release !== release.id)
  return { endpoint: queueOf(endpoint, queue), release: endedWaiting(release, 'operator', reason, atMs), commands }
}

/** A release that ends before it began. */
export function endedWaiting(release: ReleaseState, cause: ReturnCause, reason: string, atMs: number): ReleaseState {
  return { ...release, phase: { kind: 'rolled-back', atMs, cause, reason } }
}

/** A queue that is empty is left out. */
export function queueOf(endpoint: EndpointState, queue: Queue): EndpointState {
  const { queue: _queue, ...rest } = endpoint
  return queue.length === 0 ? rest : { ...rest, queue }
}
