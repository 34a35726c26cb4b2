/** Connections of undici with the TLS options of the moment. */
import { buildConnector } from 'undici'
import type { WatchedUpstream } from './upstream-tls.ts'

/** A connector keeps TLS sessions to resume, so that each is of the same options. */
export function undiciConnector(tls: Pick<WatchedUpstream, 'current'>): buildConnector.connector {
  let of = tls.current()
  let connect = connectorOf(of)
  return (target, callback) => {
    const now = tls.current()
    if (now !== of) connect = connectorOf(now)
    of = now
    connect(target, callback)
  }
}

function connectorOf(options: ReturnType<WatchedUpstream['current']>): buildConnector.connector {
  // undici knows the name of a server by another place than the options of its connections.
  const { servername, ...rest } = options
  const connect = buildConnector(rest as buildConnector.BuildOptions)
  return servername === undefined ? connect : (target, callback) => connect({ ...target, servername }, callback)
}
