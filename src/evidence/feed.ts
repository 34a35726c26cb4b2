/**
 * Evidence after a start. What the running releases and the watched versions rest on is read again from the log of
 * predictions, in one pass for all of them and while callers are served: what is committed meanwhile of their endpoints
 * waits behind that. In the end the books have met every commit once, in its order, as if the server had never stopped.
 */
import { limits } from '../core/limits.ts'
import type { Tail } from '../core/prediction.ts'
import { type ControlState, type EndpointState, releaseFromEpoch } from '../core/state.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { Accumulator } from './accumulator.ts'
import type { Committed } from './traffic.ts'

type Placed = Committed & { upToSeq: number }

type Reading = {
  tails: readonly Tail[]
  /** What the books have met of them. */
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
  /** Predictions and outcomes that may wait. */
  heldMax?: number
}

export class EvidenceFeed {
  readonly #options: FeedOptions
  readonly #heldMax: number
  #reading: Reading | null = null

  constructor(options: FeedOptions) {
    this.#options = options
    this.#heldMax = options.heldMax ?? limits.rebuildHeldMax
  }

  /** Told of every commit, in order. */
  add({ fresh, joined, upToSeq }: Placed): void {
    if (this.#reading === null) {
      this.#options.tellLive({ fresh, joined })
      return
    }
    const isWhole = ({ endpoint }: { endpoint: string }) => this.isWhole(endpoint)
    const isRead = ({ endpoint }: { endpoint: string }) => !this.isWhole(endpoint)
    hold(this.#reading, { fresh: fresh.filter(isRead), joined: joined.filter(isRead), upToSeq }, this.#heldMax)
    this.#options.tellLive({ fresh: fresh.filter(isWhole), joined: joined.filter(isWhole) })
  }

  /** False while the evidence of the endpoint is read again: nothing is to be judged by what there is of it. */
  isWhole(endpoint: string): boolean {
    return this.#reading?.tails.some(tail => tail.endpoint === endpoint) !== true
  }

  /**
   * Resolves when all evidence is whole. `state` is asked for again when all has been read: it goes on meanwhile. Where it
   * rejects, `goOn` reads the rest.
   */
  rebuild(state: () => ControlState): Promise<void> {
    const tails = Object.values(state().endpoints).flatMap((endpoint): Tail[] => {
      const fromEpoch = neededFromEpoch(endpoint, state())
      return fromEpoch === null ? [] : [{ endpoint: endpoint.spec.name, fromEpoch }]
    })
    if (tails.length > 0) this.#reading = { tails, afterSeq: 0, held: [], count: 0 }
    return this.goOn(state)
  }

  async goOn(state: () => ControlState): Promise<void> {
    const reading = this.#reading
    if (reading === null) return
    for (;;) {
      Object.assign(reading, { held: [], count: 0 })
      reading.afterSeq = await this.#replay(reading)
      if (reading.held !== null) break
    }
    this.#reading = null
    for (const one of reading.held) if (one.upToSeq > reading.afterSeq) this.#options.tellLive(one)
    for (const { endpoint } of reading.tails) this.#forgetBefore(endpoint, state())
  }

  /** Gives back how far the log went. */
  async #replay(reading: Reading): Promise<number> {
    const { predictions, tell } = this.#options
    const { tails, afterSeq } = reading
    try {
      const { upToSeq } = await predictions.replay({ tails, afterSeq }, batch => {
        tell({ fresh: batch.predictions, joined: batch.joined })
        reading.afterSeq = batch.upToSeq
      })
      return upToSeq
    } catch (error) {
      // What comes until it is tried again is in the log by then.
      reading.held = null
      throw error
    }
  }

  /** What came before the release was read for the watching alone. */
  #forgetBefore(endpoint: string, state: ControlState): void {
    const known = state.endpoints[endpoint]
    const beforeEpoch = known === undefined ? null : releaseFromEpoch(known, state)
    if (beforeEpoch !== null) this.#options.evidence.forget({ endpoint, beforeEpoch })
  }
}

function hold(reading: Reading, placed: Placed, heldMax: number): void {
  if (reading.held === null) return
  const count = placed.fresh.length + placed.joined.length
  if (count === 0) return
  reading.count += count
  if (reading.count > heldMax) reading.held = null
  else reading.held.push(placed)
}

/** Where the running release or the watching began, whichever was first; null if there is neither. */
function neededFromEpoch(endpoint: EndpointState, state: ControlState): number | null {
  const watched = endpoint.monitoring?.sinceEpoch ?? null
  const released = releaseFromEpoch(endpoint, state)
  return watched === null || released === null ? (watched ?? released) : Math.min(watched, released)
}
