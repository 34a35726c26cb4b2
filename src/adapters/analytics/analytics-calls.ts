/** What the gateway's thread asks of the thread that owns the analytical copy. */
import type { OffPolicyQuery, OffPolicyRow, SummaryQuery, SummaryRow } from '../../ports/analytics.ts'
import type { StorePlace } from '../stores/store-place.ts'

export type AnalyticsCalls = {
  /** Copies what the log has committed, so that the next question need not. */
  catchUp: { input: null; output: null }
  summarise: { input: SummaryQuery; output: readonly SummaryRow[] }
  /** The number of an answer that is read piece by piece; it must be ended. */
  startOffPolicy: { input: OffPolicyQuery; output: number }
  /** Empty at the end. */
  nextOffPolicy: { input: number; output: readonly OffPolicyRow[] }
  endOffPolicy: { input: number; output: null }
  close: { input: null; output: null }
}

/** What its thread is told at its start: where the log is, and the file of the copy. */
export type AnalyticsData = { log: StorePlace; name: string }
