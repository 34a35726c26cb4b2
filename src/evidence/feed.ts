/**
 * Evidence after a start. What the running releases and the watched versions rest on is read again from the log of
 * predictions, while callers are served: what is committed meanwhile of the endpoints that are read waits behind that. In
 * the end the books have met every commit once, in its order, as if the server had never stopped.
 */
import { limits } from '../core/limits.ts'
import { type ControlState, type EndpointState, releaseFromEpoch } from '../core/state.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { Accumulator } from './accumulator.ts'
import type { Committed } from './traffic.ts'

type Placed = Committed & { upToSeq: number }

/** What waits for an endpoint that is read; null once there was more than may wait, so that it is to be read from the log. */
type Reading = { held: Placed[] | null; count: number }

export type FeedOptions = {
  predictions: Pick<PredictionLog, 'replay'>
  evidence: Pick<Accumulator, 'forget'>
  /** All that learn from what is committed, what is read again too. */
  tell: (committed: Committed) => void
  /** The same for what is committed now. */
  tellLive: (committed: Committed) => void
  /** Predictions and outcomes of one endpoint that may wait. */
  heldMax?: number
}

export class EvidenceFeed {
  readonly #options: FeedOptions
  readonly #heldMax: number
  readonly #reading = new Map<string, Reading>()

  constructor(options: FeedOptions) {
    this.#options = options
    this.#heldMax = options.heldMax ?? limits.rebuildHeldMax
  }

  /** Told of every commit, in order. */
  add({ fresh, joined, upToSeq }: Placed): void {
    if (this.#reading.size === 0) {
      this.#options.tellLive({ fresh, joined })
      return
    }
    for (const [endpoint, reading] of this.#reading) {
      const isOfIt = (one: { endpoint: string }) => one.endpoint === endpoint
      this.#hold(reading, { fresh: fresh.filter(isOfIt), joined: joined.filter(isOfIt), upToSeq })
    }
    const isOfOthers = (one: { endpoint: string }) => !this.#reading.has(one.endpoint)
    this.#options.tellLive({ fresh: fresh.filter(isOfOthers), joined: joined.filter(isOfOthers) })
  }

  /** False while the evidence of the endpoint is read again: nothing is to be judged by what there is of it. */
  isWhole(endpoint: string): boolean {
    return !this.#reading.has(endpoint)
  }

  /** Resolves when all evidence is whole. `state` is asked for again when an endpoint has been read: it goes on meanwhile. */
  async rebuild(state: () => ControlState): Promise<void> {
    const endpoints = Object.values(state().endpoints).flatMap(endpoint => {
      const fromEpoch = neededFromEpoch(endpoint, state())
      return fromEpoch === null ? [] : [{ endpoint: endpoint.spec.name, fromEpoch }]
    })
    for (const { endpoint } of endpoints) this.#reading.set(endpoint, { held: [], count: 0 })
    for (const one of endpoints) await this.#read(one, state)
  }

  async #read(query: { endpoint: string; fromEpoch: number }, state: () => ControlState): Promise<void> {
    const { predictions, tell, tellLive } = this.#options
    for (let afterSeq = 0; ; ) {
      const reading: Reading = { held: [], count: 0 }
      this.#reading.set(query.endpoint, reading)
      const { upToSeq } = await predictions.replay({ ...query, afterSeq }, batch =>
        tell({ fresh: batch.predictions, joined: batch.joined }),
      )
      afterSeq = upToSeq
      if (reading.held === null) continue
      this.#reading.delete(query.endpoint)
      for (const one of reading.held) if (one.upToSeq > upToSeq) tellLive(one)
      break
    }
    // What came before the release was read for the watching alone.
    const endpoint = state().endpoints[query.endpoint]
    const beforeEpoch = endpoint === undefined ? null : releaseFromEpoch(endpoint, state())
    if (beforeEpoch !== null) this.#options.evidence.forget({ endpoint: query.endpoint, beforeEpoch })
  }

  #hold(reading: Reading, placed: Placed): void {
    if (reading.held === null) return
    const count = placed.fresh.length + placed.joined.length
    if (count === 0) return
    reading.count += count
    if (reading.count > this.#heldMax) reading.held = null
    else reading.held.push(placed)
  }
}

/** Where the running release or the watching began, whichever was first; null if there is neither. */
function neededFromEpoch(endpoint: EndpointState, state: ControlState): number | null {
  const watched = endpoint.monitoring?.sinceEpoch ?? null
  const released = releaseFromEpoch(endpoint, state)
  return watched === null || released === null ? (watched ?? released) : Math.min(watched, released)
}
