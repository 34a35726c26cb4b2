/** What an A/B test is planned from, where the log is a scenario. */
import { emptyVersionEvidence } from '../evidence.ts'
import { baselineArm } from '../judge/baseline-arm.ts'
import type { GoalCheck } from '../metric-check.ts'
import type { Baseline } from '../stage-plans.ts'
import { createMetricSums, drawOf, measuredAs } from './metric-sums.ts'
import { type Behaviour, feedbackOf, type Scenario } from './scenario.ts'
import { streamOf } from './streams.ts'

/** As many values as the log of a busy endpoint has; a baseline is planned from, not tested. */
const valuesSeen = 100_000
const daySeconds = 86_400

/** Null where the scenario does not say. */
export function baselineOf(scenario: Scenario, version: string, goal: GoalCheck): Baseline | null {
  const own = scenario.versions[version]
  if (own === undefined) return null
  const { measure, metric } = goal
  if (measure.kind === 'error-rate') return shareOf(own.errorRate, rowsPerDay(scenario, null))
  if (measure.kind === 'accuracy')
    return own.accuracy === null ? null : shareOf(1 - own.accuracy, rowsPerDay(scenario, 'label'))
  return measure.kind === 'metric' ? ofMetric(scenario, own, { goal, measure, metric }) : null
}

function ofMetric(
  scenario: Scenario,
  own: Behaviour,
  of: { goal: GoalCheck; measure: Extract<GoalCheck['measure'], { kind: 'metric' }>; metric: string },
): Baseline | null {
  const { spec, evidence = of.metric } = of.measure
  const measured = measuredAs(evidence, of.metric, spec)
  const draw = drawOf(measured, own)
  if (draw === null) return null
  const sums = createMetricSums(spec, draw)
  sums.add(streamOf(0, 'baseline'), valuesSeen)
  const arm = baselineArm(of.goal, { ...emptyVersionEvidence(), metrics: { [evidence]: sums.read() } })
  const perDay = measured.byUnit ? unitsPerDay(scenario, measured.signal) : rowsPerDay(scenario, measured.signal)
  return arm === null ? null : { ...arm, perDay }
}

function shareOf(mean: number, perDay: number): Baseline {
  return { n: valuesSeen, mean, variance: mean * (1 - mean), perDay }
}

function rowsPerDay(scenario: Scenario, signal: string | null): number {
  const share = signal === null ? 1 : feedbackOf(scenario, signal).share
  return scenario.traffic.perSecond * daySeconds * share
}

/** Those that come once, and regulars that are met in a day. */
function unitsPerDay(scenario: Scenario, signal: string | null): number {
  const { regulars, returning } = scenario.units
  const requests = scenario.traffic.perSecond * daySeconds
  const share = signal === null ? 1 : feedbackOf(scenario, signal).share
  const met = regulars * -Math.expm1((-requests * returning) / regulars)
  return (requests * (1 - returning) + met) * share
}
