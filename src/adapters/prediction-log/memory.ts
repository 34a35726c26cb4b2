/** The prediction log in memory, for tests and for trying things out: it keeps everything until it is dropped. */
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { JoinedOutcome, Outcome, OutcomeReceipt, OutcomeValues, Prediction } from '../../core/prediction.ts'
import {
  isOfAny,
  joinOutcome,
  mayBeOf,
  outcomeKey,
  payloadBytes,
  valuesAfter,
  withoutSender,
} from '../../core/prediction.ts'
import type { Trim } from '../../core/retention.ts'
import type { Clock } from '../../ports/clock.ts'
import type {
  AppendedOutcomes,
  AppendedPredictions,
  PackedPredictions,
  PredictionLog,
  PredictionQuery,
  ReplayBatch,
  Replayed,
  ReplayQuery,
  Trimmed,
} from '../../ports/prediction-log.ts'
import { unpackPredictions } from '../packed-predictions/unpack.ts'
import { OrphanSchedule } from './orphans.ts'
import { ReplayBatches } from './replay-batches.ts'

export function createMemoryPredictionLog(options: { clock: Clock }): PredictionLog {
  return new MemoryPredictionLog(options.clock)
}

/** `keys`: by which its outcomes are known again. */
type Kept = { prediction: Prediction; joined: JoinedOutcome[]; values: Map<number, OutcomeValues>; keys: string[] }
type Waiting = { outcome: Outcome; acceptedMs: number }
type Commit = { seq: number } & ({ prediction: Prediction } | { joined: JoinedOutcome })

class MemoryPredictionLog implements PredictionLog {
  readonly #clock: Clock
  readonly #orphans = new OrphanSchedule()
  readonly #kept = new Map<string, Kept>()
  /** By the id of their champion. */
  readonly #shadows = new Map<string, Kept[]>()
  readonly #outcomeKeys = new Set<string>()
  readonly #waiting = new Map<string, Waiting[]>()
  #commits: Commit[] = []
  #lastSeq = 0
  /** The newest epoch of which a prediction was let go, by endpoint. */
  readonly #trimmed = new Map<string, number>()
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async appendPredictions(predictions: readonly Prediction[] | PackedPredictions): Promise<AppendedPredictions> {
    this.#beginAppend()
    const batch = predictions instanceof ArrayBuffer ? unpackPredictions(predictions) : predictions
    const fresh: Kept[] = []
    for (const prediction of batch) {
      if (this.#kept.has(prediction.id)) continue
      const kept = { prediction, joined: [], values: new Map(), keys: [] }
      this.#kept.set(prediction.id, kept)
      this.#commits.push({ seq: this.#nextSeq(), prediction })
      fresh.push(kept)
    }
    const missed = fresh.flatMap(kept => this.#joinMissed(kept))
    const waited = fresh.flatMap(kept => this.#joinWaiting(kept))
    return { fresh: fresh.map(({ prediction }) => prediction), joined: [...missed, ...waited], upToSeq: this.#lastSeq }
  }

  async appendOutcomes(batch: readonly Outcome[]): Promise<AppendedOutcomes> {
    this.#beginAppend()
    const joined: JoinedOutcome[] = []
    const receipts = batch.map((outcome): OutcomeReceipt => {
      if (this.#outcomeKeys.has(outcome.id) || this.#outcomeKeys.has(outcomeKey(outcome)))
        return { status: 'duplicate' }
      const kept = this.#kept.get(outcome.prediction)
      const isKnown = kept !== undefined && kept.prediction.shadowOf === undefined
      // Nothing is kept of it, so that it takes nobody's id.
      if (isKnown && !mayBeOf(outcome, kept.prediction.endpoint)) return { status: 'pending' }
      this.#outcomeKeys.add(outcomeKey(outcome))
      if (!isKnown) {
        this.#wait(outcome)
        return { status: 'pending' }
      }
      joined.push(...this.#join(kept, outcome))
      return { status: 'joined' }
    })
    return { receipts, joined, upToSeq: this.#lastSeq }
  }

  async find({ endpoint, version, id, shadows = true, withPayload, limit }: PredictionQuery) {
    this.#assertOpen()
    const found: { prediction: Prediction; outcomes: readonly Outcome[] }[] = []
    const most = Math.min(limit, withPayload === true ? limits.payloadsReadMax : limits.pageMax)
    let bytes = 0
    for (const { prediction, joined } of [...this.#kept.values()].reverse()) {
      if (found.length >= most) break
      if (endpoint !== undefined && prediction.endpoint !== endpoint) continue
      if (version !== undefined && prediction.version !== version) continue
      if (id !== undefined && prediction.id !== id) continue
      if (!shadows && prediction.shadowOf !== undefined) continue
      if (withPayload === true) {
        if (prediction.payload === null) continue
        bytes += payloadBytes(prediction)
        if (bytes > limits.payloadsReadBytesMax) break
      }
      found.push({ prediction, outcomes: joined.slice(-limits.pageMax).map(({ outcome }) => outcome) })
    }
    return found
  }

  async replay(
    { tails, newest = Number.POSITIVE_INFINITY, afterSeq = 0 }: ReplayQuery,
    each: (batch: ReplayBatch) => void,
  ): Promise<Replayed> {
    this.#assertOpen()
    const replayed = new ReplayBatches()
    const upToSeq = this.#lastSeq
    const first = Math.max(afterSeq, upToSeq - newest)
    for (const commit of this.#commits.filter(({ seq }) => seq > first)) {
      if (!isOfAny(tails, 'joined' in commit ? commit.joined : commit.prediction)) continue
      if ('joined' in commit) replayed.addJoined(commit.joined, commit.seq)
      else replayed.addPrediction({ ...commit.prediction, payload: null }, commit.seq)
    }
    for (const batch of replayed.batches) each(batch)
    const isWhole = tails.every(({ endpoint, fromEpoch }) => (this.#trimmed.get(endpoint) ?? -1) < fromEpoch)
    return { upToSeq, isWhole }
  }

  async trim({ beforeMs, needed }: Trim): Promise<Trimmed> {
    this.#assertOpen()
    const all = [...this.#kept.values()]
    const first = all.findIndex(({ prediction }) => prediction.atMs >= beforeMs || isOfAny(needed, prediction))
    const gone = new Set(all.slice(0, first === -1 ? -1 : first))
    for (const kept of gone) this.#letGo(kept)
    const ids = new Set([...gone].map(({ prediction }) => prediction.id))
    const joins = new Set([...gone].flatMap(({ joined }) => joined))
    this.#commits = this.#commits.filter(commit =>
      'joined' in commit ? !joins.has(commit.joined) : !ids.has(commit.prediction.id),
    )
    return { predictions: gone.size, isDone: true }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #nextSeq(): number {
    this.#lastSeq += 1
    return this.#lastSeq
  }

  #letGo(gone: Kept): void {
    const { id, endpoint, epoch, shadowOf } = gone.prediction
    this.#kept.delete(id)
    this.#trimmed.set(endpoint, Math.max(epoch, this.#trimmed.get(endpoint) ?? -1))
    for (const key of gone.keys) this.#outcomeKeys.delete(key)
    if (shadowOf === undefined) return
    const others = (this.#shadows.get(shadowOf) ?? []).filter(kept => kept !== gone)
    if (others.length === 0) this.#shadows.delete(shadowOf)
    else this.#shadows.set(shadowOf, others)
  }

  #assertOpen(): void {
    if (this.#closed) throw new CutoverError('store-failed', 'the prediction log is closed')
  }

  #beginAppend(): void {
    this.#assertOpen()
    const dueBeforeMs = this.#orphans.dueBeforeMs(this.#clock.nowMs())
    if (dueBeforeMs === null) return
    for (const [prediction, waiting] of this.#waiting) {
      for (const { outcome, acceptedMs } of waiting)
        if (acceptedMs < dueBeforeMs) this.#outcomeKeys.delete(outcomeKey(outcome))
      const rest = waiting.filter(({ acceptedMs }) => acceptedMs >= dueBeforeMs)
      if (rest.length === 0) this.#waiting.delete(prediction)
      else this.#waiting.set(prediction, rest)
    }
  }

  #wait(outcome: Outcome): void {
    const waiting = this.#waiting.get(outcome.prediction) ?? []
    waiting.push({ outcome, acceptedMs: this.#clock.nowMs() })
    this.#waiting.set(outcome.prediction, waiting)
  }

  /** Makes a shadow known to its champion, whose outcomes are its own from then on, and joins those of before. */
  #joinMissed(kept: Kept): JoinedOutcome[] {
    const { shadowOf } = kept.prediction
    if (shadowOf === undefined) return []
    this.#shadows.set(shadowOf, [...(this.#shadows.get(shadowOf) ?? []), kept])
    const champion = this.#kept.get(shadowOf)
    if (champion === undefined || champion.prediction.shadowOf !== undefined) return []
    return champion.joined.map(({ outcome, before }) => this.#commit(kept, outcome, before))
  }

  #joinWaiting(kept: Kept): JoinedOutcome[] {
    const { id, shadowOf } = kept.prediction
    const waiting = this.#waiting.get(id)
    if (waiting === undefined || shadowOf !== undefined) return []
    this.#waiting.delete(id)
    return waiting.flatMap(({ outcome }) => {
      if (mayBeOf(outcome, kept.prediction.endpoint)) return this.#join(kept, outcome)
      this.#outcomeKeys.delete(outcomeKey(outcome))
      return []
    })
  }

  /** The champion's join, then those of its shadows. */
  #join(champion: Kept, said: Outcome): JoinedOutcome[] {
    champion.keys.push(outcomeKey(said))
    const outcome = withoutSender(said)
    const before = champion.values.get(outcome.row) ?? null
    const shadows = this.#shadows.get(champion.prediction.id) ?? []
    const joined = [champion, ...shadows].map(kept => this.#commit(kept, outcome, before))
    champion.values.set(outcome.row, valuesAfter({ outcome, before }))
    return joined
  }

  #commit(kept: Kept, outcome: Outcome, before: OutcomeValues | null): JoinedOutcome {
    const joined = joinOutcome(outcome, kept.prediction, before)
    kept.joined.push(joined)
    this.#commits.push({ seq: this.#nextSeq(), joined })
    return joined
  }
}
