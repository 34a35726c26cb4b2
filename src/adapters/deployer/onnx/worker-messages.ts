import type { ModelMetadata } from '../../../ports/backend.ts'

/** What a worker is told at its start. */
export type WorkerPlan = { path: string; modelName: string; modelVersion: string }

export type InferMessage = {
  kind: 'infer'
  id: number
  body: Uint8Array
  /** The request's Content-Encoding, empty for none. */
  encoding: string
}

/** `stop` lets the thread end once nothing runs in it. */
export type ToWorker = InferMessage | { kind: 'stop' }

export type FromWorker =
  | { kind: 'loaded'; metadata: ModelMetadata }
  | { kind: 'failed'; message: string }
  | { kind: 'answer'; id: number; status: number; body: Uint8Array }
