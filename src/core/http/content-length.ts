import { byte } from './chars.ts'

/** Enough for any length that a double counts exactly. */
const digitsMax = 15

/** A length as RFC 9110, 8.6 writes it: digits alone, no sign, no list. -1 for anything else. */
export function lengthOf(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > digitsMax) return -1
  let length = 0
  for (let at = start; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - byte.zero
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}
