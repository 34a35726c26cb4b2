/**
 * How deep a JSON text is nested and how many members its objects have, before it is read: reading millions of levels, or
 * of names, takes seconds, in which nobody else is served. It says nothing of whether the text is JSON.
 */
import { limits } from './limits.ts'

export type JsonBounds = {
  /** Lists and objects that stand in one another. */
  depthMax: number
  /** Of one object. */
  membersMax: number
}

const defaults: JsonBounds = { depthMax: limits.jsonDepthMax, membersMax: Number.POSITIVE_INFINITY }

/** Shorter texts are read in no time, whatever they hold. */
const harmlessBytes = 4 * 1024

/** What is too much, in words that follow "the body"; null where nothing is. */
export function beyondBounds(bytes: Uint8Array, bounds: Partial<JsonBounds> = {}): string | null {
  if (bytes.length <= harmlessBytes) return null
  const { depthMax, membersMax } = { ...defaults, ...bounds }
  const members = new Uint32Array(depthMax + 1)
  let depth = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number
    if (isPlain[byte] === 1) continue
    if (byte === quote) at = endOfText(bytes, at + 1)
    else if (byte === openBrace || byte === openBracket) {
      depth += 1
      if (depth > depthMax) return `is nested more than ${depthMax} levels deep`
      members[depth] = 0
    } else if (byte === colon) {
      const count = (members[depth] as number) + 1
      if (count > membersMax) return `has an object with more than ${membersMax} members`
      members[depth] = count
    } else if (depth > 0) depth -= 1
  }
  return null
}

/** The place of the closing quote, or the end. */
function endOfText(bytes: Uint8Array, start: number): number {
  let at = start
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at] as number
    if (byte === quote) return at
    if (byte === backslash) at += 1
  }
  return at
}

const [quote, backslash, colon] = [0x22, 0x5c, 0x3a]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]

/** Outside of texts. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  [quote, colon, openBrace, closeBrace, openBracket, closeBracket].includes(byte) ? 0 : 1,
)
