/** Predictions whose other half is awaited, and champions whose labels may come before their shadows: the newest, within bounds. */
import { compareAnswers, comparedAnswer } from '../core/compare/compare-answers.ts'
import type { Comparison } from '../core/compare/comparison.ts'
import { limits } from '../core/limits.ts'
import type { Pairing } from '../core/pairing.ts'
import type { Prediction } from '../core/prediction.ts'
import { ownText } from './own-text.ts'

/** What is kept of a prediction. */
export type Half = Pick<
  Prediction,
  'version' | 'unit' | 'epoch' | 'atMs' | 'latencyMs' | 'status' | 'answer' | 'scores' | 'payload' | 'measures'
> & {
  failed: boolean
  /** What it takes in memory, as far as that varies. */
  bytes: number
}

/**
 * Of one request: the champion's half (`none` if what the caller got is no evidence), those of challengers that came
 * before it, and the challengers that are paired.
 */
export type Held = { champion: Half | 'none' | null; waiting: Half[]; paired: string[]; bytes: number }

export class HeldPairs {
  /** By the champion's id, oldest first. */
  readonly #held = new Map<string, Held>()
  readonly #onLost: (challenger: Half) => void
  #bytes = 0

  /** `onLost` hears of challengers' answers that are let go without their champion. */
  constructor(onLost: (challenger: Half) => void) {
    this.#onLost = onLost
  }

  /** Of this champion, with room for one half more. */
  hold(key: string, bytes: number): Held {
    const held = this.#held.get(key) ?? this.#begin(ownText(key))
    held.bytes += bytes
    this.#bytes += bytes
    while (this.#isFull()) this.#letGo()
    return held
  }

  championOf(key: string): Held['champion'] | undefined {
    return this.#held.get(key)?.champion
  }

  forget(beforeEpoch: number): void {
    for (const [key, held] of this.#held) {
      const half = held.champion === 'none' ? undefined : (held.champion ?? held.waiting[0])
      if (half === undefined || half.epoch < beforeEpoch) this.#drop(key, held)
    }
  }

  #begin(key: string): Held {
    const held: Held = { champion: null, waiting: [], paired: [], bytes: 0 }
    this.#held.set(key, held)
    return held
  }

  #isFull(): boolean {
    return this.#held.size > limits.pairsHeldMax || (this.#bytes > limits.pairsHeldBytesMax && this.#held.size > 1)
  }

  /** The oldest: its challengers, if they still come, find nobody. */
  #letGo(): void {
    const [key, held] = this.#held.entries().next().value ?? []
    if (key === undefined || held === undefined) return
    this.#drop(key, held)
    for (const challenger of held.waiting) this.#onLost(challenger)
  }

  #drop(key: string, held: Held): void {
    this.#held.delete(key)
    this.#bytes -= held.bytes
  }
}

/** A caller who chose the version, or met another one in its place, or left, is no evidence of the champion. */
export function championOf(pairing: Pairing, prediction: Prediction): Half | 'none' {
  const { version, assigned, pinned } = prediction
  const isEvidence = version === pairing.champion && version === assigned && !pinned && !isGone(prediction)
  return isEvidence ? halfOf(pairing, prediction) : 'none'
}

/** Nobody was there any more to take the answer: it tells nothing about the version. */
export function isGone({ status, failed }: Prediction): boolean {
  return status === 0 && !failed
}

export function halfOf({ comparator }: Pairing, prediction: Prediction): Half {
  const { version, unit, epoch, atMs, latencyMs, status, failed, answer, scores, measures } = prediction
  const payload = comparator.kind === 'shape' ? prediction.payload : null
  return {
    version,
    unit: ownText(unit),
    epoch,
    atMs,
    latencyMs,
    status,
    answer,
    scores,
    ...(measures !== undefined && { measures }),
    failed: failed || status >= 400,
    payload,
    bytes: (payload?.response.byteLength ?? 0) + 8 * (scores ?? []).reduce((sum, row) => sum + row.length, 0),
  }
}

export function compareHalves({ comparator }: Pairing, champion: Half, challenger: Half): Comparison {
  return compareAnswers(comparator, comparedAnswer(comparator, champion), comparedAnswer(comparator, challenger))
}
