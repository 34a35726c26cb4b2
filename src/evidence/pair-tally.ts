/** What one challenger did beside the champion in one epoch, pair by pair. The order of pairs leaves no trace. */
import type { Comparison } from '../core/compare/comparison.ts'
import type { PairEvidence, PairExample } from '../core/evidence.ts'
import { limits } from '../core/limits.ts'
import { DDSketch } from '../stats/summaries/ddsketch.ts'
import { ExactMoments, type VectorMoments } from '../stats/summaries/exact-moments.ts'

/** One version's half of a pair. */
type Half = { failed: boolean; latencyMs: number }

export type PairSeen = {
  /** The champion's prediction and its time. */
  prediction: string
  atMs: number
  champion: Half
  challenger: Half
  /** Null unless both answered. */
  comparison: Comparison | null
  examplesMax: number
}

type Latencies = { atMs: number; prediction: string; champion: number; challenger: number }

export class PairTally {
  #pairs = 0
  readonly #failures = { challenger: 0, champion: 0, both: 0 }
  #compared = 0
  #agreed = 0
  readonly #latencyMs = { champion: new DDSketch(), challenger: new DDSketch() }
  /** The earliest pairs, by time: the warm-up, whatever the order in which pairs become known. */
  readonly #warmUp: Latencies[] = []
  readonly #labelled = { bothRight: 0, challengerOnly: 0, championOnly: 0, bothWrong: 0 }
  readonly #metrics = new Map<string, ExactMoments>()
  readonly #examples: PairExample[] = []
  lost = 0

  add(seen: PairSeen): void {
    const { champion, challenger, comparison } = seen
    this.#pairs += 1
    if (champion.failed && challenger.failed) this.#failures.both += 1
    else if (challenger.failed) this.#failures.challenger += 1
    else if (champion.failed) this.#failures.champion += 1
    else this.#addLatencies(seen)
    if (comparison?.comparable !== true) return
    this.#compared += 1
    if (comparison.agree) this.#agreed += 1
    else this.#addExample({ prediction: seen.prediction, ...comparison }, seen.examplesMax)
  }

  /** `sign` -1 takes back what was counted before a correction. */
  addLabelled(right: { champion: boolean; challenger: boolean }, sign: 1 | -1): void {
    const both = right.champion ? 'championOnly' : 'bothWrong'
    const cell = right.challenger ? (right.champion ? 'bothRight' : 'challengerOnly') : both
    this.#labelled[cell] += sign
  }

  addMetric(name: string, vector: readonly number[], sign: 1 | -1): void {
    const moments = this.#metrics.get(name) ?? new ExactMoments(vector.length)
    this.#metrics.set(name, moments)
    if (sign === 1) moments.add(vector)
    else moments.remove(vector)
  }

  read(unitMetrics: Readonly<Record<string, VectorMoments>>): PairEvidence {
    const rows = [...this.#metrics].map(([name, moments]) => [name, moments.read()] as const)
    return {
      pairs: this.#pairs,
      failures: { ...this.#failures },
      compared: this.#compared,
      agreed: this.#agreed,
      latencyMs: this.#latencyMs,
      labelled: { ...this.#labelled },
      metrics: { ...Object.fromEntries(rows), ...unitMetrics },
      examples: [...this.#examples],
      lost: this.lost,
    }
  }

  #addLatencies({ atMs, prediction, champion, challenger }: PairSeen): void {
    const one = { atMs, prediction, champion: champion.latencyMs, challenger: challenger.latencyMs }
    insert(this.#warmUp, one, isEarlier)
    if (this.#warmUp.length <= limits.warmUpAnswers) return
    const warm = this.#warmUp.pop()
    if (warm === undefined) return
    this.#latencyMs.champion.add(warm.champion)
    this.#latencyMs.challenger.add(warm.challenger)
  }

  #addExample({ prediction, distance, note }: PairExample, most: number): void {
    insert(this.#examples, { prediction, distance, note }, isWorse)
    if (this.#examples.length > most) this.#examples.pop()
  }
}

function isEarlier(a: Latencies, b: Latencies): boolean {
  return a.atMs === b.atMs ? a.prediction < b.prediction : a.atMs < b.atMs
}

function isWorse(a: PairExample, b: PairExample): boolean {
  return a.distance === b.distance ? a.prediction < b.prediction : a.distance > b.distance
}

/** Into a short sorted list. */
function insert<Item>(list: Item[], item: Item, isBefore: (a: Item, b: Item) => boolean): void {
  const index = list.findIndex(other => isBefore(item, other))
  list.splice(index < 0 ? list.length : index, 0, item)
}
