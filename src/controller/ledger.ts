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
  /**
   * The same for what answers a command and is said once. Where it cannot be written down it is kept and goes before whatever comes
   * next, though this throws.
   */
  recordAnswer(answer: Answer): void
  /** Writes down the answers that are kept. */
  recordKept(): void
  /** Folds what is in the log; carries nothing out. */
  load(): void
}

const answerTypes = ['fleet-ready', 'fleet-failed', 'fleet-stopped', 'gate-answered', 'trial-ended'] as const
export type Answer = Extract<ControlEvent, { type: (typeof answerTypes)[number] }>

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
  /** Answers that are not in the log yet, by what they are about. */
  const kept = new Map<string, Answer>()
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

  const append = (event: ControlEvent, atMs: number): readonly LoggedEvent[] => {
    try {
      return log.append([{ atMs, event }])
    } catch (cause) {
      if (isAnswer(event)) kept.set(aboutOf(event), event)
      throw cause
    }
  }

  const recordOne = (event: ControlEvent): void => {
    const atMs = clock.nowMs()
    // What the core cannot take in must not get into the log: no server could ever fold that again.
    const before = state
    const result = step(before, event, atMs)
    for (const logged of append(event, atMs)) {
      takeIn(logged, { before, result })
      readers.recorded({ before, commands: issue(logged.seq, result.commands) })
    }
  }

  const recordNow = (event: ControlEvent): void => {
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

  const matters = (event: ControlEvent): boolean => step(state, event, clock.nowMs()).state !== state

  const recordKept = (): void => {
    for (const [about, answer] of kept) {
      kept.delete(about)
      if (matters(answer)) recordNow(answer)
    }
  }

  const record = (event: ControlEvent): void => {
    if (!working) recordKept()
    recordNow(event)
  }

  return {
    state: () => state,
    record,
    recordIfItMatters(event) {
      if (matters(event)) record(event)
    },
    recordAnswer(answer) {
      const about = aboutOf(answer)
      // The last word counts, in its place.
      kept.delete(about)
      kept.set(about, answer)
      recordKept()
    },
    recordKept,
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

function isAnswer(event: ControlEvent): event is Answer {
  return (answerTypes as readonly string[]).includes(event.type)
}

function aboutOf(answer: Answer): string {
  switch (answer.type) {
    case 'gate-answered':
      return JSON.stringify(['gate', answer.release, answer.before])
    case 'trial-ended':
      return JSON.stringify(['trial', answer.release])
    default:
      return JSON.stringify(['fleet', answer.endpoint, answer.version])
  }
}
