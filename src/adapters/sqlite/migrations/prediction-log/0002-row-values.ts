import type { Migration } from '../../migrate.ts'

/** Scores and features of predictions; an outcome keeps all that was known of its row before it, not the label alone. */
export const rowValues: Migration = {
  number: 2,
  sql: `
    ALTER TABLE predictions ADD COLUMN scores TEXT;
    ALTER TABLE predictions ADD COLUMN features TEXT;
    ALTER TABLE outcomes RENAME COLUMN replaced TO before;
    UPDATE outcomes SET before = json_object('label', json(before), 'reward', NULL, 'metrics', json('{}'))
      WHERE before IS NOT NULL;
  `,
}
