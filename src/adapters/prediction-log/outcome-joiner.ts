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
  /** In the order in which they were committed. */
  shadows: Known[]
}

type LastOutcome = { outcome: OutcomeRow; before: string | null }

export class OutcomeJoiner {
  readonly #sql: ReturnType<typeof prepareStatements>

  constructor(database: DatabaseSync) {
    this.#sql = prepareStatements(database)
  }

  /** Those of the predictions that exist and are no shadows, by id, with their shadows. Good until another batch is joined. */
  know(ids: readonly string[]): Map<string, Known> {
    const distinct = [...new Set(ids)]
    const wanted = JSON.stringify(distinct)
    const known = new Map(readKnown(this.#sql.champions, wanted).map(([place, one]) => [distinct[place] ?? '', one]))
    if (this.#sql.anyShadow.get() === undefined) return known
    for (const [place, shadow] of readKnown(this.#sql.shadows, wanted)) {
      known.get(distinct[place] ?? '')?.shadows.push(shadow)
    }
    return known
  }

  /** For shadows that come after outcomes of their champion: those outcomes, shadow by shadow, each as it was committed. */
  missed(shadowIds: readonly string[]): { outcome: OutcomeRow; before: string | null; shadow: Known }[] {
    const ids = JSON.stringify(shadowIds)
    const rows = this.#sql.missed.all(ids) as unknown as readonly SQLOutputValue[][]
    if (rows.length === 0) return []
    const shadows = new Map(readKnown(this.#sql.anyPrediction, ids))
    return rows.flatMap(([place, before, ...outcome]) => {
      const shadow = shadows.get(Number(place))
      if (shadow === undefined) return []
      return [{ outcome: outcome as unknown as OutcomeRow, before: before as string | null, shadow }]
    })
  }

  /** Writes the outcome of a champion as commit `seq`. */
  join(seq: number, outcome: OutcomeRow, known: Known): { join: JoinRow; before: string | null } {
    const row = outcome[2]
    const before = toJson(valuesOf(this.#lastOutcome(known, row)))
    known.last.set(row, { outcome, before })
    return { join: this.joinShadow(seq, outcome, before, known), before }
  }

  /** Writes the outcome, of whose row `before` was known, as commit `seq` for one of the shadows. */
  joinShadow(seq: number, outcome: OutcomeRow, before: string | null, shadow: Known): JoinRow {
    const [id, , row, label, reward, metrics, atMs] = outcome
    this.#sql.insert.run(seq, id, shadow.seq, row, label, reward, metrics, atMs, before)
    const [predicted, scores] = [toJson(shadow.answer?.[row] ?? null), toJson(shadow.scores?.[row] ?? null)]
    return [...shadow.facts, predicted, scores, before] as unknown as JoinRow
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

/** Each with the place in `ids`, a list in JSON, of the one that it was asked for by. */
function readKnown(statement: ReturnType<typeof prepareStatements>['champions'], ids: string): [number, Known][] {
  const rows = statement.all(ids) as unknown as readonly SQLOutputValue[][]
  return rows.map(([place, ...columns]) => [Number(place), knownOf(columns)])
}

function knownOf([seq, hasEarlier, answer, scores, ...facts]: readonly SQLOutputValue[]): Known {
  return {
    seq: Number(seq),
    hasEarlier: hasEarlier === 1,
    answer: fromJson<readonly unknown[]>(answer),
    scores: fromJson<readonly unknown[]>(scores),
    facts,
    last: new Map(),
    shadows: [],
  }
}

/** What is known of a row: what its last outcome says on top of what was known before that one. */
function valuesOf(last: LastOutcome | null): OutcomeValues | null {
  return last === null
    ? null
    : valuesAfter({ outcome: outcomeFromRow(last.outcome), before: fromJson<OutcomeValues>(last.before) })
}

/** From the sixth column on in the order of `JoinRow`. */
const knownColumns = `j.key, p.seq, EXISTS (SELECT 1 FROM outcomes o WHERE o.prediction_seq = p.seq), p.answer, p.scores,
  k.endpoint, k.epoch, k.release, k.version, p.unit, k.propensity, p.latency_ms, k.status,
  (k.pinned = 0 AND k.version = k.assigned), p.at_ms, p.shadow_of, k.by_context, p.features, p.measures`

const withKind = 'CROSS JOIN kinds k ON k.kind = p.kind'

function prepareStatements(database: DatabaseSync) {
  const statements = {
    champions: database.prepare(
      `SELECT ${knownColumns} FROM json_each(?) j CROSS JOIN predictions p ON p.id = j.value ${withKind}
       WHERE p.shadow_of IS NULL`,
    ),
    shadows: database.prepare(
      `SELECT ${knownColumns} FROM json_each(?) j CROSS JOIN predictions p ON p.shadow_of = j.value ${withKind}
       ORDER BY p.seq`,
    ),
    anyPrediction: database.prepare(
      `SELECT ${knownColumns} FROM json_each(?) j CROSS JOIN predictions p ON p.id = j.value ${withKind}`,
    ),
    anyShadow: database.prepare('SELECT 1 FROM predictions WHERE shadow_of IS NOT NULL LIMIT 1'),
    missed: database.prepare(
      `SELECT j.key, o.before, o.id, c.id, o.row, o.label, o.reward, o.metrics, o.at_ms
       FROM json_each(?) j CROSS JOIN predictions s ON s.id = j.value
       CROSS JOIN predictions c ON c.id = s.shadow_of AND c.shadow_of IS NULL
       CROSS JOIN outcomes o ON o.prediction_seq = c.seq ORDER BY j.key, o.seq`,
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
  const { champions, shadows, anyPrediction, missed, lastOutcome } = statements
  for (const one of [champions, shadows, anyPrediction, missed, lastOutcome]) one.setReturnArrays(true)
  return statements
}
