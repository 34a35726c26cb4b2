import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Target, TlsOptions } from './target.ts'

export interface SocketListener {
  opened(): void
  /** The bytes are valid during the call alone. False: nothing more for now. */
  heard(bytes: Buffer, length: number): boolean
  drained(): void
  /** The server sends nothing more. */
  ended(): void
  /** It is gone, for a reason or by itself. */
  gone(cause: Error | null): void
}

/**
 * All plain sockets read into this buffer: each portion is used up within its callback, so that no read allocates. Large
 * enough for what a socket of the loopback hands over at once.
 */
const shared = Buffer.allocUnsafeSlow(64 * 1024)

export function openSocket(target: Target, tls: TlsOptions, listener: SocketListener): Socket {
  const socket = target.isTls ? openTls(target, tls, listener) : openPlain(target, listener)
  socket.on('drain', () => listener.drained())
  socket.on('end', () => listener.ended())
  socket.on('error', error => listener.gone(error))
  socket.on('close', () => listener.gone(null))
  return socket
}

function openPlain({ host, port }: Target, listener: SocketListener): Socket {
  const callback = (length: number, bytes: Uint8Array) => listener.heard(bytes as Buffer, length)
  const socket = connectPlain({ host, port, noDelay: true, onread: { buffer: shared, callback } })
  socket.on('connect', () => listener.opened())
  return socket
}

function openTls({ host, port }: Target, tls: TlsOptions, listener: SocketListener): Socket {
  const socket = connectTls({
    host,
    port,
    ALPNProtocols: ['http/1.1'],
    ...(hasName(host) ? { servername: host } : {}),
    ...tls,
  })
  socket.setNoDelay(true)
  socket.on('secureConnect', () => listener.opened())
  socket.on('data', (bytes: Buffer) => {
    if (!listener.heard(bytes, bytes.length)) socket.pause()
  })
  return socket
}

/** Names alone are told to the server (RFC 6066, 3). */
function hasName(host: string): boolean {
  return /[a-z]/i.test(host) && !host.includes(':')
}
