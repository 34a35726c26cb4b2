import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  comparePairedProportions,
  pairedProportionEvidence,
} from '../../src/stats/sequential/compare-paired-proportions.ts'
import reference from '../reference/compare_paired_proportions.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal, uniforms } from './support.ts'

const alpha = 0.05

function compare(pairs: number, onlyCandidate: number, onlyStable: number, margin = 0) {
  return numbers(comparePairedProportions({ pairs, onlyCandidate, onlyStable, margin, alpha }))
}

const counted = fc
  .record({ harms: fc.nat(300), benefits: fc.nat(300), ties: fc.nat(3_000) })
  .filter(({ harms, benefits, ties }) => harms + benefits + ties > 0)

test.each(reference.comparisons)('agrees with 60-digit arithmetic: $onlyCandidate, $onlyStable of $pairs', one => {
  const found = compare(one.pairs, one.onlyCandidate, one.onlyStable, one.margin)
  expectClose(found.logEvidenceAbove, one.logEvidenceAbove, 1e-10)
  expectClose(found.logEvidenceBelow, one.logEvidenceBelow, 1e-10)
})

describe('evidence on pairs', () => {
  test('mirrors when the versions change places', () => {
    fc.assert(
      fc.property(counted, fc.double({ min: -0.5, max: 0.5, noNaN: true }), ({ harms, benefits, ties }, margin) => {
        const pairs = harms + benefits + ties
        const [there, back] = [compare(pairs, harms, benefits, margin), compare(pairs, benefits, harms, -margin)]
        expectClose(back.logEvidenceBelow, there.logEvidenceAbove, 1e-9)
        expectClose(back.lower, -there.upper, 1e-9)
        expect(allFinite(there)).toBe(true)
        expect(there.lower).toBeLessThanOrEqual(there.estimate)
        expect(there.upper).toBeGreaterThanOrEqual(there.estimate)
      }),
    )
  })

  test('crosses exactly when the margin leaves the confidence sequence', () => {
    const { lower, upper } = compare(400, 60, 10)
    expect([compare(400, 60, 10, lower - 1e-9).crossed, compare(400, 60, 10, lower + 1e-9).crossed]).toEqual([
      true,
      false,
    ])
    expect([compare(400, 60, 10, upper - 1e-9).shownBelow, compare(400, 60, 10, upper + 1e-9).shownBelow]).toEqual([
      false,
      true,
    ])
  })

  test('with a margin of 0 is of discordant pairs alone', () => {
    const [few, many] = [compare(40, 30, 5), compare(40_000, 30, 5)]
    expectClose(many.logEvidenceAbove, few.logEvidenceAbove, 1e-12)
  })

  test('needs far fewer pairs where versions agree: 2000 with 1 % discordant show no worse than 1 pp', () => {
    expect(compare(2_000, 10, 10, 0.01).shownBelow).toBe(true)
    expect(compare(2_000, 100, 100, 0.01).shownBelow).toBe(false)
  })

  test('is refused without pairs, for what is no count and for more discordant pairs than there are', () => {
    const none = { pairs: 0, onlyCandidate: 0, onlyStable: 0, margin: 0, alpha }
    expect(refusal(comparePairedProportions(none)).kind).toBe('insufficient')
    expect(refusal(comparePairedProportions({ ...none, pairs: 1, onlyStable: -1 })).kind).toBe('invalid')
    expect(refusal(comparePairedProportions({ ...none, pairs: 1, onlyStable: 1, onlyCandidate: 1 })).kind).toBe(
      'invalid',
    )
    expect(refusal(comparePairedProportions({ ...none, pairs: 1, margin: 1 })).kind).toBe('invalid')
    expect(refusal(comparePairedProportions({ ...none, pairs: 1, alpha: 0 })).kind).toBe('invalid')
  })
})

type Watched = {
  claim: 'crossed' | 'shownBelow'
  margin: number
  discordance: (pair: number) => number
  /** By how much the candidate is worse; by the margin, just so, if it is left out. */
  excess?: number
}

/** The share of runs in which the claim is ever believed, looked at after every pair. */
function frequencyBelieved(watched: Watched, runs: number): number {
  let believed = 0
  for (let seed = 1; seed <= runs; seed += 1) if (isBelieved(watched, uniforms(seed))) believed += 1
  return believed / runs
}

function isBelieved({ claim, margin, discordance, excess = margin }: Watched, random: () => number): boolean {
  const evidence = claim === 'crossed' ? 'logEvidenceAbove' : 'logEvidenceBelow'
  let [onlyCandidate, onlyStable] = [0, 0]
  for (let pairs = 1; pairs <= 1_500; pairs += 1) {
    const rate = discordance(pairs)
    const draw = random()
    if (draw < (rate + excess) / 2) onlyCandidate += 1
    else if (draw < rate) onlyStable += 1
    if (numbers(pairedProportionEvidence({ pairs, onlyCandidate, onlyStable, margin }))[evidence] >= -Math.log(alpha))
      return true
  }
  return false
}

describe('a false claim, looked at after every pair, is seldom believed', () => {
  const constant = (rate: number) => () => rate
  const drifting = (pair: number) => (pair < 500 ? 0.3 : 0.06)
  test.each([
    { claim: 'crossed' as const, margin: 0, discordance: constant(0.3) },
    { claim: 'crossed' as const, margin: 0.02, discordance: constant(0.1) },
    { claim: 'shownBelow' as const, margin: 0, discordance: constant(0.05) },
    { claim: 'shownBelow' as const, margin: 0.05, discordance: drifting },
  ])('$claim at $margin', one => {
    const runs = 60
    const bound = alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs)
    expect(frequencyBelieved(one, runs)).toBeLessThanOrEqual(bound)
  })

  test('and one that is true is found: 6 % against 2 % of pairs within 1500', () => {
    const watched: Watched = { claim: 'crossed', margin: 0, discordance: () => 0.08 }
    // 6 % of pairs are the candidate's alone, 2 % the stable version's.
    expect(frequencyBelieved({ ...watched, excess: 0.04 }, 20)).toBeGreaterThanOrEqual(0.95)
  })
})
