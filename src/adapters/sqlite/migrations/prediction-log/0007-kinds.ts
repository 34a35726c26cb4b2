import type { Migration } from '../../migrate.ts'

/**
 * What many predictions share stands once, as their kind, and a prediction is a narrow row: writing one costs half as much.
 * Where predictions of a kind are is kept by slots of 512 commits instead of an index entry for each of them.
 * The table is made anew: what refers to it does so by its name, which comes back.
 */
export const kinds: Migration = {
  number: 7,
  sql: `
    CREATE TABLE kinds (
      kind INTEGER PRIMARY KEY,
      endpoint TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      release TEXT,
      assigned TEXT NOT NULL,
      version TEXT NOT NULL,
      propensity REAL NOT NULL,
      pinned INTEGER NOT NULL,
      by_context INTEGER NOT NULL,
      status INTEGER NOT NULL,
      failed INTEGER NOT NULL
    ) STRICT;
    INSERT INTO kinds (endpoint, epoch, release, assigned, version, propensity, pinned, by_context, status, failed)
      SELECT DISTINCT endpoint, epoch, release, assigned, version, propensity, pinned, by_context, status, failed
      FROM predictions;
    CREATE INDEX kinds_by_place ON kinds (endpoint, epoch, version, status, propensity);

    CREATE TABLE narrow_predictions (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      kind INTEGER NOT NULL,
      unit TEXT NOT NULL,
      at_ms REAL NOT NULL,
      latency_ms REAL NOT NULL,
      answer TEXT,
      scores TEXT,
      features TEXT,
      shadow_of TEXT
    ) STRICT;
    INSERT INTO narrow_predictions (seq, id, kind, unit, at_ms, latency_ms, answer, scores, features, shadow_of)
      SELECT p.seq, p.id, k.kind, p.unit, p.at_ms, p.latency_ms, p.answer, p.scores, p.features, p.shadow_of
      FROM predictions p NOT INDEXED CROSS JOIN kinds k
        ON k.endpoint = p.endpoint AND k.epoch = p.epoch AND k.version = p.version AND k.status = p.status
        AND k.propensity = p.propensity AND k.assigned = p.assigned AND k.release IS p.release
        AND k.pinned = p.pinned AND k.by_context = p.by_context AND k.failed = p.failed
      ORDER BY p.seq;
    DROP TABLE predictions;
    ALTER TABLE narrow_predictions RENAME TO predictions;
    CREATE INDEX predictions_by_champion ON predictions (shadow_of) WHERE shadow_of IS NOT NULL;

    CREATE TABLE kind_slots (
      slot INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      PRIMARY KEY (slot, kind)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO kind_slots (slot, kind) SELECT DISTINCT seq >> 9, kind FROM predictions;
  `,
}
