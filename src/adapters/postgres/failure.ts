/** What went wrong with PostgreSQL, as an error for a person. */
import { CutoverError } from '../../core/errors.ts'

export class PostgresError extends Error {
  /** PostgreSQL's, or the system's: https://www.postgresql.org/docs/current/errcodes-appendix.html. */
  readonly code: string
  /** False where the connection went with it. */
  readonly isConnected: boolean

  constructor({ code, message, isConnected }: { code: string; message: string; isConnected: boolean }) {
    super(message)
    this.code = code
    this.isConnected = isConnected
  }
}

/** Whether the database cannot be reached just now. */
export function isAway(cause: unknown): boolean {
  return cause instanceof PostgresError && !cause.isConnected
}

const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; is PostgreSQL running, and are host and port right?',
  ENOTFOUND: 'there is no such host',
  '28P01': 'the password is wrong; it may be given in PGPASSWORD',
  '28000': 'the user may not log in from here; see pg_hba.conf of the server',
  '3D000': 'make the database first: CREATE DATABASE',
  '3F000': 'make the schema first, CREATE SCHEMA, and give the user the right to use it',
  '42501': 'the user needs the right to make and to change tables in the schema',
  '53100': 'the disk of the server is full; free some space',
  '53300': 'the server has no connection left; raise max_connections',
  '25006': 'the server only reads, as a standby does; name the primary',
  '57014': 'a statement took too long and was ended',
}

/** A `store-failed` that says what was being done to which database, and what helps. Errors made for people pass as they are. */
export function postgresFailure(action: string, name: string, cause: unknown): CutoverError {
  if (cause instanceof CutoverError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const hint = cause instanceof PostgresError ? hints[cause.code] : undefined
  const advice = hint === undefined ? '' : ` (${hint})`
  return new CutoverError('store-failed', `could not ${action} ${name}: ${message}${advice}`, [], cause)
}
