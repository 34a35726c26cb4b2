/** A database that several servers share: one of them holds the lease and serves, the others wait. */
import { hostname } from 'node:os'
import type { Clock } from '../../ports/clock.ts'
import type { PeerPlace } from '../peers/peer-door.ts'
import type { Address } from '../standby/relay.ts'
import { publicAddress } from './address.ts'
import type { PostgresConnection } from './connection.ts'
import { PostgresDatabase } from './database.ts'
import { isAway, postgresFailure } from './failure.ts'
import {
  announce,
  giveUpLease,
  type Holder,
  keepGuests,
  type Lease,
  leaseTimes,
  readLease,
  renewLease,
  setUpLease,
  takeLease,
} from './lease.ts'

/** Where the server that decides is reached by the others. `peers` lets in their gateways, of the same version. */
export type ServedAt = {
  inference: Address
  control: Address
  grpc: Address | null
  peers?: { place: PeerPlace; version: string } | undefined
}

/** Whether gateways of other servers may answer callers, which whoever decides next must know. */
export type GuestMemory = {
  /** When this server took over. */
  had: boolean
  /** False where it could not be kept. */
  keep(has: boolean): boolean
}

/** This server was told to end while it waited. */
export class ToldToEnd extends Error {}

/** While another server serves. */
export interface Waiting {
  /** Where it serves, told again and again; null before it says so, and once it is gone. `term` is that of its lease. */
  sees(served: ServedAt | null, term: number): void
  /** Whether it has all that model servers want of who calls them, as far as it knows. */
  isFit(): boolean
  /** This one takes over, with a lease of that term. */
  end(term: number): Promise<void>
  /** Resolves where this one need wait no longer, since it was told to end. */
  toldToEnd: Promise<void>
}

export type LeaseEvents = {
  /** Another server serves, `holder` in words. */
  onWaiting(holder: string): Promise<Waiting>
  /** Another server has taken over: this one keeps nothing more. Called once. */
  onTakenOver(): void
}

export type HeldDatabase = {
  database: PostgresDatabase
  term: number
  /** Those that wait hand callers on to there. */
  announce(served: ServedAt): void
  guests: GuestMemory
  /** Somebody says to have a lease of that term, which counts where it is a later one: the database may not be reached from here. */
  succeededBy(term: number): void
  close(): void
}

/** Resolves once this server has the lease; rejects with `store-failed` where the database cannot be used. */
export async function holdDatabase(
  connection: PostgresConnection,
  { url, owner, clock, onWaiting, onTakenOver }: LeaseEvents & { url: string; owner: string; clock: Clock },
): Promise<HeldDatabase> {
  const name = publicAddress(url)
  const { term, hadGuests } = await leaseOf(connection, { name, owner, onWaiting })
  let served: ServedAt | null = null
  const tell = (): void => {
    if (served !== null) announce(connection, term, JSON.stringify(served))
    served = null
  }
  const lose = once(() => {
    stopRenewing()
    onTakenOver()
  })
  const stopRenewing = clock.every(leaseTimes.renewEveryMs, () => {
    try {
      tell()
      if (!renewLease(connection, term)) lose()
    } catch {
      // The database cannot be reached: whether somebody took over shows once it can.
    }
  })
  return {
    database: new PostgresDatabase(connection, { name, term, end: () => {} }),
    term,
    announce(now) {
      served = now
      attempt(tell)
    },
    guests: {
      had: hadGuests,
      keep(has) {
        try {
          return keepGuests(connection, term, has)
        } catch {
          return false
        }
      },
    },
    succeededBy(next) {
      if (next > term) lose()
    },
    close() {
      stopRenewing()
      // If it cannot be given up it ends by itself.
      attempt(() => giveUpLease(connection, term))
    },
  }
}

function once(run: () => void): () => void {
  let hasRun = false
  return () => {
    if (hasRun) return
    hasRun = true
    run()
  }
}

function attempt(run: () => void): void {
  try {
    run()
  } catch {
    // The database cannot be reached.
  }
}

type Taken = { term: number; hadGuests: boolean }

async function leaseOf(
  connection: PostgresConnection,
  { name, owner, onWaiting }: Pick<LeaseEvents, 'onWaiting'> & { name: string; owner: string },
): Promise<Taken> {
  const holder = { name: `process ${process.pid} on ${hostname()}`, owner }
  try {
    setUpLease(connection)
    // One that is over may be renewed in a moment, where the database was away for all.
    const taken = isFree(readLease(connection), holder, true) ? takenLease(connection, holder) : null
    if (taken !== null) return taken
    const waiting = await onWaiting(readLease(connection).holder)
    const next = await nextLease(connection, holder, waiting)
    await waiting.end(next.term)
    return next
  } catch (error) {
    if (error instanceof ToldToEnd) throw error
    throw postgresFailure('open', name, error)
  }
}

/**
 * It is asked for only once it was seen to be free: what is asked of a database that stands still is done when that goes on, and
 * by then nobody has been able to renew it.
 */
async function nextLease(connection: PostgresConnection, holder: Holder, waiting: Waiting): Promise<Taken> {
  // Whoever serves gets the time for two renewals before a lease that is over counts.
  let unreachedAtMs = performance.now() - leaseTimes.lastsMs + 2 * leaseTimes.renewEveryMs
  let isToldToEnd = false
  let freeSinceMs: number | null = null
  void waiting.toldToEnd.then(() => {
    isToldToEnd = true
  })
  while (!isToldToEnd) {
    try {
      const lease = readLease(connection)
      // Where it was not reached from here, whoever serves may not have reached it either, and gets the time to.
      const isPatient = performance.now() - unreachedAtMs < leaseTimes.lastsMs
      const isToHave = isFree(lease, holder, isPatient)
      freeSinceMs = isToHave ? (freeSinceMs ?? performance.now()) : null
      const taken = isToHave && !leavesTo(lease, holder, waiting, freeSinceMs) ? takenLease(connection, holder) : null
      if (taken !== null) return taken
      waiting.sees(lease.servedAt === null ? null : (JSON.parse(lease.servedAt) as ServedAt), lease.term)
    } catch (error) {
      // The database may be away for a while: who serves goes on, and whoever waits has nothing else to do.
      if (isAway(error)) unreachedAtMs = performance.now()
    }
    await Promise.race([new Promise(resolve => setTimeout(resolve, leaseTimes.lookEveryMs)), waiting.toldToEnd])
  }
  throw new ToldToEnd('this server was told to end while another one served')
}

/** Under one that cannot call its versions nobody could: it decides where there is no other one. */
function leavesTo({ owner }: Lease, holder: Holder, waiting: Waiting, freeSinceMs: number | null): boolean {
  if (owner === holder.owner || waiting.isFit() || freeSinceMs === null) return false
  return performance.now() - freeSinceMs < leaseTimes.unfitWaitsMs
}

/** What is known of guests is not changed by whoever takes it: it may be read before. */
function takenLease(connection: PostgresConnection, holder: Holder): Taken | null {
  const { hasGuests } = readLease(connection)
  const term = takeLease(connection, holder)
  return term === null ? null : { term, hadGuests: hasGuests }
}

function isFree({ stands, owner }: Lease, holder: Holder, isPatient: boolean): boolean {
  return stands === 'given-up' || owner === holder.owner || (stands === 'over' && !isPatient)
}
