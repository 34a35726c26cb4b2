/** Answers questions one after the other, each after the copy has caught up with the log. */
import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api'
import { CutoverError, type ErrorCode } from '../../core/errors.ts'
import type { OffPolicyQuery, OffPolicyRow } from '../../ports/analytics.ts'
import type { CallReply, CallRequest } from '../prediction-log/worker-calls.ts'
import { storeFailure } from '../sqlite/failure.ts'
import { openToRead, type StorePlace } from '../stores/store-place.ts'
import type { AnalyticsCalls } from './analytics-calls.ts'
import { LogExport } from './log-export.ts'
import { LogReader } from './log-reader.ts'
import { nextOffPolicy, startOffPolicy } from './off-policy-query.ts'
import { summarise } from './summary-query.ts'

type Method = keyof AnalyticsCalls
type Handlers = { [M in Method]: (input: AnalyticsCalls[M]['input']) => Promise<AnalyticsCalls[M]['output']> }

/** An answer that is being read, on a connection of its own: it sees the copy as it was when it was asked for. */
type Cursor = { connection: DuckDBConnection; result: DuckDBResult | null }

export class AnalyticsServer {
  readonly #reader: LogReader
  readonly #copy: LogExport
  readonly #file: string
  readonly #send: (reply: CallReply) => void
  readonly #ended: () => void
  readonly #cursors = new Map<number, Cursor>()
  #lastCursor = 0
  #queue = Promise.resolve()

  static async open(options: { log: StorePlace; file: string; send: (reply: CallReply) => void; ended: () => void }) {
    const reader = new LogReader(openToRead(options.log))
    return new AnalyticsServer(reader, await LogExport.open(reader, options.file), options)
  }

  private constructor(
    reader: LogReader,
    copy: LogExport,
    { file, send, ended }: { file: string; send: (reply: CallReply) => void; ended: () => void },
  ) {
    this.#reader = reader
    this.#copy = copy
    this.#file = file
    this.#send = send
    this.#ended = ended
  }

  receive(request: CallRequest<AnalyticsCalls>): void {
    this.#queue = this.#queue.then(() => this.#answer(request))
  }

  async #answer(request: CallRequest<AnalyticsCalls>): Promise<void> {
    const { id } = request
    try {
      this.#send({ id, ok: true, output: await this.#run(request) })
    } catch (error) {
      this.#send({ id, ok: false, error: describe(this.#file, error) })
    }
    if (request.method === 'close') this.#ended()
  }

  #run<M extends Method>({ method, input }: CallRequest<AnalyticsCalls, M>): Promise<AnalyticsCalls[M]['output']> {
    return this.#handlers[method](input)
  }

  readonly #handlers: Handlers = {
    catchUp: async () => {
      await this.#copy.catchUp()
      return null
    },
    summarise: async query => {
      await this.#copy.catchUp()
      return summarise(this.#copy.warehouse.connection, this.#copy.names, query)
    },
    startOffPolicy: query => this.#start(query),
    nextOffPolicy: cursor => this.#next(cursor),
    endOffPolicy: async cursor => this.#end(cursor),
    close: async () => {
      for (const cursor of [...this.#cursors.keys()]) this.#end(cursor)
      this.#copy.warehouse.close()
      this.#reader.close()
      return null
    },
  }

  async #start(query: OffPolicyQuery): Promise<number> {
    await this.#copy.catchUp()
    const connection = await this.#copy.warehouse.connect()
    try {
      const result = await startOffPolicy(connection, this.#copy.names, query)
      this.#lastCursor += 1
      this.#cursors.set(this.#lastCursor, { connection, result })
      return this.#lastCursor
    } catch (error) {
      connection.closeSync()
      throw error
    }
  }

  async #next(number: number): Promise<readonly OffPolicyRow[]> {
    const cursor = this.#cursors.get(number)
    if (cursor === undefined) throw new CutoverError('store-failed', `there is no answer ${number} to read from`)
    return cursor.result === null ? [] : nextOffPolicy(cursor.result, this.#copy.names)
  }

  #end(number: number): null {
    this.#cursors.get(number)?.connection.closeSync()
    this.#cursors.delete(number)
    return null
  }
}

function describe(file: string, error: unknown): { code: ErrorCode; message: string } {
  const { code, message } = storeFailure('answer from the analytical copy', file, error)
  if (error instanceof CutoverError) return { code, message }
  return { code, message: `${message} (while the server is stopped the file may be deleted: it is made again)` }
}
