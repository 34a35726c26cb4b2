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
  /** Where no prediction of a batch has what few have, those columns are not written at all. */
  readonly #plain: Form
  readonly #whole: Form
  /** By kind, the slot in which it was noted last. */
  readonly #slots = new Map<number, number>()
  /** Whether there are any in the batch that is being written: most have none. */
  #has = { payloads: false, shadows: false }

  constructor(database: DatabaseSync) {
    this.#sql = prepareStatements(database)
    this.#kinds = new KindNumbers(database)
    this.#plain = formOf(database, plainColumns)
    this.#whole = formOf(database, [...plainColumns, ...rareColumns])
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
    const form = cursor.anyRest ? this.#whole : this.#plain
    let inserted = 0
    for (let done = 0; done < count; ) {
      // The first one is given its number, so that those behind it get the next ones without being looked for.
      const rows = done > 0 && count - done >= rowsPerStatement ? rowsPerStatement : 1
      this.#fill(form, rows, cursor, kinds, afterSeq + done)
      inserted += rows === 1 ? runOne(form, afterSeq + done + 1) : Number(form.many.run(...form.values).changes)
      done += rows
      if (inserted === 0) return null
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
      this.#fill(this.#whole, 1, cursor, kinds, lastSeq)
      const isNew = runOne(this.#whole, lastSeq + 1) === 1
      if (isNew) lastSeq += 1
      else repeated.push(index)
      seqs.push(isNew ? lastSeq : null)
    }
    return { seqs, lastSeq, repeated }
  }

  /** The values of the next predictions. */
  #fill(form: Form, rows: number, cursor: PackedCursor, kinds: readonly number[], afterSeq: number): void {
    const { values, width } = form
    for (let row = 0; row < rows; row += 1) {
      cursor.advance()
      const kind = kinds[cursor.kind] ?? 0
      // Before it is certain that the row is new: a slot without the kind is looked through in vain, and no more.
      this.#noteSlot(kind, Math.floor((afterSeq + row + 1) / slotSeqs))
      if (cursor.hasPayload) this.#has.payloads = true
      if (cursor.isShadow) this.#has.shadows = true
      fillPlain(values, row * width, cursor, kind)
      if (form === this.#whole) fillRest(values, row * width + plainColumns.length, cursor)
    }
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

function fillPlain(values: SQLInputValue[], at: number, cursor: PackedCursor, kind: number): void {
  values[at] = cursor.id()
  values[at + 1] = kind
  values[at + 2] = cursor.unit()
  values[at + 3] = cursor.atMs
  values[at + 4] = cursor.latencyMs
  values[at + 5] = cursor.answerJson()
}

function fillRest(values: SQLInputValue[], at: number, cursor: PackedCursor): void {
  values[at] = values[at + 1] = values[at + 3] = null
  values[at + 2] = cursor.shadowOf()
  if (!cursor.hasRest) return
  const { scores = null, features = null, measures = null } = cursor.rest()
  values[at] = toJson(scores)
  values[at + 1] = toJson(features)
  values[at + 3] = toJson(measures)
}

const plainColumns = ['id', 'kind', 'unit', 'at_ms', 'latency_ms', 'answer'] as const
const rareColumns = ['scores', 'features', 'shadow_of', 'measures'] as const

/** Statements for the same columns of each row; `values` are those of one statement. */
type Form = { width: number; values: SQLInputValue[]; one: StatementSync; many: StatementSync }

function formOf(database: DatabaseSync, columns: readonly string[]): Form {
  return {
    width: columns.length,
    values: new Array(rowsPerStatement * columns.length).fill(null),
    one: insertRows(database, ['seq', ...columns], 1),
    // Without a number each gets the one behind the greatest.
    many: insertRows(database, columns, rowsPerStatement),
  }
}

function insertRows(database: DatabaseSync, columns: readonly string[], rows: number): StatementSync {
  const row = `(${columns.map(() => '?').join(', ')})`
  return database.prepare(
    `INSERT INTO predictions (${columns.join(', ')}) VALUES ${new Array(rows).fill(row).join(', ')}
     ON CONFLICT (id) DO NOTHING`,
  )
}

function runOne({ one, values, width }: Form, seq: number): number {
  return Number(one.run(seq, ...values.slice(0, width)).changes)
}

function prepareStatements(database: DatabaseSync) {
  return {
    undo: database.prepare('DELETE FROM predictions WHERE seq > ?'),
    noteSlot: database.prepare('INSERT INTO kind_slots (slot, kind) VALUES (?, ?) ON CONFLICT (slot, kind) DO NOTHING'),
    insertPayload: database.prepare(
      'INSERT INTO payloads (prediction_seq, request, response, sent) VALUES (?, ?, ?, ?)',
    ),
  }
}
