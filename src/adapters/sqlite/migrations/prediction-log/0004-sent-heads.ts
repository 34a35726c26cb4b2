import type { Migration } from '../../migrate.ts'

/** How a request whose bodies are kept was sent, as JSON: enough to send it again. */
export const sentHeads: Migration = {
  number: 4,
  sql: 'ALTER TABLE payloads ADD COLUMN sent TEXT;',
}
