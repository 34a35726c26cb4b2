/**
 * What advice on a release rests on: what the endpoint has measured, what its people said, and what is assumed of the rest.
 * Every value carries where it came from, so that advice can be doubted in the right place. Plain data, no decisions.
 */
import type { EndpointSpec } from '../endpoint.ts'
import type { BaselineAnswer } from '../hypothesis.ts'
import type { SignalReport } from '../label-delays.ts'
import { isHigherBetter, isKnownAtOnce, type MetricSpec, signalsOf } from '../metrics/spec.ts'
import type { Baseline } from '../stage-plans.ts'

export type Origin = 'measured' | 'stated' | 'assumed'

export type Known<Value> = { value: Value; from: Origin; note: string }

/** A rule of a release's scope, as documents write it. */
export type GroupRule = Readonly<Record<string, string | readonly string[]>>

/** What a bad candidate would do: more failed requests, or more wrong answers, by this difference of rates. */
export type Harm = { metric: 'error-rate' | 'accuracy'; by: number }

/** `effect` as documents write it: `2%`, `0.5pp`, or a number in the unit of the metric. */
export type GoalWanted = { metric: string; improve: 'increase' | 'decrease'; effect: string }

/** What people said; what is left out is measured, or assumed and told so. */
export type Answers = {
  candidates?: readonly string[]
  goal?: { metric: string; effect?: string }
  /** Users may meet the candidate before anything has judged it. */
  exposure?: boolean
  downtime?: boolean
  withinMs?: number
  /** The goal is all that counts; what is learned about the versions is not. */
  onlyGoal?: boolean
  change?: 'simple' | 'complex'
  /** An instance costs much: a GPU. */
  expensive?: boolean
  /** A request may be sent twice. */
  idempotent?: boolean
  groups?: readonly GroupRule[]
  harm?: Harm
  requestsPerSecond?: number
  usersPerDay?: number
  baseline?: { mean: number; deviation?: number }
}

/** Of the stable version over the days that were looked at. */
export type Seen = {
  requests: number
  errors: number
  units: number
  labelled: number
  wrong: number
  latencyP95Ms: number | null
}

/** What the endpoint tells; null where it does not know. */
export type Told = {
  requestsPerSecond: number | null
  seen: Seen | null
  delays: readonly SignalReport[]
  /** Of the goal; null where there is none, or nobody has asked for it yet. */
  baseline: BaselineAnswer | null
}

export type Situation = {
  spec: EndpointSpec
  stable: string
  candidates: Known<readonly string[]>
  /** Where it is assumed, it is what a test would be of, and nobody asked for one. */
  goal: Known<GoalWanted | null>
  exposure: Known<boolean>
  downtime: Known<boolean>
  /** Null: there is no hurry. */
  withinMs: Known<number | null>
  onlyGoal: Known<boolean>
  change: Known<'simple' | 'complex'>
  expensive: Known<boolean>
  idempotent: Known<boolean>
  groups: Known<readonly GroupRule[]>
  harm: Known<Harm>
  requestsPerSecond: Known<number | null>
  /** Shares of the stable version's requests that fail, and of its labelled answers that are wrong. */
  errorRate: Known<number>
  wrongRate: Known<number | null>
  latencyP95Ms: Known<number | null>
  /** Different users among the requests of the last days, for each of these. */
  usersPerRequest: Known<number>
  /** Requests of the last days whose bodies are kept, so that they can be sent again. */
  keptBodies: Known<number>
  baseline: Known<Baseline | null>
  /** Until nine of ten labels, and values of the goal, have come; 0 where nothing is waited for. */
  labelDelayMs: Known<number>
  goalDelayMs: Known<number>
  /** Share of requests on which exactly one of two good versions is right. */
  discordance: Known<number>
  instances: Known<number>
  capacity: Known<number | null>
}

/** The values of a situation, without what they are of. */
export type Fact = Exclude<keyof Situation, 'spec' | 'stable'>

type Of = { spec: EndpointSpec; stable: string; answers: Answers; told: Told }

/** What is taken where nobody said and nothing was measured. The guide lists these. */
export const assumptions = {
  exposure: true,
  downtime: false,
  onlyGoal: false,
  change: 'simple',
  expensive: false,
  idempotent: true,
  effect: '5%',
  harm: 0.05,
  errorRate: 0.01,
  usersPerRequest: 1,
  discordance: 0.05,
} as const

export function situationOf(of: Of): Situation {
  const { spec, stable, answers } = of
  const goal = goalOf(of)
  return {
    spec,
    stable,
    candidates: candidatesOf(of),
    goal,
    exposure: said(answers.exposure, assumptions.exposure, 'users may meet it'),
    downtime: said(answers.downtime, assumptions.downtime, 'callers are always answered'),
    withinMs: said<number | null>(answers.withinMs, null, 'there is no hurry'),
    onlyGoal: said(answers.onlyGoal, assumptions.onlyGoal, 'other metrics, and what is learned, count too'),
    change: said(answers.change, assumptions.change, 'one thing has changed'),
    expensive: said(answers.expensive, assumptions.expensive, 'a second fleet can be paid'),
    idempotent: said(answers.idempotent, assumptions.idempotent, 'an inference changes nothing'),
    groups: said<readonly GroupRule[]>(answers.groups, [], 'everybody takes part'),
    harm: harmOf(of),
    ...trafficOf(of),
    baseline: baselineOf(of, goal.value),
    ...delaysOf(of, goal.value),
    discordance: assumed(assumptions.discordance, 'two good versions differ in one of twenty answers'),
    instances: measured(spec.versions[stable]?.instances ?? 1, `declared for ${stable}`),
    capacity: measured(spec.capacity?.instances ?? null, 'declared by the endpoint'),
  }
}

function said<Value>(answer: Value | undefined, fallback: Value, note: string): Known<Value> {
  return answer === undefined ? assumed(fallback, note) : { value: answer, from: 'stated', note: '' }
}

function assumed<Value>(value: Value, note: string): Known<Value> {
  return { value, from: 'assumed', note }
}

function measured<Value>(value: Value, note: string): Known<Value> {
  return { value, from: 'measured', note }
}

function candidatesOf({ spec, stable, answers }: Of): Situation['candidates'] {
  const others = Object.keys(spec.versions).filter(name => name !== stable)
  // The newest version is the one that was declared last.
  return said(answers.candidates, others.slice(-1), 'the version that was declared last')
}

function goalOf({ spec, answers }: Of): Situation['goal'] {
  const declared = Object.entries(spec.metrics).find(([, metric]) => isOfUsers(metric))
  const name = answers.goal?.metric ?? declared?.[0]
  const metric = name === undefined ? undefined : spec.metrics[name]
  if (name === undefined || metric === undefined)
    return assumed<GoalWanted | null>(null, 'the endpoint declares no metric of what users do')
  const improve = isHigherBetter(metric) ? 'increase' : 'decrease'
  const effect = answers.goal?.effect ?? assumptions.effect
  const value: GoalWanted = { metric: name, improve, effect }
  const matters = answers.goal?.effect === undefined ? `a change of ${effect} is taken to matter` : ''
  if (answers.goal !== undefined) return { value, from: 'stated', note: matters }
  return assumed<GoalWanted | null>(value, 'the first metric of what users do; nobody said that it is to improve')
}

/** What callers report after the answer: conversions, rewards; labels say whether an answer was right. */
function isOfUsers(spec: MetricSpec): boolean {
  return spec.type !== 'quantile' && signalsOf(spec).some(signal => signal !== 'label')
}

function harmOf({ spec, answers, told }: Of): Situation['harm'] {
  const isLabelled = accuracyOf(spec) !== null && (told.seen?.labelled ?? 0) > 0
  const value: Harm = { metric: isLabelled ? 'accuracy' : 'error-rate', by: assumptions.harm }
  const words = isLabelled ? 'answers are wrong' : 'requests fail'
  return said(answers.harm, value, `of a bad candidate 5 pp more ${words}`)
}

/** The declared metric by which answers are compared with labels, row by row; null where there is none. */
export function accuracyOf({ metrics, answer }: EndpointSpec): string | null {
  const found = Object.entries(metrics).find(([, { type, unitLevel }]) => type === 'accuracy' && unitLevel !== true)
  return answer === null ? null : (found?.[0] ?? null)
}

type Traffic = Pick<
  Situation,
  'requestsPerSecond' | 'errorRate' | 'wrongRate' | 'latencyP95Ms' | 'usersPerRequest' | 'keptBodies'
>

function trafficOf({ spec, answers, told: { requestsPerSecond, seen } }: Of): Traffic {
  const lately = 'of the stable version, over the last 7 days'
  const has = seen !== null && seen.requests > 0
  const { labelled, wrong } = seen ?? { labelled: 0, wrong: 0 }
  return {
    requestsPerSecond:
      answers.requestsPerSecond === undefined
        ? measured(
            requestsPerSecond,
            requestsPerSecond === null ? 'not watched for long enough' : 'of the last minutes',
          )
        : { value: answers.requestsPerSecond, from: 'stated', note: '' },
    errorRate: has
      ? measured(seen.errors / seen.requests, lately)
      : assumed(assumptions.errorRate, 'nothing has been recorded yet'),
    wrongRate: measured(labelled > 0 ? wrong / labelled : null, labelled > 0 ? lately : 'no labels have come'),
    latencyP95Ms: measured(seen?.latencyP95Ms ?? null, lately),
    usersPerRequest: has
      ? measured(seen.units / seen.requests, lately)
      : assumed(assumptions.usersPerRequest, 'every request is by another user'),
    keptBodies: measured(
      Math.floor(((seen?.requests ?? 0) * spec.payloadSamplePpm) / 1_000_000),
      'by the share that is sampled',
    ),
  }
}

function baselineOf({ spec, answers, told }: Of, goal: GoalWanted | null): Situation['baseline'] {
  const known = told.baseline
  const perDay = answers.usersPerDay ?? (known?.known === true ? known.baseline.perDay : null)
  const metric = goal === null ? undefined : spec.metrics[goal.metric]
  if (answers.baseline !== undefined && metric !== undefined) {
    const { mean, deviation } = answers.baseline
    const variance = deviation === undefined ? Math.max(0, mean * (1 - mean)) : deviation ** 2
    return { value: { n: 0, mean, variance, perDay }, from: 'stated', note: '' }
  }
  if (known?.known === true) return measured({ ...known.baseline, perDay }, 'of the newest recorded traffic')
  return measured(null, known?.reason ?? 'there is no goal to know it of')
}

function delaysOf({ spec, told }: Of, goal: GoalWanted | null): Pick<Situation, 'labelDelayMs' | 'goalDelayMs'> {
  const metric = goal === null ? undefined : spec.metrics[goal.metric]
  const signals = metric === undefined || isKnownAtOnce(metric) ? [] : signalsOf(metric)
  const label = spec.labelWindowMs ?? delayOf(told, 'label')
  const later = signals.map(signal => delayOf(told, signal) ?? 0)
  return {
    labelDelayMs:
      label === null ? assumed(0, 'no delays of labels are known') : measured(label, 'nine of ten have come'),
    goalDelayMs:
      later.length > 0 && later.some(ms => ms > 0)
        ? measured(Math.max(...later), 'nine of ten have come')
        : assumed(0, 'no delays of the goal are known'),
  }
}

function delayOf({ delays }: Told, name: string): number | null {
  return delays.find(signal => signal.name === name)?.delay?.p90Ms ?? null
}
