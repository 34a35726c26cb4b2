/** Copies on their way to one challenger: a bounded queue, sent no faster and no more at a time than the budget says. */
import { Fifo } from '../../core/fifo.ts'
import { limits } from '../../core/limits.ts'
import type { MirrorBudget } from '../../core/stage-plans.ts'
import type { MirrorTime } from './time.ts'
import { TokenBucket } from './token-bucket.ts'

export type LanePorts<Job> = {
  time: MirrorTime
  /** Begins a copy. Whatever becomes of it, `ended` is called when it is over. It never throws. */
  start(job: Job): void
  /** One that was taken and is not sent. */
  drop(job: Job, reason: 'expired' | 'stopped'): void
}

type Waiting<Job> = { job: Job; sinceMs: number }

export class Lane<Job> {
  readonly #ports: LanePorts<Job>
  #budget: MirrorBudget
  #bucket: TokenBucket | null
  readonly #queue = new Fifo<Waiting<Job>>()
  #inFlight = 0
  /** When its next turn was asked for; null while none is. */
  #askedMs: number | null = null
  #cancelTimer: (() => void) | null = null

  constructor(budget: MirrorBudget, ports: LanePorts<Job>) {
    this.#ports = ports
    this.#budget = budget
    this.#bucket = this.#bucketOf(budget)
  }

  get queued(): number {
    return this.#queue.size
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get isFull(): boolean {
    return this.#queue.size >= this.#budget.queueMax
  }

  /** Takes a copy unless the queue is full: the newest goes first, for its champion has been answered long since. */
  offer(job: Job): boolean {
    if (this.isFull) return false
    const sinceMs = this.#ports.time.nowMs()
    this.#queue.push({ job, sinceMs })
    this.#sendSoon(sinceMs)
    return true
  }

  /** A copy that was begun is over. */
  ended(): void {
    this.#inFlight -= 1
    if (this.#queue.size > 0) this.#sendSoon(this.#ports.time.nowMs())
  }

  /** What is in flight goes on under the new budget; what has waited keeps its place. */
  setBudget(budget: MirrorBudget): void {
    if (budget.ratePerSecondMax !== this.#budget.ratePerSecondMax) {
      this.#bucket = this.#bucketOf(budget)
      this.#endWait()
    }
    this.#budget = budget
    this.#sendSoon(this.#ports.time.nowMs())
  }

  /** Drops what waits. What is in flight comes to its own end. */
  stop(): void {
    this.#endWait()
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#ports.drop(next.job, 'stopped')
    }
  }

  #bucketOf({ ratePerSecondMax }: MirrorBudget): TokenBucket | null {
    return ratePerSecondMax === null ? null : new TokenBucket(ratePerSecondMax, this.#ports.time.nowMs())
  }

  #sendSoon(nowMs: number): void {
    if (this.#askedMs !== null || this.#cancelTimer !== null || this.#inFlight >= this.#budget.concurrencyMax) return
    this.#askedMs = nowMs
    this.#ports.time.soon(this.#takeTurn)
  }

  readonly #takeTurn = (): void => {
    const nowMs = this.#ports.time.nowMs()
    const lateMs = nowMs - (this.#askedMs ?? nowMs)
    this.#askedMs = null
    this.#dropExpired(nowMs)
    // The thread is behind with what callers wait for: copies add nothing to that.
    if (lateMs > limits.mirrorLagMsMax) this.#sendAfter(limits.mirrorLagMsMax)
    else this.#send(nowMs)
  }

  /** A few in a turn: many that begin at once would also end at once, and callers would wait for them. */
  #send(nowMs: number): void {
    let startsLeft = this.#startsInTurn
    while (this.#queue.size > 0 && this.#inFlight < this.#budget.concurrencyMax) {
      if (startsLeft === 0) {
        this.#sendSoon(nowMs)
        return
      }
      const waitMs = this.#bucket?.take(nowMs) ?? 0
      if (waitMs > 0) {
        this.#sendAfter(waitMs)
        return
      }
      startsLeft -= 1
      this.#start()
    }
  }

  /** A share of a long queue: one that only grew would in the end drop what a busy thread still has time for. */
  get #startsInTurn(): number {
    const share = Math.ceil(this.#queue.size / limits.mirrorQueueTurns)
    return Math.min(limits.mirrorStartsPerTurnMax, Math.max(limits.mirrorStartsPerTurn, share))
  }

  /** What has waited longer than it may take would tell of another time than its champion's answer. */
  #dropExpired(nowMs: number): void {
    const bornMs = nowMs - this.#budget.timeoutMs
    for (let next = this.#queue.first; next !== undefined && next.sinceMs < bornMs; next = this.#queue.first) {
      this.#queue.shift()
      this.#ports.drop(next.job, 'expired')
    }
  }

  /** Looks again no later than when the first has expired. */
  #sendAfter(waitMs: number): void {
    this.#endWait()
    this.#cancelTimer = this.#ports.time.after(Math.min(waitMs, this.#budget.timeoutMs), () => {
      this.#cancelTimer = null
      this.#sendSoon(this.#ports.time.nowMs())
    })
  }

  #endWait(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #start(): void {
    const next = this.#queue.shift()
    if (next === undefined) return
    this.#inFlight += 1
    this.#ports.start(next.job)
  }
}
