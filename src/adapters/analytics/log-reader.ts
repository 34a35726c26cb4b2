/** Reads the prediction log's tables beside the thread that writes them. */

import type { Prediction } from '../../core/prediction.ts'
import type { PackedCursor } from '../packed-predictions/cursor.ts'
import type { Kind } from '../packed-predictions/layout.ts'
import { Blocks } from '../prediction-log/blocks.ts'
import { LastSeq } from '../prediction-log/last-seq.ts'
import { LogStart } from '../prediction-log/log-start.ts'
import type { SqlDatabase, SqlStatement } from '../sql/database.ts'

/** Commits with a number greater than `afterSeq`, up to `upToSeq` and with it. */
export type LogWindow = { afterSeq: number; upToSeq: number }

/** How the answer counts: another version in its place, a failure or a refusal is an error; a caller that left is none. */
export const answerKinds = { answered: 0, error: 1, left: 2 } as const

export type PredictionFacts = readonly [
  seq: number,
  endpoint: string,
  version: string,
  epoch: number,
  release: string | null,
  unit: string,
  propensity: number,
  atMs: number,
  latencyMs: number,
  kind: number,
]

/** Label, metrics, what was known before and the predicted value are JSON. */
export type OutcomeFacts = readonly [
  predictionSeq: number,
  row: number,
  endpoint: string,
  version: string,
  epoch: number,
  release: string | null,
  propensity: number,
  atMs: number,
  label: string | null,
  reward: number | null,
  metrics: string,
  before: string | null,
  predicted: string | null,
]

export class LogReader {
  readonly #database: SqlDatabase
  readonly #blocks: Blocks
  readonly #outcomes: SqlStatement
  readonly #last: LastSeq
  readonly #start: LogStart

  constructor(database: SqlDatabase) {
    this.#database = database
    this.#blocks = new Blocks(this.#database)
    this.#outcomes = this.#database.prepare(outcomesSql)
    this.#outcomes.setReturnArrays(true)
    this.#last = new LastSeq(this.#database)
    this.#start = new LogStart(this.#database)
  }

  /** The number of the last commit. */
  lastSeq(): number {
    return this.#last.read()
  }

  /** The number up to which the log has let go of its predictions. */
  trimmedSeq(): number {
    return this.#start.trimmedSeq()
  }

  /** Tells one log from another: the last prediction that was committed up to a number. */
  markAt(seq: number): string {
    const block = this.#blocks.upTo(seq)
    if (block === null) return ''
    const last = Math.min(seq, block.lastSeq)
    return `${last} ${block.at(last).id()}`
  }

  predictions({ afterSeq, upToSeq }: LogWindow): readonly PredictionFacts[] {
    const facts: PredictionFacts[] = []
    for (const block of this.#blocks.within({ afterSeq, upToSeq })) {
      const lastSeq = Math.min(block.lastSeq, upToSeq)
      for (let seq = Math.max(block.firstSeq, afterSeq + 1); seq <= lastSeq; seq += 1) {
        const cursor = block.at(seq)
        const kind = cursor.kinds[cursor.kind]
        if (kind !== undefined && kind[6] === 0 && !cursor.isShadow) facts.push(factsAt(seq, cursor, kind))
      }
    }
    return facts
  }

  outcomes({ afterSeq, upToSeq }: LogWindow): readonly OutcomeFacts[] {
    const rows = this.#outcomes.all(afterSeq, upToSeq) as unknown as readonly OutcomeColumns[]
    const predictions = this.#blocks.predictions(rows.map(([predictionSeq]) => predictionSeq))
    return rows.flatMap(columns => {
      const prediction = predictions.get(columns[0])
      return prediction === undefined || !isOfCaller(prediction) ? [] : [outcomeFacts(columns, prediction)]
    })
  }

  close(): void {
    this.#database.close()
  }
}

function factsAt(seq: number, cursor: PackedCursor, kind: Kind): PredictionFacts {
  const [endpoint, epoch, release, assigned, , propensity] = kind
  return [
    ...([seq, endpoint, assigned, epoch, release, cursor.unit(), propensity] as const),
    ...([cursor.atMs, cursor.latencyMs, answerKindOf(kind)] as const),
  ]
}

function answerKindOf([, , , assigned, version, , , , status, failed]: Kind): number {
  if (status === 0 && failed === 0) return answerKinds.left
  return failed === 1 || status >= 400 || version !== assigned ? answerKinds.error : answerKinds.answered
}

/** Whether the prediction is evidence of the version that it was meant for. */
function isOfCaller({ pinned, shadowOf, version, assigned }: Prediction): boolean {
  return !pinned && shadowOf === undefined && version === assigned
}

function outcomeFacts([seq, row, ...values]: OutcomeColumns, prediction: Prediction): OutcomeFacts {
  const { endpoint, assigned, epoch, release, propensity, atMs } = prediction
  const predicted = prediction.answer?.[row]
  return [
    ...([seq, row, endpoint, assigned, epoch, release, propensity, atMs, ...values] as const),
    predicted === undefined ? null : JSON.stringify(predicted),
  ]
}

type OutcomeColumns = readonly [
  predictionSeq: number,
  row: number,
  label: string | null,
  reward: number | null,
  metrics: string,
  before: string | null,
]

const outcomesSql = `SELECT prediction_seq, row, label, reward, metrics, before FROM outcomes NOT INDEXED
  WHERE seq > ? AND seq <= ? ORDER BY seq`
