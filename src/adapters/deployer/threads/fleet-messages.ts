/** What a thread that calls instances of another one is told of them, and what it tells. */
import type { Reach } from '../reach.ts'
import type { CallsTold } from '../replica.ts'

/** `reach` comes once; null for one that is known by its key. Keys are never used again. */
export type SharedInstance = { key: number; reach: Reach | null }

export type FleetNews =
  /** These of a version get requests from now on, and no others. */
  | { kind: 'fleet'; endpoint: string; version: string; instances: readonly SharedInstance[] }
  /** It gets no more requests; to be answered by `idle`. */
  | { kind: 'leaving'; key: number }
  /** It has ended: what is in flight is cut. */
  | { kind: 'gone'; key: number }

export type FleetTold =
  | { kind: 'idle'; key: number }
  /** How its calls went: once a while, or when too many in a row have failed. */
  | ({ kind: 'heard'; key: number } & CallsTold)
