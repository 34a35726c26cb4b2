/** What readers of the control plane ask for often, kept at hand: timelines, the newest looks, and who wants to hear of events. */
import type { LoggedEvent } from '../core/event.ts'
import type { Judgement } from '../core/judge/judgement.ts'
import type { TimelineEntry } from '../core/timeline.ts'

export interface Desk {
  readonly latest: Map<string, { atMs: number; judgement: Judgement }>
  publish(event: LoggedEvent, entries: readonly TimelineEntry[]): void
  entries(release: string): readonly TimelineEntry[]
  subscribe(listener: (event: LoggedEvent) => void): () => void
}

export function createDesk(): Desk {
  const latest = new Map<string, { atMs: number; judgement: Judgement }>()
  const timelines = new Map<string, TimelineEntry[]>()
  const listeners = new Set<(event: LoggedEvent) => void>()
  return {
    latest,
    publish(event, entries) {
      for (const entry of entries) {
        const timeline = timelines.get(entry.release)
        if (timeline === undefined) timelines.set(entry.release, [entry])
        else timeline.push(entry)
      }
      for (const listener of listeners) listener(event)
    },
    entries: release => timelines.get(release) ?? [],
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
