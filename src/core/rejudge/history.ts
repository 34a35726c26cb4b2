/** The course of one release as its log has it: how it stood from each moment on that it changed. */
import type { LoggedEvent } from '../event.ts'
import { toFill } from '../releases.ts'
import { type ControlState, emptyState, type ReleaseState } from '../state.ts'
import { step } from '../step.ts'

export type Standing = { atMs: number; release: ReleaseState }

/** Takes the whole log in order, page by page. */
export class History {
  readonly #id: string
  readonly standings: Standing[] = []
  #state: ControlState = toFill(emptyState)

  constructor(release: string) {
    this.#id = release
  }

  add(events: readonly LoggedEvent[]): void {
    for (const { event, atMs } of events) {
      const before = this.#state.releases[this.#id]
      this.#state = step(this.#state, event, atMs).state
      const after = this.#state.releases[this.#id]
      if (after !== undefined && after !== before) this.standings.push({ atMs, release: after })
    }
  }
}
