/** Counters of all workers, those that have ended among them. Pure. */
import { addKeyCounts, type KeyCounts } from '../adapters/access/keyring.ts'
import { type LatencyCounts, LatencyHistograms } from '../adapters/metrics/latency-histograms.ts'
import { mergeTokens, tokensOf } from '../adapters/metrics/token-metrics.ts'
import { endedStats, mergeStats, noStats, statsWithout } from '../gateway/merge-stats.ts'
import type { RecorderStats } from '../ports/recorder.ts'
import type { Counts } from './messages.ts'

export const noCounts: Counts = {
  gateway: noStats,
  recorder: { recorded: 0, dropped: 0, queued: 0, featuresMalformed: 0 },
  latencies: [],
  tokens: [],
  keys: [],
}

export function mergeCounts(all: readonly Counts[]): Counts {
  return {
    gateway: mergeStats(all.map(({ gateway }) => gateway)),
    recorder: all.map(({ recorder }) => recorder).reduce((a, b) => addRecorders(a, b), noCounts.recorder),
    latencies: mergeLatencies(all.flatMap(({ latencies }) => latencies)),
    tokens: mergeTokens(all.map(({ tokens }) => tokens)),
    keys: mergeKeys(all.flatMap(({ keys }) => keys)),
  }
}

/** What a worker leaves behind: what waited in it is lost. */
export function endedCounts(counts: Counts): Counts {
  const { gateway, recorder, keys } = counts
  const { queued } = recorder
  return {
    ...counts,
    gateway: endedStats(gateway),
    recorder: { ...recorder, dropped: recorder.dropped + queued, queued: 0 },
    keys: keys.map(key => ({ ...key, inFlight: 0 })),
  }
}

/** What one that is out of sight leaves behind: what waited in it is handed over later, for all that is known. */
export function lostCounts(counts: Counts): Counts {
  return endedCounts({ ...counts, recorder: { ...counts.recorder, queued: 0 } })
}

/** As one gateway forgets them: an endpoint that is deleted, or versions that it has no more. */
export function countsWithout(counts: Counts, endpoint: string, versions: readonly string[] = []): Counts {
  const isThere = (of: string, version: string) => of !== endpoint || versions.includes(version)
  return {
    ...counts,
    gateway: statsWithout(counts.gateway, endpoint, versions),
    latencies: counts.latencies.filter(one => isThere(one.endpoint, one.version)),
    tokens: tokensOf(counts.tokens, isThere),
  }
}

export function addRecorders(a: RecorderStats, b: RecorderStats = noCounts.recorder): RecorderStats {
  return {
    recorded: a.recorded + b.recorded,
    dropped: a.dropped + b.dropped,
    queued: a.queued + b.queued,
    featuresMalformed: a.featuresMalformed + b.featuresMalformed,
  }
}

function mergeLatencies(all: readonly LatencyCounts[]): LatencyCounts[] {
  const merged = new LatencyHistograms()
  for (const one of all) merged.add(one)
  return merged.read()
}

function mergeKeys(all: readonly KeyCounts[]): readonly KeyCounts[] {
  const [...names] = new Set(all.map(({ key }) => key))
  const none = { admitted: 0, forbidden: 0, rateLimited: 0, crowded: 0, inFlight: 0 }
  return addKeyCounts(
    names.map(key => ({ key, ...none })),
    all,
  )
}
