import type { Migration } from '../../migrate.ts'

/**
 * How far the log has let go of its oldest predictions, and the last number that was given before: what is gone with its
 * outcomes must not have its numbers given again.
 */
export const trimmed: Migration = {
  number: 11,
  sql: `
    CREATE TABLE trimmed (up_to_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL) STRICT;
    INSERT INTO trimmed (up_to_seq, last_seq) VALUES (0, 0);
  `,
}
