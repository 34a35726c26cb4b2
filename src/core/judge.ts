/**
 * One look at the evidence: a verdict per check and one of all together. Pure; valid however often it is called, since
 * every comparison behind it is a time-uniform one. Methods and formulas: `stats/`.
 */
import { compareProportions } from '../stats/sequential/compare-proportions.ts'
import { compareQuantiles } from '../stats/sequential/quantile-sequence.ts'
import { sampleRatio } from '../stats/sequential/sample-ratio.ts'
import { assertNever } from './errors.ts'
import { type EpochEvidence, emptyVersionEvidence, type VersionEvidence } from './evidence.ts'
import type { CheckResult, Judgement, Role, SideNumbers, Stratum, Validity, Verdict } from './judgement.ts'
import type { MetricCheck } from './plan.ts'
import type { ReleaseState } from './state.ts'

/** Candidate and stable in one epoch in which both served. */
type Pair = { epoch: number; candidatePpm: number; candidate: VersionEvidence; stable: VersionEvidence }

/** Above this rate of errors on the stable side a comparison with it says nothing. */
const stableErrorRateMax = 0.5
const stableErrorTrialsMin = 20

/**
 * Latencies come in bursts (a collection of garbage, a neighbour's job), which the method does not know of: a breach is
 * called on this many of the candidate's answers at least, more than one burst holds.
 */
const latencyBreachTrialsMin = 20

export function judge(release: ReleaseState, evidence: readonly EpochEvidence[]): Judgement {
  const pairs = pairUp(release, evidence)
  const { plan } = release
  const epochsPlanned = plannedEpochs(release)
  const checks = [
    ...plan.guardrails.map(check => runCheck(check, 'guardrail', { release, pairs, epochsPlanned })),
    ...plan.signals.map(check => runCheck(check, 'signal', { release, pairs, epochsPlanned })),
  ]
  const validity = checkValidity(release, pairs)
  return {
    ...overall(checks, validity),
    validity,
    checks,
    stepRequests: pairs.at(-1)?.candidate.requests ?? 0,
    exposedRequests: sum(pairs, pair => pair.candidate.requests),
    exposedUnits: sum(pairs, pair => pair.candidate.unitsMet),
  }
}

function pairUp(release: ReleaseState, evidence: readonly EpochEvidence[]): Pair[] {
  const byEpoch = new Map(evidence.map(one => [one.epoch, one.versions]))
  return release.epochs.map(({ epoch, candidatePpm }) => ({
    epoch,
    candidatePpm,
    candidate: byEpoch.get(epoch)?.[release.plan.to] ?? emptyVersionEvidence(),
    stable: byEpoch.get(epoch)?.[release.plan.from] ?? emptyVersionEvidence(),
  }))
}

/** How many epochs the plan can have: a check that starts anew in each splits its alpha over them. */
function plannedEpochs(release: ReleaseState): number {
  return sum(release.plan.stages, stage => (stage.kind === 'canary' ? stage.steps.length : 1))
}

type CheckContext = { release: ReleaseState; pairs: readonly Pair[]; epochsPlanned: number }

function runCheck(check: MetricCheck, role: Role, context: CheckContext): CheckResult {
  const { measure } = check
  switch (measure.kind) {
    case 'error-rate':
      return runRate(check, role, context, one => ({ trials: one.requests, events: one.errors }))
    case 'accuracy':
      return runRate(check, role, context, one => ({ trials: one.labelled, events: one.wrong }))
    case 'latency':
      return runLatency(check, role, context, measure.quantile)
    default:
      return assertNever(measure)
  }
}

function runRate(
  check: MetricCheck,
  role: Role,
  context: CheckContext,
  countsOf: (one: VersionEvidence) => Stratum,
): CheckResult {
  const strata = context.pairs.map(pair => ({
    epoch: pair.epoch,
    candidate: countsOf(pair.candidate),
    stable: countsOf(pair.stable),
  }))
  const sides = sidesOf(context.release, strata)
  const base = { check, role, ...sides, strata, method: 'mixture e-process per epoch, time-uniform' }
  const few = tooFew(check, sides)
  const result = compareProportions({ strata, margin: check.margin, alpha: check.alpha })
  if (!result.ok)
    return { ...base, verdict: 'insufficient', reason: few ?? result.reason, harm: noHarm, logEvidence: null }
  const harm = { estimate: result.estimate, lower: result.lower, upper: result.upper }
  const words = `${nameOf(check)} ${percent(sides.candidate.value)} against ${percent(sides.stable.value)}, harm ${points(harm.estimate)} in [${points(harm.lower)}, ${points(harm.upper)}], margin ${points(check.margin)}`
  return {
    ...base,
    ...decide(few, { words, crossed: result.crossed, overMargin: result.estimate > check.margin }),
    harm,
    logEvidence: result.logEvidenceAbove,
  }
}

function runLatency(check: MetricCheck, role: Role, context: CheckContext, quantile: number): CheckResult {
  // Latency drifts with load, so only versions that served in the same epoch are compared.
  const pair = context.pairs.at(-1)
  const candidate = pair?.candidate.latencyMs ?? emptyVersionEvidence().latencyMs
  const stable = pair?.stable.latencyMs ?? emptyVersionEvidence().latencyMs
  const sides = {
    candidate: latencySide(context.release.plan.to, candidate, quantile),
    stable: latencySide(context.release.plan.from, stable, quantile),
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
  const words = `${nameOf(check)} ${ms(sides.candidate.value)} against ${ms(sides.stable.value)}, harm ${percent(harm.estimate)} in [${percent(harm.lower)}, ${percent(harm.upper)}], margin ${percent(check.margin)}`
  const unbounded =
    harm.lower === null
      ? `${words}; ${result.stable.needed ?? 'more'} requests of the stable version bound its quantile`
      : null
  return {
    ...base,
    ...decide(few ?? unbounded, {
      words,
      crossed: result.crossed && sides.candidate.trials >= latencyBreachTrialsMin,
      overMargin: ratio !== undefined && ratio - 1 > check.margin,
    }),
    harm,
    logEvidence: null,
  }
}

function decide(
  few: string | null,
  seen: { words: string; crossed: boolean; overMargin: boolean },
): { verdict: Verdict; reason: string } {
  // Proof of harm counts at any number of observations; the method is valid at all of them.
  if (seen.crossed) return { verdict: 'fail', reason: `${seen.words}: the margin is crossed` }
  if (few !== null) return { verdict: 'insufficient', reason: few }
  if (seen.overMargin) return { verdict: 'insufficient', reason: `${seen.words}: over the margin, not proven yet` }
  return { verdict: 'pass', reason: `${seen.words}: no breach` }
}

function tooFew(check: MetricCheck, sides: { candidate: SideNumbers; stable: SideNumbers }): string | null {
  const what = check.measure.kind === 'accuracy' ? 'labelled answers' : 'requests'
  for (const side of [sides.candidate, sides.stable]) {
    if (side.trials < check.minEvents)
      return `${nameOf(check)}: ${side.version} has ${side.trials} of ${check.minEvents} ${what}`
  }
  return null
}

function sidesOf(
  release: ReleaseState,
  strata: CheckResult['strata'],
): { candidate: SideNumbers; stable: SideNumbers } {
  const side = (version: string, one: (stratum: CheckResult['strata'][number]) => Stratum): SideNumbers => {
    const trials = sum(strata, stratum => one(stratum).trials)
    const events = sum(strata, stratum => one(stratum).events)
    return { version, trials, events, value: trials === 0 ? null : events / trials }
  }
  return { candidate: side(release.plan.to, one => one.candidate), stable: side(release.plan.from, one => one.stable) }
}

function latencySide(version: string, sketch: VersionEvidence['latencyMs'], quantile: number): SideNumbers {
  const value = sketch.quantile(quantile)
  return { version, trials: sketch.count, events: null, value: value.ok ? value.value : null }
}

function checkValidity(release: ReleaseState, pairs: readonly Pair[]): Validity {
  const strata = pairs.map(pair => ({
    weights: [1 - pair.candidatePpm / 1_000_000, pair.candidatePpm / 1_000_000],
    counts: [pair.stable.newUnits, pair.candidate.newUnits],
  }))
  const ratio = sampleRatio({ strata, alpha: release.plan.sampleRatioAlpha })
  const numbers = ratio.ok
    ? { logEvidence: ratio.logEvidence, observed: ratio.observed, expected: ratio.expected }
    : { logEvidence: null, observed: [], expected: [] }
  if (ratio.ok && ratio.alarm) {
    const [stableUnits = 0, candidateUnits = 0] = ratio.observed
    const [stableExpected = 0, candidateExpected = 0] = ratio.expected
    const reason = `sample ratio mismatch: ${stableUnits} and ${candidateUnits} units where ${stableExpected.toFixed(0)} and ${candidateExpected.toFixed(0)} were expected`
    return { verdict: 'invalid', reason, ...numbers }
  }
  const requests = sum(pairs, pair => pair.stable.requests)
  const errors = sum(pairs, pair => pair.stable.errors)
  if (requests >= stableErrorTrialsMin && errors / requests > stableErrorRateMax) {
    const reason = `control broken too: ${release.plan.from} failed ${errors} of ${requests} requests`
    return { verdict: 'invalid', reason, ...numbers }
  }
  return { verdict: 'pass', reason: 'sample ratio and control in order', ...numbers }
}

function overall(checks: readonly CheckResult[], validity: Validity): { verdict: Verdict; reason: string } {
  const guardrails = checks.filter(check => check.role === 'guardrail')
  const failed = guardrails.find(check => check.verdict === 'fail')
  // A guardrail that fails because the control is broken too says nothing about the candidate.
  if (validity.verdict === 'invalid') return { verdict: 'invalid', reason: validity.reason }
  if (failed !== undefined) return { verdict: 'fail', reason: failed.reason }
  const open = guardrails.find(check => check.verdict === 'insufficient')
  if (open !== undefined) return { verdict: 'insufficient', reason: open.reason }
  return { verdict: 'pass', reason: guardrails.map(check => check.reason).join('; ') }
}

const noHarm = { estimate: null, lower: null, upper: null }

function nameOf(check: MetricCheck): string {
  return check.measure.kind === 'accuracy' ? `${check.metric} (wrong answers)` : check.metric
}

function minusOne(ratio: number | undefined): number | null {
  return ratio === undefined ? null : ratio - 1
}

function percent(value: number | null): string {
  return value === null ? 'unknown' : `${(value * 100).toFixed(2)} %`
}

function points(value: number): string {
  return `${(value * 100).toFixed(2)} pp`
}

function ms(value: number | null): string {
  return value === null ? 'unknown' : `${value.toFixed(2)} ms`
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
