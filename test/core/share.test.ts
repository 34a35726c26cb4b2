import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ApiKey } from '../../src/core/access/api-key.ts'
import { type Share, sharedKeys, sharedRoute, shareOf, someOf, wholeShare } from '../../src/core/share.ts'
import { endpoint, split } from '../support/gateway-rig.ts'

const sharesOf = (of: number): Share[] => Array.from({ length: of }, (_, index) => ({ index, of }))
const workers = fc.integer({ min: 1, max: 64 })

const budget = { ratePerSecondMax: 10, concurrencyMax: 4, queueMax: 9, bodyBytesMax: 1_000, timeoutMs: 1_000 }
const mirror = { version: 'v2', fractionPpm: 100_000, methods: ['POST'], paths: null, budget }
const route = {
  spec: endpoint({ concurrency: { perVersionMax: 7, queueMax: 20, waitMs: 50 } }),
  table: { ...split({ v1: 900_000, v2: 100_000 }), mirrors: [mirror] },
}

describe('shares of a bound', () => {
  it('sum to it, and differ by no more than one', () => {
    fc.assert(
      fc.property(workers, fc.nat(1_000_000), (of, total) => {
        const shares = sharesOf(of).map(share => shareOf(total, share))
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total)
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('are one at least where nothing would shut everybody out, and hold the bound where there are as many places', () => {
    fc.assert(
      fc.property(workers, fc.integer({ min: 1, max: 1_000 }), (of, total) => {
        const shares = sharesOf(of).map(share => someOf(total, share))
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(1)
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(Math.max(total, of))
      }),
    )
  })
})

describe('the route of a worker', () => {
  it('has the weights, segments, rules and epoch of all, and its share of the declared bounds', () => {
    const shared = sharesOf(2).map(share => sharedRoute(route, share))
    for (const { table } of shared) expect({ ...table, mirrors: route.table.mirrors }).toEqual(route.table)
    expect(shared.map(({ spec }) => spec.concurrency)).toEqual([
      { perVersionMax: 4, queueMax: 10, waitMs: 50 },
      { perVersionMax: 3, queueMax: 10, waitMs: 50 },
    ])
    expect(shared.map(({ table }) => table.mirrors?.[0]?.budget)).toEqual([
      { ...budget, ratePerSecondMax: 5, concurrencyMax: 2, queueMax: 5 },
      { ...budget, ratePerSecondMax: 5, concurrencyMax: 2, queueMax: 4 },
    ])
  })

  it('has a place to wait in each where there are fewer than workers, and none where none are declared', () => {
    const queues = (queueMax: number) =>
      sharesOf(3).map(share => {
        const spec = endpoint({ concurrency: { perVersionMax: 7, queueMax, waitMs: 50 } })
        return sharedRoute({ ...route, spec }, share).spec.concurrency?.queueMax
      })
    expect([queues(0), queues(1), queues(3), queues(4)]).toEqual([
      [0, 0, 0],
      [1, 1, 1],
      [1, 1, 1],
      [2, 1, 1],
    ])
  })

  it('is the same where there is one', () => {
    expect(sharedRoute(route, wholeShare)).toBe(route)
  })

  it('has a rate without limit where none is declared', () => {
    const unlimited = { ...mirror, budget: { ...budget, ratePerSecondMax: null } }
    const { table } = sharedRoute({ ...route, table: { ...route.table, mirrors: [unlimited] } }, { index: 1, of: 3 })
    expect(table.mirrors?.[0]?.budget.ratePerSecondMax).toBeNull()
  })
})

it('keys have their share of their rate and of their requests at once, and are the same keys', () => {
  const key: ApiKey = {
    ...{ id: 'aaaa', name: 'shop', hash: 'h', role: 'call', endpoints: null, createdAtMs: 0, expiresAtMs: null },
    rate: { perSecond: 10, burst: 5 },
    concurrencyMax: 3,
  }
  const free: ApiKey = { ...key, id: 'bbbb', rate: null, concurrencyMax: null }
  expect(sharedKeys({ aaaa: key, bbbb: free }, { index: 1, of: 2 })).toEqual({
    aaaa: { ...key, rate: { perSecond: 5, burst: 2 }, concurrencyMax: 1 },
    bbbb: free,
  })
})
