/** A running copy of a version, as the gateway sees it. */
import type { CutoverError } from '../core/errors.ts'
import type { Price } from '../core/measures.ts'
import type { MeterReading } from '../core/openai/answer-meter.ts'

export type BackendCall = {
  method: string
  /** Path and query as the model server gets them. */
  path: string
  /**
   * Header lines `Name: value` in Latin-1, each with its CRLF; without Host, the fields of the connection and those of framing
   * (Content-Length, Transfer-Encoding): these are the instance's to add.
   */
  fields: string
  /** Method, path and fields come from a reader that lets nothing else through than what these rules allow: no need to look again. */
  isVetted?: boolean
  /** Whole and never changed afterwards; null for none; else it comes by `write`, `bytes` of it where that is known. */
  body: Uint8Array | null | StreamedBody
  timeouts: CallTimeouts
}

export type StreamedBody = { bytes: number | null }

/** `totalMs` is from the call to the last byte of the answer; left out where only silence ends it. */
export type CallTimeouts = { connectMs: number; firstByteMs: number; idleMs: number; totalMs?: number }

/** What becomes of a call. Nothing is told before `dispatch` has returned, and nothing after `onEnd` or `onFail`. */
export interface AnswerSink {
  /**
   * `fields` are lines as in a call, in order and byte for byte, without fields of the connection, of framing and
   * Cutover's own. `bodyBytes` is the stated length, also where no body follows (HEAD, 304); null where none is stated.
   */
  onHead(status: number, fields: string, bodyBytes: number | null): void
  /** The chunk is valid during this call alone. `isLast`: the answer ends with it, and `onEnd` follows in the same turn. */
  onBody(chunk: Uint8Array, isLast: boolean): void
  onEnd(): void
  /**
   * Instead of `onEnd`, whether or not the head has come: backend-unreachable (never sent), backend-failed, backend-timeout,
   * overloaded, invalid-request.
   */
  onFail(error: CutoverError): void
  /** A body that is written piece by piece may go on. */
  onDrain(): void
}

/** What an instance has read of an answer while it passed, on the process's steady clock. */
export type AnswerReading = MeterReading & { price: Price | null }

/** A call under way. */
export interface Sending {
  /** Back-pressure on the answer. */
  pause(): void
  resume(): void
  /** The next piece of a streamed body, used or copied within the call. False: wait for `onDrain`. */
  write(chunk: Uint8Array): boolean
  /** A streamed body is complete. */
  end(): void
  /** Nothing more is wanted: the sink hears nothing from now on, and the server does not work on in vain. */
  cancel(): void
  /** Left out where the instance reads nothing of its answers; null where it could not read this one. */
  reading?(): AnswerReading | null
}

export interface Instance {
  readonly id: string
  /** Calls in flight: the gateway prefers the least busy instance. */
  readonly inFlight: number
  /** Of them those that wait for a connection, since all that there may be are busy; left out where none ever does. */
  readonly waiting?: number
  /** True if `dispatch` takes bodies only whole or null: the gateway then collects them first. */
  readonly wantsWholeBody: boolean
  dispatch(call: BackendCall, sink: AnswerSink): Sending
  /** Model metadata in Open Inference Protocol form, if the backend knows it itself; null asks the server. */
  metadata(): ModelMetadata | null
}

export type TensorMetadata = { name: string; datatype: string; shape: readonly number[] }
export type ModelMetadata = {
  platform: string
  inputs: readonly TensorMetadata[]
  outputs: readonly TensorMetadata[]
  /** Extensions of the protocol that the backend speaks itself; left out for none. */
  extensions?: readonly string[]
}

/** The ready instances, kept up to date by the deployer; read by the gateway on every request. */
export interface FleetView {
  /** A ready instance, the least busy one; null if there is none. */
  pick(endpoint: string, version: string): Instance | null
  /** How many instances are ready. */
  readyCount(endpoint: string, version: string): number
  /** Calls that wait for a connection to an instance; left out where none ever does. */
  waiting?(endpoint: string, version: string): number
}
