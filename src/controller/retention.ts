/**
 * Lets predictions go that are older than an operator wants to keep. What anything that lives rests on stays; and a watch
 * that has lasted as long begins anew, or nothing could go for as long as its version is stable.
 */
import { limits } from '../core/limits.ts'
import { trimOf, watchesToRenew } from '../core/retention.ts'
import type { ControlState } from '../core/state.ts'
import type { Clock } from '../ports/clock.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'

export type RetentionOptions = {
  control: { state(): ControlState; renewWatch(endpoint: string): void }
  log: Pick<PredictionLog, 'trim'>
  clock: Clock
  uptime: Clock
  keepMs: number
  /** After a round that let some go. */
  onTrimmed(predictions: number): void
  complain(what: string, cause: unknown): void
}

export interface Retention {
  /** Resolves when what is under way has ended. */
  close(): Promise<void>
}

export function startRetention(options: RetentionOptions): Retention {
  const { control, log, clock, uptime, keepMs, onTrimmed, complain } = options
  const belief = new ClockBelief(clock, uptime)
  let underWay: Promise<void> | null = null
  let roundAtMs = uptime.nowMs()
  let trimmed = 0

  const endRound = (): void => {
    if (trimmed > 0) onTrimmed(trimmed)
    trimmed = 0
    roundAtMs = uptime.nowMs() + limits.trimIntervalMs
  }

  const trimSome = async (): Promise<void> => {
    try {
      const nowMs = clock.nowMs()
      for (const endpoint of watchesToRenew(control.state(), { nowMs, keepMs })) control.renewWatch(endpoint)
      const { predictions, isDone } = await log.trim(trimOf(control.state(), { nowMs, keepMs }))
      trimmed += predictions
      if (isDone) endRound()
    } catch (cause) {
      complain('letting old predictions go', cause)
      endRound()
    }
  }

  const stop = uptime.every(limits.trimPauseMs, () => {
    if (underWay !== null || uptime.nowMs() < roundAtMs) return
    if (!belief.isBelieved()) {
      endRound()
      return
    }
    underWay = trimSome().finally(() => {
      underWay = null
    })
  })

  return {
    async close() {
      stop()
      await underWay
    },
  }
}

/** Whether the clock has gone on as time has: one that is put a year ahead for a moment would have everything deleted. */
class ClockBelief {
  readonly #clock: Clock
  readonly #uptime: Clock
  #aheadMs: number
  #doubtedUntilMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, uptime: Clock) {
    this.#clock = clock
    this.#uptime = uptime
    this.#aheadMs = clock.nowMs() - uptime.nowMs()
  }

  isBelieved(): boolean {
    const aheadMs = this.#clock.nowMs() - this.#uptime.nowMs()
    if (Math.abs(aheadMs - this.#aheadMs) > limits.clockJumpMs)
      this.#doubtedUntilMs = this.#uptime.nowMs() + limits.clockDoubtMs
    this.#aheadMs = aheadMs
    return this.#uptime.nowMs() >= this.#doubtedUntilMs
  }
}
