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

/** An endpoint that is read. */
type Reading = {
  fromEpoch: number
  /** What the books have met of it. */
  afterSeq: number
  /** What waits; null once there was more than may wait, so that it is to be read from the log. */
  held: Placed[] | null
  count: number
}

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

  /**
   * Resolves when all evidence is whole. `state` is asked for again when an endpoint has been read: it goes on meanwhile. Where
   * it rejects, `goOn` reads the rest.
   */
  rebuild(state: () => ControlState): Promise<void> {
    for (const endpoint of Object.values(state().endpoints)) {
      const fromEpoch = neededFromEpoch(endpoint, state())
      if (fromEpoch !== null) this.#reading.set(endpoint.spec.name, { fromEpoch, afterSeq: 0, held: [], count: 0 })
    }
    return this.goOn(state)
  }

  async goOn(state: () => ControlState): Promise<void> {
    for (const [endpoint, reading] of this.#reading) await this.#read(endpoint, reading, state)
  }

  async #read(endpoint: string, reading: Reading, state: () => ControlState): Promise<void> {
    const { predictions, tell, tellLive } = this.#options
    const { fromEpoch } = reading
    for (;;) {
      Object.assign(reading, { held: [], count: 0 })
      const { upToSeq } = await predictions
        .replay({ endpoint, fromEpoch, afterSeq: reading.afterSeq }, batch => {
          tell({ fresh: batch.predictions, joined: batch.joined })
          reading.afterSeq = batch.upToSeq
        })
        .catch((error: unknown) => {
          // What comes until it is tried again is in the log by then.
          reading.held = null
          throw error
        })
      reading.afterSeq = upToSeq
      const { held } = reading
      if (held === null) continue
      this.#reading.delete(endpoint)
      for (const one of held) if (one.upToSeq > upToSeq) tellLive(one)
      break
    }
    // What came before the release was read for the watching alone.
    const known = state().endpoints[endpoint]
    const beforeEpoch = known === undefined ? null : releaseFromEpoch(known, state())
    if (beforeEpoch !== null) this.#options.evidence.forget({ endpoint, beforeEpoch })
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
