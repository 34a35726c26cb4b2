/** A database that several servers share: one of them holds the lease and serves, the others wait. */
import { hostname } from 'node:os'
import type { Clock } from '../../ports/clock.ts'
import { publicAddress } from './address.ts'
import type { PostgresConnection } from './connection.ts'
import { PostgresDatabase } from './database.ts'
import { postgresFailure } from './failure.ts'
import { giveUpLease, leaseHolder, leaseTimes, renewLease, setUpLease, takeLease } from './lease.ts'

export type LeaseEvents = {
  /** Another server serves, `holder` in words. What comes back is called once this one takes over. */
  onWaiting(holder: string): Promise<() => Promise<void>>
  /** Another server has taken over: this one keeps nothing more. Called once. */
  onTakenOver(): void
}

export type HeldDatabase = { database: PostgresDatabase; term: number; close(): void }

/** Resolves once this server has the lease; rejects with `store-failed` where the database cannot be used. */
export async function holdDatabase(
  connection: PostgresConnection,
  { url, clock, ...events }: LeaseEvents & { url: string; clock: Clock },
): Promise<HeldDatabase> {
  const name = publicAddress(url)
  const term = await leaseOf(connection, name, events)
  const stopRenewing = renew(connection, { term, clock, onTakenOver: events.onTakenOver })
  return {
    database: new PostgresDatabase(connection, { name, term, end: () => {} }),
    term,
    close() {
      stopRenewing()
      try {
        giveUpLease(connection, term)
      } catch {
        // Then it ends by itself.
      }
    },
  }
}

async function leaseOf(
  connection: PostgresConnection,
  name: string,
  { onWaiting }: Pick<LeaseEvents, 'onWaiting'>,
): Promise<number> {
  const holder = `process ${process.pid} on ${hostname()}`
  try {
    setUpLease(connection)
    const term = takeLease(connection, holder)
    if (term !== null) return term
    const stopWaiting = await onWaiting(leaseHolder(connection))
    const taken = await nextLease(connection, holder)
    await stopWaiting()
    return taken
  } catch (error) {
    throw postgresFailure('open', name, error)
  }
}

async function nextLease(connection: PostgresConnection, holder: string): Promise<number> {
  for (;;) {
    await new Promise(resolve => setTimeout(resolve, leaseTimes.lookEveryMs))
    try {
      const term = takeLease(connection, holder)
      if (term !== null) return term
    } catch {
      // The database may be away for a while; whoever waits has nothing else to do.
    }
  }
}

/** Returns what ends it. */
function renew(
  connection: PostgresConnection,
  { term, clock, onTakenOver }: { term: number; clock: Clock; onTakenOver: () => void },
): () => void {
  const stop = clock.every(leaseTimes.renewEveryMs, () => {
    try {
      if (renewLease(connection, term)) return
      stop()
      onTakenOver()
    } catch {
      // The database cannot be reached: whether somebody took over shows once it can.
    }
  })
  return stop
}
