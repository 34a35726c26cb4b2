/** A server that stands by: its listeners hand callers on to the one that serves, until this one takes over. */
import { hostname, networkInterfaces } from 'node:os'
import type { Logger } from 'pino'
import { uptimeClock } from '../adapters/clock/uptime.ts'
import { lackedFor } from '../adapters/deployer/http/open-server.ts'
import { PeerChannel } from '../adapters/peers/peer-channel.ts'
import { type PeerPlace, reachPeer } from '../adapters/peers/peer-door.ts'
import { canSharePorts } from '../adapters/port-sharing.ts'
import type { ServedAt, Waiting } from '../adapters/postgres/shared-database.ts'
import { blockFormat } from '../adapters/prediction-log/blocks.ts'
import { passedOn, passOn } from '../adapters/standby/pass-on.ts'
import { type Address, Relay } from '../adapters/standby/relay.ts'
import { createListener } from '../api/listener.ts'
import type { ServerSettings } from '../config/load.ts'
import { limits } from '../core/limits.ts'
import type { Remembered } from '../gateway/conversations.ts'
import type { Certificates } from '../ports/certificates.ts'
import type { Carrier } from '../workers/carrier.ts'
import { assertPortFree } from '../workers/port-probe.ts'
import { RemoteGateways } from '../workers/remote-gateways.ts'
import { startThread } from '../workers/start-thread.ts'
import { assertPeersCanCome } from './peers.ts'

export type Standby = Waiting & {
  /** `listen` takes the port over; whoever was held there is handed to it. Others keep their connections. */
  handOver<A extends Address>(listener: 'inference' | 'grpc', listen: () => Promise<A>): Promise<A>
  /** This server is about to answer callers itself: what its gateways know of conversations goes to `heir`. */
  bequeath(heir: (remembered: readonly Remembered[]) => void): void
  /** This server answers callers itself: what its gateways under the other one have left goes to `carrier`. */
  giveOver(carrier: Carrier): void
  close(): Promise<void>
}

type Options = {
  settings: Pick<ServerSettings, 'inference' | 'control' | 'grpc' | 'peerPort' | 'workers' | 'logLevel' | 'tracing'>
  certificates: Certificates | undefined
  /** Who serves, in words. */
  holder: string
  version: string
  logger: Logger
  toldToEnd: Promise<void>
}

/** Listens where the server itself will. Rejects where it cannot. */
export async function standBy({
  settings,
  certificates,
  holder,
  version,
  logger,
  toldToEnd,
}: Options): Promise<Standby> {
  const { inference, control, grpc } = settings
  const leadsBack = ({ host, port }: Address): void =>
    logger.error(
      { host, port },
      'where the server that decides says that it is reached is this server itself, seen from here: let it listen where others reach it, or give it --advertise',
    )
  const bounds = { holdMs: limits.standbyHoldMs, connectionsMax: inference.connectionsMax, leadsBack }
  const relays = { inference: new Relay(bounds), grpc: new Relay(bounds) }
  // Whoever has no key learns nothing of other machines.
  const who = control.auth === 'required' ? 'another server' : holder
  const asks = new Asks({ who, version, mayPassOn: certificates === undefined })
  const listener = createListener(request => asks.answer(request), certificates)
  const closeRelays = (): void => {
    relays.inference.close()
    relays.grpc.close()
  }
  // A gateway may follow on the same port while the relay still listens there.
  let address: Address = { host: inference.host, port: inference.port }
  const listenToRelay = async (): Promise<void> => {
    address = await relays.inference.listen({ ...address, reusePort: canSharePorts })
  }
  try {
    await listener.listen(control)
    await assertPortFree(address)
    await listenToRelay()
    if (grpc !== null) await relays.grpc.listen(grpc)
    await assertPeersCanCome({ host: inference.host, port: settings.peerPort })
  } catch (error) {
    closeRelays()
    await listener.close()
    throw error
  }
  const { workers, logLevel, tracing } = settings
  const gateways = new RemoteGateways<PeerPlace>({
    ...{ workers, uptime: uptimeClock, logger, address, start: startThread },
    local: { version, logLevel, listener: inference, tracing, isGuest: true },
    leader: { uptime: uptimeClock, version, format: blockFormat, name: `process ${process.pid} on ${hostname()}` },
    lacks: lackedFor,
    reach: async place => new PeerChannel(await reachPeer(place)),
    relay: { listen: listenToRelay, stopListening: () => relays.inference.stopListening() },
  })
  const sees = (served: ServedAt | null): void => {
    asks.sees(served?.control ?? null)
    relays.inference.forwardTo(served?.inference ?? null)
    relays.grpc.forwardTo(served?.grpc ?? null)
  }
  let ended: Promise<void> | null = null
  /** The control listener, for whoever follows on its port. */
  const endControl = (): Promise<void> => {
    asks.cut()
    ended ??= listener.close()
    return ended
  }
  let givenOver: Promise<void> | null = null
  return {
    sees(served, term) {
      gateways.sees(served?.peers ?? null, term)
      sees(served)
    },
    isFit: () => gateways.isFit,
    toldToEnd,
    async end() {
      gateways.stay()
      sees(null)
      await endControl()
    },
    async handOver(name, listen) {
      relays[name].stopListening()
      const bound = await listen()
      relays[name].forwardTo({ host: isAny(bound.host) ? '127.0.0.1' : bound.host, port: bound.port })
      return bound
    },
    bequeath: heir => gateways.bequeath(heir),
    giveOver(carrier) {
      givenOver = gateways.giveOver(carrier)
    },
    async close() {
      await (givenOver ?? gateways.close())
      closeRelays()
      await endControl()
    },
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
    // Its address is this server's own, such as one on loopback: it would be asked again and again.
    if (request.headers.has(passedOn))
      return elsewhere(who, 'where it says that it is reached is this server, seen from here')
    return passOn(request, this.#served, this.#cut.signal).catch(() => elsewhere(who))
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

/** Where other servers reach this one: by the name that it is told, else as it listens, else by the machine's own address. */
export function reachedAt({ inference, control, grpc, peers }: ServedAt, advertised: string | null): ServedAt {
  const own = ({ host, port }: Address): Address => ({
    host: advertised ?? (isAny(host) ? machineAddress() : host),
    port,
  })
  return {
    ...{ inference: own(inference), control: own(control), grpc: grpc === null ? null : own(grpc) },
    ...(peers !== undefined && { peers: { ...peers, place: { ...peers.place, ...own(peers.place) } } }),
  }
}

/** All addresses of a machine at once. */
function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function machineAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
}
