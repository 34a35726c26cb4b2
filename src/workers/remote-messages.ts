/** What a gateway of a server that stands by and the server that decides say to each other: what threads do, and who is there. */
import type { Share } from '../core/share.ts'
import type { Remembered } from '../gateway/conversations.ts'
import type { Call, Common, FromWorker, Reply, ToWorker } from './messages.ts'

/** What such a gateway begins with; how it listens its own server says. */
export type RemotePlan = { share: Share; common: Common; remembered: readonly Remembered[] }

export type FromRemote =
  /** First of all. Servers of two versions may mean different things by one message; `format` is how predictions are packed. */
  | { kind: 'hello'; version: string; format: number; name: string }
  /** `atMs` by its own clock, and back as it is. */
  | { kind: 'ping'; atMs: number }
  | { kind: 'said'; message: Exclude<FromWorker, { kind: 'call' }> }
  /** Its own, or one of a gateway whose connection was lost. */
  | { kind: 'call'; id: number; call: Call }
  /** Instead of all else: it has the lease of that term by now, and whoever hears it has lost theirs. */
  | { kind: 'succeeded'; term: number }
  /** It answers nobody any more. What others recorded may still be handed over. */
  | { kind: 'ended'; detail: string }

export type ToRemote =
  | { kind: 'plan'; plan: RemotePlan }
  /** It may not serve for now. What it recorded before is taken all the same. */
  | { kind: 'refused'; why: string }
  /** It has been told all it needs. */
  | { kind: 'open' }
  | { kind: 'pong'; atMs: number }
  | { kind: 'told'; message: Exclude<ToWorker, { kind: 'replied' }> }
  | { kind: 'replied'; id: number; reply: Reply }
  /** A version is there that only the server that decides can call: to be answered by `ended`. */
  | { kind: 'leave' }
