/** A server that stands by: its listeners hand callers on to the one that serves, until this one takes over. */
import { networkInterfaces } from 'node:os'
import type { ServedAt, Waiting } from '../adapters/postgres/shared-database.ts'
import { passOn } from '../adapters/standby/pass-on.ts'
import { type Address, Relay } from '../adapters/standby/relay.ts'
import { createListener } from '../api/listener.ts'
import type { ServerSettings } from '../config/load.ts'
import { limits } from '../core/limits.ts'
import type { Certificates } from '../ports/certificates.ts'

export type Standby = Waiting & {
  /** `listen` takes the port over; whoever was held there is handed to it. Others keep their connections. */
  handOver<A extends Address>(listener: 'inference' | 'grpc', listen: () => Promise<A>): Promise<A>
  close(): void
}

type Options = {
  settings: Pick<ServerSettings, 'inference' | 'control' | 'grpc'>
  certificates: Certificates | undefined
  /** Who serves, in words. */
  holder: string
  version: string
}

/** Listens where the server itself will. Rejects where it cannot. */
export async function standBy({ settings, certificates, holder, version }: Options): Promise<Standby> {
  const { inference, control, grpc } = settings
  const bounds = { holdMs: limits.standbyHoldMs, connectionsMax: inference.connectionsMax }
  const relays = { inference: new Relay(bounds), grpc: new Relay(bounds) }
  // Whoever has no key learns nothing of other machines.
  const who = control.auth === 'required' ? 'another server' : holder
  const asks = new Asks({ who, version, mayPassOn: certificates === undefined })
  const listener = createListener(request => asks.answer(request), certificates)
  const close = (): void => {
    relays.inference.close()
    relays.grpc.close()
  }
  try {
    await listener.listen(control)
    await relays.inference.listen(inference)
    if (grpc !== null) await relays.grpc.listen(grpc)
  } catch (error) {
    close()
    await listener.close()
    throw error
  }
  const sees = (served: ServedAt | null): void => {
    asks.sees(served?.control ?? null)
    relays.inference.forwardTo(served?.inference ?? null)
    relays.grpc.forwardTo(served?.grpc ?? null)
  }
  return {
    sees,
    async end() {
      sees(null)
      asks.cut()
      await listener.close()
    },
    async handOver(name, listen) {
      relays[name].stopListening()
      const address = await listen()
      relays[name].forwardTo({ host: isAny(address.host) ? '127.0.0.1' : address.host, port: address.port })
      return address
    },
    close,
  }
}

/** The control listener meanwhile. */
class Asks {
  readonly #options: { who: string; version: string; mayPassOn: boolean }
  #served: Address | null = null
  #seenAtMs = Number.NEGATIVE_INFINITY
  readonly #cut = new AbortController()

  constructor(options: { who: string; version: string; mayPassOn: boolean }) {
    this.#options = options
  }

  sees(served: Address | null): void {
    this.#served = served
    if (served !== null) this.#seenAtMs = performance.now()
  }

  /** What was passed on and is not answered: a server that ended in order has, and one that hangs never would. */
  cut(): void {
    this.#cut.abort()
  }

  async answer(request: Request): Promise<Response> {
    const { version, who, mayPassOn } = this.#options
    const { pathname } = new URL(request.url)
    if (pathname === '/healthz') return Response.json({ status: 'ok', version })
    if (pathname === '/readyz') {
      // Callers are held for so long, and then nobody has come.
      const isReady = performance.now() - this.#seenAtMs < limits.standbyHoldMs
      return Response.json({ status: isReady ? 'ok' : 'starting', version }, { status: isReady ? 200 : 503 })
    }
    if (this.#served === null || !mayPassOn) return elsewhere(who)
    return passOn(request, this.#served, this.#cut.signal).catch(() => elsewhere(who))
  }
}

function elsewhere(who: string): Response {
  const problem = {
    type: 'about:blank',
    title: 'This server stands by',
    status: 503,
    detail: `${who} serves; this one takes over once that is gone`,
  }
  return new Response(JSON.stringify(problem), {
    status: 503,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '1' },
  })
}

/** Where other servers reach this one: by the name that it is told, else as it listens, else by the machine's own address. */
export function reachedAt({ inference, control, grpc }: ServedAt, advertised: string | null): ServedAt {
  const own = ({ host, port }: Address): Address => ({
    host: advertised ?? (isAny(host) ? machineAddress() : host),
    port,
  })
  return { inference: own(inference), control: own(control), grpc: grpc === null ? null : own(grpc) }
}

/** All addresses of a machine at once. */
function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function machineAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
}
