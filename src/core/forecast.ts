/**
 * What a release will take, told before it starts: instances at the peak of each stage, and for each gate of evidence the
 * requests it needs and the time they take at the present traffic. Estimates for people; no verdict rests on them.
 */
import { quantileRanks } from '../stats/sequential/quantile-ranks.ts'
import type { EndpointSpec } from './endpoint.ts'
import { assertNever } from './errors.ts'
import { span } from './judge/wait.ts'
import { limits } from './limits.ts'
import type { MetricCheck } from './metric-check.ts'
import { isKnownAtOnce, signalsOf } from './metrics/spec.ts'
import { type Candidacy, peaks } from './preflight.ts'
import type { AbTestPlan, BanditPlan, BlueGreenPlan, CanaryStep, RollingPlan, StagePlan } from './stage-plans.ts'
import { boundsOf, lengthOf } from './strategies/roll-plan.ts'

export type Gate = {
  /** From 0. */
  step: number
  /** Share of the traffic that is compared. */
  weightPpm: number
  /** Requests that the candidate must answer in this step. */
  requests: number
  /** Null where nothing is known of the traffic, or there is none. */
  expectedMs: number | null
  /** Null: it waits for ever. */
  ceilingMs: number | null
}

export type Forecast = {
  /** Null: not known yet. */
  requestsPerSecond: number | null
  /** Null: not declared. */
  capacity: number | null
  stages: readonly { kind: StagePlan['kind']; peakInstances: number; gates: readonly Gate[] }[]
  warnings: readonly string[]
}

/** `labelDelayMs`: by which age most labels have come; null where it is not known, and 0 where the caller reckons with it. */
export function forecast(
  spec: EndpointSpec,
  plan: Candidacy,
  requestsPerSecond: number | null,
  labelDelayMs: number | null = null,
): Forecast {
  const totals = peaks(spec, plan)
  const stages = plan.stages.map((stage, index) => ({
    kind: stage.kind,
    peakInstances: totals[index]?.total ?? 0,
    gates: gatesOf(spec, { stage, plan, rate: requestsPerSecond, labelDelayMs }),
  }))
  const capacity = spec.capacity?.instances ?? null
  const warnings = warningsOf(stages, plan, { rate: requestsPerSecond, labelDelayMs })
  return { requestsPerSecond, capacity, stages, warnings }
}

type Traffic = { rate: number | null; labelDelayMs: number | null }

type Asked<Stage extends StagePlan = StagePlan> = Traffic & { stage: Stage; plan: Candidacy }

function gatesOf(spec: EndpointSpec, { stage, plan, rate, labelDelayMs }: Asked): Gate[] {
  switch (stage.kind) {
    case 'canary':
      return countedGates(stage.steps, { minRequests: stage.minRequests, plan, rate, labelDelayMs })
    case 'rolling':
      return rollGates(spec, { stage, plan, rate, labelDelayMs })
    case 'blueGreen':
      return switchGates({ stage, plan, rate, labelDelayMs })
    case 'shadow':
      return [gate({ step: 0, weightPpm: stage.fractionPpm, requests: stage.pairs, ...timesOf(stage) }, rate)]
    case 'abTest':
      return [testGate(stage, rate)]
    case 'bandit':
      return [banditGate(stage, rate)]
    case 'recreate':
      return []
    default:
      return assertNever(stage)
  }
}

/** A roll that asks for no requests waits for fleets alone. */
function rollGates(spec: EndpointSpec, { stage, plan, rate, labelDelayMs }: Asked<RollingPlan>): Gate[] {
  const { minRequests, minReadyMs: floorMs, progressDeadlineMs: ceilingMs } = stage
  if (minRequests === 0) return []
  const sizeOf = (version: string) => spec.versions[version]?.instances ?? 1
  const { sharesPpm } = lengthOf(boundsOf(stage, { stable: sizeOf(plan.from), candidate: sizeOf(plan.to) }))
  const batches = sharesPpm.map(weightPpm => ({ weightPpm, floorMs, ceilingMs }))
  return countedGates(batches, { minRequests, plan, rate, labelDelayMs })
}

/** Blue's period before the switch, which green is compared with, and green's own after it. */
function switchGates({ stage, plan, rate, labelDelayMs }: Asked<BlueGreenPlan>): Gate[] {
  const requests = Math.max(0, ...plan.guardrails.map(check => requestsOf(check, 0, 1)))
  const delayMs = plan.guardrails.some(waitsForLabels) ? (labelDelayMs ?? 0) : 0
  const whole = { weightPpm: limits.ppmTotal, requests, delayMs }
  const before = { step: 0, ...whole, floorMs: stage.afterMs, ceilingMs: stage.afterMs + stage.watchMs }
  return [before, { step: 1, ...whole, floorMs: stage.watchMs, ceilingMs: null }].map(need => gate(need, rate))
}

function timesOf({ floorMs, ceilingMs }: { floorMs: number; ceilingMs: number | null }) {
  return { floorMs, ceilingMs }
}

/** Until each arm has its first rewards, if every request is rewarded: the race itself ends when its answer is known. */
function banditGate({ arms, minRewards, ceilingMs }: BanditPlan, rate: number | null): Gate {
  const weightPpm = Math.floor(limits.ppmTotal / arms.length)
  return gate({ step: 0, weightPpm, requests: minRewards, floorMs: 0, ceilingMs }, rate)
}

/** A test has planned its sample and its days itself, from what was recorded, by unit. */
function testGate({ hypothesis, splitPpm, goal, floorMs, ceilingMs }: AbTestPlan, rate: number | null): Gate {
  const weightPpm = Math.min(...Object.values(splitPpm))
  const needed = Object.values(hypothesis?.needed ?? {})
  const requests = Math.max(goal.minEvents, ...needed)
  const found = gate({ step: 0, weightPpm, requests, floorMs, ceilingMs }, rate)
  const days = hypothesis?.days ?? null
  return days === null ? found : { ...found, expectedMs: Math.max(floorMs, days * dayMs) }
}

const dayMs = 86_400_000

type Step = Pick<CanaryStep, 'weightPpm' | 'floorMs' | 'ceilingMs'>

/** What earlier steps have counted counts in later ones, but for quantiles, which begin anew in each. */
function countedGates(
  steps: readonly Step[],
  { minRequests, plan, rate, labelDelayMs }: Traffic & { minRequests: number; plan: Candidacy },
): Gate[] {
  let counted = 0
  const epochs = plan.stages.reduce((total, one) => total + (one.kind === 'canary' ? one.steps.length : 1), 0)
  return steps.map(({ weightPpm, floorMs, ceilingMs }, step) => {
    const needs = plan.guardrails.map(check => requestsOf(check, counted, epochs))
    const requests = Math.max(minRequests, ...needs)
    // Labels of earlier steps come meanwhile: only who still needs some waits for the newest ones.
    const isLate = plan.guardrails.some(check => waitsForLabels(check) && requestsOf(check, counted, epochs) > 0)
    const delayMs = isLate ? (labelDelayMs ?? 0) : 0
    const next = gate({ step, weightPpm, requests, floorMs, ceilingMs, delayMs }, rate)
    const lastsMs = Math.max(next.expectedMs ?? 0, floorMs)
    counted += Math.max(requests, Math.floor(((rate ?? 0) * weightPpm * lastsMs) / 1_000_000_000))
    return next
  })
}

/** As many as the check needs at least: labels, which come for a share of requests only, are taken to come for all. */
function requestsOf({ measure, minEvents, alpha }: MetricCheck, counted: number, epochs: number): number {
  if (measure.kind === 'external') return 0
  if (measure.kind !== 'latency') return Math.max(0, minEvents - counted)
  const ranks = quantileRanks({ count: 0, quantile: measure.quantile, alpha: alpha / Math.max(1, epochs) })
  return limits.warmUpAnswers + Math.max(minEvents, ranks.ok ? ranks.needed : 0)
}

/** Of checks of external metrics nobody knows. */
function waitsForLabels({ measure }: MetricCheck): boolean {
  if (measure.kind === 'accuracy') return true
  return measure.kind === 'metric' && !isKnownAtOnce(measure.spec) && signalsOf(measure.spec).includes('label')
}

type Need = Omit<Gate, 'expectedMs'> & { floorMs: number; delayMs?: number }

/** However many requests come, their evidence is looked at no sooner than at the next look. */
function gate({ floorMs, delayMs = 0, ...need }: Need, rate: number | null): Gate {
  const perMs = ((rate ?? 0) * need.weightPpm) / 1_000_000_000
  const takesMs = Math.max(limits.tickIntervalMs, Math.ceil(need.requests / perMs)) + delayMs
  return { ...need, expectedMs: perMs === 0 ? null : Math.max(floorMs, takesMs) }
}

function warningsOf(stages: Forecast['stages'], plan: Candidacy, { rate, labelDelayMs }: Traffic): string[] {
  const gates = stages.flatMap(({ kind, gates: own }) => own.map(one => ({ ...one, kind })))
  if (gates.length === 0) return []
  if (rate === null) return ['how long it takes cannot be told: the traffic has not been watched for long enough']
  if (rate === 0)
    return ['nobody calls the endpoint at present: the first step will wait for evidence that does not come']
  const scoped = plan.match === undefined ? [] : ['times are for all of the traffic; that of the scope is less']
  const late = gates.flatMap(({ kind, step, weightPpm, requests, expectedMs, ceilingMs }) => {
    if (expectedMs === null || ceilingMs === null || expectedMs <= ceilingMs) return []
    const takes = `${requests} requests take about ${span(expectedMs)} at ${weightPpm / 10_000} %`
    return [`${kind} step ${step + 1} will hold at its ceiling of ${span(ceilingMs)}: ${takes}`]
  })
  const counts = stages.some(({ kind, gates: own }) => own.length > 0 && countsGuardrails(kind))
  const isUnknown = labelDelayMs === null && counts && plan.guardrails.some(waitsForLabels)
  const labels = isUnknown ? ['times leave out how late labels come, which is not known yet'] : []
  return [...scoped, ...labels, ...late]
}

function countsGuardrails(kind: StagePlan['kind']): boolean {
  return kind === 'canary' || kind === 'rolling' || kind === 'blueGreen'
}
