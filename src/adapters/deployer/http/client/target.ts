import { isIPv6 } from 'node:net'

/** Of an `https:` address: whom to trust, and who we are. */
export type TlsOptions = {
  /** None at all believes nobody. */
  ca?: string | Buffer | []
  cert?: string | Buffer
  key?: string | Buffer
  servername?: string
  rejectUnauthorized?: boolean
}

/** Where a pool connects to, and what each of its requests has in common. */
export type Target = {
  /** As callers know it. */
  name: string
  host: string
  port: number
  isTls: boolean
  /** Comes before the path of each request. */
  prefix: string
  /** The first lines of each request. HTTP/1.0 servers keep a connection only if they are asked to. */
  lines: string
}

export function targetOf(address: string, name: string): Target {
  const url = new URL(address)
  const isTls = url.protocol === 'https:'
  const bare = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return {
    name,
    host: isIPv6(bare) ? bare : url.hostname,
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    isTls,
    prefix: url.pathname.replace(/\/$/, ''),
    lines: `host: ${url.host}\r\nconnection: keep-alive\r\n`,
  }
}
