import type { Migration } from '../../migrate.ts'

/**
 * What challengers answered to copies of requests stands beside what callers got, and names it. An outcome is kept once
 * for the prediction it names and once for each of that one's shadows, under one id: each is a commit of its own.
 */
export const shadows: Migration = {
  number: 5,
  sql: `
    ALTER TABLE predictions ADD COLUMN shadow_of TEXT;
    CREATE INDEX predictions_by_champion ON predictions (shadow_of) WHERE shadow_of IS NOT NULL;
  `,
}
