import type { Migration } from '../../migrate.ts'

/** Who may speak of some endpoints alone may send an outcome before its prediction is there: it waits with their names, as JSON. */
export const sendersEndpoints: Migration = {
  number: 10,
  sql: `ALTER TABLE waiting_outcomes ADD COLUMN endpoints TEXT`,
}
