/** What may be shown of a value. Variables of a command and header fields may be secrets, also where they stand wrongly. */
const mask = '(hidden)'

const secretPath = /(^|\.)(env|headers)(\.|\[|$)/

/** User and password of an address, and what stands around them. */
export const userPattern = /^([a-z]+:[\\/]*)[^\\/?#]*@/i

/** Of a value in a document, as a refusal may show it: nothing at or beneath `env` or `headers`, no user of an address. */
export function shownAt(path: string, value: unknown): unknown {
  return secretPath.test(path) ? hidden(value) : withoutKeys(value, isSecret, withoutUser)
}

function withoutUser(text: string): string {
  return text.replace(userPattern, `$1${mask}@`)
}

/** A list of `headers` is one of names, as pages of other origins may send them. */
function isSecret(key: string, value: unknown): boolean {
  return key === 'env' || (key === 'headers' && !Array.isArray(value))
}

/** The mask for it, or for each of its members. */
export function hidden(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return mask
  return Object.fromEntries(Object.keys(value).map(key => [key, mask]))
}

/** A copy in which the values of some members are hidden, however deep these stand. */
export function withoutKeys(
  value: unknown,
  isHidden: (key: string, value: unknown) => boolean,
  textOf: (text: string) => string = text => text,
): unknown {
  if (Array.isArray(value)) return value.map(item => withoutKeys(item, isHidden, textOf))
  if (typeof value === 'string') return textOf(value)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      isHidden(key, inner) ? hidden(inner) : withoutKeys(inner, isHidden, textOf),
    ]),
  )
}
