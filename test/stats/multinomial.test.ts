import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import {
  errorAttribution,
  type MultinomialStratum,
  multinomialEvidence,
} from '../../src/stats/sequential/multinomial.ts'
import { sampleRatio } from '../../src/stats/sequential/sample-ratio.ts'
import reference from '../reference/multinomial.json' with { type: 'json' }
import { allFinite, expectClose, numbers, refusal } from './support.ts'

describe('multinomial evidence', () => {
  test.each(reference.cases)(
    'agrees with integrals at 30 digits: $strata',
    ({ strata, concentration, ...expected }) => {
      const result = numbers(errorAttribution({ strata, concentration, alpha: 0.01 }))
      expectClose(result.logEvidence, expected.logEvidence, 1e-9)
      for (const [arm, excess] of expected.logEvidenceExcess.entries())
        expectClose(result.arms[arm]?.logEvidenceExcess, excess, 1e-9)
      expect(allFinite(result)).toBe(true)
    },
  )

  const counts = fc.array(fc.nat({ max: 1e8 }), { minLength: 3, maxLength: 3 })
  const strata = fc
    .array(counts, { minLength: 1, maxLength: 4 })
    .map(all => all.map(counts => ({ weights: [1, 2, 5], counts })))

  test('is, at concentration 100, that of a sample ratio', () => {
    fc.assert(
      fc.property(strata, strata => {
        const { logEvidence } = numbers(multinomialEvidence({ strata, alpha: 0.001 }))
        expectClose(logEvidence, numbers(sampleRatio({ strata, alpha: 0.001 })).logEvidence, 1e-12)
      }),
    )
  })

  test('follows its categories, and does not mind the order of strata', () => {
    fc.assert(
      fc.property(strata, strata => {
        const one = numbers(errorAttribution({ strata, alpha: 0.001 }))
        const turned = strata.map(({ weights, counts }) => ({
          weights: [...weights].reverse(),
          counts: [...counts].reverse(),
        }))
        const other = numbers(errorAttribution({ strata: turned.reverse(), alpha: 0.001 }))
        expectClose(one.logEvidence, other.logEvidence, 1e-10)
        expectClose(one.arms[0]?.logEvidenceExcess, other.arms[2]?.logEvidenceExcess ?? Number.NaN, 1e-10)
        expect(allFinite(one)).toBe(true)
      }),
    )
  })

  test('with two arms either both have their share or one has more', () => {
    const strata = [{ weights: [95, 5], counts: [80, 20] }]
    const { rejected, arms } = numbers(errorAttribution({ strata, alpha: 0.01 }))
    expect(rejected).toBe(true)
    expect(arms.map(({ excess }) => excess)).toEqual([false, true])
    expectClose(arms[1]?.ratio, 4, 1e-12)
  })

  test('is beyond doubt where the impossible happened, whatever else did', () => {
    const strata = [
      { weights: [1, 0], counts: [100, 1] },
      { weights: [1, 1], counts: [50, 50] },
      { weights: [1, 0], counts: [100, 1] },
    ]
    const result = numbers(errorAttribution({ strata, alpha: 1e-9 }))
    expect(result).toMatchObject({ rejected: true, pValue: 0 })
    expect(result.arms.map(({ excess }) => excess)).toEqual([false, true])
    expect(allFinite(result)).toBe(true)
  })
})

test('equal arms on a ramp are seldom blamed, looked at after every error', () => {
  const RUNS = 80
  let [joint, blamed] = [0, 0]
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const random = randomFrom(seed)
    const strata = [0.01, 0.05, 0.25, 0.5].map(share => ({ weights: [share, 1 - share], counts: [0, 0] }))
    const alarm = { joint: false, arm: false }
    for (const { weights, counts } of strata) {
      for (let error = 0; error < 50; error += 1) {
        const arm = random.next() < (weights[0] ?? 0) ? 0 : 1
        counts[arm] = (counts[arm] ?? 0) + 1
        const result = numbers(errorAttribution({ strata, alpha: 0.1, concentration: 10 }))
        alarm.joint ||= result.rejected
        alarm.arm ||= result.arms.some(({ excess }) => excess)
      }
    }
    if (alarm.joint) joint += 1
    if (alarm.arm) blamed += 1
  }
  const bound = 0.1 + 3 * Math.sqrt((0.1 * 0.9) / RUNS)
  expect(joint / RUNS).toBeLessThanOrEqual(bound)
  expect(blamed / RUNS).toBeLessThanOrEqual(bound)
})

describe('what is refused', () => {
  const good: MultinomialStratum = { weights: [1, 1], counts: [3, 4] }
  test.each<[string, Parameters<typeof multinomialEvidence>[0], string]>([
    ['no strata', { strata: [], alpha: 0.01 }, 'insufficient'],
    ['one category', { strata: [{ weights: [1], counts: [1] }], alpha: 0.01 }, 'invalid'],
    ['a count too many', { strata: [{ weights: [1, 1], counts: [1, 1, 1] }], alpha: 0.01 }, 'invalid'],
    ['weights of 0', { strata: [{ weights: [0, 0], counts: [1, 1] }], alpha: 0.01 }, 'invalid'],
    [
      'a weight of Infinity',
      { strata: [{ weights: [1, Number.POSITIVE_INFINITY], counts: [1, 1] }], alpha: 0.01 },
      'invalid',
    ],
    ['a negative count', { strata: [{ weights: [1, 1], counts: [1, -1] }], alpha: 0.01 }, 'invalid'],
    ['a concentration of 0', { strata: [good], alpha: 0.01, concentration: 0 }, 'invalid'],
    ['an alpha of 0', { strata: [good], alpha: 0 }, 'invalid'],
  ])('%s', (_name, given, kind) => {
    expect(refusal(multinomialEvidence(given)).kind).toBe(kind)
    expect(refusal(errorAttribution(given)).kind).toBe(kind)
  })
})
