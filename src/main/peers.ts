/** The server that decides lets gateways of servers that stand by answer callers too. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { uptimeClock } from '../adapters/clock/uptime.ts'
import { PeerChannel } from '../adapters/peers/peer-channel.ts'
import { isNear, PeerDoor, type PeerPlace, reachPeer } from '../adapters/peers/peer-door.ts'
import type { GuestMemory, ServedAt } from '../adapters/postgres/shared-database.ts'
import { blockFormat } from '../adapters/prediction-log/blocks.ts'
import type { ServerSettings } from '../config/load.ts'
import { limits } from '../core/limits.ts'
import type { GatewayPool } from '../workers/gateway-pool.ts'
import type { Visitor } from '../workers/guests.ts'
import { welcomeRemote } from '../workers/remote-door.ts'
import type { FromRemote, ToRemote } from '../workers/remote-messages.ts'
import { reachedAt } from './reached-at.ts'
import type { Stores } from './stores.ts'

type Options = {
  stores: Pick<Stores, 'guests' | 'announce' | 'succeededBy'>
  pool: GatewayPool | null
  settings: Pick<ServerSettings, 'inference' | 'peerPort' | 'advertise'>
  /** Where this server listens. */
  told: ServedAt
  version: string
  logger: Logger
}

/** Tells the others where they reach this one. Gives back how that ends; rejects where it cannot listen. */
export async function openToOthers({ stores, pool, settings, told, version, logger }: Options): Promise<() => void> {
  const { announce, guests, succeededBy } = stores
  const listen = { host: settings.inference.host, port: settings.peerPort }
  const peers =
    pool === null || guests === null ? null : await openPeers({ pool, guests, listen, succeededBy, version, logger })
  announce(reachedAt({ ...told, ...(peers !== null && { peers: peers.told }) }, settings.advertise))
  return () => peers?.close()
}

type Peers = { told: { place: PeerPlace; version: string }; close(): void }

type PeersOptions = {
  pool: GatewayPool
  guests: GuestMemory
  listen: { host: string; port: number }
  succeededBy(term: number): void
  version: string
  logger: Logger
}

/** Rejects where others could not be let in once this server decides: told while another one serves, and not when that is gone. */
export async function assertPeersCanCome(listen: PeersOptions['listen']): Promise<void> {
  const door = new PeerDoor('', peer => peer.destroy())
  await door.listen(listen)
  door.close()
}

/**
 * Tells a server whose lease is over that this one has the next: one that lost the database alone would go on by a table that is
 * not in force any more. Most that lose it are gone, and nobody hears it.
 */
export async function tellSucceeded(place: PeerPlace, term: number): Promise<void> {
  const socket = await reachPeer(place).catch(() => null)
  if (socket === null) return
  const channel = new PeerChannel<FromRemote, ToRemote>(socket)
  channel.open({ hear: () => {}, closed: () => {} })
  channel.say({ kind: 'succeeded', term })
  channel.end()
}

async function openPeers({ pool, guests, listen, succeededBy, version, logger }: PeersOptions): Promise<Peers> {
  let isKept = guests.had
  // Whoever decides next must know of them before they answer anybody.
  const keep = (has: boolean): boolean => {
    if (isKept !== has && guests.keep(has)) isKept = has
    return isKept === has
  }
  const admit = (visitor: Visitor): string | null =>
    keep(true) ? pool.admit(visitor) : 'the database cannot be reached, and must know of it first'
  const key = randomBytes(32).toString('base64')
  const door = new PeerDoor(key, socket =>
    welcomeRemote(new PeerChannel(socket), {
      ...{ version, format: blockFormat, isNear: isNear(socket), uptime: uptimeClock, admit, succeededBy, logger },
      call: call => pool.call(call),
    }),
  )
  const place = { ...(await door.listen(listen)), key }
  const stopLooking = uptimeClock.every(limits.peerGoneMs, () => {
    if (isKept && !pool.hasGuests) keep(false)
  })
  return {
    told: { place, version },
    close() {
      stopLooking()
      door.close()
    },
  }
}
