/** Calls from one thread into another, which answers each under the number it came with. */
import type { ErrorCode } from '../../core/errors.ts'

/** By the name of the method. */
export type Calls = Readonly<Record<string, { input: unknown; output: unknown }>>

export type CallRequest<C extends Calls, M extends keyof C = keyof C> = {
  [K in M]: { id: number; method: K; input: C[K]['input'] }
}[M]

/** The reply to request 0, which nobody sends, says whether the thread has opened its store. */
export type CallReply =
  | { id: number; ok: true; output: unknown }
  | { id: number; ok: false; error: { code: ErrorCode; message: string } }

export const openReplyId = 0

/** What the thread tells before it has opened its store, since that takes a while: rows of an earlier schema that it packs first. */
export type OpenNotice = { packing: { rows: number } }
