import { describe, expect, it } from 'vitest'
import { fewestForAgreement, replayVerdict } from '../../src/core/strategies/replay-verdict.ts'
import { randomFrom } from '../../src/stats/numerics/random.ts'

const asked = { agreement: 0.95, alpha: 0.05 }
const verdictOf = (agreed: number, compared: number, attempt = 1) =>
  replayVerdict({ agreed, compared }, asked, attempt).verdict

describe('a replay', () => {
  it.each([
    [200, 200, 'pass'],
    [195, 200, 'insufficient'],
    [150, 200, 'fail'],
    [0, 0, 'insufficient'],
  ] as const)('with %i of %i alike: %s', (agreed, compared, verdict) => {
    expect(verdictOf(agreed, compared)).toBe(verdict)
  })

  it('passes with as many as it takes, and with none fewer', () => {
    const fewest = fewestForAgreement(asked)
    expect([verdictOf(fewest, fewest), verdictOf(fewest - 1, fewest - 1)]).toEqual(['pass', 'insufficient'])
  })

  it('says in words what was seen, in which limits, and what was asked for', () => {
    expect(replayVerdict({ agreed: 200, compared: 200 }, asked, 1).reason).toMatch(
      /^200 of 200 answers alike \(100 %; 97\.74 % to 100 % at alpha 0\.025\) where 95 % is asked for: shown$/,
    )
  })

  /** Tries again and again with new requests, whose answers are alike at this rate, until one try decides. */
  const decided = (rate: number, seed: number): string => {
    const random = randomFrom(seed)
    for (let attempt = 1; attempt <= 30; attempt++) {
      let agreed = 0
      for (let index = 0; index < 200; index++) if (random.next() < rate) agreed += 1
      const verdict = verdictOf(agreed, 200, attempt)
      if (verdict !== 'insufficient') return verdict
    }
    return 'insufficient'
  }

  it('that is tried often passes a green at the edge no more often than alpha, and fails it no more often either', () => {
    const runs = 1_000
    const ends = Array.from({ length: runs }, (_, seed) => decided(0.95, seed))
    const shareOf = (verdict: string) => ends.filter(one => one === verdict).length / runs
    // Alpha and three standard errors.
    const most = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / runs)
    expect(shareOf('pass')).toBeLessThanOrEqual(most)
    expect(shareOf('fail')).toBeLessThanOrEqual(most)
  })

  it('passes a green that is well above, and fails one that is well below', () => {
    expect(
      Array.from({ length: 50 }, (_, seed) => decided(0.99, seed)).filter(one => one === 'pass').length,
    ).toBeGreaterThan(45)
    expect(new Set(Array.from({ length: 50 }, (_, seed) => decided(0.8, seed)))).toEqual(new Set(['fail']))
  })
})
