/**
 * How predictions lie in one buffer: what threads hand on to each other. A buffer moves from thread to thread whole, is read
 * in place and needs no structured clone of objects; only the thread that writes the store and the one that adds up the
 * evidence ever look inside. Numbers stand in the machine's byte order.
 *
 * Header: count of records, offset and length of the kinds, whether any record has bodies. Then the records, each of
 * `recordBytes` of numbers, its texts one after the other and its bodies, on a multiple of eight. Last the kinds: a list in
 * JSON of what many predictions share.
 *
 * The store keeps the records as they lie here, so that a change of them is a new number of its format.
 */
import type { Measures } from '../../core/measures.ts'

/** Everything of a prediction that it shares with many others. */
export type Kind = readonly [
  endpoint: string,
  epoch: number,
  release: string | null,
  assigned: string,
  version: string,
  propensity: number,
  pinned: 0 | 1,
  byContext: 0 | 1,
  status: number,
  failed: 0 | 1,
]

export const headerBytes = 16
/** Places of words in the header. */
export const header = { count: 0, kindsOffset: 1, kindsBytes: 2, anyPayload: 3 } as const

export const recordBytes = 56
/** Places of doubles in a record. */
export const doubles = { atMs: 0, latencyMs: 1, answer: 2 } as const
/** Places of words in a record, behind the doubles; texts and bodies follow in the order of their lengths. */
export const words = {
  kind: 6,
  flags: 7,
  idBytes: 8,
  unitBytes: 9,
  answerBytes: 10,
  restBytes: 11,
  requestBytes: 12,
  responseBytes: 13,
} as const

/** The two lowest bits say how the answer is written. */
export const answerForms = { none: 0, number: 1, text: 2, json: 3 } as const
export const answerFormMask = 3
export const flags = {
  /** Id and unit are ASCII: a byte for each character. */
  isAscii: 4,
  hasPayload: 8,
  isShadow: 16,
  /** A shadow whose id tells its champion's, as the gateway's do: the champion's stands nowhere else. */
  isNamedShadow: 32,
  /** The gateway made the id: no other prediction has it. */
  hasMadeId: 64,
  /** The bodies were here and are kept elsewhere. */
  hasLeftPayload: 128,
} as const

/** What few predictions have, as JSON: left out where all of it is. */
export type Rest = {
  scores?: readonly (readonly number[])[]
  features?: Readonly<Record<string, number | string | null>>
  shadowOf?: string
  sent?: unknown
  measures?: Measures
}

/** The start of a record or body behind this place. */
export function aligned(at: number): number {
  return (at + 7) & ~7
}
