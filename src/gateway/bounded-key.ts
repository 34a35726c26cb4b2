import { createHash } from 'node:crypto'
import { limits } from '../core/limits.ts'

/** A key over `limits.unitKeyBytesMax` stands for itself by its hash, so that what is kept of callers' texts is bounded. */
export function boundedKey(key: string): string {
  // A character has at most three bytes in UTF-8 for each of its code units.
  if (3 * key.length <= limits.unitKeyBytesMax || Buffer.byteLength(key) <= limits.unitKeyBytesMax) return key
  return `sha256 ${createHash('sha256').update(key).digest('base64url')}`
}
