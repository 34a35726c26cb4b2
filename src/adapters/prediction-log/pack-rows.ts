/** Packs predictions of an earlier schema, which had a row each: once, when the log is opened with them. */

import type { Answer, Feature, Prediction } from '../../core/prediction.ts'
import { partsOfMadeId } from '../packed-predictions/made-ids.ts'
import { PredictionPacker } from '../packed-predictions/packer.ts'
import type { SqlDatabase, SqlRow, SqlValue } from '../sql/database.ts'
import { BlockWriter } from './block-writer.ts'
import { Blocks } from './blocks.ts'
import { fromJson } from './rows.ts'

/** A crash leaves whole transactions, from which the next opening goes on. */
const packingBounds = { rowsPerTransaction: 20_000 } as const

/** `tell` is called before it begins, with how many rows there are to pack; not if there are none. */
export function packRows(
  database: SqlDatabase,
  tell: (rows: number) => void,
  { rowsPerTransaction }: PackingBounds = packingBounds,
): void {
  if (database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'predictions_by_row'`).get() === undefined) return
  const blocks = new Blocks(database)
  const writer = new BlockWriter(database, blocks)
  const left = database.prepare('SELECT count(*) AS rows FROM predictions_by_row WHERE seq > ?').get(blocks.lastSeq())
  const rows = Number(left?.['rows'])
  if (rows > 0) tell(rows)
  // Nothing else is in blocks before this is over: so they tell how far it came.
  while (database.transact(() => packSome(database, writer, { afterSeq: blocks.lastSeq(), rowsPerTransaction })) > 0);
  database.exec('DROP TABLE predictions_by_row')
}

type PackingBounds = { rowsPerTransaction: number }

/** How many there were. */
function packSome(
  database: SqlDatabase,
  writer: BlockWriter,
  { afterSeq, rowsPerTransaction }: PackingBounds & { afterSeq: number },
): number {
  const rows = database.prepare(rowsSql).all(afterSeq, rowsPerTransaction)
  const packer = new PredictionPacker()
  let [firstSeq, count] = [0, 0]
  const write = () => {
    if (count > 0) writer.insert(packer.take(), { afterSeq: firstSeq - 1, again: false })
    count = 0
  }
  for (const row of rows) {
    const seq = Number(row['seq'])
    // The numbers between them are those of outcomes: a block has none such.
    if (seq !== firstSeq + count) write()
    if (count === 0) firstSeq = seq
    const prediction = predictionOf(row)
    packer.add(prediction, prediction)
    count += 1
  }
  write()
  return rows.length
}

/** Bodies stand elsewhere already; that there are any is all that is packed of them. */
function predictionOf(row: SqlRow): Prediction & { madeId: boolean; leftPayload: boolean } {
  const text = (value: SqlValue | undefined) => (typeof value === 'string' ? value : null)
  const [id, shadowOf] = [String(row['id']), text(row['shadow_of'])]
  const measures = fromJson<NonNullable<Prediction['measures']>>(row['measures'])
  return {
    id,
    // Two rows never had the same.
    madeId: shadowOf === null && partsOfMadeId(id) !== null,
    leftPayload: row['has_payload'] === 1,
    endpoint: String(row['endpoint']),
    epoch: Number(row['epoch']),
    release: text(row['release']),
    unit: String(row['unit']),
    assigned: String(row['assigned']),
    version: String(row['version']),
    propensity: Number(row['propensity']),
    pinned: row['pinned'] === 1,
    atMs: Number(row['at_ms']),
    latencyMs: Number(row['latency_ms']),
    status: Number(row['status']),
    failed: row['failed'] === 1,
    answer: fromJson<readonly Answer[]>(row['answer']),
    scores: fromJson<readonly (readonly number[])[]>(row['scores']),
    features: fromJson<Record<string, Feature>>(row['features']),
    payload: null,
    ...(shadowOf !== null && { shadowOf }),
    ...(row['by_context'] === 1 && { byContext: true as const }),
    ...(measures !== null && { measures }),
  }
}

const rowsSql = `
  SELECT p.seq, p.id, p.unit, p.at_ms, p.latency_ms, p.answer, p.scores, p.features, p.shadow_of, p.measures,
    k.endpoint, k.epoch, k.release, k.assigned, k.version, k.propensity, k.pinned, k.by_context, k.status, k.failed,
    EXISTS (SELECT 1 FROM payloads b WHERE b.prediction_seq = p.seq) AS has_payload
  FROM predictions_by_row p NOT INDEXED CROSS JOIN kinds k ON k.kind = p.kind WHERE p.seq > ? ORDER BY p.seq LIMIT ?`
