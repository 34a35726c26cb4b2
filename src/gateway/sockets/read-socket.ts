/** How bytes of a caller's connection are read: into one buffer that all connections share, where Node lets us. */
import { Buffer } from 'node:buffer'
import { Socket, type SocketConstructorOpts } from 'node:net'
import { TLSSocket } from 'node:tls'

export type Reading = {
  /** What is to be written to and listened to. */
  socket: Socket
  pause(): void
  resume(): void
}

/** Read by one connection at a time and used up at once, since Node's loop reads one at a time. */
const shared = Buffer.allocUnsafeSlow(64 * 1024)

type Handle = { useUserBuffer?: unknown }

/** The bytes up to `end` are valid during the call alone. */
type OnBytes = (bytes: Buffer, end: number) => void

/**
 * `net.Server` has no documented way to read into a buffer of one's own as `net.connect` has with `onread`; an accepted
 * connection's handle given to a `Socket` with `onread` does the same. Where there is no such handle (TLS, another runtime)
 * chunks come by the documented events.
 */
export function readSocket(accepted: Socket, onBytes: OnBytes): Reading {
  const handle = (accepted as Socket & { _handle?: Handle | null })._handle
  // Of TLS the handle would give what is encrypted to a socket that knows nothing of it.
  if (typeof handle?.useUserBuffer !== 'function' || accepted instanceof TLSSocket)
    return readByEvents(accepted, onBytes)
  const options = {
    handle,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    onread: {
      buffer: shared,
      callback: (length: number, bytes: Uint8Array) => {
        onBytes(bytes as Buffer, length)
        return true
      },
    },
  }
  const socket = new Socket(options as object as SocketConstructorOpts)
  socket.resume()
  return { socket, pause: () => void socket.pause(), resume: () => void socket.resume() }
}

export function readByEvents(socket: Socket, onBytes: OnBytes): Reading {
  socket.on('data', (bytes: Buffer) => onBytes(bytes, bytes.length))
  socket.resume()
  return { socket, pause: () => void socket.pause(), resume: () => void socket.resume() }
}
