/** Scenarios from what their traffic is like. */

import type { GoalCheck, Measure, MetricCheck, Scale } from '../../src/core/metric-check.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import { drawNormal } from '../../src/stats/numerics/random.ts'
import { shadowPlan, shadowRelease } from '../../test/support/shadows.ts'
import { type FormTraffic, formStream } from './forms.ts'
import { type MeanTraffic, meanStream } from './means.ts'
import { type PairedValues, type PairTraffic, pairedValueStream, pairStream } from './pairs.ts'
import { type RateTraffic, rateStream } from './rates.ts'
import type { Scenario } from './simulation.ts'
import { type UnitTraffic, unitStream } from './units.ts'

/** Of both checks; so high that false alarms can be counted. */
export const alpha = 0.05

export const ramp = [0.01, 0.05, 0.25, 0.5]

type Looks = Pick<Scenario, 'everyObservation' | 'runsShare'>
type Most<T, Needed extends keyof T> = Pick<T, Needed> & Partial<T>

export function rateScenario(
  name: string,
  { looks, ...rest }: Most<RateTraffic, 'rate'> & { looks?: Looks },
): Scenario {
  const traffic: RateTraffic = { observations: 20_000, shares: [0.5], counted: 'errors', margin: 0, ...rest }
  const measure = traffic.counted === 'errors' ? ('error-rate' as const) : ('accuracy' as const)
  return {
    ...common(name, traffic, looks),
    ...checksOf(measure, { kind: measure }, traffic.margin),
    open: random => rateStream(traffic, random),
  }
}

/** A challenger that answers copies: one epoch, and pairs instead of shares. */
export function pairScenario(
  name: string,
  { looks, ...rest }: Most<PairTraffic, 'discordance'> & { looks?: Looks },
): Scenario {
  const traffic: PairTraffic = { observations: 20_000, counted: 'wrong', margin: 0, ...rest }
  const measure = traffic.counted === 'errors' ? ('error-rate' as const) : ('accuracy' as const)
  return shadowed({
    ...common(name, { ...traffic, shares: [0] }, looks),
    ...checksOf(measure, { kind: measure }, traffic.margin),
    open: random => pairStream(traffic, random),
  })
}

export function pairedValueScenario(
  name: string,
  { looks, ...rest }: Most<PairedValues, 'pair'> & { looks?: Looks },
): Scenario {
  const traffic: PairedValues = { observations: 20_000, metric: 'value', ...rest }
  return shadowed({
    ...common(name, { ...traffic, shares: [0] }, looks),
    ...checksOf(traffic.metric, { kind: 'metric', spec: { type: 'mae' }, scale: 'absolute' }),
    open: random => pairedValueStream(traffic, random),
  })
}

function shadowed(scenario: Scenario): Scenario {
  const { guardrail, goal } = scenario
  return { ...scenario, release: shadowRelease(shadowPlan(), { plan: { guardrails: [guardrail], goals: [goal] } }) }
}

export function meanScenario(
  name: string,
  { looks, scale = 'absolute', ...rest }: Most<MeanTraffic, 'value'> & { looks?: Looks; scale?: Scale },
): Scenario {
  const traffic: MeanTraffic = { observations: 20_000, shares: [0.5], metric: 'value', ...rest }
  return {
    ...common(name, traffic, looks),
    ...checksOf(traffic.metric, { kind: 'metric', spec: { type: 'mean', of: { from: 'reward' } }, scale }),
    open: random => meanStream(traffic, random),
  }
}

export const unitSpec: MetricSpec = { type: 'mean', of: { from: 'reward' }, unitLevel: true }

/** Units differ by twice as much as the rows of one do. */
export function unitScenario(name: string, { looks, ...rest }: Partial<UnitTraffic> & { looks?: Looks }): Scenario {
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
  return {
    ...common(name, traffic, looks),
    ...checksOf(traffic.metric, { kind: 'metric', spec: traffic.spec, scale: 'absolute' }),
    open: random => unitStream(traffic, random),
  }
}

export function formScenario(
  name: string,
  { looks, ...rest }: Most<FormTraffic, 'spec' | 'row'> & { looks?: Looks },
): Scenario {
  const traffic: FormTraffic = {
    observations: 20_000,
    shares: [0.5],
    metric: 'value',
    scale: 'absolute',
    margin: 0,
    ...rest,
  }
  const { metric, spec, scale, margin } = traffic
  return {
    ...common(name, traffic, looks),
    ...checksOf(metric, { kind: 'metric', spec, scale }, margin),
    open: random => formStream(traffic, random),
  }
}

function common(name: string, { observations, shares }: Pick<Scenario, 'observations' | 'shares'>, looks: Looks = {}) {
  return { name, observations, shares, ...looks }
}

/** Checks that may pass from the first observation on, which are the hardest to keep from false alarms. */
function checksOf(metric: string, measure: Measure, margin = 0): { guardrail: MetricCheck; goal: GoalCheck } {
  const guardrail = { metric, measure, margin, alpha, minEvents: 1 }
  const improve = { kind: 'improve', direction: 'increase', minimumEffect: null } as const
  return { guardrail, goal: { ...guardrail, goal: margin === 0 ? improve : { kind: 'no-worse' } } }
}
