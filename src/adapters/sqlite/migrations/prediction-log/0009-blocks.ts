import type { Migration } from '../../migrate.ts'

/**
 * Predictions are kept as they were packed, hundreds in one row: writing one costs a fifth of what a row of its own does.
 * Which block holds a prediction follows from its number, or from its id where the gateway made that; all other ids are
 * in an index. What stands in rows of their own is packed when the log is opened.
 */
export const blocks: Migration = {
  number: 9,
  sql: `
    CREATE TABLE blocks (
      first_seq INTEGER PRIMARY KEY,
      last_seq INTEGER NOT NULL,
      low_id TEXT,
      high_id TEXT,
      format INTEGER NOT NULL,
      kinds TEXT NOT NULL,
      records BLOB NOT NULL
    ) STRICT;
    CREATE INDEX blocks_by_id ON blocks (high_id, low_id) WHERE high_id IS NOT NULL;
    CREATE TABLE scattered_ids (
      id TEXT PRIMARY KEY,
      seq INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE unnamed_shadows (
      champion TEXT NOT NULL,
      seq INTEGER NOT NULL,
      PRIMARY KEY (champion, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE block_kinds (
      first_seq INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      PRIMARY KEY (first_seq, kind)
    ) STRICT, WITHOUT ROWID;
    DROP TABLE kind_slots;
    ALTER TABLE predictions RENAME TO predictions_by_row;
    DROP INDEX predictions_by_champion;

    DROP INDEX outcomes_by_prediction;
    ALTER TABLE outcomes RENAME TO outcomes_before;
    CREATE TABLE outcomes (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      prediction_seq INTEGER NOT NULL,
      row INTEGER NOT NULL,
      label TEXT,
      reward REAL,
      metrics TEXT NOT NULL,
      at_ms REAL NOT NULL,
      before TEXT
    ) STRICT;
    INSERT INTO outcomes SELECT seq, id, prediction_seq, row, label, reward, metrics, at_ms, before
      FROM outcomes_before ORDER BY seq;
    DROP TABLE outcomes_before;
    CREATE INDEX outcomes_by_prediction ON outcomes (prediction_seq, row);

    ALTER TABLE payloads RENAME TO payloads_before;
    CREATE TABLE payloads (
      prediction_seq INTEGER PRIMARY KEY,
      request BLOB NOT NULL,
      response BLOB NOT NULL,
      sent TEXT
    ) STRICT;
    INSERT INTO payloads SELECT prediction_seq, request, response, sent FROM payloads_before ORDER BY prediction_seq;
    DROP TABLE payloads_before;
  `,
}
