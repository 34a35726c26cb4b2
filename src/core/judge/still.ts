/**
 * Values that never varied in either version, such as units of which none met an error, or hardly did. A comparison of means
 * cannot say how far such means may be off. But a guardrail that is within its margin has no breach to wait for, and where
 * units say yes or no their counts are compared exactly: a candidate that fails every unit must not pass for one that cannot
 * be judged. So are values that are alike in each version, better than those of the other one or beyond the margin.
 */
import type { MetricCheck, Scale } from '../metric-check.ts'
import { isHigherBetter, type MetricSpec } from '../metrics/spec.ts'
import { decide } from './checks.ts'
import { harmWords, noHarm } from './harm.ts'
import type { ArmNumbers, CheckResult, Role } from './judgement.ts'
import type { Methods, RateStratum } from './methods.ts'
import { sum } from './words.ts'

type Strata = readonly { candidate: ArmNumbers; stable: ArmNumbers }[]

export type StillQuestion = {
  check: MetricCheck
  role: Role
  spec: MetricSpec
  scale: Scale
  strata: Strata
  /** Names what was measured, with both values. */
  words: string
  few: string | null
  methods: Methods
}

type Answer = Pick<CheckResult, 'verdict' | 'reason' | 'harm' | 'logEvidence' | 'logEvidenceBelow' | 'posterior'> &
  Partial<Pick<CheckResult, 'method'>>

export function isStill(strata: Strata): boolean {
  return strata.length > 0 && strata.every(({ candidate, stable }) => candidate.variance + stable.variance === 0)
}

/**
 * Of fewer units that say the rarer thing, in both versions together, a mean is not normal: at alpha 5 % one in ten goals
 * passed whose candidate was worse by just the margin of 1 pp than a stable version that never failed.
 */
const rareUnitsMin = 20

/** Whether units say yes or no, and too few of them say one of it for a comparison of means. */
export function isRare({ type, unitLevel }: MetricSpec, scale: Scale, strata: Strata): boolean {
  if (type !== 'rate' || unitLevel !== true || scale !== 'absolute' || strata.length === 0) return false
  const units = sum(strata, ({ candidate, stable }) => candidate.n + stable.n)
  const said = sum(strata, ({ candidate, stable }) => candidate.n * candidate.mean + stable.n * stable.mean)
  return Math.min(said, units - said) < rareUnitsMin
}

export function judgeStill(question: StillQuestion): Answer {
  const { check, role, spec, scale, strata, words, few } = question
  const largest = strata.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0]
  const counts = largest === undefined ? null : countsOf(spec, largest)
  if (largest !== undefined && counts !== null) {
    if (scale === 'absolute') return judgeCounts(question, counts, check.margin)
    // A share of what every unit of the stable version says, or of nothing.
    const found = judgeCounts(question, counts, check.margin * largest.stable.mean)
    if (found.verdict === 'fail') return { ...found, harm: noHarm }
  }
  const apart = largest === undefined ? null : judgeApart(question, largest)
  if (apart !== null) return apart
  const estimate = Math.max(...strata.map(stratum => harmIn(spec, scale, stratum)))
  const harm = Number.isFinite(estimate) ? { ...noHarm, estimate } : noHarm
  const text = `${words}, all values alike so far`
  const verdict = decide(role, few, {
    words: text,
    crossed: false,
    shown: false,
    overMargin: !(estimate <= check.margin),
  })
  return { ...verdict, harm, logEvidence: null }
}

function judgeCounts({ check, role, words, few, methods }: StillQuestion, counts: RateStratum, margin: number): Answer {
  const result = methods.rates({ strata: [counts], margin, alpha: check.alpha })
  if (!result.ok) return { verdict: 'insufficient', reason: few ?? result.reason, harm: noHarm, logEvidence: null }
  const { estimate, lower, upper, above, below, logEvidenceAbove, logEvidenceBelow, posterior } = result
  const harm = { estimate, lower, upper }
  const seen = { words: `${words}, ${harmWords(harm, margin, 'absolute')}`, crossed: above, shown: below }
  return {
    ...decide(role, few, { ...seen, overMargin: estimate > margin }),
    harm,
    method: `${methods.ratesName}, by clusters of the largest epoch`,
    logEvidence: logEvidenceAbove,
    logEvidenceBelow,
    ...(posterior !== undefined && { posterior }),
  }
}

/**
 * One value is all that the one version has shown, another one all that the other has. That either of them gives the better
 * one as often is then a question of yes or no, in whatever unit they are; null where the candidate's is worse, or as good, and may be.
 */
function judgeApart(question: StillQuestion, largest: Strata[number]): Answer | null {
  const { check, role, spec, scale, words, few, methods } = question
  const { candidate, stable } = largest
  const estimate = harmIn(spec, scale, largest)
  const isBetter = estimate < 0
  if (!isBetter && !(estimate > check.margin)) return null
  const counts = {
    candidate: { trials: candidate.n, events: isBetter ? 0 : candidate.n },
    stable: { trials: stable.n, events: isBetter ? stable.n : 0 },
  }
  const result = methods.rates({ strata: [counts], margin: 0, alpha: check.alpha })
  if (!result.ok) return null
  const { above, below, logEvidenceAbove, logEvidenceBelow, posterior } = result
  const seen = { words: `${words}, all values of each alike`, crossed: above, shown: below, overMargin: !isBetter }
  return {
    ...decide(role, few, seen),
    harm: Number.isFinite(estimate) ? { ...noHarm, estimate } : noHarm,
    method: `${methods.ratesName}, of which version gives the better value`,
    logEvidence: logEvidenceAbove,
    logEvidenceBelow,
    ...(posterior !== undefined && { posterior }),
  }
}

/** Of one epoch alone, since units come back in others; null unless each cluster says yes or no. */
function countsOf(spec: MetricSpec, { candidate, stable }: Strata[number]): RateStratum | null {
  if (spec.type !== 'rate' && spec.type !== 'accuracy') return null
  // The share of right answers of a unit may be any; of a rate each unit says one thing.
  if (spec.type !== 'rate' && ![candidate, stable].every(({ mean }) => mean === 0 || mean === 1)) return null
  const isGood = isHigherBetter(spec)
  const outcomes = ({ n, mean }: ArmNumbers) => ({ trials: n, events: Math.round(n * (isGood ? 1 - mean : mean)) })
  return { candidate: outcomes(candidate), stable: outcomes(stable) }
}

function sizeOf({ candidate, stable }: Strata[number]): number {
  return Math.min(candidate.n, stable.n)
}

/** Infinite, for better or worse, where it is a share of nothing. */
function harmIn(spec: MetricSpec, scale: Scale, { candidate, stable }: Strata[number]): number {
  const difference = isHigherBetter(spec) ? stable.mean - candidate.mean : candidate.mean - stable.mean
  if (scale === 'absolute' || difference === 0) return difference
  return stable.mean > 0 ? difference / stable.mean : difference * Number.POSITIVE_INFINITY
}
