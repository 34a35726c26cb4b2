/** What the main thread and a gateway worker say to each other. Plain data; buffers and ports are handed over. */

import type { KeyCounts } from '../adapters/access/keyring.ts'
import type { FleetNews, FleetTold } from '../adapters/deployer/threads/fleet-messages.ts'
import type { LatencyCounts } from '../adapters/metrics/latency-histograms.ts'
import type { TokenReadings } from '../adapters/metrics/token-metrics.ts'
import type { SpanSettings } from '../adapters/tracing/open-spans.ts'
import type { Keys } from '../core/access/api-key.ts'
import type { CorsRule } from '../core/access/cors.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { FlagsState } from '../core/flags/flags-state.ts'
import type { Outcome, OutcomeReceipt } from '../core/prediction.ts'
import type { Share } from '../core/share.ts'
import type { ListenerTls } from '../core/tls.ts'
import type { Answered, Remembered } from '../gateway/conversations.ts'
import type { GatewayStats } from '../gateway/stats.ts'
import type { PackedPredictions } from '../ports/prediction-log.ts'
import type { RecorderStats } from '../ports/recorder.ts'
import type { Route } from '../ports/traffic-sink.ts'

/** What a worker is told at its start. */
export type WorkerPlan = {
  share: Share
  version: string
  logLevel: string
  listener: ListenerPlan
  tracing: SpanSettings | null
  /** Fleets are those of another server. */
  isGuest: boolean
  common: Common
  /** Of conversations that other workers have answered, the oldest first. */
  remembered: readonly Remembered[]
}

/** Certificates are read by each worker; whether keys are needed does not change. */
export type ListenerPlan = {
  auth: 'required' | 'none'
  tls: ListenerTls | null
  cors: CorsRule | null
  connectionsMax: number
}

/** Values that are the same in all workers and change now and then: told at the start, and what changes at each change. */
export type Common = {
  /** Everything outside the gateway is up. */
  isReady: boolean
  keys: Keys
  flags: FlagsState
}

export type Address = { host: string; port: number }

/** Answered by `done` of the same id, in the order in which they were asked. */
export type Asked =
  | { kind: 'apply'; route: Route }
  /** Counters, by a message of their own before `done`. */
  | { kind: 'count' }
  | { kind: 'listen'; address: Address }
  | { kind: 'listen-grpc'; address: Address }
  /** Takes no new connections, lets requests finish, hands over what is recorded. Connections that rest may have one more answer within `restMs`. */
  | { kind: 'close'; drainMs: number; restMs?: number }

export type ToWorker =
  | { kind: 'ask'; id: number; ask: Asked }
  | { kind: 'remove'; endpoint: string }
  /** Which part of keys' bounds is its own from now on; those of routes come with these. */
  | { kind: 'share'; share: Share }
  | { kind: 'common'; change: Partial<Common> }
  | { kind: 'remembered'; remembered: readonly Remembered[] }
  | { kind: 'fleets'; news: FleetNews }
  | { kind: 'replied'; id: number; reply: Reply }

export type FromWorker =
  | { kind: 'done'; id: number; result: AskResult }
  | { kind: 'counts'; counts: Counts }
  | { kind: 'fleets'; told: FleetTold }
  | { kind: 'call'; id: number; call: Call }
  /** For the other workers. */
  | { kind: 'remembered'; remembered: readonly Remembered[] }
  /** It goes on with nothing but handing over what it has. */
  | { kind: 'failing'; detail: string }

/** `address` where it listens now. */
export type AskResult = { ok: true; address?: Address } | { ok: false; error: PlainError }

/** What a worker has the main thread do. */
export type Call =
  | StoreCall
  /** Whether any worker has answered it. */
  | { kind: 'recall'; endpoint: string; id: string }

export type StoreCall =
  /** `again`: it was handed over before, and may have been kept. */
  { kind: 'append'; packed: PackedPredictions; again?: true } | { kind: 'feedback'; outcomes: readonly Outcome[] }

export type Reply =
  /** The buffer comes back to be used again, unless it was kept. */
  | { kind: 'appended'; read: PackedPredictions | null }
  | { kind: 'receipts'; receipts: readonly OutcomeReceipt[] }
  | { kind: 'recalled'; answered: Answered | null }
  | { kind: 'failed'; error: PlainError }

export type PlainError = { code: ErrorCode; message: string }

/** Since the worker began. */
export type Counts = {
  gateway: GatewayStats
  recorder: RecorderStats
  latencies: readonly LatencyCounts[]
  tokens: TokenReadings
  keys: readonly KeyCounts[]
}
