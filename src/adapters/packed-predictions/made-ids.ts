/**
 * Ids as the gateway makes them: fourteen bytes that its process shares, the last one a dot, six of a counter that grows
 * and sorts as text does, and six by chance, so that nobody guesses another's. So those of one process that lie between
 * two others are known without an index of each, by their stem: all but what is chance. Older logs have ids of a stem alone.
 */
export const madeIds = { prefixBytes: 14, stemBytes: 20, bytes: 26, dot: 0x2e } as const

/** What the ids of one process share, in the forms in which it is compared: the first twelve bytes are three words. */
export type MadePrefix = { text: string; bytes: Uint8Array; words: Uint32Array }

export function madePrefixOf(text: string): MadePrefix {
  const bytes = new Uint8Array(16)
  for (let index = 0; index < madeIds.prefixBytes; index += 1) bytes[index] = text.charCodeAt(index)
  return { text, bytes, words: new Uint32Array(bytes.buffer, 0, 3) }
}

/** Whether an id of so many bytes may be one that the gateway made. */
export function isMadeLength(bytes: number): boolean {
  return bytes === madeIds.bytes || bytes === madeIds.stemBytes
}

/** The six bytes of a counter as one number, which is in their order. */
export function counterOfBytes(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0] = [bytes[at], bytes[at + 1], bytes[at + 2]]
  const [d = 0, e = 0, f = 0] = [bytes[at + 3], bytes[at + 4], bytes[at + 5]]
  return ((a << 16) | (b << 8) | c) * 0x1000000 + ((d << 16) | (e << 8) | f)
}

/** The text of a counter, which is six bytes. */
export function counterText(counter: number): string {
  const codes: number[] = []
  for (let left = counter; codes.length < madeIds.stemBytes - madeIds.prefixBytes; left = Math.floor(left / 256))
    codes.unshift(left % 256)
  return String.fromCharCode(...codes)
}

/** An id that looks as if the gateway had made it. */
export type MadeId = { id: string; stem: string; prefix: string; counter: number }

/** Of an id, or of its stem; null of one that the gateway has not made. */
export function partsOfMadeId(id: string): MadeId | null {
  if (!isMadeLength(id.length) || id.charCodeAt(madeIds.prefixBytes - 1) !== madeIds.dot) return null
  const stem = id.slice(0, madeIds.stemBytes)
  const bytes = Buffer.from(stem, 'latin1')
  return { id, stem, prefix: id.slice(0, madeIds.prefixBytes), counter: counterOfBytes(bytes, madeIds.prefixBytes) }
}
