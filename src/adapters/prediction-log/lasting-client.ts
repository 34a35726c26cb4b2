/**
 * A client whose thread is started again when it has ended by itself, for want of memory say: else nothing would be recorded
 * until the next start of a server that goes on serving. What was asked of the old thread fails; nothing is asked twice, so
 * that nothing is counted twice.
 */
import type { CutoverError } from '../../core/errors.ts'
import type { Calls } from './worker-calls.ts'
import { WorkerClient, type WorkerEvents } from './worker-client.ts'

/** After an attempt that failed nobody tries again for so long: a thread is dear, and callers may come by the thousand. */
const reopenPauseMs = 1_000

export class LastingClient<C extends Calls> {
  readonly #open: () => Promise<WorkerClient<C>>
  #client: Promise<WorkerClient<C>>
  #isLost = false
  #isClosed = false

  /** Rejects where the first thread cannot open what it is for. */
  static async open<C extends Calls>(
    script: URL,
    data: { name: string },
    events: WorkerEvents = {},
  ): Promise<LastingClient<C>> {
    const client = new LastingClient<C>(script, data, events)
    await client.#client
    return client
  }

  private constructor(script: URL, data: { name: string }, events: WorkerEvents) {
    const onLost = (error: CutoverError): void => {
      this.#isLost = true
      events.onLost?.(error)
    }
    this.#open = () => WorkerClient.open<C>(script, data, { ...events, onLost })
    this.#client = this.#open()
  }

  /** Buffers in `transfer` are gone from this thread afterwards. */
  async call<M extends keyof C>(
    method: M,
    input: C[M]['input'],
    transfer: ArrayBuffer[] = [],
  ): Promise<C[M]['output']> {
    if (this.#isLost && !this.#isClosed) this.#reopen()
    // Nothing is awaited where a thread is there: calls reach it in the order in which they were made.
    return (await this.#client).call(method, input, transfer)
  }

  /** Answers what was called before, then ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true
    // One that cannot be opened again has nothing to be closed.
    await (await this.#client.catch(() => null))?.close()
  }

  #reopen(): void {
    this.#isLost = false
    this.#client = this.#open()
    this.#client.catch(() => {
      setTimeout(() => {
        this.#isLost = true
      }, reopenPauseMs).unref()
    })
  }
}
