/** Lets the oldest blocks go, with all that belongs to their predictions; some at a time, since appends wait meanwhile. */

import type { Trim } from '../../core/retention.ts'
import type { Trimmed } from '../../ports/prediction-log.ts'
import type { SqlDatabase, TextTable } from '../sql/database.ts'
import type { Block } from './block.ts'
import type { Blocks } from './blocks.ts'
import { LogStart } from './log-start.ts'
import type { OutcomeIds } from './outcome-ids.ts'

/** What one call lets go: it ends behind the block that reaches one of these. */
const sliceMax = { blocks: 64, predictions: 4_096, outcomes: 8_192 } as const

export class Trimmer {
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #texts: TextTable
  readonly #start: LogStart
  readonly #blocks: Blocks
  readonly #outcomeIds: OutcomeIds

  constructor(database: SqlDatabase, blocks: Blocks, outcomeIds: OutcomeIds) {
    this.#sql = prepareStatements(database)
    this.#texts = database.texts
    this.#start = new LogStart(database)
    this.#blocks = blocks
    this.#outcomeIds = outcomeIds
  }

  /** Expects an open transaction. `lastSeq`: the last number that was given. */
  trim({ beforeMs, needed }: Trim, lastSeq: number): Trimmed {
    const floorSeq = this.#start.firstSeq(needed) ?? Number.POSITIVE_INFINITY
    const sum = { blocks: 0, predictions: 0, outcomes: 0 }
    let upToSeq: number | null = null
    let isDone = true
    for (const block of this.#blocks.oldestFirst(sliceMax.blocks + 1)) {
      if (block.lastSeq >= floorSeq || newestMs(block) >= beforeMs) break
      if (isFull(sum)) {
        isDone = false
        break
      }
      sum.blocks += 1
      sum.predictions += block.lastSeq - block.firstSeq + 1
      sum.outcomes += this.#letGo(block)
      upToSeq = block.lastSeq
    }
    if (upToSeq !== null) this.#sql.setTrimmed.run(upToSeq, lastSeq)
    return { predictions: sum.predictions, isDone }
  }

  /** How many outcomes went along. */
  #letGo(block: Block): number {
    const { firstSeq, lastSeq } = block
    const outcomes = this.#sql.outcomes.all(firstSeq, lastSeq).map(({ id }) => String(id))
    const ids = this.#texts.of([...new Set(outcomes)])
    this.#sql.deleteOutcomes.run(firstSeq, lastSeq)
    this.#sql.deleteOutcomeIds.run(ids)
    this.#outcomeIds.forget(outcomes)
    this.#sql.deletePayloads.run(firstSeq, lastSeq)
    const { indexed, unnamed } = namesIn(block)
    this.#sql.deleteScattered.run(this.#texts.of(indexed), firstSeq, lastSeq)
    this.#sql.deleteUnnamed.run(this.#texts.of(unnamed), firstSeq, lastSeq)
    this.#sql.deleteKinds.run(firstSeq)
    this.#sql.deleteBlock.run(firstSeq)
    return outcomes.length
  }
}

function isFull(sum: Readonly<Record<keyof typeof sliceMax, number>>): boolean {
  return (['blocks', 'predictions', 'outcomes'] as const).some(what => sum[what] >= sliceMax[what])
}

function newestMs(block: Block): number {
  let newest = Number.NEGATIVE_INFINITY
  block.each(({ atMs }) => {
    newest = Math.max(newest, atMs)
  })
  return newest
}

/** What may stand in an index of its own: ids, and champions of shadows whose ids do not tell. */
function namesIn(block: Block): { indexed: string[]; unnamed: string[] } {
  const [indexed, unnamed]: [string[], string[]] = [[], []]
  block.each(cursor => {
    indexed.push(cursor.id())
    const champion = cursor.isNamedShadow ? null : cursor.shadowOf()
    if (champion !== null) unnamed.push(champion)
  })
  return { indexed, unnamed }
}

function prepareStatements(database: SqlDatabase) {
  return {
    outcomes: database.prepare('SELECT id FROM outcomes WHERE prediction_seq BETWEEN ? AND ?'),
    deleteOutcomes: database.prepare('DELETE FROM outcomes WHERE prediction_seq BETWEEN ? AND ?'),
    deleteOutcomeIds: database.prepare(
      `DELETE FROM outcome_ids WHERE id IN (SELECT j.value FROM ${database.texts.as('j')})`,
    ),
    deletePayloads: database.prepare('DELETE FROM payloads WHERE prediction_seq BETWEEN ? AND ?'),
    deleteScattered: database.prepare(
      `DELETE FROM scattered_ids WHERE id IN (SELECT j.value FROM ${database.texts.as('j')}) AND seq BETWEEN ? AND ?`,
    ),
    deleteUnnamed: database.prepare(
      `DELETE FROM unnamed_shadows WHERE champion IN (SELECT j.value FROM ${database.texts.as('j')}) AND seq BETWEEN ? AND ?`,
    ),
    deleteKinds: database.prepare('DELETE FROM block_kinds WHERE first_seq = ?'),
    deleteBlock: database.prepare('DELETE FROM blocks WHERE first_seq = ?'),
    setTrimmed: database.prepare('UPDATE trimmed SET up_to_seq = ?, last_seq = ?'),
  }
}
