import type { Migration } from '../../migrate.ts'

/** Tokens, times and cost of answers in OpenAI's style, by name, in JSON. */
export const measures: Migration = {
  number: 8,
  sql: `ALTER TABLE predictions ADD COLUMN measures TEXT;`,
}
