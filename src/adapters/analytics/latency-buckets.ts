/**
 * Latencies as whole numbers, so that quantiles of any group need one counter per bucket and no sorting: bucket b holds
 * (ratio^(b-1), ratio^b]. Masson, Rim, Lee, DDSketch, PVLDB 12(12), 2019.
 */
const ratio = 1.01
/** Shorter ones are taken for this, and longer ones for the longest: buckets are small integers. */
const shortestMs = 1e-3
const longestMs = 1e12

export function latencyBucket(latencyMs: number): number {
  return Math.ceil(Math.log(Math.min(longestMs, Math.max(shortestMs, latencyMs))) / Math.log(ratio))
}

/** The value whose relative error is at most 0.5 % for all of its bucket. */
export function bucketLatencyMs(bucket: number): number {
  return (2 * ratio ** bucket) / (1 + ratio)
}
