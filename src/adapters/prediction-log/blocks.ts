/**
 * Reads predictions where they lie: hundreds to a row, as they were packed, in the order of their numbers. Which block holds
 * one follows from its number. From its id it follows too where the gateway made that and it came in order: a block
 * holds all such ids between its lowest and its highest. All other ids, shadows' among them, are in an index.
 */

import { endianness } from 'node:os'
import type { Prediction } from '../../core/prediction.ts'
import { PackedCursor } from '../packed-predictions/cursor.ts'
import type { Kind } from '../packed-predictions/layout.ts'
import { type MadeId, partsOfMadeId } from '../packed-predictions/made-ids.ts'
import { predictionAt } from '../packed-predictions/unpack.ts'
import type { SqlDatabase, SqlValue, TextTable } from '../sql/database.ts'
import { Block } from './block.ts'
import { KindsByNumber } from './kinds.ts'
import type { SeqRange } from './store-calls.ts'

/** Blocks that are read with one statement where many are asked for. */
const blocksAtOnce = 32

/** Where so many numbers, or fewer, come on each that is wanted, all blocks between them are read: asking which hold one takes longer. */
const nearSeqs = 16

/** How the records lie: the layout that is packed today, in one of two orders of bytes. */
export const blockFormat = endianness() === 'LE' ? 1 : 2

/** To what is wanted of the block, if there is one. */
function add<T>(lists: Map<number, T[]>, firstSeq: SqlValue | undefined, one: T): void {
  if (firstSeq == null) return
  const list = lists.get(Number(firstSeq))
  if (list === undefined) lists.set(Number(firstSeq), [one])
  else list.push(one)
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
    for (let behindSeq = afterSeq, isMore = true; isMore; ) {
      const rows = this.#sql.within.all(behindSeq + 1, behindSeq + 1, upToSeq, blocksAtOnce)
      isMore = rows.length === blocksAtOnce
      for (const row of rows) {
        if (Number(row['last_seq']) <= behindSeq) continue
        behindSeq = Number(row['last_seq'])
        yield this.#blockOf(row, { isPassing: true })
      }
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

  /** By number, in their order; of all that are asked for, each block is read once. */
  predictions(seqs: Iterable<number>): Map<number, Prediction> {
    const predictions = new Map<number, Prediction>()
    const sorted = [...new Set(seqs)].sort((a, b) => a - b)
    let place = 0
    for (const block of this.#holders(sorted)) {
      while ((sorted[place] ?? block.firstSeq) < block.firstSeq) place += 1
      for (let seq = sorted[place]; seq !== undefined && seq <= block.lastSeq; seq = sorted[++place])
        predictions.set(seq, predictionAt(block.at(seq)))
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

  /** The blocks that hold these numbers, which are in order, and maybe others, in order. */
  *#holders(seqs: readonly number[]): Iterable<Block> {
    const [first, last] = [seqs[0], seqs.at(-1)]
    if (first === undefined || last === undefined) return
    if (last - first < nearSeqs * seqs.length) {
      yield* this.within({ afterSeq: first - 1, upToSeq: last })
      return
    }
    const rows = this.#sql.holders.all(this.#texts.of(seqs.map(String)))
    for (const { block } of this.#some(rows.map(row => Number(row['first_seq'])))) yield block
  }

  /** The blocks that may hold these ids, which are in order, each with those that it may hold. */
  *#ranges(ids: readonly MadeId[]): Iterable<{ block: Block; wanted: readonly MadeId[] }> {
    const wanted = new Map<number, MadeId[]>()
    const rows = this.#sql.firstSeqs.all(this.#texts.of(ids.map(({ stem }) => stem)))
    for (const [place, id] of ids.entries()) add(wanted, rows[place]?.['first_seq'], id)
    for (const { block, low } of this.#some([...wanted.keys()]))
      yield { block, wanted: (wanted.get(block.firstSeq) ?? []).filter(({ stem }) => stem >= low) }
  }

  /** Those that begin at these numbers, in the order of these if they are in order. */
  *#some(firstSeqs: readonly number[]): Iterable<{ block: Block; low: string }> {
    for (let start = 0; start < firstSeqs.length; start += blocksAtOnce) {
      const some = firstSeqs.slice(start, start + blocksAtOnce).map(String)
      for (const row of this.#sql.some.all(this.#texts.of(some)))
        yield { block: this.#blockOf(row), low: String(row['low_id']) }
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
         AND first_seq <= ? ORDER BY first_seq LIMIT ?`,
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
    /** Where the blocks begin that may hold predictions of these numbers, in order. */
    holders: database.prepare(
      `SELECT DISTINCT (SELECT b.first_seq FROM blocks b WHERE b.first_seq <= CAST(j.value AS bigint) ORDER BY b.first_seq DESC LIMIT 1)
         AS first_seq FROM ${database.texts.as('j')} ORDER BY 1`,
    ),
    some: database.prepare(
      `SELECT ${columns}, low_id FROM blocks
       WHERE first_seq IN (SELECT CAST(j.value AS bigint) FROM ${database.texts.as('j')}) ORDER BY first_seq`,
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
