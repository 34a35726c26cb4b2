/** How calls to one server go, told elsewhere: failures once there are too many in a row, answers once a while. */
import { limits } from '../../../core/limits.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { Observer } from '../http/http-instance.ts'
import type { CallsTold } from '../replica.ts'

export class CallTally implements Observer {
  readonly #clock: Clock
  readonly #tell: (told: CallsTold) => void
  #failures = 0
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, tell: (told: CallsTold) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  judged(ok: boolean, detail: string): void {
    this.#failures = ok ? 0 : this.#failures + 1
    if (ok) this.#tellOfAnswers()
    else if (this.#failures >= limits.outlierFailures) this.#tellOfFailures(detail)
  }

  /** Often enough that a busy server that misses its checks is known to answer. */
  #tellOfAnswers(): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#toldMs < limits.healthIntervalMs) return
    this.#toldMs = nowMs
    this.#tell({ failures: 0, detail: '' })
  }

  #tellOfFailures(detail: string): void {
    this.#tell({ failures: this.#failures, detail })
    this.#failures = 0
    this.#toldMs = Number.NEGATIVE_INFINITY
  }
}
