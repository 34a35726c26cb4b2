/** How a model server is spoken to over TLS: options for new connections, from files that are watched. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import type { UpstreamTls } from '../../core/tls.ts'
import type { Clock } from '../../ports/clock.ts'
import { type FileContents, watchFiles } from './watched-files.ts'

type Names = 'ca' | 'cert' | 'key'

export interface UpstreamOptions {
  /** The same object until the files have changed; connections that are open stay as they are. */
  current(): ConnectionOptions
  close(): void
}

/** Throws certificate-invalid if the files cannot be used. */
export function tlsOptions(
  tls: UpstreamTls,
  around: { clock: Clock; tell(result: { taken: true } | { taken: false; reason: string }): void },
): UpstreamOptions {
  const { ca, cert, key } = tls
  const files = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  } as Record<Names, string>
  return watchFiles<Names, ConnectionOptions>({ files, load: contents => toOptions(tls, contents), ...around })
}

function toOptions(tls: UpstreamTls, contents: Partial<FileContents<Names>>): ConnectionOptions {
  const { ca, cert, key } = contents
  if (ca !== undefined) new X509Certificate(ca)
  if (cert !== undefined && key !== undefined && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error('the key is not that of the certificate')
  const material = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  }
  createSecureContext(material)
  return {
    ...material,
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
    ...(tls.insecure === true && { rejectUnauthorized: false }),
  }
}
