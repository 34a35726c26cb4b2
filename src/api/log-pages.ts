/** Pages of the log, of everything or of one release. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ControlPlane } from '../controller/control-plane.ts'
import type { LoggedEvent } from '../core/event.ts'
import { limits } from '../core/limits.ts'

type Page = {
  events: readonly LoggedEvent[]
  /** The last event that was looked at, whether it is among them or not: what follows begins after it. */
  lastSeq: number
}
type Source = Pick<ControlPlane, 'events' | 'release'>
type Range = { afterSeq: number; limit: number }

export function logPage(control: Source, range: Range & { release: string | undefined }): Page | Promise<Page> {
  const { release, afterSeq } = range
  if (release !== undefined) return pageOfRelease(control, { ...range, release })
  const events = control.events(range)
  return { events, lastSeq: events.at(-1)?.seq ?? afterSeq }
}

/** Reads on until the page is full or the log ends, so that no page is empty while there is more. Throws release-not-found. */
async function pageOfRelease(
  control: Source,
  { release, afterSeq, limit }: Range & { release: string },
): Promise<Page> {
  control.release(release)
  const found: LoggedEvent[] = []
  let lastSeq = afterSeq
  for (;;) {
    const read = control.events({ afterSeq: lastSeq, limit: limits.pageMax })
    for (const logged of read) {
      lastSeq = logged.seq
      if ('release' in logged.event && logged.event.release === release) found.push(logged)
      if (found.length === limit) return { events: found, lastSeq }
    }
    if (read.length < limits.pageMax) return { events: found, lastSeq }
    // Callers of the gateway share this thread, and a log may be long.
    await nextTurn()
  }
}
