/** Predictions that lie together, as they were packed, with the numbers of the first and the last of them. */
import type { PackedCursor } from '../packed-predictions/cursor.ts'
import { type MadeId, madePrefixOf } from '../packed-predictions/made-ids.ts'

export class Block {
  readonly firstSeq: number
  readonly lastSeq: number
  readonly cursor: PackedCursor
  #starts: readonly number[] | null = null

  constructor(place: { firstSeq: number; lastSeq: number }, cursor: PackedCursor) {
    this.firstSeq = place.firstSeq
    this.lastSeq = place.lastSeq
    this.cursor = cursor
  }

  /** The cursor at the prediction of that number, which the block has. */
  at(seq: number): PackedCursor {
    this.#starts ??= startsOf(this.cursor)
    this.cursor.moveTo(this.#starts[seq - this.firstSeq] ?? 0)
    return this.cursor
  }

  /** Calls `visit` at each prediction, in the order of their numbers. */
  each(visit: (cursor: PackedCursor, seq: number) => void): void {
    const { cursor } = this
    cursor.moveTo(0)
    for (let seq = this.firstSeq; seq <= this.lastSeq; seq += 1) {
      if (seq > this.firstSeq) cursor.advance()
      visit(cursor, seq)
    }
  }

  /** Numbers of those with these ids, all made by one process and in order. */
  madeSeqs(ids: readonly MadeId[]): number[] {
    const [first, last] = [ids[0], ids.at(-1)]
    if (first === undefined || last === undefined) return []
    const prefix = madePrefixOf(first.prefix)
    const [counters, texts] = [new Set(ids.map(({ counter }) => counter)), new Set(ids.map(({ id }) => id))]
    const seqs: number[] = []
    this.each((cursor, seq) => {
      const counter = cursor.madeCounter(prefix)
      // Most often few are asked for.
      if (counter < first.counter || counter > last.counter || !counters.has(counter)) return
      // A stem is easily guessed, and the rest of an id is not.
      if (texts.has(cursor.id())) seqs.push(seq)
    })
    return seqs
  }

  /** Numbers of those that are wanted, newest first. */
  newestFirst(isWanted: (cursor: PackedCursor) => boolean): number[] {
    const seqs: number[] = []
    for (let seq = this.lastSeq; seq >= this.firstSeq; seq -= 1) if (isWanted(this.at(seq))) seqs.push(seq)
    return seqs
  }
}

function startsOf(cursor: PackedCursor): number[] {
  const starts: number[] = []
  cursor.moveTo(0)
  starts.push(0)
  for (let place = 1; place < cursor.count; place += 1) {
    cursor.advance()
    starts.push(cursor.start)
  }
  return starts
}
