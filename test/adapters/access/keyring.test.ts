import { expect, it } from 'vitest'
import { createKeyring } from '../../../src/adapters/access/keyring.ts'
import { nodeSecrets } from '../../../src/adapters/access/node-secrets.ts'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { type ApiKey, writeKey } from '../../../src/core/access/api-key.ts'
import type { Secrets } from '../../../src/ports/secrets.ts'

function ring() {
  const clock = createManualClock(1_750_000_000_000)
  let comparisons = 0
  const secrets: Secrets = {
    ...nodeSecrets,
    matches: (secret, hash) => {
      comparisons += 1
      return nodeSecrets.matches(secret, hash)
    },
  }
  const keyring = createKeyring({ secrets, clock, fixed: [] })
  const admit = (text: string | undefined, endpoint: string | null = 'digits') =>
    keyring.admit(
      { field: name => (name === 'authorization' && text !== undefined ? `Bearer ${text}` : undefined) },
      { deed: 'call', endpoint },
    )
  return { clock, keyring, admit, comparisons: () => comparisons }
}

function key(overrides: Partial<ApiKey> = {}): { key: ApiKey; text: string } {
  const { id, secret } = nodeSecrets.make()
  const hash = nodeSecrets.hash(secret)
  const plain = { id, name: 'app', hash, role: 'call', endpoints: null, rate: null, concurrencyMax: null } as const
  return { key: { ...plain, createdAtMs: 0, expiresAtMs: null, ...overrides }, text: writeKey({ id, secret }) }
}

const codeOf = ({ refusal }: ReturnType<ReturnType<typeof ring>['admit']>) => refusal?.code ?? 'admitted'

it('a text is proven once and then known, until the keys change', () => {
  const { keyring, admit, comparisons } = ring()
  const { key: one, text } = key()
  keyring.sync({ [one.id]: one })
  for (let i = 0; i < 5; i += 1) expect(admit(text).principal?.name).toBe('app')
  expect(comparisons()).toBe(1)
  keyring.sync({ [one.id]: one })
  expect(codeOf(admit(text))).toBe('admitted')
  expect(comparisons()).toBe(2)
})

it('a key is known by whichever field it comes in and behind however many spaces, and kept once', () => {
  const { keyring, comparisons } = ring()
  const { key: one, text } = key()
  keyring.sync({ [one.id]: one })
  const heads = [
    ['authorization', `Bearer ${text}`],
    ['authorization', `bearer${' '.repeat(20_000)}${text}`],
    ['x-api-key', text],
  ] as const
  for (const [field, value] of heads) {
    const admission = keyring.admit(
      { field: name => (name === field ? value : undefined) },
      { deed: 'call', endpoint: null },
    )
    expect(codeOf(admission)).toBe('admitted')
  }
  expect(comparisons()).toBe(1)
})

it('no key, an unknown one, one with another secret and a revoked one are told apart only where it helps', () => {
  const { keyring, admit } = ring()
  const { key: one, text } = key()
  keyring.sync({ [one.id]: one })
  const other = writeKey({ id: one.id, secret: nodeSecrets.make().secret })
  expect(admit(undefined).refusal?.headers).toEqual(['www-authenticate', 'Bearer realm="cutover"'])
  expect(admit(other).refusal).toEqual(admit(key().text).refusal)
  expect(admit(other).refusal?.headers[1]).toBe('Bearer realm="cutover", error="invalid_token"')
  expect(codeOf(admit(text))).toBe('admitted')
  keyring.sync({})
  expect(codeOf(admit(text))).toBe('unauthenticated')
})

it('expires on time, also where it was known', () => {
  const { clock, keyring, admit } = ring()
  const { key: one, text } = key({ expiresAtMs: clock.nowMs() + 1_000 })
  keyring.sync({ [one.id]: one })
  expect(codeOf(admit(text))).toBe('admitted')
  clock.advance(999)
  expect(codeOf(admit(text))).toBe('admitted')
  clock.advance(1)
  expect(admit(text).refusal?.detail).toBe('the API key app has expired')
})

it('the secret before a rotation counts until its time', () => {
  const { clock, keyring, admit } = ring()
  const { key: one, text } = key()
  const fresh = nodeSecrets.make().secret
  const untilMs = clock.nowMs() + 1_000
  keyring.sync({ [one.id]: { ...one, hash: nodeSecrets.hash(fresh), previous: { hash: one.hash, untilMs } } })
  const newText = writeKey({ id: one.id, secret: fresh })
  expect([codeOf(admit(text)), codeOf(admit(newText))]).toEqual(['admitted', 'admitted'])
  clock.advance(1_000)
  expect([codeOf(admit(text)), codeOf(admit(newText))]).toEqual(['unauthenticated', 'admitted'])
})

it('holds a key to its endpoints, its rate and its number at once, and counts by name', () => {
  const { clock, keyring, admit } = ring()
  const { key: one, text } = key({ endpoints: ['digits'], rate: { perSecond: 2, burst: 3 }, concurrencyMax: 2 })
  keyring.sync({ [one.id]: one })
  expect(codeOf(admit(text, 'fraud'))).toBe('forbidden')
  const { principal } = admit(text)
  if (principal === null) throw new Error('not admitted')
  admit(text)
  expect(admit(text).refusal).toMatchObject({ code: 'rate-limited', headers: ['retry-after', '1'] })
  keyring.leave(principal)
  expect(codeOf(admit(text))).toBe('admitted')
  keyring.leave(principal)
  expect(admit(text).refusal?.detail).toBe('the key app may send 2 requests a second')
  clock.advance(500)
  expect(codeOf(admit(text))).toBe('admitted')
  expect(keyring.counts()).toEqual([{ key: 'app', admitted: 4, forbidden: 1, rateLimited: 1, crowded: 1, inFlight: 2 }])
})

it('what is under way and its pace outlive a change of other keys', () => {
  const { keyring, admit } = ring()
  const { key: one, text } = key({ concurrencyMax: 1 })
  keyring.sync({ [one.id]: one })
  admit(text)
  const { key: two } = key({ name: 'other' })
  keyring.sync({ [one.id]: one, [two.id]: two })
  expect(codeOf(admit(text))).toBe('rate-limited')
})
