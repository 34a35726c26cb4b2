/** What a JSON pointer (RFC 6901) leads to; undefined if that is nothing. What objects inherit is not found. */
export function valueAt(document: unknown, pointer: string): unknown {
  let value = document
  for (const key of pointerTokens(pointer)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/** The names and places that it leads by. */
export function pointerTokens(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}
