/** Which bytes may stand where in HTTP/1.1 (RFC 9110, 5.5 and 5.6.2; RFC 9112, 3). */

/** Of method and field names. */
export const isTokenByte = table("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

/** Of a request target: visible ASCII. A fragment is no part of a target. */
export const isTargetByte = rangeTable(code => code > 0x20 && code < 0x7f && code !== 0x23)

/** Of a field's value: visible, space, tab and whatever is above ASCII. */
export const isValueByte = rangeTable(code => code === 0x09 || (code >= 0x20 && code !== 0x7f))

/** Of a host with its port, as `Host` holds it. */
export const isHostByte = table("-.~!$&'()*+,;=:%[]_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

/** Bytes that structure messages. */
export const byte = {
  tab: 0x09,
  lf: 0x0a,
  cr: 0x0d,
  space: 0x20,
  quote: 0x22,
  zero: 0x30,
  colon: 0x3a,
  semicolon: 0x3b,
  equals: 0x3d,
  backslash: 0x5c,
} as const

/** What readers of answers and bodies say instead of a position. */
export const incomplete = -1
export const refused = -2

/** What a byte is worth as a hexadecimal digit; 255 for none. */
export const hexValues: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase())
  return value === -1 || code > 0x7f ? 255 : value
})

/** Whether the bytes of a token or a value are this name, which is in lower case. */
export function isNamed(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  return end - start === name.length && beginsWith(bytes, start, name)
}

/** Sets the case bit of letters; no other byte that a token or a value may have becomes one of a name by it. */
export function beginsWith(bytes: Uint8Array, start: number, name: string): boolean {
  for (let at = 0; at < name.length; at += 1) {
    if (((bytes[start + at] ?? 0) | 0x20) !== name.charCodeAt(at)) return false
  }
  return true
}

/** What a list of tokens such as `Connection: close, x-hop` names, in lower case. */
export function tokensOf(value: string): string[] {
  return value
    .split(',')
    .map(token => token.trim().toLowerCase())
    .filter(token => token !== '')
}

function table(allowed: string): Uint8Array {
  return rangeTable(code => allowed.includes(String.fromCharCode(code)))
}

function rangeTable(isAllowed: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isAllowed(code) ? 1 : 0))
}
