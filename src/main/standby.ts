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
  let served: ServedAt | null = null
  let seenAtMs = Number.NEGATIVE_INFINITY

  // Whoever has no key learns nothing of other machines.
  const who = (at: ServedAt | null): string => {
    if (control.auth === 'required') return 'another server'
    return at === null ? holder : `${holder}, at ${at.control.host}:${at.control.port},`
  }
  const answer = (request: Request): Response | Promise<Response> => {
    const { pathname } = new URL(request.url)
    if (pathname === '/healthz') return Response.json({ status: 'ok', version })
    if (pathname === '/readyz')
      return performance.now() - seenAtMs < limits.standbyHoldMs
        ? Response.json({ status: 'ok', version })
        : Response.json({ status: 'starting', version }, { status: 503 })
    if (served === null || certificates !== undefined) return elsewhere(who(served))
    return passOn(request, served.control).catch(() => elsewhere(who(served)))
  }
  const listener = createListener(answer, certificates)
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
  const sees = (now: ServedAt | null): void => {
    served = now
    if (now !== null) seenAtMs = performance.now()
    relays.inference.forwardTo(now?.inference ?? null)
    relays.grpc.forwardTo(now?.grpc ?? null)
  }
  return {
    sees,
    async end() {
      sees(null)
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
