/** The control listener of a server that stands by: requests go on to the one that serves. */
import { passedOn, passOn } from '../adapters/standby/pass-on.ts'
import type { Address } from '../adapters/standby/relay.ts'
import { createListener } from '../api/listener.ts'
import { limits } from '../core/limits.ts'
import type { Certificates } from '../ports/certificates.ts'

export type ControlRelayOptions = {
  /** Who serves, in words. */
  who: string
  version: string
  /** With certificates of its own it tells who serves, and passes nothing on. */
  certificates: Certificates | undefined
}

export class ControlRelay {
  readonly #options: ControlRelayOptions
  readonly #listener: ReturnType<typeof createListener>
  #served: Address | null = null
  #seenAtMs = Number.NEGATIVE_INFINITY
  readonly #cut = new AbortController()
  #ended: Promise<void> | null = null

  constructor(options: ControlRelayOptions) {
    this.#options = options
    this.#listener = createListener(request => this.answer(request), options.certificates)
  }

  /** Rejects with `port-in-use`, or `invalid-resource` where it cannot listen there. */
  async listen(address: Address): Promise<void> {
    await this.#listener.listen(address)
  }

  sees(served: Address | null): void {
    this.#served = served
    if (served !== null) this.#seenAtMs = performance.now()
  }

  async answer(request: Request): Promise<Response> {
    const { version, who, certificates } = this.#options
    const { pathname } = new URL(request.url)
    if (pathname === '/healthz') return Response.json({ status: 'ok', version })
    if (pathname === '/readyz') {
      // Callers are held for so long, and then nobody has come.
      const isReady = performance.now() - this.#seenAtMs < limits.standbyHoldMs
      return Response.json({ status: isReady ? 'ok' : 'starting', version }, { status: isReady ? 200 : 503 })
    }
    if (this.#served === null || certificates !== undefined) return elsewhere(who)
    // Its address is this server's own, such as one on loopback: it would be asked again and again.
    if (request.headers.has(passedOn))
      return elsewhere(who, 'where it says that it is reached is this server, seen from here')
    return passOn(request, this.#served, this.#cut.signal).catch(() => elsewhere(who))
  }

  /**
   * For whoever follows on its port. What was passed on and is not answered is cut: a server that ended in order has answered,
   * and one that hangs never would.
   */
  end(): Promise<void> {
    this.#cut.abort()
    this.#ended ??= this.#listener.close()
    return this.#ended
  }
}

function elsewhere(who: string, but = 'this one takes over once that is gone'): Response {
  const problem = {
    type: 'about:blank',
    title: 'This server stands by',
    status: 503,
    detail: `${who} serves; ${but}`,
  }
  return new Response(JSON.stringify(problem), {
    status: 503,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '1' },
  })
}
