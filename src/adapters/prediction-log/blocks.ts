/**
 * Reads predictions where they lie: hundreds to a row, as they were packed, in the order of their numbers. Which block holds
 * one follows from its number. From its id it follows too where the gateway made that and it came in order: a block
 * holds all such ids between its lowest and its highest. All other ids, shadows' among them, are in an index.
 */

import { endianness } from 'node:os'
import type { Prediction } from '../../core/prediction.ts'
import { PackedCursor } from '../packed-predictions/cursor.ts'
import type { Kind } from '../packed-predictions/layout.ts'
import { type MadeId, madePrefixOf, partsOfMadeId } from '../packed-predictions/made-ids.ts'
import { predictionAt } from '../packed-predictions/unpack.ts'
import type { SqlDatabase, SqlValue, TextTable } from '../sql/database.ts'
import { KindsByNumber } from './kinds.ts'
import type { SeqRange } from './store-calls.ts'

/** Blocks that are read with one statement where many are asked for. */
const blocksAtOnce = 32

/** How the records lie: the layout that is packed today, in one of two orders of bytes. */
export const blockFormat = endianness() === 'LE' ? 1 : 2

export class Block {
  readonly firstSeq: number
  readonly lastSeq: number
  readonly cursor: PackedCursor
  #starts: readonly number[] | null = null

  constructor(place: { firstSeq: number; lastSeq: number }, cursor: PackedCursor) {
    this.firstSeq = place.firstSeq
    this.lastSeq = place.lastSeq
    this.cursor = cursor
  }

  /** The cursor at the prediction of that number, which the block has. */
  at(seq: number): PackedCursor {
    this.#starts ??= startsOf(this.cursor)
    this.cursor.moveTo(this.#starts[seq - this.firstSeq] ?? 0)
    return this.cursor
  }

  /** Calls `visit` at each prediction, in the order of their numbers. */
  each(visit: (cursor: PackedCursor, seq: number) => void): void {
    const { cursor } = this
    cursor.moveTo(0)
    for (let seq = this.firstSeq; seq <= this.lastSeq; seq += 1) {
      if (seq > this.firstSeq) cursor.advance()
      visit(cursor, seq)
    }
  }

  /** Numbers of those with these ids, all made by one process and in order. */
  madeSeqs(ids: readonly MadeId[]): number[] {
    const [first, last] = [ids[0], ids.at(-1)]
    if (first === undefined || last === undefined) return []
    const prefix = madePrefixOf(first.prefix)
    const [counters, texts] = [new Set(ids.map(({ counter }) => counter)), new Set(ids.map(({ id }) => id))]
    const seqs: number[] = []
    this.each((cursor, seq) => {
      const counter = cursor.madeCounter(prefix)
      // Most often few are asked for.
      if (counter < first.counter || counter > last.counter || !counters.has(counter)) return
      // A stem is easily guessed, and the rest of an id is not.
      if (texts.has(cursor.id())) seqs.push(seq)
    })
    return seqs
  }

  /** Numbers of those that are wanted, newest first. */
  newestFirst(isWanted: (cursor: PackedCursor) => boolean): number[] {
    const seqs: number[] = []
    for (let seq = this.lastSeq; seq >= this.firstSeq; seq -= 1) if (isWanted(this.at(seq))) seqs.push(seq)
    return seqs
  }
}

function add(lists: Map<number, MadeId[]>, firstSeq: number, id: MadeId): void {
  const list = lists.get(firstSeq)
  if (list === undefined) lists.set(firstSeq, [id])
  else list.push(id)
}

function startsOf(cursor: PackedCursor): number[] {
  const starts: number[] = []
  cursor.moveTo(0)
  starts.push(0)
  for (let place = 1; place < cursor.count; place += 1) {
    cursor.advance()
    starts.push(cursor.start)
  }
  return starts
}

export type Located = { seq: number; prediction: Prediction }

export class Blocks {
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #texts: TextTable
  readonly #kinds: KindsByNumber

  constructor(database: SqlDatabase) {
    this.#sql = prepareStatements(database)
    this.#texts = database.texts
    this.#kinds = new KindsByNumber(database)
  }

  /** The greatest number of a prediction; 0 if there is none. */
  lastSeq(): number {
    return Number(this.#sql.lastSeq.get()?.['seq'])
  }

  /** Of the block that holds the number, or the last one before it. */
  upTo(seq: number): Block | null {
    const row = this.#sql.upTo.get(seq)
    return row === undefined ? null : this.#blockOf(row)
  }

  /** What kinds the predictions are of, of the same block: the predictions themselves are not read. */
  kindsUpTo(seq: number): { firstSeq: number; kinds: readonly Kind[] } | null {
    const row = this.#sql.kindsUpTo.get(seq)
    return row === undefined ? null : { firstSeq: Number(row['first_seq']), kinds: this.#kindsOf(row) }
  }

  /** Those that hold any of these numbers, in order. Texts that are read of them keep the text of all. */
  *within({ afterSeq, upToSeq }: SeqRange): Iterable<Block> {
    for (const row of this.#sql.within.iterate(afterSeq + 1, afterSeq + 1, upToSeq)) {
      if (Number(row['last_seq']) > afterSeq) yield this.#blockOf(row, { isPassing: true })
    }
  }

  *newestFirst(): Iterable<Block> {
    for (const row of this.#sql.newestFirst.iterate()) yield this.#blockOf(row)
  }

  /** At most so many, and never the newest one. Each is read whole before the next one: what is done to one is no matter. */
  *oldestFirst(count: number): Iterable<Block> {
    let afterSeq = 0
    for (let left = count; left > 0; left -= 1) {
      const row = this.#sql.oldestAfter.get(afterSeq)
      if (row === undefined) return
      const block = this.#blockOf(row, { isPassing: true })
      afterSeq = block.firstSeq
      yield block
    }
  }

  /** By number; of all that are asked for, each block is read once. */
  predictions(seqs: Iterable<number>): Map<number, Prediction> {
    const predictions = new Map<number, Prediction>()
    let block: Block | null = null
    for (const seq of [...new Set(seqs)].sort((a, b) => a - b)) {
      if (block === null || seq > block.lastSeq) block = this.upTo(seq)
      if (block !== null && seq <= block.lastSeq) predictions.set(seq, predictionAt(block.at(seq)))
    }
    return predictions
  }

  /** Those that there are, by id. */
  byId(ids: readonly string[]): Map<string, Located> {
    const found = new Map<string, Located>()
    const scattered = this.#sql.scattered.all(this.#texts.of(ids)).map(row => Number(row['seq']))
    for (const [seq, prediction] of this.predictions(scattered)) found.set(prediction.id, { seq, prediction })
    const others = [...new Set(ids)].filter(id => !found.has(id)).sort()
    for (const { block, wanted } of this.#ranges(others.flatMap(id => partsOfMadeId(id) ?? []))) {
      for (const seq of block.madeSeqs(wanted)) {
        const prediction = predictionAt(block.at(seq))
        found.set(prediction.id, { seq, prediction })
      }
    }
    return found
  }

  /** Whether a block holds ids on both sides of this one, or this one. */
  mayHold(id: string): boolean {
    const made = partsOfMadeId(id)
    const row = made === null ? undefined : this.#sql.lowOf.get(made.stem)
    return row !== undefined && String(row['low_id']) <= (made?.stem ?? '')
  }

  /** The shadows of champions, by the champions' ids, in the order of their numbers. */
  shadows(champions: readonly string[]): Map<string, Located[]> {
    const wanted = this.#texts.of(champions)
    const rows = this.#sql.namedShadows.all(wanted)
    if (this.#sql.anyUnnamed.get() !== undefined) rows.push(...this.#sql.unnamedShadows.all(wanted))
    const shadows = new Map<string, Located[]>()
    for (const [seq, prediction] of this.predictions(rows.map(row => Number(row['seq'])))) {
      // The id of something else may look like a shadow's.
      if (prediction.shadowOf === undefined) continue
      const others = shadows.get(prediction.shadowOf) ?? []
      shadows.set(prediction.shadowOf, [...others, { seq, prediction }])
    }
    return shadows
  }

  /** Drops what is remembered of the tables: it may be gone. */
  rolledBack(): void {
    this.#kinds.rolledBack()
  }

  /** The blocks that may hold these ids, which are in order, each with those that it may hold. */
  *#ranges(ids: readonly MadeId[]): Iterable<{ block: Block; wanted: readonly MadeId[] }> {
    const wanted = new Map<number, MadeId[]>()
    const rows = this.#sql.firstSeqs.all(this.#texts.of(ids.map(({ stem }) => stem)))
    for (const [place, id] of ids.entries()) {
      const firstSeq = rows[place]?.['first_seq'] ?? null
      if (firstSeq !== null) add(wanted, Number(firstSeq), id)
    }
    const firstSeqs = [...wanted.keys()].map(String)
    for (let start = 0; start < firstSeqs.length; start += blocksAtOnce) {
      const some = this.#texts.of(firstSeqs.slice(start, start + blocksAtOnce))
      for (const row of this.#sql.some.all(some)) {
        const [block, low] = [this.#blockOf(row), String(row['low_id'])]
        yield { block, wanted: (wanted.get(block.firstSeq) ?? []).filter(({ stem }) => stem >= low) }
      }
    }
  }

  #blockOf(row: Record<string, SqlValue>, { isPassing = false } = {}): Block {
    const [firstSeq, lastSeq, format] = [Number(row['first_seq']), Number(row['last_seq']), Number(row['format'])]
    if (format !== blockFormat) {
      throw new Error(
        `predictions ${firstSeq} to ${lastSeq} are kept in format ${format}, and this machine reads format ${blockFormat}: ` +
          'a machine with another order of bytes has written them. Run Cutover on one like it',
      )
    }
    const records = row['records'] as Uint8Array<ArrayBuffer>
    const buffer = records.byteOffset === 0 ? records.buffer : records.slice().buffer
    const place = { buffer, start: 0, end: records.byteLength, count: lastSeq - firstSeq + 1, anyPayload: false }
    const cursor = new PackedCursor({ ...place, kinds: this.#kindsOf(row) }, { isPassing })
    return new Block({ firstSeq, lastSeq }, cursor)
  }

  #kindsOf(row: Record<string, SqlValue>): Kind[] {
    return (JSON.parse(String(row['kinds'])) as number[]).map(number => this.#kinds.get(number))
  }
}

const columns = 'first_seq, last_seq, format, kinds, records'

function prepareStatements(database: SqlDatabase) {
  return {
    lastSeq: database.prepare(
      'SELECT coalesce((SELECT last_seq FROM blocks ORDER BY first_seq DESC LIMIT 1), 0) AS seq',
    ),
    upTo: database.prepare(`SELECT ${columns} FROM blocks WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1`),
    kindsUpTo: database.prepare(
      'SELECT first_seq, kinds FROM blocks WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1',
    ),
    within: database.prepare(
      `SELECT ${columns} FROM blocks
       WHERE first_seq >= coalesce((SELECT first_seq FROM blocks WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1), ?)
         AND first_seq <= ? ORDER BY first_seq`,
    ),
    newestFirst: database.prepare(`SELECT ${columns} FROM blocks ORDER BY first_seq DESC`),
    oldestAfter: database.prepare(
      `SELECT ${columns} FROM blocks
       WHERE first_seq > ? AND first_seq < (SELECT max(first_seq) FROM blocks) ORDER BY first_seq LIMIT 1`,
    ),
    scattered: database.prepare(
      `SELECT s.seq FROM ${database.texts.as('j')} CROSS JOIN scattered_ids s ON s.id = j.value`,
    ),
    /** Of the block whose ids do not end before this one. */
    lowOf: database.prepare(
      'SELECT low_id FROM blocks INDEXED BY blocks_by_id WHERE high_id >= ? ORDER BY high_id LIMIT 1',
    ),
    firstSeqs: database.prepare(
      `SELECT (SELECT b.first_seq FROM blocks b INDEXED BY blocks_by_id WHERE b.high_id >= j.value ORDER BY b.high_id LIMIT 1)
         AS first_seq FROM ${database.texts.as('j')} ORDER BY j.key`,
    ),
    some: database.prepare(
      `SELECT ${columns}, low_id FROM blocks WHERE first_seq IN (SELECT CAST(j.value AS bigint) FROM ${database.texts.as('j')})`,
    ),
    /** What begins as the id of a champion's shadow does. */
    namedShadows: database.prepare(
      `SELECT s.seq FROM ${database.texts.as('j')}
       CROSS JOIN scattered_ids s ON s.id > j.value || '~' AND s.id < j.value || '\x7f'`,
    ),
    unnamedShadows: database.prepare(
      `SELECT u.seq FROM ${database.texts.as('j')} CROSS JOIN unnamed_shadows u ON u.champion = j.value`,
    ),
    anyUnnamed: database.prepare('SELECT 1 FROM unnamed_shadows LIMIT 1'),
  }
}
