/** A database that several servers share: one of them holds the lease and serves, the others wait. */
import { hostname } from 'node:os'
import type { Clock } from '../../ports/clock.ts'
import type { Address } from '../standby/relay.ts'
import { publicAddress } from './address.ts'
import type { PostgresConnection } from './connection.ts'
import { PostgresDatabase } from './database.ts'
import { isAway, postgresFailure } from './failure.ts'
import {
  announce,
  giveUpLease,
  type Holder,
  type Lease,
  leaseTimes,
  readLease,
  renewLease,
  setUpLease,
  takeLease,
} from './lease.ts'

/** Where the server that serves is reached by the others. */
export type ServedAt = { inference: Address; control: Address; grpc: Address | null }

/** While another server serves. */
export interface Waiting {
  /** Where it serves, told again and again; null before it says so, and once it is gone. */
  sees(served: ServedAt | null): void
  /** This one takes over. */
  end(): Promise<void>
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
  close(): void
}

/** Resolves once this server has the lease; rejects with `store-failed` where the database cannot be used. */
export async function holdDatabase(
  connection: PostgresConnection,
  { url, owner, clock, onWaiting, onTakenOver }: LeaseEvents & { url: string; owner: string; clock: Clock },
): Promise<HeldDatabase> {
  const name = publicAddress(url)
  const term = await leaseOf(connection, { name, owner, onWaiting })
  let served: ServedAt | null = null
  const tell = (): void => {
    if (served !== null) announce(connection, term, JSON.stringify(served))
    served = null
  }
  const stopRenewing = clock.every(leaseTimes.renewEveryMs, () => {
    try {
      tell()
      if (renewLease(connection, term)) return
      stopRenewing()
      onTakenOver()
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
    close() {
      stopRenewing()
      // If it cannot be given up it ends by itself.
      attempt(() => giveUpLease(connection, term))
    },
  }
}

function attempt(run: () => void): void {
  try {
    run()
  } catch {
    // The database cannot be reached.
  }
}

async function leaseOf(
  connection: PostgresConnection,
  { name, owner, onWaiting }: Pick<LeaseEvents, 'onWaiting'> & { name: string; owner: string },
): Promise<number> {
  const holder = { name: `process ${process.pid} on ${hostname()}`, owner }
  try {
    setUpLease(connection)
    const term = takeLease(connection, holder)
    if (term !== null) return term
    const waiting = await onWaiting(readLease(connection).holder)
    const taken = await nextLease(connection, holder, waiting)
    await waiting.end()
    return taken
  } catch (error) {
    throw postgresFailure('open', name, error)
  }
}

/**
 * It is asked for only once it was seen to be free: what is asked of a database that stands still is done when that goes on, and
 * by then nobody has been able to renew it.
 */
async function nextLease(connection: PostgresConnection, holder: Holder, waiting: Waiting): Promise<number> {
  let unreachedAtMs = Number.NEGATIVE_INFINITY
  for (;;) {
    try {
      const lease = readLease(connection)
      // Where it was not reached from here, whoever serves may not have reached it either, and gets the time to.
      const isPatient = performance.now() - unreachedAtMs < leaseTimes.lastsMs
      const term = isFree(lease, holder, isPatient) ? takeLease(connection, holder) : null
      if (term !== null) return term
      waiting.sees(lease.servedAt === null ? null : (JSON.parse(lease.servedAt) as ServedAt))
    } catch (error) {
      // The database may be away for a while: who serves goes on, and whoever waits has nothing else to do.
      if (isAway(error)) unreachedAtMs = performance.now()
    }
    await new Promise(resolve => setTimeout(resolve, leaseTimes.lookEveryMs))
  }
}

function isFree({ stands, owner }: Lease, holder: Holder, isPatient: boolean): boolean {
  return stands === 'given-up' || owner === holder.owner || (stands === 'over' && !isPatient)
}
