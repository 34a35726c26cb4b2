/** What every part of the data plane shares: ports, routes and counters. Nothing here is per request. */

import type { CorsRule } from '../core/access/cors.ts'
import type { Measures } from '../core/measures.ts'
import type { FleetView } from '../ports/backend.ts'
import type { Clock } from '../ports/clock.ts'
import type { Recorder } from '../ports/recorder.ts'
import type { Door } from './authorise.ts'
import type { Conversations } from './conversations.ts'
import type { FlagBook } from './flags.ts'
import type { HeldRequests } from './gap.ts'
import type { Mirrors } from './mirror/mirrors.ts'
import type { Predictions } from './record-prediction.ts'
import type { Guards } from './resilience/guards.ts'
import type { RouteTable } from './route.ts'
import type { StatsCollector } from './stats.ts'
import type { TracingOptions } from './trace-context.ts'

/** Where rare, unforeseen things are told; nothing is logged per request. */
export type GatewayLogger = {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** One finished request, for histograms. Labels are bounded: names from configuration. */
export type RequestSample = {
  endpoint: string
  version: string
  status: number
  failed: boolean
  latencyMs: number
  /** Tokens, times and cost; null where nothing was measured. */
  measures: Measures | null
}

export type GatewayContext = {
  readonly door: Door
  /** Undefined where no pages of other origins are let in. */
  readonly cors: CorsRule | undefined
  readonly flags: FlagBook
  readonly routes: RouteTable
  readonly fleets: FleetView
  readonly held: HeldRequests
  readonly recorder: Recorder
  readonly predictions: Predictions
  readonly mirrors: Mirrors
  readonly guards: Guards
  readonly conversations: Conversations
  readonly clock: Clock
  readonly ids: () => string
  readonly stats: StatsCollector
  readonly logger: GatewayLogger
  readonly isReady: () => boolean
  /** Null where no spans are made. */
  readonly tracing: TracingOptions | null
  readonly observe: (sample: RequestSample) => void
  /** Cutover's own version, as server metadata tells it. */
  readonly version: string
}
