import type { Readable } from 'node:stream'
import { limits } from '../../../core/limits.ts'

/** A body as bytes of their own, whose buffer can be handed to another thread; null if it is too large. */
export async function bodyBytes(body: Uint8Array | Readable | null): Promise<Uint8Array<ArrayBuffer> | null> {
  if (body === null) return new Uint8Array(0)
  if (body instanceof Uint8Array) return body.byteLength > limits.inferenceBodyBytesMax ? null : new Uint8Array(body)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    if (length > limits.inferenceBodyBytesMax) return null
    chunks.push(chunk)
  }
  return joined(chunks, length)
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
