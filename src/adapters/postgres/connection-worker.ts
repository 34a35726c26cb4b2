/**
 * The thread of one connection to PostgreSQL. Whoever asks stands still meanwhile, so that a store reads as one does on a
 * file; so no answer is left out, and none takes longer than the settings allow.
 */
import { type MessagePort, workerData } from 'node:worker_threads'
import { Client, types } from 'pg'
import type { ConnectionSettings, PostgresReply, PostgresRequest } from './calls.ts'
import { describeCause } from './describe-cause.ts'
import { raise } from './signal.ts'

/** A lost connection is tried again at most this often: callers come by the thousand. */
const reconnectPauseMs = 500
/** The server ends a statement that takes too long; where it does not answer at all, this much later the connection is given up. */
const graceMs = 1_000
/** Numbers of rows and of commits are far below 2^53. */
const bigintType = 20

type WorkerData = { port: MessagePort; signal: Int32Array; settings: ConnectionSettings }

class Connection {
  readonly #settings: ConnectionSettings
  #client: Client | null = null
  #connecting: Promise<void> | null = null
  #triedAtMs = Number.NEGATIVE_INFINITY
  #lost: unknown = null

  constructor(settings: ConnectionSettings) {
    this.#settings = settings
  }

  async answer(request: PostgresRequest): Promise<PostgresReply> {
    // The first one may wait for its connection; later ones are told at once that it is lost, and it is tried meanwhile.
    if (this.#client === null) {
      const isFirst = this.#triedAtMs === Number.NEGATIVE_INFINITY
      this.#reconnect()
      if (isFirst) await this.#connecting
    }
    const client = this.#client
    if (client === null) return this.#failure(this.#lost)
    try {
      return await run(client, request)
    } catch (error) {
      // An error of a statement leaves the connection as it is.
      if (!isOfStatement(error)) this.#drop(client, error)
      return this.#failure(error)
    }
  }

  async close(): Promise<void> {
    await this.#connecting
    const client = this.#client
    this.#client = null
    await client?.end().catch(() => {})
  }

  #reconnect(): void {
    const nowMs = performance.now()
    if (this.#connecting !== null || nowMs - this.#triedAtMs < reconnectPauseMs) return
    this.#triedAtMs = nowMs
    this.#connecting = this.#connect().finally(() => {
      this.#connecting = null
    })
  }

  async #connect(): Promise<void> {
    const { url, applicationName, connectTimeoutMs, statementTimeoutMs } = this.#settings
    const client = new Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + graceMs,
      // One that is cut off must not keep what it reads from being tidied up.
      idle_in_transaction_session_timeout: statementTimeoutMs,
      keepAlive: true,
      types: { getTypeParser: (oid, format) => (oid === bigintType ? Number : types.getTypeParser(oid, format)) },
    })
    client.on('error', error => this.#drop(client, error))
    try {
      await client.connect()
      this.#client = client
    } catch (error) {
      this.#drop(client, error)
    }
  }

  #drop(client: Client, cause: unknown): void {
    this.#lost = cause
    if (this.#client === client) this.#client = null
    client.end().catch(() => {})
  }

  #failure(cause: unknown): PostgresReply {
    return { ok: false, ...describeCause(cause), isConnected: this.#client !== null }
  }
}

async function run(client: Client, request: PostgresRequest): Promise<PostgresReply> {
  if (request.kind === 'close') return { ok: true, rows: [], count: 0 }
  if (request.kind === 'script') {
    const results = await client.query(request.text)
    const last = Array.isArray(results) ? results.at(-1) : results
    return { ok: true, rows: last?.rows ?? [], count: last?.rowCount ?? 0 }
  }
  const { name, text, values, asArrays } = request
  const query = { name, text, values: values.map(bindable), ...(asArrays && { rowMode: 'array' as const }) }
  const { rows, rowCount } = await client.query(query)
  return { ok: true, rows, count: rowCount ?? 0 }
}

/** Bytes arrive from the other thread as plain ones; the driver takes buffers as they are. */
function bindable(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value
}

/** Classes of conditions that end the connection, https://www.postgresql.org/docs/current/errcodes-appendix.html. */
const fatalClasses = new Set(['08', '57', '58', 'XX'])

function isOfStatement(error: unknown): boolean {
  const code = error instanceof Error && 'severity' in error && 'code' in error ? String(error.code) : null
  // A statement that took too long (57014) was ended, and nothing else was.
  return code !== null && (!fatalClasses.has(code.slice(0, 2)) || code === '57014')
}

function serve({ port, signal, settings }: WorkerData): void {
  const connection = new Connection(settings)
  const reply = (message: PostgresReply): void => {
    port.postMessage(message)
    raise(signal)
  }
  port.on('message', async (request: PostgresRequest) => {
    if (request.kind === 'close') {
      await connection.close()
      reply({ ok: true, rows: [], count: 0 })
      port.close()
      return
    }
    reply(await connection.answer(request))
  })
}

if (workerData?.port !== undefined) serve(workerData as WorkerData)
