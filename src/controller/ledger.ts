/** The one writer of the log: an event is on disk before it takes effect, and one is done with before the next begins. */
import type { IssuedCommand } from '../core/command.ts'
import { CutoverError } from '../core/errors.ts'
import type { ControlEvent, LoggedEvent } from '../core/event.ts'
import { limits } from '../core/limits.ts'
import { filled, glimpse, toFill } from '../core/releases.ts'
import { type ControlState, emptyState } from '../core/state.ts'
import { issue, type StepResult, step } from '../core/step.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventLog } from '../ports/event-log.ts'

export interface Ledger {
  state(): ControlState
  record(event: ControlEvent): void
  /** An event that would change nothing is not written down. */
  recordIfItMatters(event: ControlEvent): void
  /** Folds what is in the log; carries nothing out. */
  load(): void
}

/** Who hears of an event that is in the log. */
export type LedgerReaders = {
  /** Also of those that were in the log before the server came up. */
  folded(change: { before: ControlState; logged: LoggedEvent; after: ControlState }): void
  /** Afterwards, and of new ones only: what is to be done. */
  recorded(change: { before: ControlState; commands: readonly IssuedCommand[] }): void
}

export function createLedger({ log, clock }: { log: EventLog; clock: Clock }, readers: LedgerReaders): Ledger {
  let state: ControlState = emptyState
  const inbox: ControlEvent[] = []
  let working = false

  const takeIn = (logged: LoggedEvent, { before, result }: { before: ControlState; result: StepResult }): void => {
    state = result.state
    readers.folded({ before, logged, after: state })
  }

  /** What another version has written may be nothing that this one knows. */
  const takeInKept = (logged: LoggedEvent): void => {
    try {
      const before = glimpse(state, namedBy(logged.event))
      takeIn(logged, { before, result: step(state, logged.event, logged.atMs) })
    } catch (cause) {
      if (cause instanceof CutoverError) throw cause
      throw new CutoverError(
        'data-folder-invalid',
        `event ${logged.seq} of the log, of ${new Date(logged.atMs).toISOString()}, is none that this version of Cutover ` +
          'can read: a newer version may have written it. Run that version, or name another folder with --data OTHER',
        [],
        cause,
      )
    }
  }

  const recordOne = (event: ControlEvent): void => {
    const atMs = clock.nowMs()
    // What the core cannot take in must not get into the log: no server could ever fold that again.
    const before = state
    const result = step(before, event, atMs)
    for (const logged of log.append([{ atMs, event }])) {
      takeIn(logged, { before, result })
      readers.recorded({ before, commands: issue(logged.seq, result.commands) })
    }
  }

  const record = (event: ControlEvent): void => {
    inbox.push(event)
    // A command's answer that comes at once waits until the event that caused it is done with.
    if (working) return
    working = true
    try {
      for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) recordOne(next)
    } finally {
      working = false
    }
  }

  return {
    state: () => state,
    record,
    recordIfItMatters(event) {
      if (step(state, event, clock.nowMs()).state !== state) record(event)
    },
    load() {
      state = toFill(state)
      for (let afterSeq = 0; ; ) {
        const page = log.read({ afterSeq, limit: limits.pageMax })
        for (const logged of page) takeInKept(logged)
        const last = page.at(-1)
        if (last === undefined) break
        afterSeq = last.seq
      }
      state = filled(state)
    },
  }
}

function namedBy(event: ControlEvent): string | null {
  return 'release' in event ? event.release : null
}
