/** Writes predictions and outcomes to SQLite. Synchronous: it lives in a thread of its own. */

import { idOfOutcomeKey, type OutcomeReceipt } from '../../core/prediction.ts'
import { PackedCursor, recordsOf } from '../packed-predictions/cursor.ts'
import type { SqlDatabase, SqlValue, TextTable } from '../sql/database.ts'
import { BlockWriter, type Inserted } from './block-writer.ts'
import type { Blocks } from './blocks.ts'
import { LastSeq } from './last-seq.ts'
import { ManyRows } from './many-rows.ts'
import { OrphanSchedule } from './orphans.ts'
import { OutcomeIds } from './outcome-ids.ts'
import { type Known, OutcomeJoiner } from './outcome-joiner.ts'
import { type JoinRow, type OutcomeRow, readOutcomeRow, rowMayBeOf } from './outcome-rows.ts'
import type { JoinedRow, StoreCalls } from './store-calls.ts'
import { Trimmer } from './trimmer.ts'

type Input<M extends keyof StoreCalls> = StoreCalls[M]['input']
type Output<M extends keyof StoreCalls> = StoreCalls[M]['output']

/** Every append, and letting go, expects an open transaction, in which `settle` comes last; then call `committed` or `rolledBack`. */
export class PredictionStore {
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #texts: TextTable
  readonly #blocks: Blocks
  readonly #last: LastSeq
  readonly #writer: BlockWriter
  readonly #joiner: OutcomeJoiner
  readonly #outcomeIds: OutcomeIds
  readonly #trimmer: Trimmer
  readonly #orphans = new OrphanSchedule()
  readonly #waitingRows: ManyRows
  /** Rows of outcomes that have come before their prediction and are not yet written. */
  #waiting: SqlValue[][] = []
  #lastSeq: number

  constructor(database: SqlDatabase, blocks: Blocks) {
    this.#sql = prepareStatements(database)
    this.#texts = database.texts
    this.#blocks = blocks
    this.#last = new LastSeq(database)
    this.#writer = new BlockWriter(database, blocks)
    this.#joiner = new OutcomeJoiner(database, blocks)
    this.#outcomeIds = new OutcomeIds(database)
    this.#trimmer = new Trimmer(database, blocks, this.#outcomeIds)
    this.#waitingRows = new ManyRows(database, {
      into: 'waiting_outcomes (id, prediction, row, label, reward, metrics, at_ms, endpoints, accepted_ms)',
      columns: 9,
    })
    this.#lastSeq = this.#last.read()
  }

  settle(): void {
    this.#outcomeIds.settle()
  }

  committed(): void {
    this.#outcomeIds.committed(this.#lastSeq)
  }

  /** Drops what is remembered of the tables: it may be gone. */
  rolledBack(): void {
    this.#outcomeIds.rolledBack()
    this.#blocks.rolledBack()
    this.#writer.rolledBack()
    this.#joiner.rolledBack()
    this.#waiting = []
    this.#lastSeq = this.#last.read()
  }

  appendPredictions({ packed, nowMs, again = false }: Input<'appendPredictions'>): Output<'appendPredictions'> {
    this.#prune(nowMs)
    const { seqs, lastSeq, repeated, hasShadows } = this.#writer.insert(packed, { afterSeq: this.#lastSeq, again })
    this.#lastSeq = lastSeq
    // In this order no outcome is met twice: a champion of this batch has none yet.
    const missed = hasShadows && this.#hasOutcomes() ? this.#joinMissed(lateShadows(packed, seqs)) : []
    const joined = [...missed, ...this.#joinWaiting(packed, seqs)]
    return { repeated, joined, upToSeq: this.#lastSeq, read: packed }
  }

  appendOutcomes({ rows, nowMs }: Input<'appendOutcomes'>): Output<'appendOutcomes'> {
    this.#prune(nowMs)
    const accepted = this.#outcomeIds.known(rows.flatMap(([key]) => keysOf(key)))
    const predictions = this.#joiner.know(rows.map(([, prediction]) => prediction))
    const joins: JoinRow[] = []
    const statuses = rows.map((row): OutcomeReceipt['status'] => {
      const [key, prediction] = row
      if (keysOf(key).some(one => accepted.has(one))) return 'duplicate'
      const known = predictions.get(prediction)
      // Nothing is kept of it, so that it takes nobody's id.
      if (known !== undefined && !rowMayBeOf(row, known.prediction.endpoint)) return 'pending'
      accepted.add(key)
      if (known === undefined) {
        this.#waiting.push([...row, nowMs])
        return 'pending'
      }
      joins.push(...this.#join(row, known))
      return 'joined'
    })
    this.#write()
    return { statuses, joins, upToSeq: this.#lastSeq }
  }

  trim(input: Input<'trim'>): Output<'trim'> {
    return this.#trimmer.trim(input, this.#lastSeq)
  }

  #joinWaiting(packed: ArrayBuffer, seqs: Inserted['seqs']): JoinedRow[] {
    if (this.#sql.anyWaiting.get() === undefined) return []
    const ids = freshChampions(packed, seqs)
    const waiting = this.#sql.waitingFor.all(this.#texts.of(ids)) as unknown as readonly SqlValue[][]
    const outcomes = waiting.map(columns => readOutcomeRow(columns))
    if (outcomes.length === 0) return []
    const predictions = this.#joiner.know(outcomes.map(([, prediction]) => prediction))
    const known = outcomes.filter(([, prediction]) => predictions.has(prediction))
    this.#sql.deleteWaiting.run(this.#texts.of(known.map(([key]) => key)))
    const joined = known.flatMap(outcome => {
      const prediction = predictions.get(outcome[1])
      if (prediction === undefined || !rowMayBeOf(outcome, prediction.prediction.endpoint)) return []
      return this.#join(outcome, prediction).map(join => ({ outcome, join }))
    })
    this.#write()
    return joined
  }

  #joinMissed(shadowSeqs: readonly number[]): JoinedRow[] {
    if (shadowSeqs.length === 0) return []
    const missed = this.#joiner.missed(shadowSeqs).map(({ outcome, before, shadow }) => ({
      outcome,
      join: this.#joiner.joinShadow(this.#nextSeq(), outcome, before, shadow),
    }))
    this.#write()
    return missed
  }

  /** The champion's join, then those of its shadows. */
  #join(outcome: OutcomeRow, champion: Known): JoinRow[] {
    this.#outcomeIds.add(outcome[0])
    const { join, before } = this.#joiner.join(this.#nextSeq(), outcome, champion)
    const ofShadows = champion.shadows.map(shadow => this.#joiner.joinShadow(this.#nextSeq(), outcome, before, shadow))
    return [join, ...ofShadows]
  }

  #write(): void {
    this.#joiner.write()
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingRows.insert(waiting)
  }

  #hasOutcomes(): boolean {
    return this.#sql.anyOutcome.get() !== undefined
  }

  #nextSeq(): number {
    this.#lastSeq += 1
    return this.#lastSeq
  }

  #prune(nowMs: number): void {
    const dueBeforeMs = this.#orphans.dueBeforeMs(nowMs)
    if (dueBeforeMs !== null) this.#sql.prune.run(dueBeforeMs)
  }
}

/** Ids of callers' predictions that were new. */
function freshChampions(packed: ArrayBuffer, seqs: Inserted['seqs']): string[] {
  const cursor = new PackedCursor(recordsOf(packed), { isPassing: true })
  const ids: string[] = []
  for (const seq of seqs) {
    cursor.advance()
    if (seq !== null && !cursor.isShadow) ids.push(cursor.id())
  }
  return ids
}

/** Numbers of new shadows whose champions came in an earlier batch: only those can have outcomes. */
function lateShadows(packed: ArrayBuffer, seqs: Inserted['seqs']): number[] {
  const champions = new Set<string | null>(freshChampions(packed, seqs))
  const cursor = new PackedCursor(recordsOf(packed), { isPassing: true })
  const late: number[] = []
  for (const seq of seqs) {
    cursor.advance()
    if (seq !== null && cursor.isShadow && !champions.has(cursor.shadowOf())) late.push(seq)
  }
  return late
}

/** What somebody who may speak of all predictions has said under an id is said, whoever says it again. */
function keysOf(key: string): readonly string[] {
  const id = idOfOutcomeKey(key)
  return id === key ? [key] : [key, id]
}

function prepareStatements(database: SqlDatabase) {
  const waitingFor = database.prepare(
    `SELECT w.id, w.prediction, w.row, w.label, w.reward, w.metrics, w.at_ms, w.endpoints
     FROM ${database.texts.as('j')} CROSS JOIN waiting_outcomes w ON w.prediction = j.value ORDER BY j.key, w.seq`,
  )
  waitingFor.setReturnArrays(true)
  return {
    waitingFor,
    anyOutcome: database.prepare('SELECT 1 FROM outcomes LIMIT 1'),
    anyWaiting: database.prepare('SELECT 1 FROM waiting_outcomes LIMIT 1'),
    deleteWaiting: database.prepare(
      `DELETE FROM waiting_outcomes WHERE id IN (SELECT j.value FROM ${database.texts.as('j')})`,
    ),
    prune: database.prepare('DELETE FROM waiting_outcomes WHERE accepted_ms < ?'),
  }
}
