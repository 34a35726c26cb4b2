/**
 * Connections between servers that share a database: TLS by a key that stands in the database alone (a pre-shared key, RFC
 * 4279 with the elliptic curves of RFC 8442), so that whoever may read that is a peer, and nobody else; no certificates.
 */
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { type CommonConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import { limits } from '../../core/limits.ts'
import { listenFailure } from '../../core/listen-failure.ts'
import type { Address } from '../standby/relay.ts'

/** Where a server lets its peers in, and what they show. */
export type PeerPlace = Address & {
  /** Base64 of random bytes, made anew at each start. */
  key: string
}

const identity = 'cutover'
const handshakeTimeoutMs = 5_000
/** One version alone: its suites with a key of both sides are the ones that Node offers with a callback. */
const tls = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-PSK-CHACHA20-POLY1305' } as const

export class PeerDoor {
  readonly #server: ReturnType<typeof createServer>
  readonly #open = new Set<TLSSocket>()

  constructor(key: string, welcome: (peer: TLSSocket) => void) {
    const psk = Buffer.from(key, 'base64')
    const pskCallback = (_: unknown, named: string) => (named === identity ? psk : null)
    this.#server = createServer({ ...tls, pskCallback, handshakeTimeout: handshakeTimeoutMs })
    this.#server.maxConnections = limits.peerConnectionsMax
    this.#server.on('secureConnection', peer => {
      this.#open.add(peer)
      peer.setNoDelay(true)
      peer.on('close', () => this.#open.delete(peer))
      welcome(peer)
    })
    // Whoever does not know the key is nobody's concern.
    this.#server.on('tlsClientError', () => {})
  }

  /** Rejects with `port-in-use`, or `invalid-resource` where it cannot listen there. */
  async listen(address: Address): Promise<Address> {
    this.#server.listen(address)
    await once(this.#server, 'listening').catch((error: NodeJS.ErrnoException) => {
      throw listenFailure(error, address, {
        purpose: ', where other servers are to reach this one,',
        remedy: 'stop what holds it, or give another one with --peer-port',
        what: 'cannot listen for other servers',
      })
    })
    const bound = this.#server.address() as { address: string; port: number }
    return { host: bound.address, port: bound.port }
  }

  close(): void {
    this.#server.close()
    for (const peer of this.#open) peer.destroy()
  }
}

/** Rejects where it cannot be reached, or has another key. */
export async function reachPeer({ host, port, key }: PeerPlace): Promise<TLSSocket> {
  const psk = Buffer.from(key, 'base64')
  const options: CommonConnectionOptions & Record<string, unknown> = {
    ...tls,
    ...{ host, port, timeout: handshakeTimeoutMs },
    pskCallback: () => ({ psk, identity }),
    // There is no certificate: the key says who it is.
    checkServerIdentity: () => undefined,
  }
  const socket = connect(options)
  socket.once('timeout', () => socket.destroy(new Error('no answer in time')))
  await once(socket, 'secureConnect')
  socket.setTimeout(0)
  socket.setNoDelay(true)
  return socket
}

/** Whether both ends are on one machine, so that each finds at its own address what the other one does. */
export function isNear({ localAddress, remoteAddress }: Pick<TLSSocket, 'localAddress' | 'remoteAddress'>): boolean {
  return localAddress !== undefined && bare(localAddress) === bare(remoteAddress ?? '')
}

function bare(address: string): string {
  return isIPv6(address) ? address.replace(/^::ffff:/, '') : address
}
