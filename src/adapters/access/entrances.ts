/** What both listeners need to know who comes in: keys, certificates, and the first key of a server that asks for keys. */
import type { Keys } from '../../core/access/api-key.ts'
import type { ListenerTls } from '../../core/tls.ts'
import type { Access } from '../../ports/access.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Secrets } from '../../ports/secrets.ts'
import { type ListenerCertificates, watchListener } from '../tls/listener-certificates.ts'
import { createKeyring, type KeyCounts } from './keyring.ts'
import { createLocalKey } from './local-key.ts'

export const listenerNames = ['inference', 'control'] as const
export type ListenerName = (typeof listenerNames)[number]

type Entrance = { host: string; auth: 'required' | 'none'; tls: ListenerTls | null }

export interface Entrances {
  /** Undefined where no key is asked for. */
  access(listener: ListenerName): Access | undefined
  /** Undefined for plain HTTP. */
  certificates(listener: ListenerName): ListenerCertificates | undefined
  sync(keys: Keys): void
  /** All that count, the first key of the server among them. */
  keys(): Keys
  stats(): { keys: readonly KeyCounts[]; certificates: readonly CertificateReading[] }
  /** Where the first key is; null where none is asked for. */
  readonly keyFile: string | null
  close(): void
}

export type CertificateReading = { listener: ListenerName; notAfterMs: number; taken: number; refused: number }

type Logger = Readonly<Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>>

/** Throws certificate-invalid for files that cannot be used. `isLocal`: whether only this machine reaches an address. */
export function createEntrances(from: {
  settings: Readonly<Record<ListenerName, Entrance>>
  keyFile: string
  secrets: Secrets
  clock: Clock
  logger: Logger
  isLocal(host: string): boolean
}): Entrances {
  const { settings, secrets, clock, logger } = from
  const certificates = new Map<ListenerName, ListenerCertificates>()
  for (const listener of listenerNames) {
    const { tls } = settings[listener]
    const tell = (result: Told): void => tellCertificate(logger, listener, result)
    if (tls !== null) certificates.set(listener, watchListener(tls, { clock, tell }))
    if (travelsInClear(settings[listener], from.isLocal))
      logger.warn({ listener }, 'keys travel in clear text on this listener unless a proxy in front of it has TLS')
  }
  const isNeeded = listenerNames.some(name => settings[name].auth === 'required')
  const local = isNeeded ? createLocalKey({ file: from.keyFile, secrets, nowMs: clock.nowMs() }) : null
  let known: Keys = {}
  const keyring = createKeyring({ secrets, clock, fixed: local === null ? [] : [local.key] })
  return {
    access: listener => (settings[listener].auth === 'required' ? keyring : undefined),
    certificates: listener => certificates.get(listener),
    sync(keys) {
      known = keys
      keyring.sync(keys)
    },
    keys: () => ({ ...known, ...(local !== null && { [local.key.id]: local.key }) }),
    stats: () => ({
      keys: keyring.counts(),
      certificates: [...certificates].map(([listener, one]) => ({
        listener,
        notAfterMs: one.notAfterMs(),
        ...one.counts(),
      })),
    }),
    keyFile: local?.file ?? null,
    close() {
      local?.close()
      for (const one of certificates.values()) one.close()
    },
  }
}

/** Behind a proxy that ends TLS this is as it should be, which only the operator knows. */
function travelsInClear({ host, auth, tls }: Entrance, isLocal: (host: string) => boolean): boolean {
  return auth === 'required' && tls === null && !isLocal(host)
}

type Told = { taken: true } | { taken: false; reason: string }

function tellCertificate(logger: Logger, listener: ListenerName, result: Told): void {
  if (result.taken) logger.info({ listener }, 'the certificate was renewed')
  else logger.error({ listener, reason: result.reason }, 'the new certificate cannot be used; the old one stays')
}
