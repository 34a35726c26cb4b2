/** Copies on their way to one challenger: a bounded queue, sent no faster and no more at a time than the budget says. */
import { limits } from '../../core/limits.ts'
import type { MirrorBudget } from '../../core/stage-plans.ts'
import { TokenBucket } from './token-bucket.ts'

/** Time, as the lane needs it. */
export type LaneTime = {
  nowMs(): number
  /** Runs it later, and not at all once the returned function is called. */
  after(delayMs: number, run: () => void): () => void
  /** Runs it when what is at hand is done. */
  soon(run: () => void): void
}

export const processTime: LaneTime = {
  nowMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
  soon: run => {
    setImmediate(run)
  },
}

export type LanePorts<Job> = {
  time: LaneTime
  /** Resolves when the copy is over, whatever became of it. It never rejects. */
  run(job: Job): Promise<void>
  /** One that was taken and is not sent. */
  drop(job: Job, reason: 'expired' | 'stopped'): void
}

type Waiting<Job> = { job: Job; sinceMs: number }

export class Lane<Job> {
  readonly #ports: LanePorts<Job>
  #budget: MirrorBudget
  #bucket: TokenBucket | null
  #queue: Waiting<Job>[] = []
  #inFlight = 0
  #isDue = false
  #cancelTimer: (() => void) | null = null

  constructor(budget: MirrorBudget, ports: LanePorts<Job>) {
    this.#ports = ports
    this.#budget = budget
    this.#bucket = this.#bucketOf(budget)
  }

  get queued(): number {
    return this.#queue.length
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get isFull(): boolean {
    return this.#queue.length >= this.#budget.queueMax
  }

  /** Takes a copy unless the queue is full: the newest goes first, for its champion has been answered long since. */
  offer(job: Job): boolean {
    if (this.isFull) return false
    this.#queue.push({ job, sinceMs: this.#ports.time.nowMs() })
    this.#sendSoon()
    return true
  }

  /** What is in flight goes on under the new budget; what has waited keeps its place. */
  setBudget(budget: MirrorBudget): void {
    if (budget.ratePerSecondMax !== this.#budget.ratePerSecondMax) {
      this.#bucket = this.#bucketOf(budget)
      this.#endWait()
    }
    this.#budget = budget
    this.#sendSoon()
  }

  /** Drops what waits. What is in flight comes to its own end. */
  stop(): void {
    this.#endWait()
    const dropped = this.#queue
    this.#queue = []
    for (const { job } of dropped) this.#ports.drop(job, 'stopped')
  }

  #bucketOf({ ratePerSecondMax }: MirrorBudget): TokenBucket | null {
    return ratePerSecondMax === null ? null : new TokenBucket(ratePerSecondMax, this.#ports.time.nowMs())
  }

  #sendSoon(): void {
    if (this.#isDue || this.#cancelTimer !== null || this.#inFlight >= this.#budget.concurrencyMax) return
    this.#isDue = true
    const { time } = this.#ports
    const askedMs = time.nowMs()
    time.soon(() => {
      this.#isDue = false
      const isBusy = time.nowMs() - askedMs > limits.mirrorLagMsMax
      if (isBusy) this.#standBack()
      else this.#send()
    })
  }

  /** The thread is behind with what callers wait for: copies add nothing to that. */
  #standBack(): void {
    this.#dropExpired()
    this.#sendAfter(limits.mirrorLagMsMax)
  }

  /** A few in a turn: many that begin at once would also end at once, and callers would wait for them. */
  #send(): void {
    for (let started = 0; this.#inFlight < this.#budget.concurrencyMax; started += 1) {
      if (started === limits.mirrorStartsPerTurnMax) {
        this.#sendSoon()
        return
      }
      this.#dropExpired()
      if (this.#queue.length === 0) return
      const waitMs = this.#bucket?.take(this.#ports.time.nowMs()) ?? 0
      if (waitMs > 0) {
        this.#sendAfter(waitMs)
        return
      }
      const next = this.#queue.shift()
      if (next !== undefined) this.#start(next.job)
    }
  }

  /** What has waited longer than it may take would tell of another time than its champion's answer. */
  #dropExpired(): void {
    const bornMs = this.#ports.time.nowMs() - this.#budget.timeoutMs
    const end = this.#queue.findIndex(({ sinceMs }) => sinceMs >= bornMs)
    const expired = this.#queue.splice(0, end === -1 ? this.#queue.length : end)
    for (const { job } of expired) this.#ports.drop(job, 'expired')
  }

  /** Looks again no later than when the first has expired. */
  #sendAfter(waitMs: number): void {
    this.#endWait()
    this.#cancelTimer = this.#ports.time.after(Math.min(waitMs, this.#budget.timeoutMs), () => {
      this.#cancelTimer = null
      this.#sendSoon()
    })
  }

  #endWait(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #start(job: Job): void {
    this.#inFlight += 1
    this.#ports.run(job).finally(() => {
      this.#inFlight -= 1
      this.#sendSoon()
    })
  }
}
