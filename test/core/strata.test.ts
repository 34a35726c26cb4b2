import { describe, expect, it } from 'vitest'
import { emptyVersionEvidence } from '../../src/core/evidence.ts'
import { runCheck } from '../../src/core/judge/checks.ts'
import { byShare } from '../../src/core/judge/strata.ts'

const check = {
  metric: 'error-rate',
  measure: { kind: 'error-rate' },
  margin: 0.01,
  alpha: 0.01,
  minEvents: 100,
} as const

/** An epoch of 20,000 requests, of which both versions fail the same share. */
function epochOf(epoch: number, share: number, errorRate: number) {
  const side = (part: number) => {
    const requests = Math.round(20_000 * part)
    return { ...emptyVersionEvidence(), requests, errors: Math.round(requests * errorRate) }
  }
  return { epoch, share, candidate: side(share), stable: side(1 - share) }
}

describe('epochs of nearly one share', () => {
  const quiet = Array.from({ length: 10 }, (_, index) => epochOf(index, 0.5, 0.01))

  it.each([0.44, 0.56])('do not blame an outage of both on the one with more traffic: at a share of %d', share => {
    const pairs = [...quiet, epochOf(10, share, 1)]
    const sides = { candidate: 'v2', stable: 'v1' }
    const found = runCheck(check, 'guardrail', { sides, pairs, epochsPlanned: 11, readings: {}, manyEpochs: true })
    expect(found.verdict).toBe('pass')
    expect(found.harm.estimate).toBeCloseTo(0, 3)
    // What is told is what was counted.
    expect(found.candidate).toMatchObject({
      trials: 100_000 + 20_000 * share,
      events: Math.round(1_000 + 20_000 * share),
    })
  })

  it('become one stratum, and others one of their own', () => {
    const counts = { candidate: { trials: 10, events: 1 }, stable: { trials: 10, events: 2 } }
    const strata = byShare([
      { epoch: 1, share: 0.5, ...counts },
      { epoch: 2, share: 0.56, ...counts },
      { epoch: 3, share: 0.9, ...counts },
      { epoch: 4, share: null, ...counts },
      { epoch: 5, share: null, ...counts },
    ])
    expect(strata.map(({ epoch }) => epoch)).toEqual([1, 3, 4, 5])
    // Of the second epoch's candidate 0.44 / 0.56 count.
    expect(strata[0]).toMatchObject({ candidate: { trials: 18, events: 2 }, stable: { trials: 20, events: 4 } })
    expect(strata[3]).toEqual({ epoch: 5, ...counts })
  })
})
