import type { ModelMetadata } from '../../../ports/backend.ts'
import type { BodyForm } from './infer-body.ts'

/** Requests that queue are run together, up to so many rows; the oldest waits up to `waitMs` for others. */
export type BatchPlan = { rowsMax: number; waitMs: number }

/** What a worker is told at its start. */
export type WorkerPlan = { path: string; modelName: string; modelVersion: string; batch: BatchPlan | null }

/** The bodies of one message share buffers. */
export type InferItem = BodyForm & { id: number; body: Uint8Array }

/** `stop` lets the thread end once nothing runs in it. */
export type ToWorker = { kind: 'infer'; items: readonly InferItem[] } | { kind: 'stop' }

/** `jsonBytes`: the length of the JSON in front of binary tensors; null if all of the body is JSON. */
export type AnswerItem = { id: number; status: number; body: Uint8Array; jsonBytes: number | null }

export type FromWorker =
  | { kind: 'loaded'; metadata: ModelMetadata }
  | { kind: 'failed'; message: string }
  /** `busyMs` is how long the thread worked for these. */
  | { kind: 'answers'; answers: readonly AnswerItem[]; busyMs: number }
