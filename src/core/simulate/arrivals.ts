/** What becomes known later, in numbers: so many rows of one version's answers, due at one of a few delays. */
import { drawBinomial, drawMultinomial } from '../../stats/numerics/draws.ts'
import type { Random } from '../../stats/numerics/random.ts'
import { normalQuantile } from '../../stats/numerics/special.ts'
import type { Feedback } from './scenario.ts'

/** A delay is one of so many, each as likely as the others: the middles of equal parts of its distribution. */
const delaysDrawn = 8

/** Where rows belong, and how many. */
export type Rows = { epoch: number; version: string; rows: number }

type Queue = { delayMs: number; waiting: { dueMs: number; rows: Rows }[]; next: number }

/** Rows in the order in which they become known; delays are constant in each of a few queues, so that none needs sorting. */
export class Arrivals {
  readonly #random: Random
  readonly #feedback: Feedback
  readonly #queues: Queue[]
  readonly #alike: readonly number[]

  constructor(feedback: Feedback, random: Random) {
    this.#random = random
    this.#feedback = feedback
    this.#queues = delaysOf(feedback).map(delayMs => ({ delayMs, waiting: [], next: 0 }))
    this.#alike = this.#queues.map(() => 1)
  }

  /** Of rows answered at a moment: those that will become known. Answers how many these are. */
  expect(rows: Rows, atMs: number, share: number = this.#feedback.share): number {
    const known = drawBinomial(this.#random, rows.rows, share)
    const counts = drawMultinomial(this.#random, known, this.#alike)
    const { epoch, version } = rows
    for (const [index, count] of counts.entries()) {
      const queue = this.#queues[index]
      if (queue === undefined || count === 0) continue
      queue.waiting.push({ dueMs: atMs + queue.delayMs, rows: { epoch, version, rows: count } })
    }
    return known
  }

  /** What has become known by then, each once. */
  due(atMs: number): Rows[] {
    const taken: Rows[] = []
    for (const queue of this.#queues) takeDue(queue, atMs, taken)
    return taken
  }
}

function takeDue(queue: Queue, atMs: number, taken: Rows[]): void {
  for (let first = queue.waiting[queue.next]; first !== undefined && first.dueMs <= atMs; ) {
    taken.push(first.rows)
    queue.next += 1
    first = queue.waiting[queue.next]
  }
  if (queue.next > 1_024) {
    queue.waiting.splice(0, queue.next)
    queue.next = 0
  }
}

function delaysOf({ medianMs, spread }: Feedback): number[] {
  if (medianMs === 0) return [0]
  return Array.from(
    { length: delaysDrawn },
    (_, part) => medianMs * Math.exp(spread * normalQuantile((part + 0.5) / delaysDrawn)),
  )
}

/** The age by which nearly all that comes has come. */
export function maturityMs({ medianMs, spread }: Feedback): number {
  return medianMs * Math.exp(spread * normalQuantile(0.95))
}
