/** One check of one look at pairs: what both versions did with the same requests. */

import type { Result } from '../../stats/result.ts'
import { comparePairedMeans, type PairedMoments } from '../../stats/sequential/compare-paired-means.ts'
import { comparePairedProportions } from '../../stats/sequential/compare-paired-proportions.ts'
import { assertNever } from '../errors.ts'
import { emptyVersionEvidence, type PairEvidence } from '../evidence.ts'
import type { Readings } from '../external-metric.ts'
import type { GoalCheck, Measure, MetricCheck, Scale } from '../metric-check.ts'
import { unpairedReason } from '../metrics/paired.ts'
import type { MetricSpec } from '../metrics/spec.ts'
import { bilinear, quadratic, valueAndGradient } from './arms.ts'
import { decide, nameOf, runCheck, sidesOf, tooFew } from './checks.ts'
import { differenceMargin, harmOf, harmWords, noHarm } from './harm.ts'
import type { CheckResult, Role } from './judgement.ts'
import { sequentialMethods } from './methods.ts'
import type { Sides } from './pairs.ts'
import { isStill, judgeStill } from './still.ts'
import { percent, plain, points } from './words.ts'

export type PairContext = {
  sides: Sides
  /** The stage's first epoch, under which the numbers are told. */
  epoch: number
  pairs: PairEvidence
  /** Recorded requests: labels and latencies are not known of them. */
  isReplay: boolean
  readings: Readings
}

/** Why pairs cannot say anything about this measure, as a clause; null if they can. */
export function unjudgedReason(measure: Measure, mode: 'live' | 'replay'): string | null {
  switch (measure.kind) {
    case 'error-rate':
    case 'external':
      return null
    case 'accuracy':
      return mode === 'replay' ? 'a replay does not know labels' : null
    case 'latency':
      return mode === 'replay' ? 'a replay is not sent at the pace of callers' : null
    case 'metric':
      return mode === 'replay' ? 'a replay does not know labels' : unpairedReason(measure.spec)
    case 'declared':
      return null
    default:
      return assertNever(measure)
  }
}

export function runPairCheck(check: MetricCheck | GoalCheck, role: Role, context: PairContext): CheckResult {
  const { measure } = check
  const unjudged = unjudgedReason(measure, context.isReplay ? 'replay' : 'live')
  if (unjudged !== null) return unjudgedResult(check, role, context, unjudged)
  switch (measure.kind) {
    case 'error-rate':
      return runErrors(check, role, context)
    case 'accuracy':
      return runWrong(check, role, context)
    case 'latency':
    case 'external':
      return runCheck(check, role, trafficContext(context))
    case 'metric':
      return runPairedMeans(check, role, context, measure)
    case 'declared':
      throw new Error(`${check.metric} was admitted without its definition`)
    default:
      return assertNever(measure)
  }
}

function unjudgedResult(check: MetricCheck, role: Role, { sides }: PairContext, why: string): CheckResult {
  const side = (version: string) => ({ version, trials: 0, events: null, value: null })
  return {
    check,
    role,
    verdict: 'insufficient',
    reason: `${check.metric} is not judged on pairs: ${why}`,
    candidate: side(sides.candidate),
    stable: side(sides.stable),
    harm: noHarm,
    logEvidence: null,
    method: 'none',
    strata: [],
  }
}

/** The latencies of pairs as those of two versions that serve at the same time, which they are. */
function trafficContext({ sides, epoch, pairs, readings }: PairContext) {
  const candidate = { ...emptyVersionEvidence(), latencyMs: pairs.latencyMs.challenger }
  const stable = { ...emptyVersionEvidence(), latencyMs: pairs.latencyMs.champion }
  return { sides, pairs: [{ epoch, share: 0.5, candidate, stable }], epochsPlanned: 1, readings }
}

function runErrors(check: MetricCheck, role: Role, context: PairContext): CheckResult {
  const { pairs, failures } = context.pairs
  return runDiscordance(check, role, context, {
    pairs,
    onlyCandidate: failures.challenger,
    onlyStable: failures.champion,
    both: failures.both,
  })
}

function runWrong(check: MetricCheck, role: Role, context: PairContext): CheckResult {
  const { bothRight, challengerOnly, championOnly, bothWrong } = context.pairs.labelled
  return runDiscordance(check, role, context, {
    pairs: bothRight + challengerOnly + championOnly + bothWrong,
    onlyCandidate: championOnly,
    onlyStable: challengerOnly,
    both: bothWrong,
  })
}

type Discordance = { pairs: number; onlyCandidate: number; onlyStable: number; both: number }

function runDiscordance(
  check: MetricCheck,
  role: Role,
  { sides: versions, epoch }: PairContext,
  { pairs, onlyCandidate, onlyStable, both }: Discordance,
): CheckResult {
  const counts = (only: number) => ({ trials: pairs, events: only + both })
  const sides = sidesOf(versions, [{ candidate: counts(onlyCandidate), stable: counts(onlyStable) }])
  // What the method is given: harm that one version alone did.
  const only = (events: number) => ({ trials: pairs, events })
  const base = {
    check,
    role,
    ...sides,
    strata: [{ epoch, candidate: only(onlyCandidate), stable: only(onlyStable) }],
    method: 'McNemar by betting on pairs, events of one version alone, time-uniform',
  }
  const few = tooFew(check, sides)
  const { margin, alpha } = check
  const result = comparePairedProportions({ pairs, onlyCandidate, onlyStable, margin, alpha })
  if (!result.ok)
    return { ...base, verdict: 'insufficient', reason: few ?? result.reason, harm: noHarm, logEvidence: null }
  const { estimate, lower, upper } = result
  const words = `${nameOf(check)} ${percent(sides.candidate.value)} against ${percent(sides.stable.value)} on the same ${pairs} (${onlyCandidate} of ${versions.candidate} alone, ${onlyStable} of ${versions.stable} alone), harm ${points(estimate)} in [${points(lower)}, ${points(upper)}], margin ${points(margin)}`
  return {
    ...base,
    ...decide(role, few, {
      words,
      crossed: result.crossed,
      shown: result.shownBelow,
      overMargin: estimate > margin,
    }),
    harm: { estimate, lower, upper },
    logEvidence: result.logEvidenceAbove,
    logEvidenceBelow: result.logEvidenceBelow,
  }
}

function runPairedMeans(
  check: MetricCheck,
  role: Role,
  context: PairContext,
  { spec, scale }: { spec: MetricSpec; scale: Scale },
): CheckResult {
  const { sides: versions, epoch } = context
  const found = pairedMoments(check.metric, spec, context.pairs)
  const moments = found.ok ? found.moments : null
  const side = (version: string, value: number | null) => ({ version, trials: moments?.n ?? 0, events: null, value })
  const sides = {
    candidate: side(versions.candidate, moments?.candidate ?? null),
    stable: side(versions.stable, moments?.stable ?? null),
  }
  const method = `normal mixture on paired ${spec.unitLevel === true ? 'units' : 'rows'}, time-uniform (asymptotic)`
  const base = { check, role, ...sides, method, strata: moments === null ? [] : [strataOf(epoch, moments)] }
  const few = tooFew(check, sides)
  const values = `${check.metric} ${plain(sides.candidate.value)} against ${plain(sides.stable.value)} on the same ${sides.candidate.trials}`
  if (moments !== null && isStill([strataOf(epoch, moments)])) {
    const strata = [strataOf(epoch, moments)]
    return {
      ...base,
      ...judgeStill({ check, role, spec, scale, strata, words: values, few, methods: sequentialMethods }),
    }
  }
  const margin = differenceMargin(spec, check.margin)
  const result = found.ok ? comparePairedMeans({ moments: found.moments, margin, scale, alpha: check.alpha }) : found
  if (!result.ok)
    return { ...base, verdict: 'insufficient', reason: few ?? result.reason, harm: noHarm, logEvidence: null }
  const { crossed, shown, ...harmed } = harmOf(spec, result)
  const { harm } = harmed
  const words = `${values}, ${harmWords(harm, check.margin, scale)}`
  return {
    ...base,
    ...decide(role, few, { words, crossed, shown, overMargin: harm.estimate > check.margin }),
    ...harmed,
  }
}

function strataOf(epoch: number, { n, candidate, stable, candidateVariance, stableVariance }: PairedMoments) {
  return {
    epoch,
    candidate: { n, mean: candidate, variance: candidateVariance },
    stable: { n, mean: stable, variance: stableVariance },
  }
}

/** Values of both with their variances and covariance, by the delta method where a value is none of a mean. */
function pairedMoments(name: string, spec: MetricSpec, pairs: PairEvidence): Result<{ moments: PairedMoments }> {
  if (spec.type === 'accuracy' && spec.unitLevel !== true) return { ok: true, moments: accuracyMoments(pairs) }
  const found = pairs.metrics[name]
  if (found === undefined || found.n === 0)
    return { ok: false, kind: 'insufficient', reason: 'there are no labelled pairs yet' }
  const { n, mean, covariance } = found
  const parts = mean.length / 2
  const stable = valueAndGradient(spec, mean.slice(0, parts))
  const candidate = valueAndGradient(spec, mean.slice(parts))
  if (!stable.ok) return stable
  if (!candidate.ok) return candidate
  const block = (from: number, to: number) => covariance.slice(from, from + parts).map(row => row.slice(to, to + parts))
  const moments = {
    n,
    candidate: candidate.value,
    stable: stable.value,
    candidateVariance: quadratic(block(parts, parts), candidate.gradient),
    stableVariance: quadratic(block(0, 0), stable.gradient),
    covariance: bilinear(block(parts, 0), candidate.gradient, stable.gradient),
  }
  return { ok: true, moments }
}

/** Right answers, from the four counts. */
function accuracyMoments({ labelled }: PairEvidence): PairedMoments {
  const { bothRight, challengerOnly, championOnly, bothWrong } = labelled
  const n = bothRight + challengerOnly + championOnly + bothWrong
  if (n === 0) return { n, candidate: 0, stable: 0, candidateVariance: 0, stableVariance: 0, covariance: 0 }
  const [candidate, stable] = [(bothRight + challengerOnly) / n, (bothRight + championOnly) / n]
  const unbiased = n / Math.max(1, n - 1)
  return {
    n,
    candidate,
    stable,
    candidateVariance: candidate * (1 - candidate) * unbiased,
    stableVariance: stable * (1 - stable) * unbiased,
    covariance: (bothRight / n - candidate * stable) * unbiased,
  }
}
