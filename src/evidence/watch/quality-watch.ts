/** Whether the labelled answers of a watched version become wrong more often than its first ones were. O(1) for each label. */
import type { QualityEvidence } from '../../core/monitor/evidence.ts'
import type { DriftSpec } from '../../core/monitor/spec.ts'
import {
  addToChangeDetector,
  type ChangeDetectorState,
  type ChangeVerdict,
  judgeChange,
  startChangeDetector,
} from '../../stats/drift/change-detector.ts'
import { clopperPearsonInterval } from '../../stats/fixed/one-proportion.ts'
import { insufficient, type Result } from '../../stats/result.ts'

/**
 * The detector guards the upper limit of the reference's rate: the rate itself is an estimate, and a detector that never
 * ends finds the error of an estimate in the end. After an alarm it starts anew, and the alarm lasts until a full window
 * has passed without another one and with a rate that is kept.
 */
export class QualityWatch {
  readonly #spec: DriftSpec
  #labelled = 0
  #wrong = 0
  #since = 0
  #detector: Result<{ state: ChangeDetectorState }> | null = null
  #rateMax: number | null = null
  #alarm: Result<ChangeVerdict> | null = null
  /** Of the window by which an alarm may end. */
  #quiet = { trials: 0, events: 0 }

  constructor(spec: DriftSpec) {
    this.#spec = spec
  }

  add(isWrong: boolean): void {
    if (this.#detector === null) {
      this.#labelled += 1
      if (isWrong) this.#wrong += 1
      if (this.#labelled >= this.#spec.reference) this.#detector = this.#start()
      return
    }
    this.#since += 1
    if (!this.#detector.ok) return
    const next = addToChangeDetector({ state: this.#detector.state, event: isWrong })
    this.#detector = next
    if (next.ok && next.state.alarmAt !== null) this.#raise(next.state)
    else if (this.#alarm !== null) this.#wait(isWrong)
  }

  read(): QualityEvidence {
    return {
      reference: { labelled: this.#labelled, wrong: this.#wrong },
      rateMax: this.#rateMax,
      labelled: this.#since,
      isAlarmed: this.#alarm !== null,
      change: this.#alarm ?? this.#now(),
    }
  }

  #start(): Result<{ state: ChangeDetectorState }> {
    const { alpha, window } = this.#spec
    const limit = clopperPearsonInterval({ events: this.#wrong, trials: this.#labelled, alpha })
    if (!limit.ok) return limit
    this.#rateMax = limit.upper
    // Such as measured numbers, which are never quite what was predicted.
    if (limit.upper >= 1)
      return insufficient(`all ${this.#labelled} labelled answers of the reference were wrong: none can become worse`)
    return startChangeDetector({ referenceRate: limit.upper, direction: 'increase', alpha, windowTrials: window })
  }

  #raise(state: ChangeDetectorState): void {
    this.#alarm = judgeChange(state)
    this.#quiet = { trials: 0, events: 0 }
    this.#detector = this.#start()
  }

  #wait(isWrong: boolean): void {
    this.#quiet.trials += 1
    if (isWrong) this.#quiet.events += 1
    if (this.#quiet.trials < this.#spec.window) return
    if (this.#quiet.events / this.#quiet.trials <= (this.#rateMax ?? 1)) this.#alarm = null
    this.#quiet = { trials: 0, events: 0 }
  }

  #now(): Result<ChangeVerdict> {
    if (this.#detector === null)
      return insufficient(`the reference has ${this.#labelled} of ${this.#spec.reference} labelled answers`)
    return this.#detector.ok ? judgeChange(this.#detector.state) : this.#detector
  }
}
