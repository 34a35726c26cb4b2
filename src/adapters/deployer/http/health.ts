import { limits } from '../../../core/limits.ts'
import type { Clock } from '../../../ports/clock.ts'
import { after } from '../../clock/after.ts'
import type { ProbeResult } from './probe.ts'

/** How often a server that starts is asked: at first, and at the longest. */
const eagerIntervalMs = 200
const patientIntervalMs = 1_000

export type HealthContext = {
  ask(): Promise<ProbeResult>
  clock: Clock
  /** How often a server that is up is asked; `healthIntervalMs` where it is left out. */
  intervalMs?: number
  /** The server is ready (again). */
  up(): void
  /** It is not ready yet. */
  waiting(detail: string): void
  /** It was ready and is no more. */
  down(detail: string): void
  /** Requests keep failing, whatever the checks say. */
  failing(detail: string): void
}

/**
 * Follows a server's health by checks and by what becomes of requests. A server that says no is out at once; one that
 * keeps silent is out after `outlierFailures` checks in a row without a good answer to any request in between.
 */
export class Health {
  readonly #context: HealthContext
  #isUp = false
  #intervalMs = eagerIntervalMs
  #missedChecks = 0
  #failedRequests = 0
  #stopped = false
  #cancel: () => void = () => {}

  constructor(context: HealthContext) {
    this.#context = context
    this.#schedule(0)
  }

  /** Tells how a request went. */
  note(ok: boolean, detail: string): void {
    this.#failedRequests = ok ? 0 : this.#failedRequests + 1
    if (ok) this.#missedChecks = 0
    if (this.#failedRequests < limits.outlierFailures) return
    this.#failedRequests = 0
    this.#context.failing(`${limits.outlierFailures} requests in a row failed, the last with: ${detail}`)
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  async #check(): Promise<void> {
    const result = await this.#context.ask()
    if (this.#stopped) return
    if (result.ok) this.#passed()
    else this.#missed(result.plain, result.detail)
    this.#schedule(this.#nextMs())
  }

  #passed(): void {
    this.#missedChecks = 0
    if (this.#isUp) return
    this.#isUp = true
    this.#context.up()
  }

  #missed(plain: boolean, detail: string): void {
    if (!this.#isUp) {
      this.#context.waiting(detail)
      return
    }
    this.#missedChecks += 1
    if (!plain && this.#missedChecks < limits.outlierFailures) return
    this.#isUp = false
    this.#intervalMs = eagerIntervalMs
    this.#context.down(detail)
  }

  #nextMs(): number {
    if (this.#isUp) return this.#context.intervalMs ?? limits.healthIntervalMs
    const nextMs = this.#intervalMs
    this.#intervalMs = Math.min(this.#intervalMs * 1.25, patientIntervalMs)
    return nextMs
  }

  #schedule(delayMs: number): void {
    if (!this.#stopped) this.#cancel = after(this.#context.clock, delayMs, () => void this.#check())
  }
}
