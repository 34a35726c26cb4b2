/** One check of one look: the comparison that fits what is measured, its numbers and its verdict. */

import { compareQuantiles } from '../../stats/sequential/quantile-sequence.ts'
import { assertNever } from '../errors.ts'
import { emptyVersionEvidence, type MetricEvidence, type VersionEvidence } from '../evidence.ts'
import type { Readings } from '../external-metric.ts'
import type { GoalCheck, Measure, MetricCheck } from '../metric-check.ts'
import { formOf } from '../metrics/spec.ts'
import { runExternal } from './external.ts'
import { noHarm } from './harm.ts'
import type { CheckResult, Counts, Role, SideNumbers, Verdict } from './judgement.ts'
import { runMeans } from './means.ts'
import { type Methods, sequentialMethods } from './methods.ts'
import type { Pair, Sides } from './pairs.ts'
import { byShare } from './strata.ts'
import { minusOne, ms, percent, plain, points, sum } from './words.ts'

/**
 * Latencies come in bursts (a collection of garbage, a neighbour's job), which the method does not know of: a breach is
 * called on this many of the candidate's answers at least, more than one burst holds.
 */
const latencyBreachTrialsMin = 20

/**
 * `epochsPlanned`: a check that starts anew in each epoch splits its alpha over so many. `manyEpochs`: weights change all the
 * time, and counts are put together by share. Methods are sequential by default.
 */
export type CheckContext = {
  sides: Sides
  pairs: readonly Pair[]
  epochsPlanned: number
  readings: Readings
  methods?: Methods
  manyEpochs?: boolean
}

export function runCheck(check: MetricCheck | GoalCheck, role: Role, context: CheckContext): CheckResult {
  const { measure } = check
  switch (measure.kind) {
    case 'error-rate':
      return runRate(check, role, context, one => ({ trials: one.requests, events: one.errors }))
    case 'accuracy':
      return runRate(check, role, context, one => ({ trials: one.labelled, events: one.wrong }))
    case 'latency':
      return runQuantile(check, role, context, { quantile: measure.quantile, of: one => one.latencyMs })
    case 'metric':
      return runMetric(check, role, context, measure)
    case 'external':
      return runExternal(check, role, context, measure)
    case 'declared':
      throw new Error(`${check.metric} was admitted without its definition`)
    default:
      return assertNever(measure)
  }
}

function runMetric(
  check: MetricCheck,
  role: Role,
  context: CheckContext,
  { spec, scale, evidence = check.metric }: Extract<Measure, { kind: 'metric' }>,
): CheckResult {
  const evidenceOf = (one: VersionEvidence) => one.metrics[evidence]
  if (spec.type === 'quantile') {
    const of = (one: VersionEvidence) => sketchOf(evidenceOf(one))
    return runQuantile(check, role, context, { quantile: spec.quantile, of })
  }
  if (formOf(spec) === 'counts' && scale === 'absolute')
    return runRate(check, role, context, one => countsOf(evidenceOf(one)))
  return runMeans(check, role, context, { spec, scale, evidence })
}

const emptySketch = emptyVersionEvidence().latencyMs

function sketchOf(evidence: MetricEvidence | undefined): VersionEvidence['latencyMs'] {
  return evidence?.form === 'sketch' ? evidence.sketch : emptySketch
}

function countsOf(evidence: MetricEvidence | undefined): Counts {
  return evidence?.form === 'counts' ? evidence : { trials: 0, events: 0 }
}

function runRate(
  check: MetricCheck,
  role: Role,
  context: CheckContext,
  count: (one: VersionEvidence) => Counts,
): CheckResult {
  const counted = context.pairs.map(({ epoch, share, candidate, stable }) => ({
    epoch,
    share,
    candidate: count(candidate),
    stable: count(stable),
  }))
  const strata = context.manyEpochs
    ? byShare(counted)
    : counted.map(({ epoch, candidate, stable }) => ({ epoch, candidate, stable }))
  const sides = sidesOf(context.sides, counted)
  const { rates, ratesName } = context.methods ?? sequentialMethods
  const base = { check, role, ...sides, strata, method: context.manyEpochs ? methodByShare : ratesName }
  const few = tooFew(check, sides)
  const result = rates({ strata, margin: check.margin, alpha: check.alpha })
  if (!result.ok)
    return { ...base, verdict: 'insufficient', reason: few ?? result.reason, harm: noHarm, logEvidence: null }
  const harm = { estimate: result.estimate, lower: result.lower, upper: result.upper }
  const words = `${nameOf(check)} ${percent(sides.candidate.value)} against ${percent(sides.stable.value)}, harm ${points(harm.estimate)} in [${points(harm.lower)}, ${points(harm.upper)}], margin ${points(check.margin)}`
  return {
    ...base,
    ...decide(role, few, {
      words,
      crossed: result.above,
      shown: result.below,
      overMargin: result.estimate > check.margin,
    }),
    harm,
    logEvidence: result.logEvidenceAbove,
    logEvidenceBelow: result.logEvidenceBelow,
    ...(result.posterior !== undefined && { posterior: result.posterior }),
  }
}

const methodByShare = 'mixture e-process per share of the traffic, time-uniform'

function runQuantile(
  check: MetricCheck,
  role: Role,
  context: CheckContext,
  { quantile, of }: { quantile: number; of: (one: VersionEvidence) => VersionEvidence['latencyMs'] },
): CheckResult {
  // Latency drifts with load, so only versions that served in the same epoch are compared.
  const pair = context.pairs.at(-1)
  const candidate = pair === undefined ? emptySketch : of(pair.candidate)
  const stable = pair === undefined ? emptySketch : of(pair.stable)
  const sides = {
    candidate: latencySide(context.sides.candidate, candidate, quantile),
    stable: latencySide(context.sides.stable, stable, quantile),
  }
  const base = {
    check,
    role,
    ...sides,
    strata: [],
    method: 'quantile confidence sequences of the running epoch, time-uniform',
  }
  const few = tooFew(check, sides)
  const alpha = check.alpha / Math.max(1, context.epochsPlanned)
  const result = compareQuantiles({ candidate, stable, quantile, relativeMargin: check.margin, alpha })
  if (!result.ok)
    return { ...base, verdict: 'insufficient', reason: few ?? result.reason, harm: noHarm, logEvidence: null }
  const { ratio, lowerRatio, upperRatio } = result
  const harm = { estimate: minusOne(ratio), lower: minusOne(lowerRatio), upper: minusOne(upperRatio) }
  const value = check.measure.kind === 'latency' ? ms : plain
  const words = `${nameOf(check)} ${value(sides.candidate.value)} against ${value(sides.stable.value)}, harm ${percent(harm.estimate)} in [${percent(harm.lower)}, ${percent(harm.upper)}], margin ${percent(check.margin)}`
  // A stable quantile of 0 is bounded, though nothing can be a multiple of it.
  const unbounded =
    result.candidate.lower === undefined || result.stable.upper === undefined
      ? `${words}; ${result.stable.needed ?? 'more'} requests of the stable version bound its quantile`
      : null
  return {
    ...base,
    ...decide(role, few ?? unbounded, {
      words,
      shown: false,
      crossed: result.crossed && sides.candidate.trials >= latencyBreachTrialsMin,
      overMargin: result.candidate.estimate > (1 + check.margin) * result.stable.estimate,
    }),
    harm,
    logEvidence: null,
  }
}

export function decide(
  role: Role,
  few: string | null,
  seen: { words: string; crossed: boolean; shown: boolean; overMargin: boolean },
): { verdict: Verdict; reason: string } {
  // Proof of harm counts at any number of observations; the method is valid at all of them.
  if (seen.crossed) return { verdict: 'fail', reason: `${seen.words}: the margin is crossed` }
  if (few !== null) return { verdict: 'insufficient', reason: few }
  if (role === 'goal') {
    if (seen.shown) return { verdict: 'pass', reason: `${seen.words}: shown` }
    return { verdict: 'insufficient', reason: `${seen.words}: not shown yet` }
  }
  if (seen.overMargin) return { verdict: 'insufficient', reason: `${seen.words}: over the margin, not proven yet` }
  return { verdict: 'pass', reason: `${seen.words}: no breach` }
}

export function tooFew(check: MetricCheck, sides: { candidate: SideNumbers; stable: SideNumbers }): string | null {
  const what = observedThings(check.measure)
  for (const side of [sides.candidate, sides.stable]) {
    if (side.trials < check.minEvents)
      return `${nameOf(check)}: ${side.version} has ${side.trials} of ${check.minEvents} ${what}`
  }
  return null
}

function observedThings(measure: Measure): string {
  if (measure.kind === 'accuracy') return 'labelled answers'
  if (measure.kind !== 'metric') return 'requests'
  return measure.spec.unitLevel === true ? 'units with a value' : 'observations'
}

export function sidesOf(
  versions: Sides,
  strata: readonly { candidate: Counts; stable: Counts }[],
): { candidate: SideNumbers; stable: SideNumbers } {
  const side = (version: string, one: (stratum: { candidate: Counts; stable: Counts }) => Counts): SideNumbers => {
    const trials = sum(strata, stratum => one(stratum).trials)
    const events = sum(strata, stratum => one(stratum).events)
    return { version, trials, events, value: trials === 0 ? null : events / trials }
  }
  return {
    candidate: side(versions.candidate, one => one.candidate),
    stable: side(versions.stable, one => one.stable),
  }
}

function latencySide(version: string, sketch: VersionEvidence['latencyMs'], quantile: number): SideNumbers {
  const value = sketch.quantile(quantile)
  return { version, trials: sketch.count, events: null, value: value.ok ? value.value : null }
}

export function nameOf(check: MetricCheck): string {
  const { measure, metric } = check
  if (measure.kind === 'accuracy') return `${metric} (wrong answers)`
  const isShortfall = measure.kind === 'metric' && formOf(measure.spec) === 'counts' && measure.scale === 'absolute'
  return isShortfall ? `${metric} (shortfall)` : metric
}
