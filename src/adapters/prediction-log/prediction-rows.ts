/** Writes packed predictions as rows, many with one statement: calling a statement costs as much as half of what it does. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { SentHead } from '../../core/prediction.ts'
import { PackedCursor } from '../packed-predictions/cursor.ts'
import { KindNumbers } from './kinds.ts'
import { toJson } from './rows.ts'

/** Where predictions of a kind are is kept by slots of so many commits. A change of it is a migration. */
export const slotSeqs = 512

const rowsPerStatement = 50

export type Inserted = {
  /** The number of each prediction; null if its id was known, which changed nothing. */
  seqs: readonly (number | null)[]
  lastSeq: number
  /** Places of the repeated ones. */
  repeated: readonly number[]
  hasShadows: boolean
}

export class PredictionRows {
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #kinds: KindNumbers
  /** The values of one statement. */
  readonly #values: SQLInputValue[] = new Array(rowsPerStatement * columns).fill(null)
  /** By kind, the slot in which it was noted last. */
  readonly #slots = new Map<number, number>()
  /** Whether there are any in the batch that is being written: most have none. */
  #has = { payloads: false, shadows: false }

  constructor(database: DatabaseSync) {
    this.#sql = prepareStatements(database)
    this.#kinds = new KindNumbers(database)
  }

  /** Expects an open transaction. */
  insert(packed: ArrayBuffer, afterSeq: number): Inserted {
    const cursor = new PackedCursor(packed, { isPassing: true })
    const kinds = this.#kinds.of(cursor.kinds, afterSeq + 1)
    this.#has = { payloads: false, shadows: false }
    const { seqs, lastSeq, repeated } =
      this.#insertAll(cursor, kinds, afterSeq) ?? this.#insertEach(packed, kinds, afterSeq)
    if (this.#has.payloads) this.#insertPayloads(packed, seqs)
    return { seqs, lastSeq, repeated, hasShadows: this.#has.shadows }
  }

  rolledBack(): void {
    this.#kinds.rolledBack()
    this.#slots.clear()
  }

  /** Null, and nothing is kept, if an id was known. */
  #insertAll(cursor: PackedCursor, kinds: readonly number[], afterSeq: number): Numbered | null {
    const { count } = cursor
    let inserted = 0
    for (let done = 0; done < count; ) {
      const rows = count - done >= rowsPerStatement ? rowsPerStatement : 1
      for (let row = 0; row < rows; row += 1) this.#fill(row * columns, cursor, kinds, afterSeq + done + row + 1)
      inserted += rows === 1 ? this.#runOne() : Number(this.#sql.many.run(...this.#values).changes)
      done += rows
    }
    if (inserted === count) return { seqs: numbersAfter(afterSeq, count), lastSeq: afterSeq + count, repeated: [] }
    this.#sql.undo.run(afterSeq)
    return null
  }

  #insertEach(packed: ArrayBuffer, kinds: readonly number[], afterSeq: number): Numbered {
    const cursor = new PackedCursor(packed, { isPassing: true })
    let lastSeq = afterSeq
    const seqs: (number | null)[] = []
    const repeated: number[] = []
    for (let index = 0; index < cursor.count; index += 1) {
      this.#fill(0, cursor, kinds, lastSeq + 1)
      const isNew = this.#runOne() === 1
      if (isNew) lastSeq += 1
      else repeated.push(index)
      seqs.push(isNew ? lastSeq : null)
    }
    return { seqs, lastSeq, repeated }
  }

  #runOne(): number {
    return Number(this.#sql.one.run(...this.#values.slice(0, columns)).changes)
  }

  /** The next prediction's values, from this place on. */
  #fill(at: number, cursor: PackedCursor, kinds: readonly number[], seq: number): void {
    cursor.advance()
    const values = this.#values
    const kind = kinds[cursor.kind] ?? 0
    // Before it is certain that the row is new: a slot without the kind is looked through in vain, and no more.
    this.#noteSlot(kind, Math.floor(seq / slotSeqs))
    if (cursor.hasPayload) this.#has.payloads = true
    if (cursor.isShadow) this.#has.shadows = true
    values[at] = seq
    values[at + 1] = cursor.id()
    values[at + 2] = kind
    values[at + 3] = cursor.unit()
    values[at + 4] = cursor.atMs
    values[at + 5] = cursor.latencyMs
    values[at + 6] = cursor.answerJson()
    if (cursor.hasRest) this.#fillRest(at + 7, cursor)
    else values[at + 7] = values[at + 8] = values[at + 9] = values[at + 10] = null
  }

  #fillRest(at: number, cursor: PackedCursor): void {
    const { scores = null, features = null, shadowOf = null, measures = null } = cursor.rest()
    this.#values[at] = toJson(scores)
    this.#values[at + 1] = toJson(features)
    this.#values[at + 2] = shadowOf
    this.#values[at + 3] = toJson(measures)
  }

  #noteSlot(kind: number, slot: number): void {
    if (this.#slots.get(kind) === slot) return
    this.#sql.noteSlot.run(slot, kind)
    this.#slots.set(kind, slot)
  }

  #insertPayloads(packed: ArrayBuffer, seqs: Inserted['seqs']): void {
    const cursor = new PackedCursor(packed)
    for (const seq of seqs) {
      cursor.advance()
      if (seq === null || !cursor.hasPayload) continue
      const { request, response } = cursor.bodies()
      const { sent }: { sent?: SentHead } = cursor.rest()
      this.#sql.insertPayload.run(seq, request, response, toJson(sent ?? null))
    }
  }
}

type Numbered = Omit<Inserted, 'hasShadows'>

function numbersAfter(seq: number, count: number): number[] {
  const numbers: number[] = []
  for (let index = 1; index <= count; index += 1) numbers.push(seq + index)
  return numbers
}

const columns = 11

function insertRows(database: DatabaseSync, rows: number): StatementSync {
  const row = `(${new Array(columns).fill('?').join(', ')})`
  return database.prepare(
    `INSERT INTO predictions (seq, id, kind, unit, at_ms, latency_ms, answer, scores, features, shadow_of, measures)
     VALUES ${new Array(rows).fill(row).join(', ')} ON CONFLICT (id) DO NOTHING`,
  )
}

function prepareStatements(database: DatabaseSync) {
  return {
    many: insertRows(database, rowsPerStatement),
    one: insertRows(database, 1),
    undo: database.prepare('DELETE FROM predictions WHERE seq > ?'),
    noteSlot: database.prepare('INSERT INTO kind_slots (slot, kind) VALUES (?, ?) ON CONFLICT (slot, kind) DO NOTHING'),
    insertPayload: database.prepare(
      'INSERT INTO payloads (prediction_seq, request, response, sent) VALUES (?, ?, ?, ?)',
    ),
  }
}
