/** Releases of which no alarm is true: both versions are alike, or the candidate is worse by exactly the margin. */
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import type { GoalCheck, Measure, MetricCheck, Scale } from '../../src/core/plan.ts'
import { drawNormal, type Random } from '../../src/stats/numerics/random.ts'
import { type MeanTraffic, meanStream } from './means.ts'
import { type RateTraffic, rateStream } from './rates.ts'
import type { Scenario } from './simulation.ts'
import { type UnitTraffic, unitStream } from './units.ts'

/** Of both checks; so high that false alarms can be counted. */
export const alpha = 0.05

export const ramp = [0.01, 0.05, 0.25, 0.5]

/** A check that may pass from the first observation on, which is the hardest to keep from false alarms. */
export function checksOf(metric: string, measure: Measure, margin = 0): { guardrail: MetricCheck; goal: GoalCheck } {
  const guardrail = { metric, measure, margin, alpha, minEvents: 1 }
  const improve = { kind: 'improve', direction: 'increase', minimumEffect: null } as const
  return { guardrail, goal: { ...guardrail, goal: margin === 0 ? improve : { kind: 'no-worse' } } }
}

type RateOptions = Partial<Pick<Scenario, 'everyObservation' | 'runsShare'>> &
  Pick<RateTraffic, 'rate'> &
  Partial<RateTraffic>

export function rateScenario(name: string, options: RateOptions): Scenario {
  const { everyObservation, runsShare, ...rest } = options
  const traffic: RateTraffic = { observations: 100_000, shares: [0.5], counted: 'errors', margin: 0, ...rest }
  const { observations, shares, counted, margin } = traffic
  const [metric, kind] =
    counted === 'errors' ? (['error-rate', 'error-rate'] as const) : (['accuracy', 'accuracy'] as const)
  return {
    name,
    observations,
    shares,
    ...checksOf(metric, { kind }, margin),
    ...(everyObservation !== undefined && { everyObservation }),
    ...(runsShare !== undefined && { runsShare }),
    open: random => rateStream(traffic, random),
  }
}

export function meanScenario(
  name: string,
  options: Pick<MeanTraffic, 'value'> & Partial<MeanTraffic> & { scale?: Scale; runsShare?: number },
): Scenario {
  const { scale = 'absolute', runsShare, ...rest } = options
  const traffic: MeanTraffic = { observations: 100_000, shares: [0.5], metric: 'value', ...rest }
  const { observations, shares, metric } = traffic
  return {
    name,
    observations,
    shares,
    ...checksOf(metric, { kind: 'metric', spec: { type: 'mean', of: { from: 'reward' } }, scale }),
    ...(runsShare !== undefined && { runsShare }),
    open: random => meanStream(traffic, random),
  }
}

export const unitSpec: MetricSpec = { type: 'mean', of: { from: 'reward' }, unitLevel: true }

export function unitScenario(name: string, options: Partial<UnitTraffic> & { runsShare?: number }): Scenario {
  const { runsShare, ...rest } = options
  const traffic: UnitTraffic = {
    units: 2_000,
    rowsMax: 20,
    observations: 20_000,
    shares: ramp,
    metric: 'value',
    spec: unitSpec,
    effect: (_, random) => drawNormal(random),
    noise: 0.5,
    ...rest,
  }
  const { observations, shares, metric, spec } = traffic
  return {
    name,
    observations,
    shares,
    ...checksOf(metric, { kind: 'metric', spec, scale: 'absolute' }),
    ...(runsShare !== undefined && { runsShare }),
    open: random => unitStream(traffic, random),
  }
}

/** Four days: the base rate goes from a tenth of its mean to nearly twice of it. */
export function daily(time: number): number {
  return 1 + 0.9 * Math.sin(8 * Math.PI * time)
}

const exponential = (random: Random) => -Math.log(1 - random.next())
const lognormal = (random: Random) => Math.exp(1.5 * drawNormal(random))
const winsorised = (random: Random) => Math.min(30, lognormal(random))

export const falseAlarmScenarios: readonly Scenario[] = [
  rateScenario('error rate 0.1 %, 50:50', { rate: () => 0.001 }),
  rateScenario('error rate 4 %, 50:50', { rate: () => 0.04 }),
  rateScenario('error rate 50 %, 50:50', { rate: () => 0.5 }),
  rateScenario('error rate 4 %, 50:50, every observation', {
    rate: () => 0.04,
    observations: 5_000,
    everyObservation: true,
  }),
  rateScenario('error rate 0.1 %, 1:99', { rate: () => 0.001, shares: [0.01] }),
  rateScenario('error rate 4 %, 1:99', { rate: () => 0.04, shares: [0.01] }),
  rateScenario('error rate 4 %, 20:80', { rate: () => 0.04, shares: [0.2] }),
  rateScenario('error rate 50 %, 20:80', { rate: () => 0.5, shares: [0.2] }),
  rateScenario('error rate 4 %, 20:80, daily cycle', { rate: (_, time) => 0.04 * daily(time), shares: [0.2] }),
  rateScenario('error rate 4 %, ramp 1-5-25-50 %', { rate: () => 0.04, shares: ramp }),
  rateScenario('error rate 4 %, ramp, daily cycle', { rate: (_, time) => 0.04 * daily(time), shares: ramp }),
  rateScenario('error rate 4 %, ramp, worse by just the margin of 1 pp', {
    rate: arm => (arm === 'candidate' ? 0.05 : 0.04),
    shares: ramp,
    margin: 0.01,
  }),
  rateScenario('accuracy 90 %, ramp, late labels', {
    rate: () => 0.1,
    counted: 'wrong',
    shares: ramp,
    observations: 20_000,
    delay: (_, random) => 3_000 * exponential(random),
  }),
  rateScenario('accuracy 90 %, ramp, labels of wrong answers later', {
    rate: () => 0.1,
    counted: 'wrong',
    shares: ramp,
    observations: 20_000,
    delay: (wrong, random) => (wrong ? 6_000 : 1_000) * exponential(random),
  }),
  meanScenario('mean, exponential, 50:50', { value: (_arm, _time, random) => exponential(random) }),
  meanScenario('mean, exponential, 1:99', { value: (_arm, _time, random) => exponential(random), shares: [0.01] }),
  meanScenario('mean, exponential, ramp, daily cycle, relative', {
    value: (_, time, random) => daily(time) * exponential(random),
    shares: ramp,
    scale: 'relative',
  }),
  meanScenario('mean, lognormal (sigma 1.5) winsorised at 30, 50:50', {
    value: (_arm, _time, random) => winsorised(random),
  }),
  meanScenario('mean, lognormal (sigma 1.5) winsorised at 30, 1:99', {
    value: (_arm, _time, random) => winsorised(random),
    shares: [0.01],
  }),
  meanScenario('mean, lognormal (sigma 1.5) winsorised at 30, ramp, daily cycle', {
    value: (_, time, random) => Math.min(30, daily(time) * lognormal(random)),
    shares: ramp,
  }),
  unitScenario('mean by unit, 50:50', { shares: [0.5] }),
  unitScenario('mean by unit, units return, ramp', {}),
  unitScenario('mean by unit, units return, ramp, daily cycle', { level: time => 3 * daily(time) }),
  unitScenario('mean by unit, lognormal units, the busy ones greater, ramp', {
    effect: (rows, random) => (rows / 10) * Math.exp(drawNormal(random)),
  }),
]
