/** Packed predictions as objects again: for evidence, which reads each once, and for logs that keep objects. */
import type { Answer, Prediction } from '../../core/prediction.ts'
import { PackedCursor, recordsOf } from './cursor.ts'
import { answerForms } from './layout.ts'

/**
 * In their order, without those at the places of `repeated`, which are in order too. `isPassing`: they are read once and let
 * go; a text of theirs that is kept would keep those of all.
 */
export function unpackPredictions(
  packed: ArrayBuffer,
  { repeated = [], isPassing = false }: { repeated?: readonly number[]; isPassing?: boolean } = {},
): Prediction[] {
  const cursor = new PackedCursor(recordsOf(packed), { isPassing })
  const predictions: Prediction[] = []
  let skipped = 0
  for (let index = 0; index < cursor.count; index += 1) {
    cursor.advance()
    if (repeated[skipped] === index) skipped += 1
    else predictions.push(predictionAt(cursor))
  }
  return predictions
}

/** Without its payload, if that is kept elsewhere. */
export function predictionAt(cursor: PackedCursor): Prediction {
  const kind = cursor.kinds[cursor.kind]
  if (kind === undefined) throw new Error('the packed prediction is of no kind')
  const plain: Prediction = {
    id: cursor.id(),
    endpoint: kind[0],
    epoch: kind[1],
    release: kind[2],
    unit: cursor.unit(),
    assigned: kind[3],
    version: kind[4],
    propensity: kind[5],
    pinned: kind[6] === 1,
    atMs: cursor.atMs,
    latencyMs: cursor.latencyMs,
    status: kind[8],
    failed: kind[9] === 1,
    answer: answerAt(cursor),
    scores: null,
    features: null,
    payload: null,
  }
  const shadowOf = cursor.shadowOf()
  if (shadowOf !== null) plain.shadowOf = shadowOf
  return kind[7] === 0 && !cursor.hasRest && !cursor.hasPayload ? plain : withRest(plain, cursor, kind[7] === 1)
}

function withRest(plain: Prediction, cursor: PackedCursor, byContext: boolean): Prediction {
  const { scores = null, features = null, sent, measures } = cursor.rest()
  const { request, response } = cursor.bodies()
  // Copies: what is kept of one prediction must not keep those of all others.
  const payload = cursor.hasPayload
    ? { request: request.slice(), response: response.slice(), ...(sent !== undefined && { sent }) }
    : null
  return {
    ...plain,
    scores,
    features,
    payload,
    ...(byContext && { byContext: true as const }),
    ...(measures !== undefined && { measures }),
  }
}

function answerAt(cursor: PackedCursor): readonly Answer[] | null {
  const form = cursor.answerForm()
  if (form === answerForms.none) return null
  if (form === answerForms.number) return [cursor.answerNumber()]
  const text = cursor.answerText()
  return form === answerForms.text ? [text] : JSON.parse(text)
}
