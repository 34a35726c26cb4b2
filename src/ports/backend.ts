/** A running copy of a version, as the gateway sees it. */
import type { Readable } from 'node:stream'

export type BackendRequest = {
  method: string
  /** Path and query as the model server gets them. */
  path: string
  /**
   * Name, value, name, value … as they came, hop-by-hop fields and Host already removed. `content-length` is among them
   * exactly when the length of the body is known; a stream without it is to be sent in chunks.
   */
  headers: readonly string[]
  /** A whole body or a stream of it; null for none. A stream that fails was cut by the caller or by a limit. */
  body: Uint8Array | Readable | null
  timeouts: { connectMs: number; firstByteMs: number; idleMs: number }
  /** Aborts when the caller goes away or the gateway gives up. */
  signal: AbortSignal
}

export type BackendResponse = {
  status: number
  /** Name, value, name, value … */
  headers: readonly string[]
  /** Fails, rather than ends, when the server breaks off. */
  body: Readable | Uint8Array
}

export interface Instance {
  readonly id: string
  /** Requests in flight: the gateway prefers the least busy instance. */
  readonly inFlight: number
  /** True if `send` takes bodies only whole, as `Uint8Array` or null: the gateway then collects them first. */
  readonly wantsWholeBody: boolean
  /** Rejects with a `CutoverError`: backend-unreachable (never sent), backend-failed, backend-timeout, overloaded, client-closed, invalid-request. */
  send(request: BackendRequest): Promise<BackendResponse>
  /** Model metadata in Open Inference Protocol form, if the backend knows it itself; null asks the server. */
  metadata(): ModelMetadata | null
}

export type TensorMetadata = { name: string; datatype: string; shape: readonly number[] }
export type ModelMetadata = { platform: string; inputs: readonly TensorMetadata[]; outputs: readonly TensorMetadata[] }

/** The ready instances, kept up to date by the deployer; read by the gateway on every request. */
export interface FleetView {
  /** A ready instance, the least busy one; null if there is none. */
  pick(endpoint: string, version: string): Instance | null
  /** How many instances are ready. */
  readyCount(endpoint: string, version: string): number
}
