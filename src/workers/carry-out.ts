/** What workers have the main thread do, since it owns the log and the evidence. */
import type { OnCommitted } from '../adapters/recorder/recorder.ts'
import { assertNever } from '../core/errors.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { Recorder } from '../ports/recorder.ts'
import type { Reply, StoreCall } from './messages.ts'
import { plainError } from './plain-error.ts'

export type Stores = {
  recorder: Pick<Recorder, 'feedback'>
  predictions: Pick<PredictionLog, 'appendPredictions'>
  onCommitted: OnCommitted
}

export function carryOutFor(stores: Stores): (call: StoreCall) => Promise<Reply> {
  return call => carryOut(stores, call).catch(error => ({ kind: 'failed', error: plainError(error) }))
}

async function carryOut({ recorder, predictions, onCommitted }: Stores, call: StoreCall): Promise<Reply> {
  switch (call.kind) {
    case 'append': {
      const appended = await predictions.appendPredictions(call.packed, { again: call.again === true })
      onCommitted(appended)
      return { kind: 'appended', read: appended.read ?? null }
    }
    case 'feedback':
      return { kind: 'receipts', receipts: await recorder.feedback(call.outcomes) }
    default:
      return assertNever(call)
  }
}
