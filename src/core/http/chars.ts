/** Which bytes may stand where in HTTP/1.1 (RFC 9110, 5.5 and 5.6.2; RFC 9112, 3). */

/** Of method and field names. */
export const isTokenByte = table("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

/** Of a request target: visible ASCII. A fragment is no part of a target. */
export const isTargetByte = rangeTable(code => code > 0x20 && code < 0x7f && code !== 0x23)

/** Of a field's value: visible, space, tab and whatever is above ASCII. */
export const isValueByte = rangeTable(code => code === 0x09 || (code >= 0x20 && code !== 0x7f))

/** Of a host with its port, as `Host` holds it. */
export const isHostByte = table("-.~!$&'()*+,;=:%[]_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

function table(allowed: string): Uint8Array {
  return rangeTable(code => allowed.includes(String.fromCharCode(code)))
}

function rangeTable(isAllowed: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isAllowed(code) ? 1 : 0))
}
