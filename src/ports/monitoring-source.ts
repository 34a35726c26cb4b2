/** What is kept of endpoints between and beside releases. Bounded, so reading costs the same however much was seen. */
import type { SignalReport } from '../core/label-delays.ts'
import type { WatchEvidence } from '../core/monitor/evidence.ts'

export interface MonitoringSource {
  /** Of the stable version; null where nothing is watched. */
  watch(endpoint: string): WatchEvidence | null
  /** How late labels, rewards and reported values come; empty before the first prediction. */
  delays(endpoint: string): readonly SignalReport[]
}
