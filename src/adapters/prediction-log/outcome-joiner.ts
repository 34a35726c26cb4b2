/** Joins outcomes to their predictions: what it reads of a prediction, and of a row's last outcome, it reads once a batch. */

import type { OutcomeValues, Prediction } from '../../core/prediction.ts'
import { valuesAfter } from '../../core/prediction.ts'
import type { SqlDatabase, SqlValue, TextTable } from '../sql/database.ts'
import type { Blocks, Located } from './blocks.ts'
import { ManyRows } from './many-rows.ts'
import { type JoinRow, joinRow, type OutcomeRow, outcomeFromRow } from './outcome-rows.ts'
import { fromJson, toJson } from './rows.ts'

/** A prediction that outcomes of one batch belong to. */
export type Known = {
  seq: number
  prediction: Prediction
  /** The last outcome of each row that the batch has met. */
  last: Map<number, LastOutcome>
  /** Of a champion: outcomes of earlier batches exist. Most often there are none, and none are looked for. */
  hasEarlier: boolean
  /** In the order in which they were committed. */
  shadows: Known[]
}

type LastOutcome = { outcome: OutcomeRow; before: string | null }

export class OutcomeJoiner {
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #texts: TextTable
  readonly #blocks: Blocks
  readonly #outcomes: ManyRows
  /** Rows of outcomes that are joined and not yet written. */
  #joined: SqlValue[][] = []

  constructor(database: SqlDatabase, blocks: Blocks) {
    this.#sql = prepareStatements(database)
    this.#texts = database.texts
    this.#blocks = blocks
    this.#outcomes = new ManyRows(database, {
      into: 'outcomes (seq, id, prediction_seq, row, label, reward, metrics, at_ms, before)',
      columns: 9,
    })
  }

  /** Those of the predictions that exist and are no shadows, by id, with their shadows. Good until another batch is joined. */
  know(ids: readonly string[]): Map<string, Known> {
    const found = this.#blocks.byId([...new Set(ids)])
    const shadows = this.#blocks.shadows([...found.keys()])
    const known = new Map<string, Known>()
    const earlier = this.#withOutcomes([...found.values()])
    for (const [id, { seq, prediction }] of found) {
      if (prediction.shadowOf !== undefined) continue
      const ofIt = (shadows.get(id) ?? []).map(shadow => knownOf(shadow))
      known.set(id, { ...knownOf({ seq, prediction }), hasEarlier: earlier.has(seq), shadows: ofIt })
    }
    return known
  }

  /** For shadows that come after outcomes of their champion: those outcomes, shadow by shadow, each as it was committed. */
  missed(shadowSeqs: readonly number[]): { outcome: OutcomeRow; before: string | null; shadow: Known }[] {
    const shadows = this.#blocks.predictions(shadowSeqs)
    const champions = this.#blocks.byId([...shadows.values()].map(({ shadowOf = '' }) => shadowOf))
    return [...shadows].flatMap(([seq, prediction]) => {
      const champion = champions.get(prediction.shadowOf ?? '')
      if (champion === undefined || champion.prediction.shadowOf !== undefined) return []
      const shadow = knownOf({ seq, prediction })
      return this.#outcomesOf(champion).map(one => ({ ...one, shadow }))
    })
  }

  /** Joins the outcome of a champion as commit `seq`. */
  join(seq: number, outcome: OutcomeRow, known: Known): { join: JoinRow; before: string | null } {
    const row = outcome[2]
    const before = toJson(valuesOf(this.#lastOutcome(known, row)))
    known.last.set(row, { outcome, before })
    return { join: this.joinShadow(seq, outcome, before, known), before }
  }

  /** Joins the outcome, of whose row `before` was known, as commit `seq` for one of the shadows. */
  joinShadow(seq: number, outcome: OutcomeRow, before: string | null, shadow: Known): JoinRow {
    const [key, , row, label, reward, metrics, atMs] = outcome
    this.#joined.push([seq, key, shadow.seq, row, label, reward, metrics, atMs, before])
    return joinRow(shadow.prediction, row, before)
  }

  /** Writes what was joined: to be called before anything else is read. */
  write(): void {
    const rows = this.#joined
    this.#joined = []
    this.#outcomes.insert(rows)
  }

  rolledBack(): void {
    this.#joined = []
  }

  #withOutcomes(found: readonly Located[]): Set<number> {
    const seqs = this.#texts.of(found.map(({ seq }) => String(seq)))
    return new Set(this.#sql.withOutcomes.all(seqs).map(row => Number(row['seq'])))
  }

  #lastOutcome({ seq, prediction, last, hasEarlier }: Known, row: number): LastOutcome | null {
    const met = last.get(row)
    if (met !== undefined) return met
    const columns = hasEarlier ? this.#sql.lastOutcome.get(seq, row) : undefined
    return columns === undefined ? null : lastOutcomeOf(columns as unknown as readonly SqlValue[], prediction.id)
  }

  #outcomesOf({ seq, prediction }: Located): LastOutcome[] {
    const rows = this.#sql.outcomes.all(seq) as unknown as readonly (readonly SqlValue[])[]
    return rows.map(columns => lastOutcomeOf(columns, prediction.id))
  }
}

function knownOf({ seq, prediction }: Located): Known {
  return { seq, prediction, hasEarlier: false, last: new Map(), shadows: [] }
}

function lastOutcomeOf([before, id, ...rest]: readonly SqlValue[], prediction: string): LastOutcome {
  return { outcome: [id, prediction, ...rest] as unknown as OutcomeRow, before: before as string | null }
}

/** What is known of a row: what its last outcome says on top of what was known before that one. */
function valuesOf(last: LastOutcome | null): OutcomeValues | null {
  return last === null
    ? null
    : valuesAfter({ outcome: outcomeFromRow(last.outcome), before: fromJson<OutcomeValues>(last.before) })
}

const columns = 'before, id, row, label, reward, metrics, at_ms'

function prepareStatements(database: SqlDatabase) {
  const statements = {
    withOutcomes: database.prepare(
      `SELECT j.value AS seq FROM ${database.texts.as('j')}
       WHERE EXISTS (SELECT 1 FROM outcomes o WHERE o.prediction_seq = CAST(j.value AS bigint))`,
    ),
    lastOutcome: database.prepare(
      `SELECT ${columns} FROM outcomes WHERE prediction_seq = ? AND row = ? ORDER BY seq DESC LIMIT 1`,
    ),
    outcomes: database.prepare(`SELECT ${columns} FROM outcomes WHERE prediction_seq = ? ORDER BY seq`),
  }
  statements.lastOutcome.setReturnArrays(true)
  statements.outcomes.setReturnArrays(true)
  return statements
}
