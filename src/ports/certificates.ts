/** What a listener proves itself by. The files that it comes from may change at any time. */

import { limits } from '../core/limits.ts'

/** PEM. `clientCa`: the authority of the callers that are let in; null where none is asked for a certificate. */
export type TlsMaterial = { cert: Buffer; key: Buffer; clientCa: Buffer | null }

export interface Certificates {
  current(): TlsMaterial
  /** Calls back with what takes the place of the current one; returns the way to stop. */
  subscribe(listener: (material: TlsMaterial) => void): () => void
}

/** As `tls.createServer` and `setSecureContext` take it, on both listeners alike. */
export function serverOptions({ cert, key, clientCa }: TlsMaterial) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    handshakeTimeout: limits.clientHeaderTimeoutMs,
    ALPNProtocols: ['http/1.1'],
    ...(clientCa !== null && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  }
}
