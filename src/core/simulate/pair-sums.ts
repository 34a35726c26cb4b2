/** What a challenger and the champion do with the same requests, drawn by the batch. */
import { drawBinomial, drawMultinomial } from '../../stats/numerics/draws.ts'
import type { Random } from '../../stats/numerics/random.ts'
import { emptyPairEvidence, type PairEvidence } from '../evidence.ts'
import { pairedParts, unpairedReason } from '../metrics/paired.ts'
import type { Measured } from './metric-sums.ts'
import type { Behaviour, MetricDraw } from './scenario.ts'
import { addLognormal } from './values.ts'
import { pairLaw, VectorSums, valueLaw, yesLaw } from './vector-sums.ts'

export type PairSides = { champion: Behaviour; challenger: Behaviour }

export class PairSums {
  readonly #sides: PairSides
  readonly #evidence: PairEvidence = emptyPairEvidence()
  readonly #metrics = new Map<string, { measured: Measured; sums: VectorSums }>()

  constructor(
    sides: PairSides,
    measured: readonly Measured[],
    drawsOf: (one: Measured) => [MetricDraw, MetricDraw] | null,
  ) {
    this.#sides = sides
    for (const one of measured) {
      if (unpairedReason(one.spec) !== null || pairedParts(one.spec) !== 1 || drawsOf(one) === null) continue
      this.#metrics.set(one.name, { measured: one, sums: new VectorSums() })
    }
    this.#drawsOf = drawsOf
  }

  readonly #drawsOf: (one: Measured) => [MetricDraw, MetricDraw] | null

  /** Requests that both got. Failures of the one have nothing to do with those of the other. Answers how many both answered. */
  pass(random: Random, pairs: number): number {
    const { champion, challenger } = this.#sides
    const [both = 0, mine = 0, theirs = 0, answered = 0] = drawMultinomial(random, pairs, [
      champion.errorRate * challenger.errorRate,
      champion.errorRate * (1 - challenger.errorRate),
      (1 - champion.errorRate) * challenger.errorRate,
      (1 - champion.errorRate) * (1 - challenger.errorRate),
    ])
    const evidence = this.#evidence
    evidence.pairs += pairs
    evidence.failures.both += both
    evidence.failures.champion += mine
    evidence.failures.challenger += theirs
    evidence.compared += answered
    evidence.agreed += drawBinomial(random, answered, agreementOf(this.#sides))
    addLognormal(evidence.latencyMs.champion, random, champion.latency, answered)
    addLognormal(evidence.latencyMs.challenger, random, challenger.latency, answered)
    this.#addMetrics(random, null, answered)
    return answered
  }

  /** Pairs whose signal has come. */
  know(random: Random, signal: string, pairs: number): void {
    if (signal === 'label') this.#addLabels(random, pairs)
    this.#addMetrics(random, signal, pairs)
  }

  read(): PairEvidence {
    const metrics = [...this.#metrics].map(([name, { sums }]) => [name, sums.read()] as const)
    return { ...this.#evidence, metrics: Object.fromEntries(metrics.filter(([, { n }]) => n > 0)) }
  }

  #addLabels(random: Random, pairs: number): void {
    const { labelled } = this.#evidence
    const [bothRight = 0, mine = 0, theirs = 0, bothWrong = 0] = drawMultinomial(
      random,
      pairs,
      jointShares(this.#sides),
    )
    labelled.bothRight += bothRight
    labelled.championOnly += mine
    labelled.challengerOnly += theirs
    labelled.bothWrong += bothWrong
  }

  #addMetrics(random: Random, signal: string | null, pairs: number): void {
    for (const { measured, sums } of this.#metrics.values()) {
      const draws = measured.signal === signal ? this.#drawsOf(measured) : null
      if (draws !== null) sums.add(random, pairLaw(lawOf(draws[0]), lawOf(draws[1])), pairs)
    }
  }
}

function lawOf(draw: MetricDraw) {
  if (draw.kind === 'rate') return yesLaw(draw.rate)
  return valueLaw(draw.kind === 'value' ? draw : { mean: 0, deviation: 0, shape: 'normal' })
}

/** Where nobody says, two versions agree as often as they are right at the same time; without accuracies always. */
export function agreementOf({ champion, challenger }: PairSides): number {
  if (challenger.agreement !== null) return challenger.agreement
  if (champion.accuracy === null || challenger.accuracy === null) return 1
  const [bothRight = 1] = jointShares({ champion, challenger })
  return bothRight
}

/**
 * Both right, the champion alone, the challenger alone, neither. Answers that agree are right or wrong together, so that
 * what the agreement leaves bounds how often one alone is right; no agreement given, the two are independent.
 */
export function jointShares({ champion, challenger }: PairSides): [number, number, number, number] {
  const [ours, theirs] = [champion.accuracy ?? 1, challenger.accuracy ?? 1]
  const gap = theirs - ours
  const least = Math.abs(gap)
  const independent = ours * (1 - theirs) + theirs * (1 - ours)
  const differ = challenger.agreement === null ? independent : Math.min(independent, 1 - challenger.agreement)
  const discordant = Math.max(least, differ)
  const challengerOnly = (discordant + gap) / 2
  const championOnly = (discordant - gap) / 2
  const bothRight = Math.max(0, ours - championOnly)
  return [bothRight, championOnly, challengerOnly, Math.max(0, 1 - bothRight - championOnly - challengerOnly)]
}
