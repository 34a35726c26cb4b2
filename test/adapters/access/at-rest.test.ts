/** What of a key is on disk, and what a server that comes up again knows of it. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createKeyring } from '../../../src/adapters/access/keyring.ts'
import { createLocalKey } from '../../../src/adapters/access/local-key.ts'
import { nodeSecrets } from '../../../src/adapters/access/node-secrets.ts'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { openSqliteEventLog } from '../../../src/adapters/event-log/sqlite.ts'
import { createKeyDesk } from '../../../src/controller/keys.ts'
import { createLedger } from '../../../src/controller/ledger.ts'
import { parseKey } from '../../../src/core/access/api-key.ts'
import { keysOf } from '../../../src/core/access/registry.ts'
import { tempFolder } from '../temp-folder.ts'

const clock = createManualClock(Date.UTC(2026, 0, 1))
const request = {
  name: 'app',
  role: 'call',
  endpoints: null,
  rate: null,
  concurrencyMax: null,
  expiresAtMs: null,
} as const

function serverOn(folder: string) {
  const log = openSqliteEventLog(join(folder, 'events.db'))
  const ledger = createLedger({ log, clock }, { folded: () => {}, recorded: () => {} })
  ledger.load()
  const keyring = createKeyring({ secrets: nodeSecrets, clock, fixed: [] })
  const admits = (text: string): boolean => {
    keyring.sync(keysOf(ledger.state()))
    return (
      keyring.admit({ field: name => (name === 'x-api-key' ? text : undefined) }, { deed: 'call', endpoint: null })
        .principal !== null
    )
  }
  return { desk: createKeyDesk({ secrets: nodeSecrets, clock }, ledger), admits, close: () => log.close() }
}

const bytesIn = (folder: string): string =>
  readdirSync(folder)
    .map(name => readFileSync(join(folder, name), 'latin1'))
    .join('\n')

it('a secret is on no disk, its hash is, and the key outlives the server', () => {
  const folder = tempFolder()
  const first = serverOn(folder)
  const { text } = first.desk.create({ ...request, actor: 'test' })
  const rotated = first.desk.rotate({ key: 'app', keepMs: 60_000, actor: 'test' }).text
  expect([first.admits(text), first.admits(rotated)]).toEqual([true, true])
  const beforeClose = bytesIn(folder)
  first.close()
  const secrets = [text, rotated].map(one => parseKey(one)?.secret ?? '')
  for (const bytes of [beforeClose, bytesIn(folder)]) {
    for (const secret of secrets) {
      expect(secret).toHaveLength(43)
      expect(bytes).not.toContain(secret)
      expect(bytes).toContain(nodeSecrets.hash(secret))
    }
  }
  const second = serverOn(folder)
  onTestFinished(() => second.close())
  expect([second.admits(text), second.admits(rotated)]).toEqual([true, true])
  second.desk.revoke({ key: 'app', actor: 'test' })
  expect([second.admits(text), second.admits(rotated)]).toEqual([false, false])
})

it('the key of the server itself is for its own user, and goes with it', () => {
  const file = join(tempFolder(), 'control.key')
  const local = createLocalKey({ file, secrets: nodeSecrets, nowMs: clock.nowMs() })
  const text = readFileSync(file, 'utf8').trim()
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const keyring = createKeyring({ secrets: nodeSecrets, clock, fixed: [local.key] })
  expect(
    keyring.admit({ field: name => (name === 'x-api-key' ? text : undefined) }, { deed: 'administer', endpoint: null })
      .principal?.name,
  ).toBe('local')
  const next = createLocalKey({ file, secrets: nodeSecrets, nowMs: clock.nowMs() })
  expect(readFileSync(file, 'utf8').trim()).not.toBe(text)
  next.close()
  expect(() => statSync(file)).toThrow('ENOENT')
})
