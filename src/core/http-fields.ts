/** Header fields that stay on their connection, by lower-case name: gateway and backends leave out the same ones. */

/** RFC 9110, 7.6.1. Trailers are not carried over, so the field that announces them is not either. */
export const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Meant for this hop: the caller named us, not the model server, and the expectation was met when the request reached us. */
export const hopRequestFields: ReadonlySet<string> = new Set(['host', 'expect'])

/** Fields by which callers, gateway and model servers speak of Cutover's own matters: none passes through. */
export const ownFieldPrefix = 'x-cutover-'

export function isOwnField(lowerName: string): boolean {
  return lowerName.startsWith(ownFieldPrefix)
}
