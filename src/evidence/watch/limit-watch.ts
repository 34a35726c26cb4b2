/** Counts for one limit of a watched version: the running window, the last one, and the stretch since all was well. */
import type { Counts } from '../../core/judge/judgement.ts'
import type { LimitEvidence } from '../../core/monitor/evidence.ts'
import { breaksLimit } from '../../core/monitor/look.ts'
import type { MonitorCheck, MonitorSpec } from '../../core/monitor/spec.ts'

export class LimitWatch {
  readonly check: MonitorCheck
  readonly #spec: MonitorSpec
  #window: Counts = nothing
  #fromMs = 0
  #last: Counts | null = null
  #stretch: Counts = nothing

  constructor(check: MonitorCheck, spec: MonitorSpec) {
    this.check = check
    this.#spec = spec
  }

  add(isEvent: boolean, atMs: number): void {
    if (this.#window.trials > 0 && atMs - this.#fromMs >= this.#spec.atMostMs) this.#end()
    if (this.#window.trials === 0) this.#fromMs = atMs
    this.#window = plus(this.#window, isEvent)
    this.#stretch = plus(this.#stretch, isEvent)
    if (this.#window.trials >= this.#spec.window) this.#end()
  }

  read(): LimitEvidence {
    return { metric: this.check.metric, window: this.#window, last: this.#last, stretch: this.#stretch }
  }

  /** A stretch that shows a breach begins anew, or it would tell of the breach long after its end. */
  #end(): void {
    this.#last = this.#window
    this.#window = nothing
    if (breaksLimit(this.#stretch, this.check, this.#spec)) this.#stretch = nothing
  }
}

const nothing: Counts = { trials: 0, events: 0 }

function plus({ trials, events }: Counts, isEvent: boolean): Counts {
  return { trials: trials + 1, events: events + (isEvent ? 1 : 0) }
}
