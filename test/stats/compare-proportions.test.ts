import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../src/cli/demo/random.ts'
import { compareProportions, type ProportionStratum } from '../../src/stats/compare-proportions.ts'

type Pair = [number, number]
type Reference = {
  strata: { candidate: Pair; stable: Pair }[]
  margin: number
  estimate: number
  logEvidenceAbove: number
  logEvidenceBelow: number
}

const reference: { cases: Reference[] } = JSON.parse(
  readFileSync(new URL('../reference/compare_proportions.json', import.meta.url), 'utf8'),
)

const tally = ([events, trials]: Pair) => ({ events, trials })
const strataOf = (one: Reference): ProportionStratum[] =>
  one.strata.map(({ candidate, stable }) => ({ candidate: tally(candidate), stable: tally(stable) }))

function compare(strata: readonly ProportionStratum[], margin: number, alpha = 0.01) {
  const result = compareProportions({ strata, margin, alpha })
  if (!result.ok) throw new Error(result.reason)
  return result
}

describe('the comparison of rates', () => {
  it.each(reference.cases.map((one, index) => ({ index, one })))(
    'agrees with the 50-digit reference, case $index',
    ({ one }) => {
      const found = compare(strataOf(one), one.margin)
      for (const key of ['estimate', 'logEvidenceAbove', 'logEvidenceBelow'] as const) {
        // Log-likelihoods of 1e8 trials are of the order of 1e7; a double keeps about nine digits behind the point of those.
        expect(Math.abs(found[key] - one[key])).toBeLessThan(1e-8 + 1e-9 * Math.abs(one[key]))
      }
    },
  )

  it('has an interval whose ends are where the evidence crosses', () => {
    for (const one of reference.cases) {
      const strata = strataOf(one)
      const { lower, upper, estimate } = compare(strata, one.margin)
      expect(lower).toBeLessThanOrEqual(estimate)
      expect(upper).toBeGreaterThanOrEqual(estimate)
      if (lower > -0.999) {
        expect(compare(strata, lower - 1e-7).crossed).toBe(true)
        expect(compare(strata, lower + 1e-7).crossed).toBe(false)
      }
    }
  })

  it('does not depend on the order in which observations of a stratum came, nor on empty strata', () => {
    const strata = strataOf(
      reference.cases[9] ?? { strata: [], margin: 0, estimate: 0, logEvidenceAbove: 0, logEvidenceBelow: 0 },
    )
    const empty = { candidate: { events: 0, trials: 0 }, stable: { events: 3, trials: 9 } }
    expect(compare([...strata, empty], 0.01)).toEqual(compare(strata, 0.01))
  })

  const refused: [string, Parameters<typeof compareProportions>[0], RegExp][] = [
    ['no observations', { strata: [], margin: 0, alpha: 0.01 }, /no observations/],
    [
      'a version without trials',
      { strata: [{ candidate: { events: 0, trials: 0 }, stable: { events: 1, trials: 9 } }], margin: 0, alpha: 0.01 },
      /no observations/,
    ],
    [
      'more events than trials',
      { strata: [{ candidate: { events: 2, trials: 1 }, stable: { events: 0, trials: 1 } }], margin: 0, alpha: 0.01 },
      /impossible/,
    ],
    [
      'counts that are not whole',
      { strata: [{ candidate: { events: 0.5, trials: 1 }, stable: { events: 0, trials: 1 } }], margin: 0, alpha: 0.01 },
      /impossible/,
    ],
    ['an alpha outside 0 and 1', { strata: [], margin: 0, alpha: 1 }, /alpha/],
    ['a margin outside -1 and 1', { strata: [], margin: 1, alpha: 0.01 }, /margin/],
  ]
  it.each(refused)('answers %s with a reason', (_what, input, reason) => {
    const result = compareProportions(input)
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(reason) })
  })
})

describe('looked at after every tenth request', () => {
  const alpha = 0.05
  const runs = 100
  const ramp = [0.01, 0.05, 0.25, 0.5]

  /** The share of runs in which the candidate is ever called worse; both versions are the same. */
  function falseAlarms(rates: readonly number[], shares: readonly number[], perStratum: number): number {
    let alarms = 0
    for (let run = 0; run < runs; run++) {
      const random = createRandom(1_000 + run)
      const strata: ProportionStratum[] = []
      let isAlarmed = false
      for (const [index, share] of shares.entries()) {
        const stratum = { candidate: { events: 0, trials: 0 }, stable: { events: 0, trials: 0 } }
        strata.push(stratum)
        for (let request = 0; request < perStratum && !isAlarmed; request++) {
          const side = random() < share ? stratum.candidate : stratum.stable
          side.trials += 1
          if (random() < (rates[index] ?? 0)) side.events += 1
          if (request % 10 === 9) isAlarmed = isCrossed(strata)
        }
      }
      if (isAlarmed) alarms += 1
    }
    return alarms / runs
  }

  function isCrossed(strata: readonly ProportionStratum[]): boolean {
    const result = compareProportions({ strata, margin: 0, alpha })
    return result.ok && result.crossed
  }

  const bound = alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs)
  const cases: [string, number[], number[], number][] = [
    ['rate 0.1 %, equal split', [0.001], [0.5], 600],
    ['rate 4 %, unequal split', [0.04], [0.05], 600],
    ['rate 50 %, equal split', [0.5], [0.5], 300],
    ['a ramp while the base rate drifts', [0.02, 0.05, 0.1, 0.2], ramp, 150],
  ]
  it.each(cases)('false alarms keep to alpha: %s', (_what, rates, shares, perStratum) => {
    expect(falseAlarms(rates, shares, perStratum)).toBeLessThanOrEqual(bound)
  })

  it('a candidate with half of its answers wrong is called within a few dozen of them', () => {
    const trials: number[] = []
    for (let run = 0; run < 15; run++) {
      const random = createRandom(run)
      const stratum = { candidate: { events: 0, trials: 0 }, stable: { events: 0, trials: 0 } }
      while (!isCrossed([stratum])) {
        const isCandidate = random() < 0.05
        const side = isCandidate ? stratum.candidate : stratum.stable
        side.trials += 1
        if (random() < (isCandidate ? 0.5 : 0.1)) side.events += 1
      }
      trials.push(stratum.candidate.trials)
    }
    expect(trials.toSorted((a, b) => a - b)[7]).toBeLessThan(40)
  })
})
