/** A server that stands by: its listeners hand callers on to the one that serves, until this one takes over. */
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { uptimeClock } from '../adapters/clock/uptime.ts'
import { lackedFor } from '../adapters/deployer/http/open-server.ts'
import { PeerChannel } from '../adapters/peers/peer-channel.ts'
import { type PeerPlace, reachPeer } from '../adapters/peers/peer-door.ts'
import type { ServedAt, Waiting } from '../adapters/postgres/shared-database.ts'
import { blockFormat } from '../adapters/prediction-log/blocks.ts'
import type { Address } from '../adapters/standby/relay.ts'
import type { ServerSettings } from '../config/load.ts'
import type { Remembered } from '../gateway/conversations.ts'
import type { Certificates } from '../ports/certificates.ts'
import type { Carrier } from '../workers/carrier.ts'
import { RemoteGateways } from '../workers/remote-gateways.ts'
import { startThread } from '../workers/start-thread.ts'
import { type CallerListener, CallerRelays } from './caller-relays.ts'
import { ControlRelay } from './control-relay.ts'
import { assertPeersCanCome, tellSucceeded } from './peers.ts'

export type Standby = Waiting & {
  /** `listen` takes the port over; whoever was held there is handed to it. Others keep their connections. */
  handOver<A extends Address>(listener: CallerListener, listen: () => Promise<A>): Promise<A>
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
export async function standBy(options: Options): Promise<Standby> {
  const { settings, certificates, holder, version, logger, toldToEnd } = options
  const relays = new CallerRelays(settings, target => tellOfItself(logger, target))
  // Whoever has no key learns nothing of other machines.
  const who = settings.control.auth === 'required' ? 'another server' : holder
  const control = new ControlRelay({ who, version, certificates })
  try {
    await control.listen(settings.control)
    await relays.listen()
    await assertPeersCanCome({ host: settings.inference.host, port: settings.peerPort })
  } catch (error) {
    relays.close()
    await control.end()
    throw error
  }
  const gateways = gatewaysBeside(relays, options)
  const forwardTo = (served: ServedAt | null): void => {
    control.sees(served?.control ?? null)
    relays.forwardTo(served)
  }
  let givenOver: Promise<void> | null = null
  let predecessor: PeerPlace | null = null
  return {
    sees(served, term) {
      predecessor = served?.peers?.place ?? null
      gateways.sees(served?.peers ?? null, term)
      forwardTo(served)
    },
    isFit: () => gateways.isFit,
    toldToEnd,
    async end(term) {
      if (predecessor !== null) void tellSucceeded(predecessor, term)
      gateways.stay()
      forwardTo(null)
      await control.end()
    },
    handOver: (name, listen) => relays.handOver(name, listen),
    bequeath: heir => gateways.bequeath(heir),
    giveOver(carrier) {
      givenOver = gateways.giveOver(carrier)
    },
    async close() {
      await (givenOver ?? gateways.close())
      relays.close()
      await control.end()
    },
  }
}

function tellOfItself(logger: Logger, { host, port }: Address): void {
  logger.error(
    { host, port },
    'where the server that decides says that it is reached is this server itself, seen from here: let it listen where others reach it, or give it --advertise',
  )
}

/** They answer callers themselves wherever they may, as workers of the server that decides. */
function gatewaysBeside(relays: CallerRelays, { settings, version, logger }: Options): RemoteGateways<PeerPlace> {
  const { workers, logLevel, tracing, inference } = settings
  return new RemoteGateways<PeerPlace>({
    ...{ workers, uptime: uptimeClock, logger, start: startThread, address: relays.inferenceAddress },
    local: { version, logLevel, listener: inference, tracing, isGuest: true },
    leader: { uptime: uptimeClock, version, format: blockFormat, name: `process ${process.pid} on ${hostname()}` },
    lacks: lackedFor,
    reach: async place => new PeerChannel(await reachPeer(place)),
    relay: {
      listen: () => relays.listenForInference(),
      stopListening: () => relays.stopListeningForInference(),
    },
  })
}
