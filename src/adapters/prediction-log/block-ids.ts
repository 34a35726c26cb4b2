/**
 * How the predictions of a block are found by their ids. Ids that the gateway made and that come in order need no more than
 * the lowest and the highest of them; all others go into an index: a caller's own, shadows', and those whose answer took
 * longer than that of requests in an earlier block.
 */

import type { PackedCursor } from '../packed-predictions/cursor.ts'
import { counterText, type MadePrefix, madeIds, partsOfMadeId } from '../packed-predictions/made-ids.ts'
import type { SqlDatabase } from '../sql/database.ts'
import type { Blocks } from './blocks.ts'
import { ManyRows } from './many-rows.ts'

/** Processes whose highest id is remembered; past it they are looked up anew. */
const rememberedMax = 1_000

/** Finding one prediction reads its block: a greater one costs more to read, a smaller one more to write. */
const blockBounds = { records: 512, bytes: 256 * 1024 } as const

export type IdsOfBlock = {
  /** The number of the last prediction that the block takes. */
  lastSeq: number
  /** Stems of the ids that are found without the index; null if there are none. */
  range: { low: string; high: string } | null
  /** The highest id that one process made, in the index or not. */
  highest: { prefix: string; counter: number } | null
  scattered: Pair[]
  unnamedShadows: Pair[]
  /** Ids that the gateway did not make, though they look like its own: they may be in the range of a block. */
  imitated: string[]
  hasShadows: boolean
}

type Pair = readonly [text: string, seq: number]

export class BlockIds {
  readonly #blocks: Blocks
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #scattered: ManyRows
  readonly #unnamedShadows: ManyRows
  /** By what a process's ids share, the highest counter that lies in the range of a block. */
  readonly #highest = new Map<string, number>()

  constructor(database: SqlDatabase, blocks: Blocks) {
    this.#blocks = blocks
    this.#sql = prepareStatements(database)
    this.#scattered = new ManyRows(database, {
      ...{ into: 'scattered_ids (id, seq)', columns: 2 },
      onConflict: 'ON CONFLICT (id) DO NOTHING',
    })
    this.#unnamedShadows = new ManyRows(database, { into: 'unnamed_shadows (champion, seq)', columns: 2 })
  }

  /**
   * Moves the cursor over the predictions of one block: as many as there are and as it takes. `areNew`: whoever calls has
   * looked for each of the ids; then all of them go into the index.
   */
  read(
    cursor: PackedCursor,
    { firstSeq, count, areNew }: { firstSeq: number; count: number; areNew: boolean },
  ): IdsOfBlock {
    const ids: IdsOfBlock = {
      ...{ lastSeq: firstSeq + Math.min(count, blockBounds.records) - 1 },
      ...{ range: null, highest: null, hasShadows: false },
      ...{ scattered: [], unnamedShadows: [], imitated: [] },
    }
    let prefix: MadePrefix | null = null
    let [floor, low, high] = [-1, Number.POSITIVE_INFINITY, -1]
    const end = cursor.next + blockBounds.bytes
    for (let seq = firstSeq; seq <= ids.lastSeq; seq += 1) {
      cursor.advance()
      if (cursor.next >= end) ids.lastSeq = seq
      if (prefix === null) {
        prefix = cursor.madePrefix()
        if (prefix !== null) floor = this.#highestOf(prefix.text)
      }
      const counter = prefix === null ? -1 : cursor.madeCounter(prefix)
      if (counter > high) high = counter
      if (areNew || counter <= floor) noteScattered(ids, cursor, { seq, areNew })
      else if (counter < low) low = counter
      if (cursor.isShadow) noteShadow(ids, cursor, seq)
      refuseNoNumber(cursor)
    }
    if (prefix === null || high <= floor) return ids
    const { text } = prefix
    ids.highest = { prefix: text, counter: high }
    if (!areNew) ids.range = { low: text + counterText(low), high: text + counterText(high) }
    return ids
  }

  /** Once the block is written. False, with some of it written, if an id was known or may have been. */
  write({ range, highest, scattered, unnamedShadows, imitated }: IdsOfBlock): boolean {
    if (this.#scattered.insert(scattered) < scattered.length) return false
    this.#unnamedShadows.insert(unnamedShadows)
    if (imitated.some(id => this.#blocks.mayHold(id))) return false
    // A caller may have guessed an id that the gateway made later.
    if (range !== null && this.#sql.anyWithin.get(range.low, `${range.high}\x7f`) !== undefined) return false
    if (highest !== null) this.#remember(highest.prefix, highest.counter)
    return true
  }

  rolledBack(): void {
    this.#highest.clear()
  }

  #highestOf(prefix: string): number {
    const known = this.#highest.get(prefix)
    if (known !== undefined) return known
    const row = this.#sql.highest.get(prefix, `${prefix}\x7f`)
    const counter = row === undefined ? -1 : (partsOfMadeId(String(row['high_id']))?.counter ?? -1)
    this.#remember(prefix, counter)
    return counter
  }

  #remember(prefix: string, counter: number): void {
    if (this.#highest.size >= rememberedMax) this.#highest.clear()
    this.#highest.set(prefix, counter)
  }
}

function noteScattered(ids: IdsOfBlock, cursor: PackedCursor, { seq, areNew }: { seq: number; areNew: boolean }): void {
  const id = cursor.id()
  ids.scattered.push([id, seq])
  if (!areNew && !cursor.hasMadeId && partsOfMadeId(id) !== null) ids.imitated.push(id)
}

function noteShadow(ids: IdsOfBlock, cursor: PackedCursor, seq: number): void {
  ids.hasShadows = true
  const champion = cursor.isNamedShadow ? null : cursor.shadowOf()
  if (champion !== null) ids.unnamedShadows.push([champion, seq])
}

/** It would be kept, and spoil every sum that it is added to. */
function refuseNoNumber(cursor: PackedCursor): void {
  if (!Number.isFinite(cursor.atMs) || !Number.isFinite(cursor.latencyMs))
    throw new Error(`the time or latency of prediction ${cursor.id()} is no number`)
}

function prepareStatements(database: SqlDatabase) {
  return {
    highest: database.prepare(
      'SELECT high_id FROM blocks INDEXED BY blocks_by_id WHERE high_id >= ? AND high_id < ? ORDER BY high_id DESC LIMIT 1',
    ),
    /** Of as many bytes as the gateway's ids: those of shadows between them are longer, most of them. */
    anyWithin: database.prepare(
      `SELECT 1 FROM scattered_ids WHERE id >= ? AND id < ? AND length(id) IN (${madeIds.stemBytes}, ${madeIds.bytes}) LIMIT 1`,
    ),
  }
}
