/** Outcomes on their way to the store: what comes while one append is being flushed shares the next one. */
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Outcome, OutcomeReceipt } from '../../core/prediction.ts'
import type { Appending, OnCommitted } from './recorder.ts'

type Submission = {
  outcomes: readonly Outcome[]
  resolve: (receipts: readonly OutcomeReceipt[]) => void
  reject: (error: unknown) => void
}

export class FeedbackQueue {
  readonly #log: Appending
  readonly #onCommitted: OnCommitted
  #waiting: Submission[] = []
  #running: Promise<void> | null = null
  #closed = false

  constructor(options: { log: Appending; onCommitted: OnCommitted }) {
    this.#log = options.log
    this.#onCommitted = options.onCommitted
  }

  /** Resolves when the outcomes are on disk; rejects with `store-failed`, and then none of them are. */
  submit(outcomes: readonly Outcome[]): Promise<readonly OutcomeReceipt[]> {
    if (this.#closed)
      return Promise.reject(new CutoverError('store-failed', 'the server is stopping; send it again later'))
    if (outcomes.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      this.#waiting.push({ outcomes, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      for (let group = this.#takeGroup(); group.length > 0; group = this.#takeGroup()) await this.#append(group)
    } finally {
      // In the same turn as the last look at the queue, so that nothing can come in between and be left.
      this.#running = null
    }
  }

  /** As many as share an append: at least one, and no more outcomes than one request may bring. */
  #takeGroup(): Submission[] {
    let outcomes = 0
    const fits = ({ outcomes: { length } }: Submission, index: number) => {
      outcomes += length
      return index === 0 || outcomes <= limits.feedbackItemsMax
    }
    const end = this.#waiting.findIndex((submission, index) => !fits(submission, index))
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
  }

  async #append(group: readonly Submission[]): Promise<void> {
    const appended = await this.#log
      .appendOutcomes(group.flatMap(({ outcomes }) => outcomes))
      .catch((error: unknown) => {
        for (const { reject } of group) reject(error)
        return null
      })
    if (appended === null) return
    const { receipts, joined, upToSeq } = appended
    if (joined.length > 0) this.#onCommitted({ fresh: [], joined, upToSeq })
    let start = 0
    for (const { outcomes, resolve } of group) {
      resolve(receipts.slice(start, start + outcomes.length))
      start += outcomes.length
    }
  }
}
