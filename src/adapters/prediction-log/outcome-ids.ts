/**
 * Which outcomes were accepted, so that the same one again changes nothing. An id here is an outcome's key: a hash, or a
 * caller's own id with its prediction. They come in no order, and an index that takes each as it comes writes a page for
 * nearly every one. So the last ones are kept in memory, and move into the index in sorted slices: neighbours share a page.
 * After a crash those in memory are read back from the outcomes themselves.
 */
import type { SqlDatabase, TextTable } from '../sql/database.ts'

export const outcomeIdBounds = {
  /** Ids gathered before they begin to move. Memory holds up to twice as many, about 100 bytes each. */
  gatheredMax: 262_144,
  /** Ids written to the index at a time. */
  sliceIds: 1_000,
  /** Ids read back at a time, which a server waits for when it starts: each answer of a database takes a while. */
  pageIds: 10_000,
} as const
/** Ids that move per new one: the last ones have moved long before as many are gathered again. */
const movesPerId = 2

type Bounds = Readonly<Record<keyof typeof outcomeIdBounds, number>>
type Moving = { known: Set<string>; sorted: readonly string[]; moved: number; upToSeq: number }

export class OutcomeIds {
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #texts: TextTable
  readonly #bounds: Bounds
  #gathered = new Set<string>()
  #moving: Moving | null = null
  /** What the open transaction has done: kept at its commit. */
  #added = new Set<string>()
  #forgotten: string[] = []
  #moved = 0
  #owed = 0

  /** Reads the ids that the index may lack. */
  constructor(database: SqlDatabase, bounds: Bounds = outcomeIdBounds) {
    this.#bounds = bounds
    this.#sql = prepareStatements(database)
    this.#texts = database.texts
    this.#readBack()
  }

  /** Those of `ids` that were accepted before. */
  known(ids: readonly string[]): Set<string> {
    const elsewhere: string[] = []
    const known = new Set<string>()
    for (const id of ids) {
      if (this.#added.has(id) || this.#gathered.has(id) || this.#moving?.known.has(id) === true) known.add(id)
      else elsewhere.push(id)
    }
    for (const row of this.#sql.indexed.all(this.#texts.of(elsewhere))) known.add(String(row['id']))
    return known
  }

  add(id: string): void {
    this.#added.add(id)
  }

  /** Their outcomes are gone: whoever has deleted them from the index too. */
  forget(ids: readonly string[]): void {
    this.#forgotten.push(...ids)
  }

  /** The last thing in a transaction: writes a slice of the index where one is due. */
  settle(): void {
    const moving = this.#moving
    if (moving === null) return
    const { sliceIds } = this.#bounds
    const due = Math.floor((this.#owed + this.#added.size * movesPerId) / sliceIds) * sliceIds
    if (due === 0) return
    const slice = moving.sorted.slice(moving.moved, moving.moved + due)
    this.#sql.index.run(this.#texts.of(slice.filter(id => moving.known.has(id))))
    this.#moved = slice.length
    if (moving.moved + slice.length === moving.sorted.length) this.#sql.setIndexed.run(moving.upToSeq)
  }

  /** `lastSeq` is the last number that is given: all outcomes up to it are committed. */
  committed(lastSeq: number): void {
    for (const id of this.#added) this.#gathered.add(id)
    for (const id of this.#forgotten) if (!this.#gathered.delete(id)) this.#moving?.known.delete(id)
    if (this.#moving !== null) this.#keepMoved(this.#moving)
    if (this.#moving === null && this.#gathered.size >= this.#bounds.gatheredMax) {
      this.#moving = { known: this.#gathered, sorted: [...this.#gathered].sort(), moved: 0, upToSeq: lastSeq }
      this.#gathered = new Set()
    }
    this.rolledBack()
  }

  rolledBack(): void {
    if (this.#added.size > 0) this.#added = new Set()
    if (this.#forgotten.length > 0) this.#forgotten = []
    this.#moved = 0
  }

  #readBack(): void {
    const { pageIds } = this.#bounds
    let afterSeq = Number(this.#sql.indexedUpTo.get()?.['up_to_seq'])
    for (let isMore = true; isMore; ) {
      const rows = this.#sql.page.all(afterSeq, pageIds)
      for (const row of rows) this.#gathered.add(String(row['id']))
      afterSeq = Number(rows.at(-1)?.['seq'])
      isMore = rows.length === pageIds
    }
  }

  #keepMoved(moving: Moving): void {
    this.#owed += this.#added.size * movesPerId - this.#moved
    moving.moved += this.#moved
    if (moving.moved < moving.sorted.length) return
    this.#moving = null
    this.#owed = 0
  }
}

function prepareStatements(database: SqlDatabase) {
  return {
    indexedUpTo: database.prepare('SELECT up_to_seq FROM indexed_outcomes'),
    page: database.prepare('SELECT seq, id FROM outcomes WHERE seq > ? ORDER BY seq LIMIT ?'),
    /** Those that wait are few: they have an index of their own. */
    indexed: database.prepare(
      `SELECT j.value AS id FROM ${database.texts.as('j')}
       WHERE EXISTS (SELECT 1 FROM outcome_ids o WHERE o.id = j.value)
         OR EXISTS (SELECT 1 FROM waiting_outcomes w WHERE w.id = j.value)`,
    ),
    index: database.prepare(
      `INSERT INTO outcome_ids (id) SELECT j.value FROM ${database.texts.as('j')} WHERE true ON CONFLICT (id) DO NOTHING`,
    ),
    setIndexed: database.prepare('UPDATE indexed_outcomes SET up_to_seq = ?'),
  }
}
