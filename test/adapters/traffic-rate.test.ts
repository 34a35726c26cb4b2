import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createTrafficRate } from '../../src/adapters/traffic-rate/traffic-rate.ts'
import { limits } from '../../src/core/limits.ts'

function meter() {
  const clock = createManualClock(1_000)
  const counts = new Map([['digits', 500]])
  const rate = createTrafficRate({ uptime: clock, read: () => new Map(counts) })
  const pass = (ms: number, requests: number): void => {
    counts.set('digits', (counts.get('digits') ?? 0) + requests)
    clock.advance(ms)
  }
  return { rate, counts, pass }
}

describe('the rate of traffic', () => {
  it('is not known before it has been watched', () => {
    const { rate, pass } = meter()
    expect(rate.perSecond('digits')).toBeNull()
    pass(limits.rateLookMs - 1, 100)
    expect(rate.perSecond('digits')).toBeNull()
    expect(rate.perSecond('nobody')).toBeNull()
  })

  it('is what came over the time', () => {
    const { rate, pass } = meter()
    pass(limits.rateLookMs, 200)
    expect(rate.perSecond('digits')).toBeCloseTo(200_000 / limits.rateLookMs)
  })

  it('forgets what is long ago', () => {
    const { rate, pass } = meter()
    pass(limits.rateLookMs, 1_000_000)
    for (let look = 0; look < limits.rateLooksMax + 1; look++) pass(limits.rateLookMs, 0)
    expect(rate.perSecond('digits')).toBe(0)
  })

  it('is never below nothing where an endpoint was made anew', () => {
    const { rate, counts, pass } = meter()
    pass(limits.rateLookMs, 200)
    counts.set('digits', 0)
    expect(rate.perSecond('digits')).toBe(0)
  })
})
