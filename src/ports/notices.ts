/** Takes word of what happened to those who want to hear of it. */
import type { TimelineEntry, VersionEntry } from '../core/timeline.ts'
import type { Webhook } from '../core/webhook.ts'

export type Notice = {
  entry: TimelineEntry | VersionEntry
  /** Among the entries of one event, from 0: with the event's number it names the notice for ever. */
  index: number
  endpoint: string
  to: Readonly<Record<string, Webhook>>
}

export interface Notices {
  /**
   * Keeps it on disk and returns; it is delivered later, at least once. Called in the order of the log, at a start from
   * its beginning: what was taken before is taken no second time. Must not throw.
   */
  take(notice: Notice): void
}
