import type { Migration } from '../migrate.ts'

export const eventLogMigrations: readonly Migration[] = [
  {
    number: 1,
    sql: `
      CREATE TABLE events (
        seq bigint PRIMARY KEY,
        at_ms double precision NOT NULL CHECK (at_ms <> 'NaN'),
        type text NOT NULL,
        event text NOT NULL
      );
    `,
  },
]
