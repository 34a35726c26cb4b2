/** Writes predictions and outcomes to SQLite. Synchronous: it lives in a thread of its own. */
import type { DatabaseSync } from 'node:sqlite'
import type { JoinedOutcome, JoinFacts, Outcome, OutcomeReceipt, OutcomeValues } from '../../core/prediction.ts'
import { joinOutcome, valuesAfter } from '../../core/prediction.ts'
import { OrphanSchedule } from './orphans.ts'
import {
  fromJson,
  outcomeColumns,
  type PredictionRow,
  predictionColumns,
  rowToOutcome,
  rowToPrediction,
  toJson,
} from './rows.ts'
import type { StoreCalls } from './store-calls.ts'

type Input<M extends keyof StoreCalls> = StoreCalls[M]['input']
type Output<M extends keyof StoreCalls> = StoreCalls[M]['output']

/** Every method expects an open transaction. After one that was rolled back, call `forget`. */
export class PredictionStore {
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #orphans = new OrphanSchedule()
  readonly #epochs = new Set<string>()
  #lastSeq: number

  constructor(database: DatabaseSync) {
    this.#sql = prepareStatements(database)
    this.#lastSeq = this.#readLastSeq()
  }

  /** Drops what is remembered of the tables: it may have been rolled back. */
  forget(): void {
    this.#epochs.clear()
    this.#lastSeq = this.#readLastSeq()
  }

  appendPredictions({ rows, payloads, nowMs }: Input<'appendPredictions'>): Output<'appendPredictions'> {
    this.#prune(nowMs)
    const seqs = rows.map(row => this.#insertPrediction(row))
    for (const { index, request, response } of payloads) {
      const seq = seqs[index] ?? null
      if (seq !== null) this.#sql.insertPayload.run(seq, request, response)
    }
    const repeated = [...seqs.keys()].filter(index => seqs[index] === null)
    return { repeated, joined: this.#joinWaiting(rows, seqs) }
  }

  appendOutcomes({ outcomes, nowMs }: Input<'appendOutcomes'>): Output<'appendOutcomes'> {
    this.#prune(nowMs)
    const known = new Map<string, Known>()
    const joined: JoinedOutcome[] = []
    const receipts = outcomes.map((outcome): OutcomeReceipt => {
      if (this.#sql.outcomeExists.get(outcome.id) !== undefined) return { status: 'duplicate' }
      const prediction = known.get(outcome.prediction) ?? this.#know(outcome.prediction)
      if (prediction === null) {
        this.#insertOutcome(outcome, nowMs, notJoined)
        return { status: 'pending' }
      }
      known.set(outcome.prediction, prediction)
      const { joined: made, columns } = this.#join(outcome, prediction)
      this.#insertOutcome(outcome, nowMs, columns)
      joined.push(made)
      return { status: 'joined' }
    })
    return { receipts, joined }
  }

  /** The number of the prediction; null if its id is known, which changes nothing. */
  #insertPrediction(row: PredictionRow): number | null {
    const seq = this.#lastSeq + 1
    const { changes } = this.#sql.insertPrediction.run(seq, ...row)
    if (Number(changes) === 0) return null
    this.#lastSeq = seq
    this.#noteEpoch(row[1], row[2], seq)
    return seq
  }

  /** Keeps where an epoch begins, so that a replay from it need not read what came before. */
  #noteEpoch(endpoint: string, epoch: number, seq: number): void {
    const key = `${epoch} ${endpoint}`
    if (this.#epochs.has(key)) return
    this.#sql.insertEpoch.run(endpoint, epoch, seq)
    this.#epochs.add(key)
  }

  #joinWaiting(rows: readonly PredictionRow[], seqs: readonly (number | null)[]): JoinedOutcome[] {
    if (this.#sql.anyWaiting.get() === undefined) return []
    const joined: JoinedOutcome[] = []
    for (const [index, [id]] of rows.entries()) {
      if ((seqs[index] ?? null) === null) continue
      const waiting = this.#sql.waitingFor.all(id)
      const prediction = waiting.length === 0 ? null : this.#know(id)
      if (prediction === null) continue
      for (const row of waiting) {
        const { joined: made, columns } = this.#join(rowToOutcome(row), prediction)
        this.#sql.joinOutcome.run(...columns, Number(row['seq']))
        joined.push(made)
      }
    }
    return joined
  }

  #insertOutcome(outcome: Outcome, acceptedMs: number, columns: JoinColumns): void {
    const { id, prediction, row, label, reward, metrics, atMs } = outcome
    const values = [id, prediction, row, toJson(label), reward, toJson(metrics), atMs, acceptedMs]
    this.#sql.insertOutcome.run(...values, ...columns)
  }

  /** Takes the next number for the join; the caller writes the columns before the next join is made. */
  #join(outcome: Outcome, { seq, facts }: Known): { joined: JoinedOutcome; columns: JoinColumns } {
    const joined = joinOutcome(outcome, facts, this.#valuesOf(seq, outcome.row))
    this.#lastSeq += 1
    return { joined, columns: [this.#lastSeq, seq, toJson(joined.predicted), toJson(joined.before)] }
  }

  /** What is known of a row: what its last outcome says on top of what was known before that one. */
  #valuesOf(seq: number, row: number): OutcomeValues | null {
    const last = this.#sql.lastOutcome.get(seq, row)
    return last === undefined
      ? null
      : valuesAfter({ outcome: rowToOutcome(last), before: fromJson<OutcomeValues>(last['before']) })
  }

  #know(id: string): Known | null {
    const row = this.#sql.predictionById.get(id)
    return row === undefined ? null : { seq: Number(row['seq']), facts: rowToPrediction(row) }
  }

  #prune(nowMs: number): void {
    const dueBeforeMs = this.#orphans.dueBeforeMs(nowMs)
    if (dueBeforeMs !== null) this.#sql.prune.run(dueBeforeMs)
  }

  #readLastSeq(): number {
    return Number(this.#sql.lastSeq.get()?.['seq'])
  }
}

/** The columns that an outcome gets when it is joined. */
type JoinColumns = readonly [
  commitSeq: number | null,
  predictionSeq: number | null,
  predicted: string | null,
  before: string | null,
]
const notJoined: JoinColumns = [null, null, null, null]

type Known = { seq: number; facts: JoinFacts }

function prepareStatements(database: DatabaseSync) {
  return {
    lastSeq: database.prepare(
      `SELECT max(coalesce((SELECT max(seq) FROM predictions), 0),
                  coalesce((SELECT max(commit_seq) FROM outcomes WHERE commit_seq IS NOT NULL), 0)) AS seq`,
    ),
    insertPrediction: database.prepare(
      `INSERT INTO predictions (seq, ${predictionColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO NOTHING`,
    ),
    insertPayload: database.prepare('INSERT INTO payloads (prediction_seq, request, response) VALUES (?, ?, ?)'),
    insertEpoch: database.prepare(
      'INSERT INTO epochs (endpoint, epoch, first_seq) VALUES (?, ?, ?) ON CONFLICT (endpoint, epoch) DO NOTHING',
    ),
    predictionById: database.prepare(`SELECT seq, ${predictionColumns} FROM predictions WHERE id = ?`),
    outcomeExists: database.prepare('SELECT 1 FROM outcomes WHERE id = ?'),
    insertOutcome: database.prepare(
      `INSERT INTO outcomes (id, prediction, row, label, reward, metrics, at_ms, accepted_ms,
         commit_seq, prediction_seq, predicted, before)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    lastOutcome: database.prepare(
      `SELECT ${outcomeColumns}, o.before FROM outcomes o WHERE o.prediction_seq = ? AND o.row = ?
       ORDER BY o.commit_seq DESC LIMIT 1`,
    ),
    joinOutcome: database.prepare(
      'UPDATE outcomes SET commit_seq = ?, prediction_seq = ?, predicted = ?, before = ? WHERE seq = ?',
    ),
    anyWaiting: database.prepare('SELECT 1 FROM outcomes WHERE commit_seq IS NULL LIMIT 1'),
    waitingFor: database.prepare(
      `SELECT o.seq, ${outcomeColumns} FROM outcomes o WHERE o.prediction = ? AND o.commit_seq IS NULL ORDER BY o.seq`,
    ),
    prune: database.prepare('DELETE FROM outcomes WHERE commit_seq IS NULL AND accepted_ms < ?'),
  }
}
