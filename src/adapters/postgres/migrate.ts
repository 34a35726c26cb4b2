/** Numbered migrations of the tables of one store; the number of the last one stands in a table of its own. */
import { CutoverError } from '../../core/errors.ts'
import type { SqlDatabase } from '../sql/database.ts'

/** Once released a migration never changes; the next change of the schema is the next number. */
export type Migration = { number: number; sql: string }

/** As on a file. Each is in a transaction of its own, which only the server with the lease can make. */
export function migrate(database: SqlDatabase, store: string, migrations: readonly Migration[]): void {
  database.transact(() =>
    database.exec('CREATE TABLE IF NOT EXISTS cutover_schemas (store text PRIMARY KEY, number integer NOT NULL)'),
  )
  const row = database.prepare('SELECT number FROM cutover_schemas WHERE store = ?').get(store)
  const current = Number(row?.['number'] ?? 0)
  if (current > migrations.length)
    throw new CutoverError(
      'data-folder-invalid',
      `the tables of ${store} in ${database.name} have schema ${current}, and this version of Cutover knows schemas up to ` +
        `${migrations.length}: a newer version has written them. Run that version, or name another database`,
    )
  const note = database.prepare(
    'INSERT INTO cutover_schemas (store, number) VALUES (?, ?) ON CONFLICT (store) DO UPDATE SET number = excluded.number',
  )
  for (const { number, sql } of migrations.slice(current))
    database.transact(() => {
      database.exec(sql)
      note.run(store, number)
    })
}
