/** Making, turning and ending keys. The text of a key is in the answer to whoever asked for it, and nowhere else. */
import { type ApiKey, type Keys, localKeyName, type NewKey, writeKey } from '../core/access/api-key.ts'
import { findKey, keysOf } from '../core/access/registry.ts'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { isName } from '../core/names.ts'
import type { Clock } from '../ports/clock.ts'
import type { Secrets } from '../ports/secrets.ts'
import type { Ledger } from './ledger.ts'

export type KeyRequest = Omit<NewKey, 'id' | 'hash'>

/** `text` is the key as its holder sends it. */
export type IssuedKey = { key: ApiKey; text: string }

export interface KeyDesk {
  list(): readonly ApiKey[]
  /** Throws in-use for a name that is taken, invalid-request for one that cannot be. */
  create(request: KeyRequest & { actor: string }): IssuedKey
  /** By id or name; throws key-not-found. */
  rotate(request: { key: string; keepMs: number; actor: string }): IssuedKey
  revoke(request: { key: string; actor: string }): void
}

export function createKeyDesk(ports: { secrets: Secrets; clock: Clock }, ledger: Ledger): KeyDesk {
  const { secrets, clock } = ports
  const keys = (): Keys => keysOf(ledger.state())
  const issued = (id: string, secret: string): IssuedKey => ({ key: need(keys(), id), text: writeKey({ id, secret }) })
  return {
    list: () => Object.values(keys()),
    create({ actor, ...request }) {
      refuseName(keys(), request.name)
      refuseMore(keys())
      refusePast(request.expiresAtMs, clock.nowMs())
      const { id, secret } = secrets.make()
      ledger.record({ type: 'key-created', key: { id, ...request, hash: secrets.hash(secret) }, actor })
      return issued(id, secret)
    },
    rotate({ key, keepMs, actor }) {
      const { id } = need(keys(), key)
      const { secret } = secrets.make()
      ledger.record({ type: 'key-rotated', id, hash: secrets.hash(secret), keepMs, actor })
      return issued(id, secret)
    },
    revoke({ key, actor }) {
      ledger.record({ type: 'key-revoked', id: need(keys(), key).id, actor })
    },
  }
}

function need(keys: Keys, idOrName: string): ApiKey {
  const key = findKey(keys, idOrName)
  if (key !== undefined) return key
  const allowed = Object.values(keys).map(({ name }) => name)
  throw new CutoverError('key-not-found', `there is no key ${idOrName}`, [
    { path: 'key', message: 'is not a key', value: idOrName, allowed },
  ])
}

function refuseName(keys: Keys, name: string): void {
  if (!isName(name)) {
    throw new CutoverError('invalid-request', `${name} cannot be the name of a key`, [
      { path: 'name', message: 'is not a name', value: name, allowed: ['letters, digits, dots, dashes, underscores'] },
    ])
  }
  if (name !== localKeyName && findKey(keys, name) === undefined) return
  throw new CutoverError('in-use', `there is a key ${name} already; rotate or revoke it, or choose another name`, [
    { path: 'name', message: 'is taken', value: name },
  ])
}

function refuseMore(keys: Keys): void {
  if (Object.keys(keys).length < limits.apiKeysMax) return
  throw new CutoverError(
    'in-use',
    `there are ${limits.apiKeysMax} keys, which is the most; revoke one that is not used`,
  )
}

function refusePast(expiresAtMs: number | null, nowMs: number): void {
  if (expiresAtMs === null || expiresAtMs > nowMs) return
  throw new CutoverError('invalid-request', 'the key would have expired already', [
    { path: 'expiresAt', message: 'is in the past', value: new Date(expiresAtMs).toISOString() },
  ])
}
