/** As addresses are written where a port follows: an IPv6 address in brackets, RFC 3986 3.2.2. */
export function hostAndPort({ host, port }: { host: string; port: number }): string {
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
}
