import type { MessagePort } from 'node:worker_threads'
import type { ModelMetadata } from '../../../ports/backend.ts'
import type { BodyForm } from './infer-body.ts'

/** Requests that queue are run together, up to so many rows; the oldest waits up to `waitMs` for others. */
export type BatchPlan = { rowsMax: number; waitMs: number }

/** What a worker is told at its start. */
export type WorkerPlan = { path: string; modelName: string; modelVersion: string; batch: BatchPlan | null }

/** The bodies of one message share buffers. */
export type InferItem = BodyForm & { id: number; body: Uint8Array }

export type ToModel = { kind: 'infer'; items: readonly InferItem[] }

/** Of whom started the thread. `connect`: by this port comes `ToModel` too. `stop` lets the thread end once nothing runs in it. */
export type ToWorker = ToModel | { kind: 'connect'; port: MessagePort } | { kind: 'stop' }

/** `jsonBytes`: the length of the JSON in front of binary tensors; null if all of the body is JSON. */
export type AnswerItem = { id: number; status: number; body: Uint8Array; jsonBytes: number | null }

export type FromWorker =
  | { kind: 'loaded'; metadata: ModelMetadata }
  | { kind: 'failed'; message: string }
  | AnswersMessage

/** `busyMs` is how long the thread worked for these. */
export type AnswersMessage = { kind: 'answers'; answers: readonly AnswerItem[]; busyMs: number }
