import type { Migration } from '../../migrate.ts'

/** `taken` is the number of the last event whose notices are here whole. */
export const deliveries: Migration = {
  number: 1,
  sql: `
    CREATE TABLE deliveries (
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      endpoint TEXT NOT NULL,
      webhook TEXT NOT NULL,
      release TEXT NOT NULL,
      event TEXT NOT NULL,
      url TEXT NOT NULL,
      secret_env TEXT,
      body TEXT NOT NULL,
      state TEXT NOT NULL,
      attempts INTEGER NOT NULL,
      created_at_ms REAL NOT NULL,
      next_at_ms REAL NOT NULL,
      detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX deliveries_due ON deliveries (next_at_ms) WHERE state = 'waiting';
    CREATE TABLE taken (seq INTEGER NOT NULL) STRICT;
    INSERT INTO taken VALUES (0);
  `,
}
