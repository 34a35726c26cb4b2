/** Declared features of a kept request body, unpacked first if it travelled compressed. */
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { type ReadFeatures, readFeatures } from '../../core/features.ts'
import { limits } from '../../core/limits.ts'
import type { AskedFeatures } from '../../ports/recorder.ts'

export function readRequest(request: Uint8Array, { features, encoding, jsonBytes }: AskedFeatures): ReadFeatures {
  const body = unpacked(request, encoding)
  return body === null ? { features: null, isMalformed: true } : readFeatures({ body, jsonBytes, features })
}

const unpackers = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
} as const

/** Null if it cannot be unpacked, or is longer then than a body that is kept. */
function unpacked(body: Uint8Array, encoding: string): Uint8Array | null {
  if (encoding === 'identity') return body
  if (!Object.hasOwn(unpackers, encoding)) return null
  try {
    return unpackers[encoding as keyof typeof unpackers](body, { maxOutputLength: limits.payloadBytesMax })
  } catch {
    return null
  }
}
