/** A challenger's pairs over all epochs of a stage, as one. Both answers to a request are of one time, so that all pairs count alike. */
import type { DDSketch } from '../../stats/summaries/ddsketch.ts'
import type { VectorMoments } from '../../stats/summaries/exact-moments.ts'
import { type EpochEvidence, emptyPairEvidence, type PairEvidence, type PairExample } from '../evidence.ts'
import { mergedMoments } from '../metrics/paired.ts'
import type { ShadowState } from '../strategies/shadow-state.ts'
import { sum } from './words.ts'

export function pairsOf(evidence: readonly EpochEvidence[], challenger: string, examples: number): PairEvidence {
  const parts = evidence.flatMap(({ pairs }) => pairs?.[challenger] ?? [])
  const total = (of: (part: PairEvidence) => number) => sum(parts, of)
  return {
    pairs: total(part => part.pairs),
    failures: {
      challenger: total(part => part.failures.challenger),
      champion: total(part => part.failures.champion),
      both: total(part => part.failures.both),
    },
    compared: total(part => part.compared),
    agreed: total(part => part.agreed),
    latencyMs: {
      champion: mergedSketch(parts.map(part => part.latencyMs.champion)),
      challenger: mergedSketch(parts.map(part => part.latencyMs.challenger)),
    },
    labelled: {
      bothRight: total(part => part.labelled.bothRight),
      challengerOnly: total(part => part.labelled.challengerOnly),
      championOnly: total(part => part.labelled.championOnly),
      bothWrong: total(part => part.labelled.bothWrong),
    },
    metrics: mergedMetrics(parts),
    examples: parts
      .flatMap(part => part.examples)
      .sort(worstFirst)
      .slice(0, examples),
    lost: total(part => part.lost),
  }
}

/** Of a replay: the champion answered all of these, and only agreement and failures are known. */
export function replayedPairs({ replays }: ShadowState, challenger: string): PairEvidence {
  const report = replays?.[challenger]?.report
  if (report === undefined) return emptyPairEvidence()
  const { sent, answered, compared, agreed, examples } = report
  return {
    ...emptyPairEvidence(),
    pairs: sent,
    failures: { challenger: sent - answered, champion: 0, both: 0 },
    compared,
    agreed,
    examples: examples.map(({ prediction, reason, expected, answered: said }) => ({
      prediction: prediction ?? '',
      distance: 1,
      note: `${reason}: ${expected} against ${said}`,
    })),
  }
}

function worstFirst(a: PairExample, b: PairExample): number {
  return b.distance - a.distance || (a.prediction < b.prediction ? -1 : 1)
}

/** One of them as it is; several in a new one, since evidence goes on. */
function mergedSketch(sketches: readonly DDSketch[]): DDSketch {
  const [first, ...others] = sketches
  if (first === undefined || others.length === 0) return first ?? emptyPairEvidence().latencyMs.champion
  const merged = emptyPairEvidence().latencyMs.champion
  for (const sketch of sketches) merged.merge(sketch)
  return merged
}

function mergedMetrics(parts: readonly PairEvidence[]): Record<string, VectorMoments> {
  const merged: Record<string, VectorMoments> = {}
  for (const { metrics } of parts) {
    for (const [name, moments] of Object.entries(metrics)) {
      const before = merged[name]
      merged[name] = before === undefined ? moments : mergedMoments(before, moments)
    }
  }
  return merged
}
