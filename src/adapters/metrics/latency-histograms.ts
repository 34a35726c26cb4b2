/**
 * Latencies by endpoint and version, in the buckets of a Prometheus histogram. Counted on the hot path, so in arrays of
 * their own: prom-client looks its labels up by a text for every value, which costs as much as choosing a version.
 */
const bucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const bucketsMs = bucketsSeconds.map(seconds => seconds * 1_000)

const family = 'cutover_request_duration_seconds'
const head = `# HELP ${family} From the last byte of the request to the last byte of the answer.\n# TYPE ${family} histogram\n`

type Counts = { byBucket: Float64Array; sumMs: number }

/** Whether an endpoint has a version. */
export type IsThere = (endpoint: string, version: string) => boolean

/** Plain data: what one thread has counted of one version. */
export type LatencyCounts = Counts & { endpoint: string; version: string }

export class LatencyHistograms {
  readonly #endpoints = new Map<string, Map<string, Counts>>()

  observe(endpoint: string, version: string, latencyMs: number): void {
    const counts = this.#endpoints.get(endpoint)?.get(version) ?? this.#make(endpoint, version)
    let bucket = 0
    while (bucket < bucketsMs.length && latencyMs > (bucketsMs[bucket] ?? 0)) bucket += 1
    counts.byBucket[bucket] = (counts.byBucket[bucket] ?? 0) + 1
    counts.sumMs += latencyMs
  }

  read(): LatencyCounts[] {
    return [...this.#endpoints].flatMap(([endpoint, versions]) =>
      [...versions].map(([version, counts]) => ({ endpoint, version, ...counts })),
    )
  }

  add({ endpoint, version, byBucket, sumMs }: LatencyCounts): void {
    const counts = this.#endpoints.get(endpoint)?.get(version) ?? this.#make(endpoint, version)
    for (const [bucket, count] of byBucket.entries()) counts.byBucket[bucket] = (counts.byBucket[bucket] ?? 0) + count
    counts.sumMs += sumMs
  }

  /** Nothing of versions that are gone: a server that releases for years would tell of all of them. */
  keep(isThere: IsThere): void {
    for (const [endpoint, versions] of this.#endpoints) {
      for (const version of versions.keys()) if (!isThere(endpoint, version)) versions.delete(version)
      if (versions.size === 0) this.#endpoints.delete(endpoint)
    }
  }

  /** In the text form of Prometheus, its last line ended. */
  text(): string {
    const lines = [...this.#endpoints].flatMap(([endpoint, versions]) =>
      [...versions].map(([version, counts]) => linesOf(`endpoint="${endpoint}",version="${version}"`, counts)),
    )
    return head + lines.join('')
  }

  #make(endpoint: string, version: string): Counts {
    const versions = this.#endpoints.get(endpoint) ?? new Map<string, Counts>()
    this.#endpoints.set(endpoint, versions)
    const counts = { byBucket: new Float64Array(bucketsMs.length + 1), sumMs: 0 }
    versions.set(version, counts)
    return counts
  }
}

/** Names have no character that would have to be escaped. */
function linesOf(labels: string, { byBucket, sumMs }: Counts): string {
  let total = 0
  const buckets = [...bucketsSeconds.map(String), '+Inf'].map((le, bucket) => {
    total += byBucket[bucket] ?? 0
    return `${family}_bucket{${labels},le="${le}"} ${total}\n`
  })
  return `${buckets.join('')}${family}_sum{${labels}} ${sumMs / 1_000}\n${family}_count{${labels}} ${total}\n`
}
