/**
 * What an A/B test is to show and what that takes, fixed before its first unit comes: the sample that finds the minimum
 * effect with the planned power, at the boundary of the test that really runs, and how long present traffic takes for it.
 */
import { testDuration } from '../stats/planning/duration.ts'
import { meanSampleSize } from '../stats/planning/mean-power.ts'
import { proportionSampleSize } from '../stats/planning/proportion-power.ts'
import { balancedClusters, type SequentialDesign, sequentialSampleSize } from '../stats/planning/sequence-boundary.ts'
import type { ArmSizes, SampleSize, Hypothesis as TestHypothesis } from '../stats/planning/test-design.ts'
import { insufficient, type Result } from '../stats/result.ts'
import { CLUSTERS_NEEDED } from '../stats/sequential/compare-means.ts'
import { limits } from './limits.ts'
import type { GoalCheck } from './metric-check.ts'
import { formOf, isHigherBetter } from './metrics/spec.ts'
import type { AbTestPlan, Baseline, Hypothesis } from './stage-plans.ts'

export type BaselineAnswer = { known: true; baseline: Baseline } | { known: false; reason: string }

export function hypothesisOf(plan: AbTestPlan, stable: string, answer: BaselineAnswer): Hypothesis {
  const nothing = { baseline: null, needed: null, days: null }
  if (!answer.known) return { ...nothing, unknown: answer.reason }
  const { baseline } = answer
  const shares = sharesOf(plan, stable)
  const needed = neededBy(plan, { stable, shares, baseline })
  if (!needed.ok) return { ...nothing, baseline, unknown: needed.reason }
  if (baseline.perDay === null)
    return {
      baseline,
      needed: needed.sizes,
      days: null,
      unknown: 'there was too little traffic to tell how long it takes',
    }
  const days = daysFor({ sizes: needed.sizes, shares, perDay: baseline.perDay, stable })
  return days.ok
    ? { baseline, needed: needed.sizes, days: days.days, unknown: null }
    : { baseline, needed: needed.sizes, days: null, unknown: days.reason }
}

/** The chance of a false ship of one variant; a Bayesian test is not corrected for their number. */
export function alphaOf({ goal, mode, variants }: AbTestPlan): number {
  return mode === 'bayesian' ? goal.alpha : goal.alpha / variants.length
}

/**
 * The clusters for which a sequential comparison of means is tuned, fixed before it begins: the planned ones, at which its
 * boundary is then the lowest. Undefined where no sample was planned.
 */
export function tunedForOf({ hypothesis, variants }: AbTestPlan, sides: { candidate: string; stable: string }) {
  const needed = hypothesis?.needed ?? null
  if (needed === null) return undefined
  // A variant that an earlier stage chose takes the place of the one that was planned with.
  const candidate = needed[sides.candidate] ?? needed[variants[0] ?? ''] ?? 0
  const clusters = balancedClusters({ candidate, stable: needed[sides.stable] ?? 0 })
  return clusters >= 1 ? clusters : undefined
}

/** Whether the goal compares counts of rows rather than means. */
export function isOfCounts({ measure }: Pick<GoalCheck, 'measure'>): boolean {
  if (measure.kind === 'metric') return formOf(measure.spec) === 'counts' && measure.scale === 'absolute'
  return measure.kind === 'error-rate' || measure.kind === 'accuracy'
}

type Shares = Readonly<Record<string, number>>

function sharesOf({ splitPpm }: AbTestPlan, stable: string): Shares {
  const shares = Object.fromEntries(Object.entries(splitPpm).map(([name, ppm]) => [name, ppm / limits.ppmTotal]))
  const taken = Object.values(shares).reduce((sum, share) => sum + share, 0)
  return { ...shares, [stable]: 1 - taken }
}

function neededBy(
  plan: AbTestPlan,
  known: { stable: string; shares: Shares; baseline: Baseline },
): Result<{ sizes: Readonly<Record<string, number>> }> {
  const { stable, shares, baseline } = known
  const sizes: Record<string, number> = { [stable]: 0 }
  for (const variant of plan.variants) {
    const size = sizesFor(plan, baseline, (shares[variant] ?? 0) / (shares[stable] ?? 1))
    if (!size.ok) return size
    const least = Math.max(CLUSTERS_NEEDED, plan.goal.minEvents)
    sizes[stable] = Math.max(sizes[stable] ?? 0, size.stable, least)
    sizes[variant] = Math.max(size.candidate, least)
  }
  return { ok: true, sizes }
}

/** `ratio`: units of the variant for one of the control. */
function sizesFor(plan: AbTestPlan, baseline: Baseline, ratio: number): Result<SampleSize> {
  const { goal, power } = plan
  const alpha = alphaOf(plan)
  const question = questionOf(goal, baseline)
  if (!question.ok) return question
  const { design, hypothesis } = question
  const sizeAt = (boundary: number | undefined): Result<SampleSize> =>
    design.kind === 'rates'
      ? proportionSampleSize({ rates: design.rates, power, ratio, alpha, hypothesis, boundary })
      : meanSampleSize({ ...question.means, power, ratio, alpha, hypothesis, boundary })
  return plan.mode === 'sequential' ? sequentialSampleSize({ design, alpha, ratio, sizeAt }) : sizeAt(undefined)
}

type Question = {
  design: SequentialDesign
  hypothesis: TestHypothesis
  means: { difference: number; spreads: { stable: number; candidate: number } }
}

/** Counts are of harmful rows, whose shares are better when lower. */
function questionOf(goal: GoalCheck, { n, mean, variance }: Baseline): Result<Question> {
  const isShare = isOfCounts(goal)
  const better = !isShare && isHigher(goal) ? 'higher' : 'lower'
  const isRelative = goal.measure.kind === 'metric' && goal.measure.scale === 'relative'
  if (isRelative && !(mean > 0)) return insufficient(`a relative goal needs a mean above 0; it was ${mean}`)
  const inOwnUnit = (size: number) => (isRelative ? size * mean : size)
  const hypothesis: TestHypothesis =
    goal.goal.kind === 'improve'
      ? { kind: 'superiority', better }
      : { kind: 'non-inferiority', better, margin: inOwnUnit(goal.margin) }
  const effect = goal.goal.kind === 'improve' ? goal.goal.minimumEffect : 0
  if (effect === null) return insufficient('the goal names no minimum effect to plan for')
  const difference = better === 'higher' ? inOwnUnit(effect) : -inOwnUnit(effect)
  if (isShare && mean + difference < 0)
    return insufficient(`the minimum effect is greater than what could be gained: ${mean} is the whole of it`)
  const isBounded = isUpTo1(goal) || areOnes({ n, mean, variance })
  if (isBounded && !isShare && !(mean + difference >= 0 && mean + difference <= 1))
    return insufficient(
      `the minimum effect takes ${goal.metric} from ${mean} to ${mean + difference}, which no share can be`,
    )
  if (!(variance > 0)) return insufficient('the values that were seen before are all alike')
  const spread = Math.sqrt(variance)
  // A relative margin shifts the stable mean in proportion, and its error with it.
  const tolerated = isRelative && goal.goal.kind === 'no-worse' ? 1 + (better === 'higher' ? -1 : 1) * goal.margin : 1
  return {
    ok: true,
    hypothesis,
    design: isShare
      ? { kind: 'rates', rates: { stable: mean, candidate: mean + difference } }
      : { kind: 'means', tunedFor: 'sizes' },
    means: {
      difference,
      spreads: {
        stable: spread * tolerated,
        candidate: spread * (isBounded ? spreadGrowth(mean, mean + difference) : 1),
      },
    },
  }
}

/** Whether the values of units are shares, so that their mean tells how much they vary at most. */
function isUpTo1({ measure }: GoalCheck): boolean {
  return measure.kind === 'metric' && (measure.spec.type === 'rate' || measure.spec.type === 'accuracy')
}

/** Whether values vary as only zeros and ones do, among those from 0 to 1; stated ones have no number. */
function areOnes({ n, mean, variance }: Pick<Baseline, 'n' | 'mean' | 'variance'>): boolean {
  const most = mean * (1 - mean)
  const tolerance = n > 1 ? 1.5 / n : 1e-9
  return most > 0 && Math.abs(variance - most) <= tolerance * most
}

/** Rare events that rise vary more; where they fall the comparison still reckons with what they were. */
function spreadGrowth(mean: number, changed: number): number {
  const most = mean * (1 - mean)
  return most > 0 ? Math.max(1, Math.sqrt((changed * (1 - changed)) / most)) : 1
}

function isHigher({ measure }: GoalCheck): boolean {
  return measure.kind === 'metric' && isHigherBetter(measure.spec)
}

/** Of the variant that takes longest; a part of a day where there is traffic enough. */
function daysFor(of: {
  sizes: Readonly<Record<string, number>>
  shares: Shares
  perDay: number
  stable: string
}): Result<{ days: number }> {
  let days = 0
  for (const variant of Object.keys(of.sizes)) {
    if (variant === of.stable) continue
    const pair = (from: Readonly<Record<string, number>>): ArmSizes => ({
      stable: from[of.stable] ?? 0,
      candidate: from[variant] ?? 0,
    })
    const duration = testDuration({
      sizes: pair(of.sizes),
      unitsPerDay: of.perDay,
      shares: pair(of.shares),
      wholeWeeks: false,
    })
    if (!duration.ok) return duration
    days = Math.max(days, duration.enrolmentDays)
  }
  return { ok: true, days }
}
