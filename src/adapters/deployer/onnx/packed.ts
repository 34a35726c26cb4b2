/** Bodies on their way between threads: small ones share one buffer, so that a message has few to hand over. */

export type Packed = { bodies: Uint8Array<ArrayBuffer>[]; buffers: ArrayBuffer[] }

/** A body of more than this goes in a buffer of its own. */
const smallBytesMax = 16 * 1024

/**
 * Each body given as its parts. All of them are copied, except one that is a buffer of its own already and is `owned`:
 * that one is handed over, and gone for who gave it.
 */
export function pack(bodies: readonly (readonly Uint8Array[])[], owned: boolean): Packed {
  const sizes = bodies.map(parts => parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
  const smallBytes = sizes.reduce((sum, size) => (size > smallBytesMax ? sum : sum + aligned(size)), 0)
  const shared = new Uint8Array(smallBytes)
  const buffers = new Set<ArrayBuffer>(smallBytes > 0 ? [shared.buffer] : [])
  let at = 0
  const packed = bodies.map((parts, index) => {
    const size = sizes[index] ?? 0
    if (size > smallBytesMax) {
      const body = (owned ? whole(parts) : null) ?? join(parts, new Uint8Array(size))
      buffers.add(body.buffer)
      return body
    }
    at += aligned(size)
    return join(parts, shared.subarray(at - aligned(size), at - aligned(size) + size))
  })
  return { bodies: packed, buffers: [...buffers] }
}

/** So that tensors at the beginning of a body can be used where they are. */
function aligned(size: number): number {
  return Math.ceil(size / 8) * 8
}

function whole(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> | null {
  const [only] = parts
  if (parts.length !== 1 || only === undefined) return null
  return only.buffer instanceof ArrayBuffer && only.byteLength === only.buffer.byteLength
    ? (only as Uint8Array<ArrayBuffer>)
    : null
}

function join(parts: readonly Uint8Array[], target: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let at = 0
  for (const part of parts) {
    target.set(part, at)
    at += part.byteLength
  }
  return target
}
