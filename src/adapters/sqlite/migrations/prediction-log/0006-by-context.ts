import type { Migration } from '../../migrate.ts'

/** Whether a version was chosen by the features of the request: such rows are no sample of all callers. */
export const byContext: Migration = {
  number: 6,
  sql: `ALTER TABLE predictions ADD COLUMN by_context INTEGER NOT NULL DEFAULT 0;`,
}
