/** Evidence after a start. */
import { type ControlState, type EndpointState, releaseFromEpoch } from '../core/state.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { Accumulator } from './accumulator.ts'

type Book = Pick<Accumulator, 'add'>

/**
 * What the running releases and the watched versions rest on is read again from the log of predictions: the same numbers
 * as before.
 */
export async function rebuildEvidence(
  state: ControlState,
  from: { predictions: PredictionLog; evidence: Accumulator; books: readonly Book[] },
): Promise<void> {
  for (const endpoint of Object.values(state.endpoints)) {
    const fromEpoch = neededFromEpoch(endpoint, state)
    if (fromEpoch === null) continue
    await from.predictions.replay({ endpoint: endpoint.spec.name, fromEpoch }, ({ predictions, joined }) => {
      for (const book of from.books) book.add({ fresh: predictions, joined })
    })
    // What came before the release was read for the watching alone.
    const beforeEpoch = releaseFromEpoch(endpoint, state)
    if (beforeEpoch !== null) from.evidence.forget({ endpoint: endpoint.spec.name, beforeEpoch })
  }
}

/** Where the running release or the watching began, whichever was first; null if there is neither. */
function neededFromEpoch(endpoint: EndpointState, state: ControlState): number | null {
  const watched = endpoint.monitoring?.sinceEpoch ?? null
  const released = releaseFromEpoch(endpoint, state)
  return watched === null || released === null ? (watched ?? released) : Math.min(watched, released)
}
