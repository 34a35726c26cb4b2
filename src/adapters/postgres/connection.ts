/** A connection to PostgreSQL that answers before the call returns: its own thread speaks to the server. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { ConnectionSettings, PostgresReply, PostgresRequest, PostgresValue } from './calls.ts'
import { PostgresError } from './failure.ts'

/** Where the thread itself is gone, and nothing will come. It answers within its own timeouts, always. */
const silenceMs = 5_000

/** In the sources this file and the thread's are TypeScript, in the package both are JavaScript. */
const script = new URL(
  import.meta.url.endsWith('.ts') ? './connection-worker.ts' : './connection-worker.js',
  import.meta.url,
)

export type Answered = { rows: readonly unknown[]; count: number }

export class PostgresConnection {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #signal = new Int32Array(new SharedArrayBuffer(4))
  readonly #waitMs: number
  #isOpen = true

  constructor(settings: ConnectionSettings) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#waitMs = settings.connectTimeoutMs + settings.statementTimeoutMs + silenceMs
    this.#worker = new Worker(script, {
      workerData: { port: port2, signal: this.#signal, settings },
      transferList: [port2],
    })
    // Nobody waits for it but who asks.
    this.#worker.unref()
    this.#worker.on('error', () => {})
    this.#port.unref()
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  query(
    statement: { name: string; text: string },
    values: readonly PostgresValue[],
    { asArrays = false } = {},
  ): Answered {
    return this.#ask({ kind: 'query', ...statement, values, asArrays })
  }

  script(text: string): Answered {
    return this.#ask({ kind: 'script', text })
  }

  close(): void {
    if (!this.#isOpen) return
    try {
      this.#ask({ kind: 'close' })
    } finally {
      this.#isOpen = false
      this.#port.close()
      void this.#worker.terminate()
    }
  }

  #ask(request: PostgresRequest): Answered {
    if (!this.#isOpen) throw closedError('the connection is closed')
    Atomics.store(this.#signal, 0, 0)
    this.#port.postMessage(request)
    Atomics.wait(this.#signal, 0, 0, this.#waitMs)
    const reply = receiveMessageOnPort(this.#port)?.message as PostgresReply | undefined
    if (reply === undefined) {
      // What it says later would be taken for the answer to something else.
      this.#isOpen = false
      throw closedError('the thread of the connection does not answer')
    }
    if (reply.ok) return reply
    throw new PostgresError(reply)
  }
}

/** Nothing that is asked again would be answered. */
function closedError(message: string): PostgresError {
  return new PostgresError({ code: '', message, isConnected: true })
}
