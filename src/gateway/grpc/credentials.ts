/** The gRPC listener proves itself by what the HTTP listener does, asks callers for the same, and swaps both as they change. */
import { experimental, ServerCredentials } from '@grpc/grpc-js'
import type { Certificates, TlsMaterial } from '../../ports/certificates.ts'

/** Plain text without certificates. */
export function credentialsFrom(certificates: Certificates | undefined): ServerCredentials {
  if (certificates === undefined) return ServerCredentials.createInsecure()
  const provider = new CertificateProvider(certificates)
  const asksCallers = certificates.current().clientCa !== null
  const make = experimental.createCertificateProviderServerCredentials as unknown as Make
  return make(provider, asksCallers ? provider : null, asksCallers)
}

/** The types of grpc-js 1.14 name the first two the other way round than the code takes them. */
type Make = (
  identity: experimental.CertificateProvider,
  callers: experimental.CertificateProvider | null,
  mustShow: boolean,
) => ServerCredentials

type OnIdentity = experimental.IdentityCertificateUpdateListener
type OnCa = experimental.CaCertificateUpdateListener

class CertificateProvider implements experimental.CertificateProvider {
  readonly #certificates: Certificates
  readonly #listeners = new Map<unknown, (material: TlsMaterial) => void>()
  #stop: (() => void) | null = null

  constructor(certificates: Certificates) {
    this.#certificates = certificates
  }

  addIdentityCertificateListener(listener: OnIdentity): void {
    this.#add(listener, ({ cert, key }) => listener({ certificate: cert, privateKey: key }))
  }

  addCaCertificateListener(listener: OnCa): void {
    this.#add(listener, ({ clientCa }) => listener(clientCa === null ? null : { caCertificate: clientCa }))
  }

  removeIdentityCertificateListener(listener: OnIdentity): void {
    this.#remove(listener)
  }

  removeCaCertificateListener(listener: OnCa): void {
    this.#remove(listener)
  }

  #add(owner: unknown, tell: (material: TlsMaterial) => void): void {
    this.#listeners.set(owner, tell)
    this.#stop ??= this.#certificates.subscribe(material => {
      for (const one of this.#listeners.values()) one(material)
    })
    // Its server hears of nothing before it has been added to its own list, which is next.
    queueMicrotask(() => tell(this.#certificates.current()))
  }

  #remove(owner: unknown): void {
    this.#listeners.delete(owner)
    if (this.#listeners.size > 0) return
    this.#stop?.()
    this.#stop = null
  }
}
