/**
 * What is watched of every endpoint's stable version, from committed predictions and joined outcomes in the order of the
 * log and nothing else: a rebuild gives the same numbers.
 */
import type { WatchEvidence, Watched } from '../../core/monitor/evidence.ts'
import { type Committed, trafficOf } from '../traffic.ts'
import { VersionWatch } from './version-watch.ts'

export interface WatchBook {
  add(committed: Committed): void
  /** Null where nothing is watched. */
  read(endpoint: string): WatchEvidence | null
}

/** `watched` is asked at every look: what it answers with a new version or time starts anew. */
export function createWatchBook({ watched }: { watched: (endpoint: string) => Watched | null }): WatchBook {
  const watches = new Map<string, VersionWatch>()

  const watchOf = (endpoint: string): VersionWatch | null => {
    const wanted = watched(endpoint)
    if (wanted === null) {
      watches.delete(endpoint)
      return null
    }
    const known = watches.get(endpoint)
    if (known?.goesOn(wanted) === true) return known
    // Endpoints that are gone bring no predictions by which that would be noticed.
    for (const other of watches.keys()) if (watched(other) === null) watches.delete(other)
    const made = new VersionWatch(wanted)
    watches.set(endpoint, made)
    return made
  }

  return {
    add(committed) {
      const { fresh, joined } = trafficOf(committed)
      for (const prediction of fresh) watchOf(prediction.endpoint)?.addPrediction(prediction)
      for (const one of joined) watchOf(one.endpoint)?.addOutcome(one)
    },
    read: endpoint => watchOf(endpoint)?.read() ?? null,
  }
}
