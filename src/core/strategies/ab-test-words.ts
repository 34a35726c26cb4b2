/** An A/B test in sentences. */
import { plural, span } from '../advise/words.ts'
import type { CheckResult } from '../judge/judgement.ts'
import type { GoalCheck, MetricCheck } from '../metric-check.ts'
import type { AbTestPlan } from '../stage-plans.ts'
import type { Weights } from '../traffic.ts'

/** What is asked, what it takes and how long: told once, when the test begins. */
export function hypothesisText(plan: AbTestPlan, { stable, split }: { stable: string; split: Weights }): string {
  const { goal, mode, power } = plan
  const shares = Object.entries(split).map(([version, ppm]) => `${version} (${ppm / 10_000} %)`)
  const several = shares.length > 1 && mode !== 'bayesian' ? `, ${plan.correction} over ${shares.length} variants` : ''
  const test = `${mode}, alpha ${goal.alpha}${several}, power ${power}`
  return `hypothesis: ${shares.join(' or ')} ${claimOf(goal)} against ${stable}; ${test}; ${sampleText(plan, stable)}`
}

function claimOf({ metric, margin, goal, measure }: GoalCheck): string {
  if (goal.kind === 'no-worse') return `is no worse in ${metric} than by ${sizeText(measure, margin)}`
  const by = goal.minimumEffect === null ? '' : ` by at least ${sizeText(measure, goal.minimumEffect)}`
  return `will ${goal.direction} ${metric}${by}`
}

function sampleText({ hypothesis, ceilingMs }: AbTestPlan, stable: string): string {
  const { needed = null, days = null, unknown = null } = hypothesis ?? {}
  if (needed === null) return `the needed sample is not known: ${unknown ?? 'nothing was known of the metric'}`
  const sizes = Object.entries(needed).map(([version, size]) => `${version} ${size}`)
  const wait = days === null ? `how long is not known: ${unknown}` : `about ${daysText(days)} at present traffic`
  const isLate = days !== null && days * dayMs > ceilingMs
  const warning = isLate ? ', longer than the test may last' : ''
  return `needs ${sizes.join(', ')} values, of which ${stable} is the control, ${wait}${warning}`
}

const dayMs = 86_400_000

/** Plans of before have whole days, and their stories stay as they were told. */
function daysText(days: number): string {
  return days >= 2 || days === 1 ? plural(Math.ceil(days), 'day') : span(days * dayMs)
}

/** The estimated effect with its interval: not harm but change, in the direction of the metric. */
export function effectText(check: CheckResult | undefined): string {
  if (check === undefined) return 'nothing is known yet'
  const { harm, candidate } = check
  if (harm.estimate === null) return check.reason
  const turns = isIncrease(check.check)
  const change = (value: number | null, open: string) =>
    value === null || !Number.isFinite(value) ? open : signed(check.check, turns ? 0 - value : value)
  const [lower, upper] = turns ? [harm.upper, harm.lower] : [harm.lower, harm.upper]
  const believed = check.posterior === undefined ? '' : `, ${chance(check.posterior.chance)} to be better`
  return `${check.check.metric} ${change(harm.estimate, '?')} in [${change(lower, '-inf')}, ${change(upper, 'inf')}] over ${candidate.trials} values${believed}`
}

/** What a look says of the goal: both values, the change with its interval, and what follows. */
export function goalText(check: CheckResult, follows: string): string {
  const value = (side: number | null) => (side === null ? 'unknown' : String(Number(side.toPrecision(4))))
  const found = `${value(check.candidate.value)} against ${value(check.stable.value)}: ${effectText(check)}`
  // A reason that stands in for an effect may say it already.
  return found.endsWith(`: ${follows}`) ? found : `${found}: ${follows}`
}

/** Harm is a fall where an increase is what is wanted. */
function isIncrease(check: CheckResult['check']): boolean {
  return 'goal' in check && check.goal.kind === 'improve' && check.goal.direction === 'increase'
}

export function nothingShownText({ goal }: AbTestPlan, checks: readonly (CheckResult | undefined)[]): string {
  const effect = goal.goal.kind === 'improve' ? goal.goal.minimumEffect : null
  const what =
    goal.goal.kind === 'no-worse'
      ? `it was not shown that ${goal.metric} is no worse than by ${sizeText(goal.measure, goal.margin)}`
      : `no difference${effect === null ? '' : ` of at least ${sizeText(goal.measure, effect)}`} was shown in ${goal.metric}`
  const seen = checks.map(check => `${check?.candidate.version ?? 'a variant'}: ${effectText(check)}`)
  return `${what}: ${seen.join('; ')}`
}

function signed({ measure }: MetricCheck, value: number): string {
  return `${value > 0 ? '+' : ''}${sizeText(measure, value)}`
}

function chance(value: number): string {
  return `${(100 * value).toFixed(1)} % chance`
}

function sizeText(measure: MetricCheck['measure'], size: number): string {
  if ((measure.kind === 'metric' || measure.kind === 'declared') && measure.scale === 'relative')
    return `${short(100 * size)} %`
  const isShare =
    measure.kind === 'error-rate' ||
    measure.kind === 'accuracy' ||
    (measure.kind === 'metric' && (measure.spec.type === 'accuracy' || measure.spec.type === 'rate'))
  return isShare ? `${short(100 * size)} pp` : short(size)
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}
