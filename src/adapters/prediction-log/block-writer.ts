/** Writes packed predictions as blocks of a table: what lies together in memory stays together on disk. */

import type { SentHead } from '../../core/prediction.ts'
import { copyWithoutBodies } from '../packed-predictions/copy.ts'
import { PackedCursor, type PackedRecords, recordsOf } from '../packed-predictions/cursor.ts'
import type { SqlDatabase, TextTable } from '../sql/database.ts'
import { BlockIds } from './block-ids.ts'
import { type Blocks, blockFormat } from './blocks.ts'
import { KindNumbers } from './kinds.ts'
import { toJson } from './rows.ts'

export type Inserted = {
  /** The number of each prediction; null if its id was known, which changed nothing. */
  seqs: readonly (number | null)[]
  lastSeq: number
  /** Places of the repeated ones. */
  repeated: readonly number[]
  hasShadows: boolean
}

export class BlockWriter {
  readonly #database: SqlDatabase
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #texts: TextTable
  readonly #blocks: Blocks
  readonly #kinds: KindNumbers
  readonly #ids: BlockIds

  constructor(database: SqlDatabase, blocks: Blocks) {
    this.#database = database
    this.#sql = prepareStatements(database)
    this.#texts = database.texts
    this.#blocks = blocks
    this.#kinds = new KindNumbers(database)
    this.#ids = new BlockIds(database, blocks)
  }

  /** Expects an open transaction. `again`: each id is looked for, as those that the gateway made are not else. */
  insert(packed: ArrayBuffer, { afterSeq, again }: { afterSeq: number; again: boolean }): Inserted {
    const all = recordsOf(packed)
    const kinds = this.#kinds.of(all.kinds, afterSeq + 1)
    const records = all.anyPayload ? copyWithoutBodies(all, () => true) : all
    const tried = again ? null : this.#insertAll(records, kinds, afterSeq)
    const inserted = tried ?? this.#insertFresh(records, kinds, afterSeq)
    if (all.anyPayload) this.#insertPayloads(all, inserted.seqs)
    return inserted
  }

  rolledBack(): void {
    this.#kinds.rolledBack()
    this.#ids.rolledBack()
  }

  /** Null, and nothing is kept, if an id was known or may have been. */
  #insertAll(records: PackedRecords, kinds: readonly number[], afterSeq: number): Inserted | null {
    const { count } = records
    this.#database.exec('SAVEPOINT batch')
    const hasShadows = this.#write(records, { kinds, afterSeq, areNew: false })
    if (hasShadows === null) {
      this.#database.exec('ROLLBACK TO batch')
      this.#ids.rolledBack()
    }
    this.#database.exec('RELEASE batch')
    if (hasShadows === null) return null
    return { seqs: numbersAfter(afterSeq, count), lastSeq: afterSeq + count, repeated: [], hasShadows }
  }

  #insertFresh(records: PackedRecords, kinds: readonly number[], afterSeq: number): Inserted {
    const known = this.#knownPlaces(records)
    let lastSeq = afterSeq
    const seqs = Array.from({ length: records.count }, (_, place) => (known.has(place) ? null : ++lastSeq))
    const fresh = copyWithoutBodies(records, place => !known.has(place))
    const hasShadows = this.#write(fresh, { kinds, afterSeq, areNew: true })
    if (hasShadows === null) throw new Error('an id that is new is in the index of ids')
    return { seqs, lastSeq, repeated: [...known], hasShadows }
  }

  /** Places of those whose id is another one's, here or before, in order. */
  #knownPlaces(records: PackedRecords): Set<number> {
    const cursor = new PackedCursor(records)
    const ids: string[] = []
    for (let place = 0; place < records.count; place += 1) {
      cursor.advance()
      ids.push(cursor.id())
    }
    const known = new Set<string>(this.#blocks.byId(ids).keys())
    const places = new Set<number>()
    for (const [place, id] of ids.entries()) {
      if (known.has(id)) places.add(place)
      known.add(id)
    }
    return places
  }

  /** Whether there are shadows among them; null, with some of it written, if an id was known or may have been. */
  #write(
    records: PackedRecords,
    { kinds, afterSeq, areNew }: { kinds: readonly number[]; afterSeq: number; areNew: boolean },
  ): boolean | null {
    const cursor = new PackedCursor(records, { isPassing: true })
    const kindsText = JSON.stringify(kinds)
    const kindNumbers = this.#texts.of([...new Set(kinds)].map(String))
    let hasShadows = false
    for (let done = 0; done < records.count; ) {
      const [firstSeq, start] = [afterSeq + done + 1, cursor.next]
      const ids = this.#ids.read(cursor, { firstSeq, count: records.count - done, areNew })
      const { lastSeq, range } = ids
      const bytes = new Uint8Array(records.buffer, start, cursor.next - start)
      const place = [firstSeq, lastSeq, range?.low ?? null, range?.high ?? null]
      this.#sql.insert.run(...place, blockFormat, kindsText, bytes)
      this.#sql.insertKinds.run(firstSeq, kindNumbers)
      if (!this.#ids.write(ids)) return null
      hasShadows ||= ids.hasShadows
      done = lastSeq - afterSeq
    }
    return hasShadows
  }

  #insertPayloads(records: PackedRecords, seqs: Inserted['seqs']): void {
    const cursor = new PackedCursor(records)
    for (const seq of seqs) {
      cursor.advance()
      if (seq === null || !cursor.hasPayload) continue
      const { request, response } = cursor.bodies()
      const { sent }: { sent?: SentHead } = cursor.rest()
      this.#sql.insertPayload.run(seq, request, response, toJson(sent ?? null))
    }
  }
}

function numbersAfter(seq: number, count: number): number[] {
  const numbers: number[] = []
  for (let index = 1; index <= count; index += 1) numbers.push(seq + index)
  return numbers
}

function prepareStatements(database: SqlDatabase) {
  return {
    insert: database.prepare(
      `INSERT INTO blocks (first_seq, last_seq, low_id, high_id, format, kinds, records) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertKinds: database.prepare(
      `INSERT INTO block_kinds (first_seq, kind)
       SELECT CAST(? AS bigint), CAST(j.value AS bigint) FROM ${database.texts.as('j')}`,
    ),
    insertPayload: database.prepare(
      'INSERT INTO payloads (prediction_seq, request, response, sent) VALUES (?, ?, ?, ?)',
    ),
  }
}
