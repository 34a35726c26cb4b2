/** Which pages are of this machine itself, by what browsers say of them. */

/** `localhost`, names under it, and loopback addresses as they stand in an address. */
export function isLocalName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || isLoopbackAddress(name)
}

function isLoopbackAddress(name: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(name) && name.split('.').every(part => Number(part) <= 255)
}

/** Of a Host field, or of what follows the scheme of an origin; lower-case. */
export function hostnameOf(host: string): string {
  return host.replace(/:\d*$/, '').toLowerCase()
}

/** As `Origin` has it; `null`, which pages without an origin send, is of nobody. */
export function isLocalOrigin(origin: string): boolean {
  const host = /^https?:\/\/([^/?#@]+)$/i.exec(origin)?.[1]
  return host !== undefined && isLocalName(hostnameOf(host))
}
