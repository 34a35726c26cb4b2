import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endedStats, mergeStats, noStats, statsWithout } from '../../src/gateway/merge-stats.ts'
import { createStats, type GatewayStats } from '../../src/gateway/stats.ts'

type Deed = { gateway: number; version: 'v1' | 'v2'; status: number; closes: boolean }
const deed = fc.record<Deed>({
  gateway: fc.nat(2),
  version: fc.constantFrom('v1', 'v2'),
  status: fc.constantFrom(0, 200, 302, 404, 502),
  closes: fc.boolean(),
})

function collector() {
  const stats = createStats()
  stats.sync('digits', ['v1', 'v2'])
  return stats
}

const statsOf = (stats: ReturnType<typeof collector>): GatewayStats => ({ ...noStats, ...stats.read() })

const mirror = (answered: number, queued: number) => ({
  ...{ endpoint: 'digits', version: 'v3', answered, failed: 1, queued, inFlight: 1 },
  dropped: {
    ...{ 'queue-full': 1, 'memory-full': 0, 'body-too-large': 0, expired: 0 },
    ...{ incomplete: 0, stopped: 0, starting: 0, overloaded: 2 },
  },
})
const awaited = (count: number) => [{ endpoint: 'digits', version: 'v1', count }]
const guards = (isOpen: boolean, openings: number) => ({
  breakers: [{ endpoint: 'digits', version: 'v2', isOpen, openings }],
  gates: [{ endpoint: 'digits', version: 'v1', inside: 2, queued: 1 }],
  retries: [{ endpoint: 'digits', count: 4 }],
})

describe('counters of several gateways', () => {
  it('are those that one would have that did all of it', () => {
    fc.assert(
      fc.property(fc.array(deed), deeds => {
        const alone = collector()
        const several = [collector(), collector(), collector()]
        for (const { gateway, version, status, closes } of deeds)
          for (const stats of [alone, several[gateway]]) {
            stats?.opened('digits')
            if (closes) stats?.closed('digits', version, status)
            if (status === 404) stats?.error('route-not-found')
            if (status === 502) stats?.cut()
          }
        expect(mergeStats(several.map(statsOf))).toEqual(statsOf(alone))
      }),
    )
  })

  it('add copies by reason, and a breaker is open where it is so for some callers', () => {
    const merged = mergeStats([
      { ...noStats, mirrors: [mirror(5, 2)], guards: guards(false, 1), connectionsAwaited: awaited(3) },
      { ...noStats, mirrors: [mirror(7, 0)], guards: guards(true, 2), connectionsAwaited: awaited(4) },
    ])
    expect(merged.connectionsAwaited).toEqual(awaited(7))
    expect(endedStats(merged).connectionsAwaited).toEqual([])
    expect(statsWithout(merged, 'digits').connectionsAwaited).toEqual([])
    expect(merged.mirrors).toMatchObject([
      { answered: 12, failed: 2, queued: 2, inFlight: 2, dropped: { 'queue-full': 2, overloaded: 4, expired: 0 } },
    ])
    expect(merged.guards).toEqual({
      breakers: [{ endpoint: 'digits', version: 'v2', isOpen: true, openings: 3 }],
      gates: [{ endpoint: 'digits', version: 'v1', inside: 4, queued: 2 }],
      retries: [{ endpoint: 'digits', count: 8 }],
    })
  })
})

it('a gateway that has ended leaves what it did, and nothing under way', () => {
  const stats = collector()
  stats.opened('digits')
  stats.opened('digits')
  stats.closed('digits', 'v1', 200)
  const ended = endedStats({ ...statsOf(stats), mirrors: [mirror(5, 2)], guards: guards(true, 1) })
  expect(ended.requests).toContainEqual({ endpoint: 'digits', version: 'v1', statusClass: '2xx', count: 1 })
  expect(ended).toMatchObject({ inFlight: [], held: [], mirrors: [{ answered: 5, queued: 0, inFlight: 0 }] })
  expect(ended.guards).toMatchObject({ breakers: [{ isOpen: false, openings: 1 }], gates: [] })
})

it('versions and endpoints that are gone are counted no more', () => {
  const stats = { ...statsOf(collector()), mirrors: [mirror(5, 0)], guards: guards(false, 1) }
  const left = statsWithout(stats, 'digits', ['v1'])
  expect(new Set(left.requests.map(({ version }) => version))).toEqual(new Set(['v1']))
  expect(left.mirrors).toEqual([])
  expect(left.guards.retries).toHaveLength(1)
  expect(statsWithout(stats, 'digits')).toEqual(noStats)
  expect(statsWithout(stats, 'others')).toEqual(stats)
})
