/** Counts for one limit of a watched version: the running window, the last one, the stretch since all was well, and a breach that lasts. */
import type { Counts } from '../../core/judge/judgement.ts'
import type { LimitEvidence } from '../../core/monitor/evidence.ts'
import { breaksLimit, limitTrialsMin } from '../../core/monitor/look.ts'
import type { MonitorCheck, MonitorSpec } from '../../core/monitor/spec.ts'

export class LimitWatch {
  readonly check: MonitorCheck
  readonly #spec: MonitorSpec
  #window: Counts = nothing
  #fromMs = 0
  #last: Counts | null = null
  #stretch: Counts = nothing
  /** What showed the breach that lasts, also where windows end faster than anybody looks. */
  #broken: Counts | null = null
  /** Of the windows by which it may end. */
  #quiet: Counts = nothing

  constructor(check: MonitorCheck, spec: MonitorSpec) {
    this.check = check
    this.#spec = spec
  }

  add(isEvent: boolean, atMs: number): void {
    if (this.#window.trials > 0 && atMs - this.#fromMs >= this.#spec.atMostMs) this.#end()
    // The earliest of them: after a clock that was put back the window would last until that has caught up.
    this.#fromMs = this.#window.trials === 0 ? atMs : Math.min(this.#fromMs, atMs)
    this.#window = plus(this.#window, one(isEvent))
    this.#stretch = plus(this.#stretch, one(isEvent))
    if (this.#window.trials >= this.#spec.window) this.#end()
  }

  read(): LimitEvidence {
    const { metric } = this.check
    const broken = this.#broken
    return {
      ...{ metric, window: this.#window, last: this.#last, stretch: this.#stretch },
      ...(broken !== null && { broken }),
    }
  }

  /** A stretch that shows a breach begins anew, or it would tell of the breach long after its end. */
  #end(): void {
    const window = this.#window
    this.#last = window
    this.#window = nothing
    const broken = [this.#stretch, window].find(counts => breaksLimit(counts, this.check, this.#spec))
    if (broken === this.#stretch) this.#stretch = nothing
    if (broken !== undefined) this.#begin(broken)
    else if (this.#broken !== null) this.#wait(window)
  }

  #begin(broken: Counts): void {
    this.#broken = broken
    this.#quiet = nothing
  }

  /**
   * A breach lasts until windows have kept the rate: after a small one, which only a stretch can show, the next window
   * shows nothing either way. Windows that time has ended early count together, or two requests would end it.
   */
  #wait(window: Counts): void {
    this.#quiet = plus(this.#quiet, window)
    const { trials, events } = this.#quiet
    if (trials < limitTrialsMin) return
    if (events <= trials * this.check.rateMax) this.#broken = null
    this.#quiet = nothing
  }
}

const nothing: Counts = { trials: 0, events: 0 }

function one(isEvent: boolean): Counts {
  return { trials: 1, events: isEvent ? 1 : 0 }
}

function plus(counts: Counts, more: Counts): Counts {
  return { trials: counts.trials + more.trials, events: counts.events + more.events }
}
