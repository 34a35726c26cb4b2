/** A comparison of means, and of whatever has a value and a variance per cluster, epoch by epoch. */
import { STRATUM_CLUSTERS_NEEDED } from '../../stats/sequential/compare-means.ts'
import type { MetricEvidence } from '../evidence.ts'
import type { MetricCheck, Scale } from '../metric-check.ts'
import { isHigherBetter, type MetricSpec } from '../metrics/spec.ts'
import { adjusted } from './adjust.ts'
import { type Arm, armOf } from './arms.ts'
import { type CheckContext, decide, nameOf, tooFew } from './checks.ts'
import { differenceMargin, harmOf, harmWords, noHarm } from './harm.ts'
import type { ArmNumbers, CheckResult, Role, SideNumbers } from './judgement.ts'
import { type Methods, sequentialMethods } from './methods.ts'
import type { Pair } from './pairs.ts'
import { tooFewOfClass, varianceLent } from './rare-events.ts'
import { withSharedUnits } from './shared-units.ts'
import { isRare, isStill, judgeStill } from './still.ts'
import { percent, plain, sum } from './words.ts'

/** One epoch in which both versions have a value. */
export type ArmPair = {
  epoch: number
  candidate: Arm
  stable: Arm
  evidence: { candidate: MetricEvidence; stable: MetricEvidence }
}

export function runMeans(
  check: MetricCheck,
  role: Role,
  context: CheckContext,
  { spec, scale, evidence }: { spec: MetricSpec; scale: Scale; evidence: string },
): CheckResult {
  const { candidate: to, stable: from } = context.sides
  const versions = { candidate: to, stable: from }
  const seen = context.pairs.flatMap(pair => armPair(evidence, spec, pair))
  const own = seen.filter(hasEnough)
  const pairs = withSharedUnits(own, versions)
  const strata = pairs.map(({ epoch, candidate, stable }) => ({
    epoch,
    candidate: numbersOf(candidate),
    stable: numbersOf(stable),
  }))
  const compared = sidesOf(strata, versions)
  // Where no epoch can be compared yet, what has come is told, as long as it is too little: 12 values are not none.
  const come = sidesOf(seen, versions)
  const sides = own.length === 0 && tooFew(check, come) !== null ? come : compared
  const methods = context.methods ?? sequentialMethods
  const base = { check, role, ...sides, strata, method: methodOf(spec, methods) }
  const few = tooFew(check, sides) ?? tooFewOfClass(nameOf(check), classesOf(own, versions))
  const values = `${nameOf(check)} ${plain(sides.candidate.value)} against ${plain(sides.stable.value)}`
  if (isStill(strata) || isRare(spec, scale, strata))
    return { ...base, ...judgeStill({ check, role, spec, scale, strata, words: values, few, methods }) }
  const margin = differenceMargin(spec, check.margin)
  const better = isHigherBetter(spec) ? 'higher' : 'lower'
  // What is written down is what the method was given.
  const given = methods.isSequential ? withRareEvents(strata, own, { margin, scale }) : strata
  const result = methods.means({ strata: given, margin, scale, alpha: check.alpha, better })
  if (!result.ok) {
    const beyond = scale === 'relative' ? beyondShare({ check, spec, strata: given, methods }) : null
    if (beyond !== null) return { ...base, ...beyond, strata: given, reason: `${values}, ${beyond.reason}` }
    return { ...base, verdict: 'insufficient', reason: few ?? result.reason, harm: noHarm, logEvidence: null }
  }
  const { crossed, shown, ...harmed } = harmOf(spec, result)
  const { harm } = harmed
  const words = `${values}, ${harmWords(harm, check.margin, scale)}`
  return {
    ...base,
    strata: given,
    ...decide(role, few, { words, crossed, shown, overMargin: harm.estimate > check.margin }),
    ...harmed,
    ...(result.posterior !== undefined && { posterior: result.posterior }),
  }
}

/**
 * Where the stable mean may be 0 the harm is no share of it that could be told. Whether the candidate is beyond the stable mean
 * times one and the margin needs no quotient, and is the same test.
 */
function beyondShare({
  check,
  spec,
  strata,
  methods,
}: {
  check: MetricCheck
  spec: MetricSpec
  strata: readonly { candidate: ArmNumbers; stable: ArmNumbers }[]
  methods: Methods
}): Pick<CheckResult, 'verdict' | 'reason' | 'harm' | 'logEvidence' | 'logEvidenceBelow'> | null {
  if (strata.some(({ stable }) => stable.mean < 0)) return null
  const tolerated = 1 + differenceMargin(spec, check.margin)
  const scaled = ({ n, mean, variance }: ArmNumbers) => ({
    n,
    mean: mean * tolerated,
    variance: variance * tolerated ** 2,
  })
  const compared = methods.means({
    strata: strata.map(({ candidate, stable }) => ({ candidate, stable: scaled(stable) })),
    margin: 0,
    scale: 'absolute',
    alpha: check.alpha,
    better: isHigherBetter(spec) ? 'higher' : 'lower',
  })
  if (!compared.ok) return null
  const { crossed, logEvidence, logEvidenceBelow = null } = harmOf(spec, compared)
  if (!crossed) return null
  const reason = `margin ${percent(check.margin)} of a value that is not clearly above 0: the margin is crossed`
  return { verdict: 'fail', reason, harm: noHarm, logEvidence, logEvidenceBelow }
}

type NumbersOfPair = { epoch: number; candidate: ArmNumbers; stable: ArmNumbers }

/** What an epoch's values say of themselves, before units that come back are reckoned with, tells whether they are yes or no. */
function withRareEvents(
  strata: readonly NumbersOfPair[],
  own: readonly ArmPair[],
  question: { margin: number; scale: Scale },
): NumbersOfPair[] {
  return strata.map(({ epoch, candidate, stable }, index) => {
    const lent = varianceLent(own[index] ?? { candidate, stable }, question)
    return {
      epoch,
      candidate: { ...candidate, variance: candidate.variance + lent.candidate },
      stable: { ...stable, variance: stable.variance + lent.stable },
    }
  })
}

function classesOf(pairs: readonly ArmPair[], versions: { candidate: string; stable: string }) {
  return [
    { version: versions.candidate, evidence: pairs.map(pair => pair.evidence.candidate) },
    { version: versions.stable, evidence: pairs.map(pair => pair.evidence.stable) },
  ]
}

function armPair(name: string, spec: MetricSpec, { epoch, candidate, stable }: Pair): ArmPair[] {
  const evidence = { candidate: candidate.metrics[name], stable: stable.metrics[name] }
  if (evidence.candidate === undefined || evidence.stable === undefined) return []
  const both = { candidate: evidence.candidate, stable: evidence.stable }
  if (spec.covariate !== undefined) return adjusted(epoch, both)
  const arms = { candidate: armOf(spec, both.candidate), stable: armOf(spec, both.stable) }
  if (!arms.candidate.ok || !arms.stable.ok) return []
  return [{ epoch, candidate: arms.candidate.arm, stable: arms.stable.arm, evidence: both }]
}

/** What the comparison would leave out is not in its numbers either. */
function hasEnough({ candidate, stable }: ArmPair): boolean {
  return Math.min(candidate.n, stable.n) >= STRATUM_CLUSTERS_NEEDED
}

function numbersOf({ n, mean, variance }: Arm): ArmNumbers {
  return { n, mean, variance }
}

function sidesOf(
  strata: readonly { candidate: ArmNumbers; stable: ArmNumbers }[],
  versions: { candidate: string; stable: string },
): { candidate: SideNumbers; stable: SideNumbers } {
  const side = (name: 'candidate' | 'stable') =>
    sideOf(
      versions[name],
      strata.map(one => one[name]),
    )
  return { candidate: side('candidate'), stable: side('stable') }
}

function sideOf(version: string, arms: readonly ArmNumbers[]): SideNumbers {
  const trials = sum(arms, arm => arm.n)
  return { version, trials, events: null, value: trials === 0 ? null : sum(arms, arm => arm.mean * (arm.n / trials)) }
}

function methodOf({ unitLevel, covariate }: MetricSpec, methods: Methods): string {
  const cluster = unitLevel === true ? 'units' : 'rows'
  return methods.meansName(covariate === undefined ? cluster : `${cluster}, adjusted for ${covariate}`)
}
