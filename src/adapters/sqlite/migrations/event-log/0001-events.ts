import type { Migration } from '../../migrate.ts'

export const events: Migration = {
  number: 1,
  sql: `
    CREATE TABLE events (
      seq INTEGER PRIMARY KEY,
      at_ms REAL NOT NULL,
      type TEXT NOT NULL,
      event TEXT NOT NULL
    ) STRICT;
  `,
}
