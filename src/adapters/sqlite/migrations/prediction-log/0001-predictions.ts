import type { Migration } from '../../migrate.ts'

/**
 * Predictions and joined outcomes share one sequence, the order of commit: `predictions.seq` and `outcomes.commit_seq`.
 * An outcome without `commit_seq` waits for its prediction. Labels and answers are JSON, so 3 and "3" stay apart.
 */
export const predictions: Migration = {
  number: 1,
  sql: `
    CREATE TABLE predictions (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      endpoint TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      release TEXT,
      unit TEXT NOT NULL,
      assigned TEXT NOT NULL,
      version TEXT NOT NULL,
      propensity REAL NOT NULL,
      pinned INTEGER NOT NULL,
      at_ms REAL NOT NULL,
      latency_ms REAL NOT NULL,
      status INTEGER NOT NULL,
      failed INTEGER NOT NULL,
      answer TEXT
    ) STRICT;
    CREATE INDEX predictions_by_endpoint ON predictions (endpoint);
    CREATE INDEX predictions_by_version ON predictions (endpoint, version);

    CREATE TABLE payloads (
      prediction_seq INTEGER PRIMARY KEY REFERENCES predictions (seq) ON DELETE CASCADE,
      request BLOB NOT NULL,
      response BLOB NOT NULL
    ) STRICT;

    CREATE TABLE epochs (
      endpoint TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      first_seq INTEGER NOT NULL,
      PRIMARY KEY (endpoint, epoch)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE outcomes (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      prediction TEXT NOT NULL,
      row INTEGER NOT NULL,
      label TEXT,
      reward REAL,
      metrics TEXT NOT NULL,
      at_ms REAL NOT NULL,
      accepted_ms REAL NOT NULL,
      commit_seq INTEGER,
      prediction_seq INTEGER REFERENCES predictions (seq) ON DELETE CASCADE,
      predicted TEXT,
      replaced TEXT
    ) STRICT;
    CREATE UNIQUE INDEX outcomes_by_commit ON outcomes (commit_seq) WHERE commit_seq IS NOT NULL;
    CREATE INDEX outcomes_by_prediction ON outcomes (prediction_seq, row, commit_seq) WHERE prediction_seq IS NOT NULL;
    CREATE INDEX outcomes_waiting ON outcomes (prediction) WHERE commit_seq IS NULL;
    CREATE INDEX outcomes_waiting_since ON outcomes (accepted_ms) WHERE commit_seq IS NULL;
  `,
}
