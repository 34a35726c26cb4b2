/** Tests of servers that share a database: each has tables and two places for servers of its own. */
import { test } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { openWorkplace, type Workplace } from './process.ts'

type Shared = {
  /** One for all tests of a file, for as long as that takes. */
  database: TestPostgres
  /** Address of tables that are new and empty. */
  url: string
  here: Workplace
  there: Workplace
}

export const onOneDatabase = test.extend<Shared>({
  database: [
    // biome-ignore lint/correctness/noEmptyPattern: fixtures are asked for by pattern, and this one needs none.
    async ({}, use) => {
      const database = await startPostgres()
      await use(database)
      await database.stop()
    },
    { scope: 'file' },
  ],
  url: async ({ database }, use) => use(await database.freshUrl()),
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  here: async ({}, use) => inWorkplace(use),
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  there: async ({}, use) => inWorkplace(use),
})

async function inWorkplace(use: (place: Workplace) => Promise<void>): Promise<void> {
  const place = await openWorkplace()
  await use(place)
  await place.close()
}
