import type { Migration } from '../../migrate.ts'

/**
 * Outcomes are kept in the order of commit, those that wait for their prediction apart, and what the prediction says
 * (its id, the predicted value) is read from it. Ids of outcomes are hashes: an index over them dirties a page of its own
 * for nearly every outcome, so it is written behind, in sorted runs; `indexed_outcomes` says how far it goes for certain.
 */
export const outcomesByCommit: Migration = {
  number: 3,
  sql: `
    DROP INDEX outcomes_by_commit;
    DROP INDEX outcomes_by_prediction;
    DROP INDEX outcomes_waiting;
    DROP INDEX outcomes_waiting_since;
    ALTER TABLE outcomes RENAME TO outcomes_by_arrival;

    CREATE TABLE outcomes (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      prediction_seq INTEGER NOT NULL REFERENCES predictions (seq) ON DELETE CASCADE,
      row INTEGER NOT NULL,
      label TEXT,
      reward REAL,
      metrics TEXT NOT NULL,
      at_ms REAL NOT NULL,
      before TEXT
    ) STRICT;
    INSERT INTO outcomes (seq, id, prediction_seq, row, label, reward, metrics, at_ms, before)
      SELECT commit_seq, id, prediction_seq, row, label, reward, metrics, at_ms, before
      FROM outcomes_by_arrival WHERE commit_seq IS NOT NULL ORDER BY commit_seq;
    CREATE INDEX outcomes_by_prediction ON outcomes (prediction_seq, row);

    CREATE TABLE waiting_outcomes (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      prediction TEXT NOT NULL,
      row INTEGER NOT NULL,
      label TEXT,
      reward REAL,
      metrics TEXT NOT NULL,
      at_ms REAL NOT NULL,
      accepted_ms REAL NOT NULL
    ) STRICT;
    INSERT INTO waiting_outcomes (seq, id, prediction, row, label, reward, metrics, at_ms, accepted_ms)
      SELECT seq, id, prediction, row, label, reward, metrics, at_ms, accepted_ms
      FROM outcomes_by_arrival WHERE commit_seq IS NULL ORDER BY seq;
    CREATE INDEX waiting_outcomes_by_prediction ON waiting_outcomes (prediction);
    CREATE INDEX waiting_outcomes_since ON waiting_outcomes (accepted_ms);
    DROP TABLE outcomes_by_arrival;

    CREATE TABLE outcome_ids (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    INSERT INTO outcome_ids (id) SELECT id FROM outcomes ORDER BY id;
    CREATE TABLE indexed_outcomes (up_to_seq INTEGER NOT NULL) STRICT;
    INSERT INTO indexed_outcomes (up_to_seq) SELECT coalesce(max(seq), 0) FROM outcomes;
  `,
}
