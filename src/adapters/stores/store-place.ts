/** Where the tables of a store are, in words that a thread can be handed. */
import { publicAddress } from '../postgres/address.ts'
import { PostgresConnection } from '../postgres/connection.ts'
import { PostgresDatabase } from '../postgres/database.ts'
import type { SqlDatabase } from '../sql/database.ts'
import { openToRead as openFileToRead } from '../sqlite/open-database.ts'

export type StorePlace =
  | { kind: 'sqlite'; file: string }
  /** `term` is that of the lease under which it is written. */
  | { kind: 'postgres'; url: string; term: number }

export type PostgresPlace = Extract<StorePlace, { kind: 'postgres' }>

/** For messages. */
export function nameOf(place: StorePlace): string {
  return place.kind === 'sqlite' ? place.file : publicAddress(place.url)
}

const connectTimeoutMs = 5_000
/** Of those who stand still for an answer on the thread that steers everything. */
const briefMs = 5_000
/** Of threads that may read for long. */
const patientMs = 60_000

export function connectBriefly(url: string): PostgresConnection {
  return new PostgresConnection({ ...connectionOf(url, 'cutover'), statementTimeoutMs: briefMs })
}

export function connectPatiently(url: string, applicationName: string): PostgresConnection {
  return new PostgresConnection({ ...connectionOf(url, applicationName), statementTimeoutMs: patientMs })
}

/** A connection of its own, for a thread of its own. */
export function openPostgres({ url, term }: PostgresPlace, applicationName: string): PostgresDatabase {
  return new PostgresDatabase(connectPatiently(url, applicationName), { name: publicAddress(url), term })
}

/** Tables that another thread writes, which must be there. */
export function openToRead(place: StorePlace): SqlDatabase {
  return place.kind === 'sqlite' ? openFileToRead(place.file) : openPostgres(place, 'cutover analytics')
}

function connectionOf(url: string, applicationName: string) {
  return { url, applicationName, connectTimeoutMs }
}
