/** The numbers of kinds in the tables: what many predictions share is written once. */

import type { Kind } from '../packed-predictions/layout.ts'
import type { SqlDatabase, SqlValue } from '../sql/database.ts'

/** Kinds that are remembered; past it they are looked up anew. */
const rememberedMax = 10_000

export class KindNumbers {
  readonly #sql: ReturnType<typeof prepareWriting>
  readonly #numbers = new Map<string, number>()

  constructor(database: SqlDatabase) {
    this.#sql = prepareWriting(database)
  }

  /** In the order of the kinds. A new one is noted as of an epoch that begins at `nextSeq`, if that is new too. */
  of(kinds: readonly Kind[], nextSeq: number): number[] {
    if (this.#numbers.size > rememberedMax) this.#numbers.clear()
    return kinds.map(kind => {
      const key = JSON.stringify(kind)
      const known = this.#numbers.get(key)
      if (known !== undefined) return known
      const number = this.#find(kind) ?? Number(this.#sql.insert.get(...(kind as readonly SqlValue[]))?.['kind'])
      this.#sql.insertEpoch.run(kind[0], kind[1], nextSeq)
      this.#numbers.set(key, number)
      return number
    })
  }

  /** Drops what is remembered of the tables: it may be gone. */
  rolledBack(): void {
    this.#numbers.clear()
  }

  #find(kind: Kind): number | null {
    const row = this.#sql.find.get(...(kind as readonly SqlValue[]))
    return row === undefined ? null : Number(row['kind'])
  }
}

/** The other way round. */
export class KindsByNumber {
  readonly #find: ReturnType<typeof prepareReading>
  readonly #kinds = new Map<number, Kind>()

  constructor(database: SqlDatabase) {
    this.#find = prepareReading(database)
  }

  get(number: number): Kind {
    const known = this.#kinds.get(number)
    if (known !== undefined) return known
    const kind = this.#find.get(number) as unknown as Kind | undefined
    if (kind === undefined) throw new Error(`there is no kind ${number}, which predictions are of`)
    if (this.#kinds.size > rememberedMax) this.#kinds.clear()
    this.#kinds.set(number, kind)
    return kind
  }

  rolledBack(): void {
    this.#kinds.clear()
  }
}

const columns = 'endpoint, epoch, release, assigned, version, propensity, pinned, by_context, status, failed'

function prepareReading(database: SqlDatabase) {
  const find = database.prepare(`SELECT ${columns} FROM kinds WHERE kind = ?`)
  find.setReturnArrays(true)
  return find
}

function prepareWriting(database: SqlDatabase) {
  return {
    find: database.prepare(
      `SELECT kind FROM kinds WHERE endpoint = ? AND epoch = ? AND release IS NOT DISTINCT FROM ? AND assigned = ? AND version = ?
       AND propensity = ? AND pinned = ? AND by_context = ? AND status = ? AND failed = ?`,
    ),
    insert: database.prepare(`INSERT INTO kinds (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING kind`),
    /** Where an epoch begins, so that a replay from it need not read what came before. */
    insertEpoch: database.prepare(
      'INSERT INTO epochs (endpoint, epoch, first_seq) VALUES (?, ?, ?) ON CONFLICT (endpoint, epoch) DO NOTHING',
    ),
  }
}
