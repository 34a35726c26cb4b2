/** How a model server is spoken to over TLS: options for new connections, from files that are watched. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { UpstreamTls } from '../../core/tls.ts'
import type { Clock } from '../../ports/clock.ts'
import { type FileContents, type WatchPlan, watchFiles } from './watched-files.ts'

/** As `tls.connect` takes them. */
export type UpstreamOptions = {
  ca?: Buffer | []
  cert?: Buffer
  key?: Buffer
  servername?: string
  rejectUnauthorized?: boolean
}

export interface WatchedUpstream {
  /** The same object until the files have changed; connections that are open stay as they are. */
  current(): UpstreamOptions
  close(): void
}

type Names = 'ca' | 'cert' | 'key'

/** Without an authority nobody is believed, so that files that cannot be used let no request out. */
const believeNobody: UpstreamOptions = { ca: [], rejectUnauthorized: true }

/** A version was accepted with files that could be used; where they cannot be any more its servers are unreachable. */
export function tlsOptions(
  tls: UpstreamTls,
  around: { clock: Clock; tell: WatchPlan<Names, UpstreamOptions>['tell'] },
): WatchedUpstream {
  return watchFiles<Names, UpstreamOptions>({ ...planOf(tls), orElse: believeNobody, ...around })
}

/** Throws certificate-invalid if the files cannot be used as they are now. */
export function checkUpstreamTls(tls: UpstreamTls): void {
  const never: Clock = { nowMs: () => 0, every: () => () => {} }
  watchFiles<Names, UpstreamOptions>({ ...planOf(tls), clock: never, tell: () => {} })
}

function planOf(tls: UpstreamTls): Pick<WatchPlan<Names, UpstreamOptions>, 'files' | 'load'> {
  const { ca, cert, key } = tls
  const files = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  } as Record<Names, string>
  return { files, load: contents => toOptions(tls, contents) }
}

function toOptions(tls: UpstreamTls, { ca, cert, key }: Partial<FileContents<Names>>): UpstreamOptions {
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
