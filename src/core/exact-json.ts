/**
 * JSON whose whole numbers keep every digit: one that a double cannot hold, such as an id of 64 bits, is read as its decimal
 * text, and labels are compared as texts anyway.
 */

/** A whole number of 16 digits or more where a value may stand; reading with a reviver is slow, so it is rare. */
const longInteger = /(^|[[,:\s])-?\d{16,}([\]},\s]|$)/

/** Whether the digits of a value count, by what holds it and under which key. */
type Counts = (holder: unknown, key: string) => boolean

/** Throws as `JSON.parse` does. */
export function parseExact(text: string, counts: Counts = () => true): unknown {
  if (!longInteger.test(text)) return JSON.parse(text)
  return JSON.parse(text, function (this: unknown, key: string, value: unknown, context?: { source?: string }) {
    return counts(this, key) ? exact(value, context?.source) : value
  })
}

/** `source` is the text that the value was read from (ECMAScript "JSON.parse source text access", Node 22 and later). */
function exact(value: unknown, source: string | undefined): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return source !== undefined && /^-?\d+$/.test(source) ? source : value
}
