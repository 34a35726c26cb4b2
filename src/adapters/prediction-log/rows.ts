/** Columns that hold JSON, and outcomes as the tables have them. */

import { idOfOutcomeKey, type Outcome, type Truth } from '../../core/prediction.ts'
import type { SqlRow, SqlValue } from '../sql/database.ts'

export const outcomeColumns = 'id, row, label, reward, metrics, at_ms'

/** Wants `outcomeColumns`; `prediction` is the id that the outcome named. */
export function rowToOutcome(row: SqlRow, prediction: string): Outcome {
  return {
    id: idOfOutcomeKey(String(row['id'])),
    prediction,
    row: Number(row['row']),
    label: fromJson<Truth>(row['label']),
    reward: row['reward'] === null ? null : Number(row['reward']),
    metrics: fromJson<Record<string, number>>(row['metrics']) ?? {},
    atMs: Number(row['at_ms']),
  }
}

export function toJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

/** The caller names the type that the column was written with. */
export function fromJson<T>(text: SqlValue | undefined): T | null {
  return typeof text === 'string' ? JSON.parse(text) : null
}
