/** Where a request carries its key: in `Authorization: Bearer` or in `x-api-key`. */

export const keyFields = ['authorization', 'x-api-key'] as const
export type KeyField = (typeof keyFields)[number]

/** What every part of Cutover that asks for keys needs of a request. */
export type RequestHead = {
  /** By lower-case name; undefined where it is absent. */
  field(lowerName: string): string | undefined
}

/** `ck_` alone begins keys of other systems too. */
const beginsAsKey = /^ck_[a-z0-9]{4,16}_/
/** Anywhere in a field, but not amid a token of another system, which may hold the same letters by chance. */
const holdsKey = /(?<![\w-])ck_[a-z0-9]{4,16}_/
const bearer = /^bearer +/i

/** What stands in the field, if it is meant for Cutover; anything else in these fields is the model server's. */
function keyIn(field: KeyField, value: string): string | null {
  const text = field === 'authorization' ? bearerToken(value) : value.trim()
  return text !== null && beginsAsKey.test(text) ? text : null
}

function bearerToken(value: string): string | null {
  const scheme = bearer.exec(value)
  return scheme === null ? null : value.slice(scheme[0].length).trim()
}

/**
 * A key must not reach a model server, whether or not keys are asked for: also not as nobody is let in with it, such as
 * without its scheme or with one in the wrong field.
 */
export function carriesKey(lowerName: string, value: string): boolean {
  return (lowerName === 'authorization' || lowerName === 'x-api-key') && holdsKey.test(value)
}

/** The key, with the field that holds it; the first of both. */
export function carriedBy(head: RequestHead): { field: KeyField; text: string } | null {
  for (const field of keyFields) {
    const value = head.field(field)
    const text = value === undefined ? null : keyIn(field, value)
    if (text !== null) return { field, text }
  }
  return null
}

/** Field lines (`Name: value`, each with its CRLF) without those that carry a key. */
export function withoutKeys(lines: string): string {
  let kept = lines
  for (let at = kept.indexOf('ck_'); at >= 0; at = kept.indexOf('ck_', at)) {
    const start = kept.lastIndexOf('\n', at) + 1
    const end = kept.indexOf('\r\n', at) + 2
    const colon = kept.indexOf(':', start)
    if (!carriesKey(kept.slice(start, colon).toLowerCase(), kept.slice(colon + 1, end).trim())) at = end
    else {
      kept = kept.slice(0, start) + kept.slice(end)
      at = start
    }
  }
  return kept
}
