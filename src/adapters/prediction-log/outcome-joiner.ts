/** Joins outcomes to their predictions: what it reads of a prediction, and of a row's last outcome, it reads once a batch. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { OutcomeValues } from '../../core/prediction.ts'
import { valuesAfter } from '../../core/prediction.ts'
import { type JoinRow, type OutcomeRow, outcomeFromRow } from './outcome-rows.ts'
import { fromJson, toJson } from './rows.ts'

/** A prediction that outcomes of one batch belong to. */
export type Known = {
  seq: number
  facts: readonly SQLOutputValue[]
  answer: readonly unknown[] | null
  scores: readonly unknown[] | null
  /** The last outcome of each row that the batch has met. */
  last: Map<number, LastOutcome>
  /** Outcomes of earlier batches exist: most often there are none, and none are looked for. */
  hasEarlier: boolean
}

type LastOutcome = { outcome: OutcomeRow; before: string | null }

export class OutcomeJoiner {
  readonly #sql: ReturnType<typeof prepareStatements>

  constructor(database: DatabaseSync) {
    this.#sql = prepareStatements(database)
  }

  /** Those of the predictions that exist, by id. Good until another batch is joined. */
  know(ids: readonly string[]): Map<string, Known> {
    const distinct = [...new Set(ids)]
    const rows = this.#sql.predictions.all(JSON.stringify(distinct)) as unknown as readonly SQLOutputValue[][]
    return new Map(rows.map(([place, ...columns]) => [distinct[Number(place)] ?? '', knownOf(columns)]))
  }

  /** Writes the outcome as commit `seq`. */
  join(seq: number, outcome: OutcomeRow, known: Known): JoinRow {
    const [id, , row, label, reward, metrics, atMs] = outcome
    const before = toJson(valuesOf(this.#lastOutcome(known, row)))
    this.#sql.insert.run(seq, id, known.seq, row, label, reward, metrics, atMs, before)
    known.last.set(row, { outcome, before })
    const [predicted, scores] = [toJson(known.answer?.[row] ?? null), toJson(known.scores?.[row] ?? null)]
    return [...known.facts, predicted, scores, before] as unknown as JoinRow
  }

  #lastOutcome(known: Known, row: number): LastOutcome | null {
    const met = known.last.get(row)
    if (met !== undefined) return met
    const columns = known.hasEarlier ? this.#sql.lastOutcome.get(known.seq, row) : undefined
    if (columns === undefined) return null
    const [before, ...outcome] = columns as unknown as readonly [string | null, ...OutcomeRow]
    return { outcome, before }
  }
}

function knownOf([seq, hasEarlier, answer, scores, ...facts]: readonly SQLOutputValue[]): Known {
  return {
    seq: Number(seq),
    hasEarlier: hasEarlier === 1,
    answer: fromJson<readonly unknown[]>(answer),
    scores: fromJson<readonly unknown[]>(scores),
    facts,
    last: new Map(),
  }
}

/** What is known of a row: what its last outcome says on top of what was known before that one. */
function valuesOf(last: LastOutcome | null): OutcomeValues | null {
  return last === null
    ? null
    : valuesAfter({ outcome: outcomeFromRow(last.outcome), before: fromJson<OutcomeValues>(last.before) })
}

function prepareStatements(database: DatabaseSync) {
  const statements = {
    /** From the sixth column on in the order of `JoinRow`. */
    predictions: database.prepare(
      `SELECT j.key, p.seq, EXISTS (SELECT 1 FROM outcomes o WHERE o.prediction_seq = p.seq), p.answer, p.scores,
         p.endpoint, p.epoch, p.release, p.version, p.unit, p.propensity, p.latency_ms, p.status,
         (p.pinned = 0 AND p.version = p.assigned), p.at_ms
       FROM json_each(?) j CROSS JOIN predictions p ON p.id = j.value`,
    ),
    insert: database.prepare(
      `INSERT INTO outcomes (seq, id, prediction_seq, row, label, reward, metrics, at_ms, before)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    lastOutcome: database.prepare(
      `SELECT o.before, o.id, p.id, o.row, o.label, o.reward, o.metrics, o.at_ms
       FROM outcomes o CROSS JOIN predictions p ON p.seq = o.prediction_seq
       WHERE o.prediction_seq = ? AND o.row = ? ORDER BY o.seq DESC LIMIT 1`,
    ),
  }
  statements.predictions.setReturnArrays(true)
  statements.lastOutcome.setReturnArrays(true)
  return statements
}
