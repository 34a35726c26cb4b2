/** Certificate and key of a listener, checked before they are used. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { ListenerTls } from '../../core/tls.ts'
import type { Certificates, TlsMaterial } from '../../ports/certificates.ts'
import type { Clock } from '../../ports/clock.ts'
import { type FileContents, type Watched, watchFiles } from './watched-files.ts'

export type ListenerCertificates = Certificates &
  Pick<Watched<TlsMaterial>, 'counts' | 'close'> & {
    /** When the present certificate ends. */
    notAfterMs(): number
  }

type Names = 'cert' | 'key' | 'clientCa'

export function watchListener(
  tls: ListenerTls,
  around: { clock: Clock; tell(result: { taken: true } | { taken: false; reason: string }): void },
): ListenerCertificates {
  const { clock } = around
  const { cert, key, clientCa } = tls
  const watched = watchFiles<Names, TlsMaterial>({
    files: { cert, key, ...(clientCa !== null && { clientCa }) } as Record<Names, string>,
    load: contents => checked(contents, clock.nowMs()),
    ...around,
  })
  return {
    current: watched.current,
    subscribe: watched.subscribe,
    counts: watched.counts,
    close: watched.close,
    notAfterMs: () => new X509Certificate(watched.current().cert).validToDate.getTime(),
  }
}

/** Throws with the reason: not PEM, a key of another certificate (as between the two writes of a renewal), expired. */
function checked({ cert, key, clientCa }: FileContents<Names>, nowMs: number): TlsMaterial {
  const certificate = new X509Certificate(cert)
  if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not that of the certificate')
  if (certificate.validToDate.getTime() <= nowMs) throw new Error(`the certificate ended at ${certificate.validTo}`)
  const material = { cert, key, clientCa: clientCa ?? null }
  createSecureContext({ cert, key, ...(clientCa !== undefined && { ca: authorities(clientCa) }) })
  return material
}

/** An authority file without a certificate would be taken in silence, and then let nobody in. */
function authorities(pem: Buffer): Buffer {
  new X509Certificate(pem)
  return pem
}
