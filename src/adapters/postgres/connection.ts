/** A connection to PostgreSQL that answers before the call returns: its own thread speaks to the server. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { splitAddress } from './address.ts'
import type { ConnectionSettings, PostgresReply, PostgresRequest, PostgresValue } from './calls.ts'
import { PostgresError } from './failure.ts'
import { isRaised } from './signal.ts'

/** Where nothing will come: the thread answers within its own timeouts, unless it is gone or the process was stopped. */
const silenceMs = 5_000

/** In the sources this file and the thread's are TypeScript, in the package both are JavaScript. */
const script = new URL(
  import.meta.url.endsWith('.ts') ? './connection-worker.ts' : './connection-worker.js',
  import.meta.url,
)

export type Answered = { rows: readonly unknown[]; count: number }

type Thread = { worker: Worker; port: MessagePort; signal: Int32Array; isGone: boolean }

export class PostgresConnection {
  readonly #settings: ConnectionSettings
  readonly #waitMs: number
  #thread: Thread
  #isOpen = true

  constructor(
    settings: ConnectionSettings,
    waitMs = settings.connectTimeoutMs + settings.statementTimeoutMs + silenceMs,
  ) {
    this.#settings = settings
    this.#waitMs = waitMs
    this.#thread = startThread(settings)
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
      end(this.#thread)
    }
  }

  #ask(request: PostgresRequest): Answered {
    // Nothing that is asked again would be answered.
    if (!this.#isOpen) throw new PostgresError({ code: '', message: 'the connection is closed', isConnected: true })
    if (this.#thread.isGone) this.#startAnew()
    const { port, signal } = this.#thread
    Atomics.store(signal, 0, 0)
    port.postMessage(request)
    const isThere = isRaised(signal, this.#waitMs)
    const reply = isThere ? (receiveMessageOnPort(port)?.message as PostgresReply | undefined) : undefined
    if (reply === undefined) {
      // What it says later would be taken for the answer to something else.
      this.#startAnew()
      throw new PostgresError({ code: '', message: 'the thread of the connection did not answer', isConnected: false })
    }
    if (reply.ok) return reply
    throw new PostgresError(reply)
  }

  #startAnew(): void {
    end(this.#thread)
    this.#thread = startThread(this.#settings)
  }
}

function startThread(settings: ConnectionSettings): Thread {
  const { port1: port, port2 } = new MessageChannel()
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const { server, database } = splitAddress(settings.url)
  const worker = new Worker(script, {
    workerData: { port: port2, signal, settings: { ...settings, url: server } },
    transferList: [port2],
    // Where the driver takes the name as it is.
    env: { ...process.env, PGDATABASE: database },
  })
  const thread = { worker, port, signal, isGone: false }
  // Nobody waits for it but who asks.
  worker.unref()
  worker.on('error', () => {})
  worker.on('exit', () => {
    thread.isGone = true
  })
  port.unref()
  return thread
}

function end({ worker, port }: Thread): void {
  port.close()
  void worker.terminate()
}
