/** How much of what is written to a connection has been taken from this process. */
import type { Socket } from 'node:net'

type Handle = { bytesWritten?: unknown; writeQueueSize?: unknown }

/**
 * It grows as a caller reads, also amid a single long write, of which a socket tells nothing until all of it has left and
 * which its `bytesWritten` counts from the beginning. Node's own timeouts of sockets look at the same two numbers. 0 where
 * there are none (a closed socket, another runtime).
 */
export function takenBytes(socket: Socket): number {
  const { bytesWritten, writeQueueSize } = (socket as Socket & { _handle?: Handle | null })._handle ?? {}
  return typeof bytesWritten === 'number' && typeof writeQueueSize === 'number' ? bytesWritten - writeQueueSize : 0
}
