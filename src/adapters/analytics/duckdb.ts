/** Analytics over a DuckDB copy of the prediction log, which a thread of its own keeps and asks. */
import type { Analytics, OffPolicyQuery, OffPolicyRow } from '../../ports/analytics.ts'
import type { Clock } from '../../ports/clock.ts'
import { WorkerClient } from '../prediction-log/worker-client.ts'
import type { StorePlace } from '../stores/store-place.ts'
import type { AnalyticsCalls, AnalyticsData } from './analytics-calls.ts'

/** What has come since is copied this often, so that a question has little left to copy. */
const catchUpIntervalMs = 30_000

/**
 * `log` is where the prediction log is, which must have its current schema: open that log first. `file` is the
 * copy's own; it and what stands beside it may be deleted while it is closed, and is made again. Rejects with `store-failed`.
 */
export async function openDuckdbAnalytics(options: {
  log: StorePlace
  file: string
  clock: Clock
  /** Its thread has ended by itself: every later question fails. */
  onLost?: (error: Error) => void
}): Promise<Analytics> {
  const { log, file, clock, onLost } = options
  const data: AnalyticsData = { log, name: file }
  let stop = (): void => {}
  const client = await WorkerClient.open<AnalyticsCalls>(workerScript, data, {
    onLost: error => {
      stop()
      onLost?.(error)
    },
  })
  stop = clock.every(catchUpIntervalMs, backgroundCopy(client))
  return {
    summarise: query => client.call('summarise', query),
    offPolicyRows: (query, each) => offPolicyRows(client, query, each),
    close: async () => {
      stop()
      await client.close()
    },
  }
}

/** In the sources this file and the thread's are TypeScript, in the package both are JavaScript. */
const workerScript = new URL(
  import.meta.url.endsWith('.ts') ? './duckdb-worker.ts' : './duckdb-worker.js',
  import.meta.url,
)

/** One copy at a time. A failure is not lost: the next question meets it and says so. */
function backgroundCopy(client: WorkerClient<AnalyticsCalls>): () => void {
  let running = false
  const done = () => {
    running = false
  }
  return () => {
    if (running) return
    running = true
    client.call('catchUp', null).then(done, done)
  }
}

/** Asked for piece by piece, so that no more than one piece waits on either side. */
async function offPolicyRows(
  client: WorkerClient<AnalyticsCalls>,
  query: OffPolicyQuery,
  each: (batch: readonly OffPolicyRow[]) => void,
): Promise<void> {
  const cursor = await client.call('startOffPolicy', query)
  try {
    for (;;) {
      const batch = await client.call('nextOffPolicy', cursor)
      if (batch.length === 0) return
      each(batch)
    }
  } finally {
    await client.call('endOffPolicy', cursor)
  }
}
