/** For one planned look: Welch's test of means, the score test of two shares. One-sided, like every goal. */
import { miettinenNurminenInterval, miettinenNurminenTest } from '../../stats/fixed/miettinen-nurminen.ts'
import type { SidedPValues } from '../../stats/fixed/p-value.ts'
import { relativeLift } from '../../stats/fixed/relative-lift.ts'
import { welchTest } from '../../stats/fixed/welch.ts'
import { insufficient, type Result } from '../../stats/result.ts'
import { asMeans, collapse } from './collapse.ts'
import type { Compared, MeansQuestion, Methods, RatesQuestion } from './methods.ts'

export const fixedMethods: Methods = {
  isSequential: false,
  means: compareMeansOnce,
  rates: compareRatesOnce,
  meansName: cluster => `Welch's test over epochs, by ${cluster}, for one look`,
  ratesName: "Miettinen and Nurminen's score test, for one look",
}

function compareMeansOnce({ strata, margin, scale, alpha }: MeansQuestion): Result<Compared> {
  if (strata.length === 0) return insufficient('there are no observations of both versions yet')
  const { candidate, stable } = collapse(strata)
  const sides = 2 * alpha
  if (scale === 'absolute') {
    const test = welchTest({ candidate, stable, alpha: sides, margin })
    return test.ok ? decided(test.difference, test, alpha) : test
  }
  // A share of a control below 0 turns around: a greater value would be a fall, and a margin would forbid what it allows.
  if (!(stable.mean > 0)) return insufficient(`a relative difference needs a stable mean above 0; it is ${stable.mean}`)
  // "Better by more than the margin" is "above the stable mean times one and the margin", which needs no quotient.
  const tolerated = 1 + margin
  const scaled = { n: stable.n, mean: stable.mean * tolerated, m2: stable.m2 * tolerated ** 2 }
  const test = welchTest({ candidate, stable: scaled, alpha: sides })
  const lift = relativeLift({ candidate, stable, alpha: sides })
  if (!test.ok) return test
  return lift.ok ? decided(lift.lift, test, alpha) : lift
}

/** Several epochs are compared as means of zeros and ones: counts added up over changing weights would mislead. */
function compareRatesOnce({ strata, margin, alpha }: RatesQuestion): Result<Compared> {
  const used = strata.filter(({ candidate, stable }) => candidate.trials > 0 && stable.trials > 0)
  const [only, second] = used
  if (only === undefined) return insufficient('there are no observations of both versions yet')
  if (second !== undefined)
    return compareMeansOnce({ strata: asMeans(used), margin, scale: 'absolute', alpha, better: 'lower' })
  const test = miettinenNurminenTest({ ...only, margin })
  const interval = miettinenNurminenInterval({ ...only, alpha: 2 * alpha })
  if (!test.ok) return test
  return interval.ok ? decided(interval, test, alpha) : interval
}

type Interval = { estimate: number; lower: number; upper: number }

function decided(
  { estimate, lower, upper }: Interval,
  { greater, less }: SidedPValues,
  alpha: number,
): { ok: true } & Compared {
  const needed = Math.log(alpha)
  return {
    ok: true,
    estimate,
    lower,
    upper,
    above: greater.logPValue <= needed,
    below: less.logPValue <= needed,
    logEvidenceAbove: -greater.logPValue,
    logEvidenceBelow: -less.logPValue,
  }
}
