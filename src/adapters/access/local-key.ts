/**
 * The first key: a server that asks for keys makes one of the role admin for itself at every start and leaves it in its data
 * folder, where only its own user can read it. Whoever can read that folder has the server in their hands already. The
 * key is in no log and ends with the server.
 */
import { rmSync } from 'node:fs'
import { type ApiKey, localKeyName, writeKey } from '../../core/access/api-key.ts'
import type { Secrets } from '../../ports/secrets.ts'
import { writeWhole } from '../data-folder/atomic-file.ts'

export interface LocalKey {
  readonly file: string
  readonly key: ApiKey
  /** Takes the file away. */
  close(): void
}

export function createLocalKey(from: { file: string; secrets: Secrets; nowMs: number }): LocalKey {
  const { file, secrets, nowMs } = from
  const { secret } = secrets.make()
  writeWhole(file, `${writeKey({ id: localKeyName, secret })}\n`)
  const key: ApiKey = {
    id: localKeyName,
    name: localKeyName,
    hash: secrets.hash(secret),
    role: 'admin',
    endpoints: null,
    rate: null,
    concurrencyMax: null,
    createdAtMs: nowMs,
    expiresAtMs: null,
  }
  return { file, key, close: () => rmSync(file, { force: true }) }
}
