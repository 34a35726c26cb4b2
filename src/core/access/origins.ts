/** Which names are of this machine itself. */

/** `localhost`, names under it, and loopback addresses as they stand in an address. */
export function isLocalName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || isLoopbackAddress(name)
}

function isLoopbackAddress(name: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(name) && name.split('.').every(part => Number(part) <= 255)
}

/** Of a Host field; lower-case. */
export function hostnameOf(host: string): string {
  return host.replace(/:\d*$/, '').toLowerCase()
}
