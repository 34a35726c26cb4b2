/**
 * Which of several servers on one database serves. The lease is a row: whoever renews it in time keeps it, by the database's own
 * clock. Its number grows with every holder, and each write asks for it, so that one who has lost it, and does not know yet,
 * writes nothing.
 */
import type { PostgresConnection } from './connection.ts'

export const leaseTable = 'cutover_lease'

export const leaseTimes = {
  /** A server that has not renewed it for so long is taken to be gone. */
  lastsMs: 15_000,
  renewEveryMs: 3_000,
  /** A writer that says nothing for so long in a transaction has stopped: it must not keep the lease from the next one. */
  silentWriterMs: 10_000,
  /** How often one that waits looks. */
  lookEveryMs: 1_000,
  /** For so long one that lacks what model servers want of it leaves a lease that is free to others. */
  unfitWaitsMs: 3_000,
} as const

/** Of a lease that was not renewed in time; unknown, which is not so, of one that was given up. */
const isOver = `renewed_at < clock_timestamp() - interval '${leaseTimes.lastsMs} milliseconds'`

/** Any number, the same for all: two servers that start at one moment would make the table both. */
const setUpLock = 7_203_117_001

export function setUpLease(connection: PostgresConnection): void {
  connection.script(`
    BEGIN;
    SELECT pg_advisory_xact_lock(${setUpLock});
    CREATE TABLE IF NOT EXISTS ${leaseTable}
      (term bigint PRIMARY KEY, holder text NOT NULL, renewed_at timestamptz, served_at text, owner text, guests boolean);
    DO $$ BEGIN
      -- Of a version before there were any: not unless it must be, since it waits for whoever writes.
      IF NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = '${leaseTable}'::regclass AND attname = 'guests') THEN
        ALTER TABLE ${leaseTable} ADD COLUMN guests boolean;
      END IF;
    END $$;
    INSERT INTO ${leaseTable} (term, holder) SELECT 0, '' WHERE NOT EXISTS (SELECT 1 FROM ${leaseTable});
    COMMIT;
  `)
}

/** `owner` says it of no two servers that may live at one time: what is left of an earlier one with the same is no other's. */
export type Holder = { name: string; owner: string | null }

/** The number of the lease that it took; null while somebody else has it. */
export function takeLease(connection: PostgresConnection, { name, owner }: Holder): number | null {
  const { rows } = connection.query(
    {
      name: 'take_lease',
      text: `UPDATE ${leaseTable} SET term = term + 1, holder = $1, owner = $2, renewed_at = clock_timestamp(), served_at = NULL
        WHERE renewed_at IS NULL OR ${isOver} OR owner = $2 RETURNING term`,
    },
    [name, owner],
  )
  const [row] = rows as readonly { term: number }[]
  return row?.term ?? null
}

export type Lease = {
  term: number
  /** Who has it, in words. */
  holder: string
  owner: string | null
  /** What that server said of where it serves; null before it did, and where it is gone. */
  servedAt: string | null
  /** `over`: not renewed in time. */
  stands: 'held' | 'over' | 'given-up'
  /** Gateways of other servers may answer by what this one or an earlier one decided. */
  hasGuests: boolean
}

export function readLease(connection: PostgresConnection): Lease {
  const text = `SELECT term, holder, owner, CASE WHEN renewed_at IS NULL THEN NULL ELSE served_at END AS "servedAt",
      CASE WHEN renewed_at IS NULL THEN 'given-up' WHEN ${isOver} THEN 'over' ELSE 'held' END AS stands,
      coalesce(guests, false) AS "hasGuests"
    FROM ${leaseTable}`
  const { rows } = connection.query({ name: 'read_lease', text }, [])
  const [row] = rows as readonly Lease[]
  return row ?? { term: 0, holder: 'nobody', owner: null, servedAt: null, stands: 'given-up', hasGuests: false }
}

/** Stays through whoever has it next; false where somebody else has it by now. */
export function keepGuests(connection: PostgresConnection, term: number, hasGuests: boolean): boolean {
  const text = `UPDATE ${leaseTable} SET guests = CAST($2 AS boolean) WHERE term = $1`
  return connection.query({ name: 'keep_guests', text }, [term, String(hasGuests)]).count === 1
}

/** Says where the one that has it serves. */
export function announce(connection: PostgresConnection, term: number, servedAt: string): void {
  const text = `UPDATE ${leaseTable} SET served_at = $2 WHERE term = $1`
  connection.query({ name: 'announce', text }, [term, servedAt])
}

/** False where somebody else has taken it. */
export function renewLease(connection: PostgresConnection, term: number): boolean {
  const text = `UPDATE ${leaseTable} SET renewed_at = clock_timestamp() WHERE term = $1`
  return connection.query({ name: 'renew_lease', text }, [term]).count === 1
}

/** The next one need not wait. */
export function giveUpLease(connection: PostgresConnection, term: number): void {
  const text = `UPDATE ${leaseTable} SET renewed_at = NULL WHERE term = $1`
  connection.query({ name: 'give_up_lease', text }, [term])
}
