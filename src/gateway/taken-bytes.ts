/** How much of what is written to a connection has been taken from this process. */
import type { Socket } from 'node:net'

type Counts = { bytesWritten?: unknown; writeQueueSize?: unknown }
/** Of TLS what lies below: the handle itself counts a long write as waiting until all of it has left. */
type Handle = Counts & { _parent?: Counts | null }

/**
 * It grows as a caller reads, also amid a single long write, of which a socket tells nothing until all of it has left and
 * which its `bytesWritten` counts from the beginning. Node's own timeouts of sockets look at the same numbers. 0 where
 * there are none (a closed socket, another runtime).
 */
export function takenBytes(socket: Socket): number {
  const handle = (socket as Socket & { _handle?: Handle | null })._handle
  const { bytesWritten, writeQueueSize } = handle?._parent ?? handle ?? {}
  return typeof bytesWritten === 'number' && typeof writeQueueSize === 'number' ? bytesWritten - writeQueueSize : 0
}
