/**
 * A caller's request and the way back to it, whichever listener read it: sockets for what is plain, node:http for all the
 * rest of HTTP. Everything beyond the listeners knows these two only.
 */
import type { CutoverError } from '../core/errors.ts'
import type { Principal } from '../ports/access.ts'

/** `short` is or will be taken whole; `long` is the rest, bodies of an unknown length included. */
export type BodyKind = 'none' | 'short' | 'long'

export interface Inbound {
  readonly method: string
  /** As it came, neither decoded nor normalised. */
  readonly target: string
  /** As `Via` names it. */
  readonly httpVersion: '1.0' | '1.1' | '2'
  readonly remoteAddress: string
  /** The field lines that may be passed on: without the connection's, those of framing and Cutover's own. Latin-1, each with its CRLF. */
  readonly passedOn: string
  /** Whether it may have fields `x-cutover-…`, or of a trace: what has none need not be looked through. */
  readonly mayHaveOwnFields: boolean
  readonly mayHaveTrace: boolean
  /** Whether method, target and lines were read by our own strict parser. */
  readonly isVetted: boolean
  /** A field's value by lower-case name, several joined, one character for each byte: `headerText` reads it. */
  field(lowerName: string): string | undefined
  /** Of the body; null where it is not stated. */
  readonly statedBytes: number | null
  readonly bodyKind: BodyKind
  /** The whole body, where it has been read already; null for none and for one that is still to come. */
  readonly bodyInHand: Buffer | null
  /** Rejects with body-too-large as soon as it is, or client-closed. */
  wholeBody(bytesMax: number): Promise<Buffer>
  /** Begins to hand on the body piece by piece. */
  readBody(reader: BodyReader, bytesMax: number): void
  pauseBody(): void
  resumeBody(): void
}

export interface BodyReader {
  onBodyChunk(chunk: Buffer): void
  onBodyEnd(): void
  /** Instead of the end: body-too-large or client-closed. */
  onBodyFail(error: CutoverError): void
}

/** The answer to one request. After `end`, `cut` or the caller's leaving nothing has an effect any more. */
export interface Outbound {
  /** A head is on its way: the status cannot change. Until then another answer may be begun in place of the first. */
  readonly hasBegun: boolean
  /** Nothing can be sent any more: it is out, or the caller is gone. */
  readonly isClosed: boolean
  /** Of all that was written to the connection, what the network has taken; it grows as the caller reads. Always 0 where nothing is held. */
  readonly takenBytes: number
  /** Told of what happens to the answer; one at a time. */
  watch(watcher: OutboundWatcher): void
  /**
   * Status and field lines; `ownLines` are Cutover's own, and those of framing are added. `bodyBytes` is stated to the caller also where no body follows; null
   * leaves the end to the framing. It goes out with the first bytes of the body, or at the end of this turn.
   */
  begin(status: number, lines: string, bodyBytes: number | null, ownLines?: string): void
  /** False: more is held than should be; wait for `onAnswerDrain`. The chunk is used or copied within the call. Throws where the caller cannot get so long an answer. */
  write(chunk: Uint8Array): boolean
  end(): void
  /** Head, body and end of an answer of our own. `closes`: the connection is not used again. */
  answer(status: number, lines: string, body: Buffer, closes: boolean): void
  /** An answer that has begun breaks off, so that it cannot look whole. */
  cut(): void
}

export interface OutboundWatcher {
  /** What was held has left. */
  onAnswerDrain(): void
  /** Once. `isSent`: the whole answer has been handed to the network; else the caller left, or it was cut. */
  onAnswerClosed(isSent: boolean): void
}

/** One request, as every surface of the gateway gets it. */
export type Visit = {
  inbound: Inbound
  outbound: Outbound
  /** Whose key let it in; left out, or null, where none was asked for. */
  principal?: Principal | null
}
