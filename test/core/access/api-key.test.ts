import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Deed, mayCall, parseKey, type Role, roleMay, roles, writeKey } from '../../../src/core/access/api-key.ts'
import { carriedBy, carriesKey, withoutKeys } from '../../../src/core/access/carried.ts'
import { afterOne, waitMs } from '../../../src/core/access/pace.ts'
import { refusalToDo } from '../../../src/core/access/refusals.ts'
import { keysOf } from '../../../src/core/access/registry.ts'
import type { ControlEvent } from '../../../src/core/event.ts'
import { emptyState } from '../../../src/core/state.ts'
import { fold } from '../../../src/core/step.ts'

const secret = 'A'.repeat(43)

describe('a key', () => {
  it('is read as it was written', () => {
    const [id, characters] = [fc.stringMatching(/^[a-z0-9]{4,16}$/), fc.stringMatching(/^[A-Za-z0-9_-]{43}$/)]
    fc.assert(
      fc.property(id, characters, (id, secret) => {
        expect(parseKey(writeKey({ id, secret }))).toEqual({ id, secret })
      }),
    )
  })

  it.each([
    '',
    'ck_',
    `ck_ab_${secret}`,
    `ck_abcd_${secret}A`,
    `ck_abcd_${secret.slice(1)}`,
    `CK_abcd_${secret}`,
    `ck_abcd_${secret}\n`,
  ])('is not %j', text => expect(parseKey(text)).toBeNull())

  it('may do what its role says', () => {
    const may: Record<Role, readonly Deed[]> = {
      call: ['call'],
      read: ['read'],
      operate: ['call', 'read', 'operate'],
      admin: ['call', 'read', 'operate', 'administer'],
    }
    const deeds: readonly Deed[] = ['call', 'read', 'operate', 'administer']
    for (const role of roles) expect(deeds.filter(deed => roleMay(role, deed))).toEqual(may[role])
  })

  it('calls the endpoints that it names, or all', () => {
    expect(mayCall({ role: 'call', endpoints: null }, 'digits')).toBe(true)
    expect(mayCall({ role: 'call', endpoints: ['fraud'] }, 'digits')).toBe(false)
    expect(mayCall({ role: 'read', endpoints: null }, 'digits')).toBe(false)
    expect(
      refusalToDo({ name: 'k', role: 'call', endpoints: ['fraud'] }, { deed: 'call', endpoint: 'digits' }),
    ).toMatchObject({
      code: 'forbidden',
      detail: 'the key k is for fraud and not for this endpoint',
    })
    expect(refusalToDo({ name: 'k', role: 'call', endpoints: ['fraud'] }, { deed: 'call', endpoint: null })).toBeNull()
  })
})

describe('a request carries its key', () => {
  const head = (fields: Record<string, string>) => ({ field: (name: string) => fields[name] })
  const key = `ck_abcd_${secret}`

  it.each([
    [{ authorization: `Bearer ${key}` }, 'authorization'],
    [{ authorization: `bearer  ${key} ` }, 'authorization'],
    [{ 'x-api-key': key }, 'x-api-key'],
    [{ authorization: 'Bearer sk-of-the-model-server', 'x-api-key': key }, 'x-api-key'],
    [{ authorization: `Bearer ${key}`, 'x-api-key': key }, 'authorization'],
    [{ authorization: `Basic ${key}` }, undefined],
    [{ authorization: key }, undefined],
    [{ 'x-api-key': 'ck_0123456789abcdef0123456789abcdef01234567' }, undefined],
    [{}, undefined],
  ])('%j: %s', (fields, field) => expect(carriedBy(head(fields as Record<string, string>))?.field).toBe(field))

  it('and what has the form of one goes no further, whatever it is worth', () => {
    expect(carriesKey('authorization', `Bearer ${key}`)).toBe(true)
    expect(carriesKey('x-api-key', `${key.slice(0, -5)}`)).toBe(true)
    expect(carriesKey('authorization', 'Bearer sk-of-the-model-server')).toBe(false)
    expect(carriesKey('x-user', key)).toBe(false)
  })

  it.each([
    `authorization: Bearer ${key}`,
    `authorization: ${key}`,
    `Authorization: Bearer\t${key}`,
    `authorization: Token ${key}`,
    `authorization: Basic x, Bearer ${key}`,
    `authorization: Bearer token="${key}"`,
    `x-api-key: Bearer ${key}`,
    `X-API-Key:${key}`,
    `x-api-key: "${key}"`,
  ])('in whatever form, its line is taken out: %s', line =>
    expect(withoutKeys(`accept: */*\r\n${line}\r\nhost: a\r\n`)).toBe('accept: */*\r\nhost: a\r\n'),
  )

  it.each([
    'authorization: Bearer sk-of-the-model-server',
    `authorization: Bearer eyJhbGciOiJub25lIn0.x${key}`,
    `authorization: Bearer sk_${key}`,
    'x-api-key: ck_0123456789abcdef0123456789abcdef01234567',
    `cookie: a=${key}`,
  ])('and what is of another system stays: %s', line => expect(withoutKeys(`${line}\r\n`)).toBe(`${line}\r\n`))
})

describe('the pace of a key', () => {
  it('lets a burst in at once, then one each time a token has come, and no more in any stretch of time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 200 }),
        (perSecond, burst, gaps) => {
          const rate = { perSecond, burst }
          let [nowMs, fullAtMs] = [1_750_000_000_000, 0]
          const admitted: number[] = []
          for (const gap of gaps) {
            nowMs += gap
            if (waitMs(fullAtMs, rate, nowMs) > 0) continue
            fullAtMs = afterOne(fullAtMs, rate, nowMs)
            admitted.push(nowMs)
          }
          for (const [first, from] of admitted.entries())
            for (const [last, to] of admitted.entries())
              if (last >= first)
                expect(last - first + 1).toBeLessThanOrEqual(burst + ((to - from) / 1_000) * perSecond + 1e-6)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('of a clock that is set back costs no more than an empty bucket', () => {
    const rate = { perSecond: 2, burst: 3 }
    const fullAtMs = afterOne(0, rate, 10_000_000)
    expect(waitMs(fullAtMs, rate, 1_000)).toBe(500)
    expect(waitMs(afterOne(fullAtMs, rate, 1_500), rate, 2_000)).toBe(500)
  })

  it('says how long to wait, and no longer', () => {
    const rate = { perSecond: 2, burst: 1 }
    const fullAtMs = afterOne(0, rate, 1_000)
    expect(waitMs(fullAtMs, rate, 1_000)).toBe(500)
    expect(waitMs(fullAtMs, rate, 1_500)).toBe(0)
  })
})

describe('the registry of keys', () => {
  const created: ControlEvent = {
    type: 'key-created',
    key: {
      id: 'k1',
      name: 'app',
      hash: 'h1',
      role: 'call',
      endpoints: null,
      rate: null,
      concurrencyMax: null,
      expiresAtMs: null,
    },
    actor: 'test',
  }
  const at = (events: readonly ControlEvent[]) =>
    keysOf(fold(events.map((event, index) => ({ seq: index + 1, atMs: (index + 1) * 1_000, event }))))

  it('is a fold of what was made, rotated and revoked', () => {
    expect(at([created])).toMatchObject({ k1: { name: 'app', hash: 'h1', createdAtMs: 1_000 } })
    const rotated: ControlEvent = { type: 'key-rotated', id: 'k1', hash: 'h2', keepMs: 500, actor: 'test' }
    expect(at([created, rotated])['k1']).toMatchObject({ hash: 'h2', previous: { hash: 'h1', untilMs: 2_500 } })
    const again: ControlEvent = { ...rotated, hash: 'h3', keepMs: 0 }
    expect(at([created, rotated, again])['k1']).not.toHaveProperty('previous')
    expect(at([created, { type: 'key-revoked', id: 'k1', actor: 'test' }])).toEqual({})
  })

  it('does not change by what is about no key', () => {
    const events: ControlEvent[] = [{ type: 'key-revoked', id: 'k9', actor: 'test' }]
    expect(fold(events.map(event => ({ seq: 1, atMs: 0, event })))).toEqual(emptyState)
  })
})
