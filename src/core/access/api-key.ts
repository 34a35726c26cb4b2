/**
 * API keys: who a caller is, and what it may. A key is `ck_<id>_<secret>`: the id finds it, the secret proves it. The log
 * holds a hash of the secret alone; secrets are 256 random bits, so that one round of SHA-256 is enough: what makes slow
 * hashes needed, that people's passwords can be guessed, does not exist here.
 */
import { assertNever } from '../errors.ts'

/**
 * `call` sends requests to models; `read` sees everything on the control listener; `operate` applies documents, starts
 * and steers releases, and calls; `admin` also makes keys.
 */
export const roles = ['call', 'read', 'operate', 'admin'] as const
export type Role = (typeof roles)[number]

/** Requests in a second, evenly, and how many may come at once before that counts. */
export type Rate = { perSecond: number; burst: number }

export type ApiKey = {
  id: string
  /** Unique among the keys that there are; what logs and metrics show. */
  name: string
  /** SHA-256 of the secret, in hex. */
  hash: string
  role: Role
  /** Endpoints that it may call; null for all. */
  endpoints: readonly string[] | null
  /** Null where it is not limited. */
  rate: Rate | null
  /** Requests under way at once; null where it is not limited. */
  concurrencyMax: number | null
  createdAtMs: number
  /** From then on it is refused; null for never. */
  expiresAtMs: number | null
  /** The secret before the last rotation, while it still counts. */
  previous?: { hash: string; untilMs: number }
}

/** Id and name of the key that a server makes for itself at every start: it is in no log. */
export const localKeyName = 'local'

/** By id. */
export type Keys = Readonly<Record<string, ApiKey>>

/** Before the log has given it a time. */
export type NewKey = Omit<ApiKey, 'createdAtMs' | 'previous'>

export type KeyText = { id: string; secret: string }

const keyPattern = /^ck_([a-z0-9]{4,16})_([A-Za-z0-9_-]{43})$/

/** Null for what has not the form of a key. */
export function parseKey(text: string): KeyText | null {
  const match = keyPattern.exec(text)
  return match === null ? null : { id: match[1] ?? '', secret: match[2] ?? '' }
}

export function writeKey({ id, secret }: KeyText): string {
  return `ck_${id}_${secret}`
}

export function hasExpired({ expiresAtMs }: Pick<ApiKey, 'expiresAtMs'>, nowMs: number): boolean {
  return expiresAtMs !== null && nowMs >= expiresAtMs
}

/** What a request wants to do, whichever listener it came to. */
export type Deed = 'call' | 'read' | 'operate' | 'administer'

export function roleMay(role: Role, deed: Deed): boolean {
  switch (role) {
    case 'call':
      return deed === 'call'
    case 'read':
      return deed === 'read'
    case 'operate':
      return deed !== 'administer'
    case 'admin':
      return true
    default:
      return assertNever(role)
  }
}

export function mayCall({ role, endpoints }: Pick<ApiKey, 'role' | 'endpoints'>, endpoint: string): boolean {
  return roleMay(role, 'call') && (endpoints === null || endpoints.includes(endpoint))
}
