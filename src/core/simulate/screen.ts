/**
 * Which looks need no judge: those at which no breach can be called and nothing could pass. A time-uniform test mixes
 * alternatives, and no mixture has more evidence than the best of them: where even that is below log(1 / alpha), nothing
 * is called. For counts decisions are the same as with every look judged; what has no such bound is judged less often.
 */
import { divergenceFromDifference } from '../../stats/sequential/difference-null.ts'
import type { EpochEvidence, VersionEvidence } from '../evidence.ts'
import { comparedWith } from '../judge/judge.ts'
import type { Counts } from '../judge/judgement.ts'
import { type Pair, pairUp, type Sides, weightedEpochs } from '../judge/pairs.ts'
import { byShare } from '../judge/strata.ts'
import { sum } from '../judge/words.ts'
import type { GoalCheck, MetricCheck } from '../metric-check.ts'
import { formOf } from '../metrics/spec.ts'
import { stageAt } from '../stage-plans.ts'
import { candidateOf, type ReleaseState } from '../state.ts'
import { racing } from '../strategies/bandit-state.ts'

/** Whether only a breach could move the release at this moment. */
export function onlyBreachesMatter(release: ReleaseState, atMs: number): boolean {
  const { phase, plan } = release
  if (phase.kind === 'probation') return atMs < phase.untilMs && plan.stages.at(-1)?.kind === 'canary'
  if (phase.kind !== 'running' || phase.hold !== null || phase.paused) return false
  const stage = stageAt(plan.stages, phase.stageIndex)
  // A race is looked at where its weights may change; that it ends, or an arm's times, is seen then.
  if (stage.kind === 'bandit' && phase.stage.kind === 'bandit')
    return atMs < Math.min(phase.stage.updatedMs + stage.updateMs, phase.stage.enteredMs + stage.ceilingMs)
  if (stage.kind !== 'canary' || phase.stage.kind !== 'canary') return false
  const floorMs = stage.steps[phase.stage.stepIndex]?.floorMs ?? 0
  return atMs < phase.stage.stepSinceMs + floorMs
}

/** Of checks of counts and of the split of units; the others are judged at their own pace. */
export function mayBreach(release: ReleaseState, evidence: readonly EpochEvidence[]): boolean {
  const { plan, phase } = release
  const checks = [...plan.guardrails, ...plan.signals, ...(plan.goals ?? [])]
  const race = raceOf(release)
  const contests = race === null ? null : contestsOf(plan.from, race)
  const sides = contests ?? [{ candidate: candidateOf(release), stable: comparedWith(release) }]
  const epochs = weightedEpochs(release, race === null || phase.kind !== 'running' ? undefined : phase.stageIndex)
  return sides.some(one => {
    const pairs = pairUp(epochs, evidence, one)
    const share = 1 / sides.length
    const crosses = (check: MetricCheck | GoalCheck) =>
      mayCross({ ...check, alpha: check.alpha * share }, pairs, race !== null)
    return maySplitBadly(pairs, plan.sampleRatioAlpha * share) || checks.some(crosses)
  })
}

/** The arms of a bandit that runs. */
function raceOf({ phase, plan }: ReleaseState): readonly string[] | null {
  if (phase.kind !== 'running' || phase.stage.kind !== 'bandit') return null
  const stage = stageAt(plan.stages, phase.stageIndex)
  return stage.kind === 'bandit' ? racing(stage, phase.stage) : null
}

function contestsOf(stable: string, race: readonly string[]): Sides[] {
  return race.filter(candidate => candidate !== stable).map(candidate => ({ candidate, stable }))
}

/** Counts are compared under a bound of their own; 1e-9 covers rounding. */
function mayCross(
  { measure, metric, margin, alpha }: MetricCheck | GoalCheck,
  pairs: readonly Pair[],
  manyEpochs: boolean,
): boolean {
  const of = (one: VersionEvidence): Counts => {
    if (measure.kind === 'error-rate') return { trials: one.requests, events: one.errors }
    if (measure.kind === 'accuracy') return { trials: one.labelled, events: one.wrong }
    const isCounted = measure.kind === 'metric' && measure.scale === 'absolute' && formOf(measure.spec) === 'counts'
    const seen = isCounted ? one.metrics[metric] : undefined
    return seen?.form === 'counts' ? seen : { trials: 0, events: 0 }
  }
  const counted = pairs.map(({ epoch, share, candidate, stable }) => ({
    epoch,
    share,
    candidate: of(candidate),
    stable: of(stable),
  }))
  const strata = manyEpochs ? byShare(counted) : counted
  const most = sum(strata, ({ candidate, stable }) => divergenceFromDifference(candidate, stable, margin).value)
  return most >= -Math.log(alpha) - 1e-9
}

function maySplitBadly(pairs: readonly Pair[], alpha: number): boolean {
  const most = sum(pairs, ({ share, candidate, stable }) => {
    const [theirs, ours] = [candidate.newUnits, stable.newUnits]
    if (share === null || theirs + ours === 0) return 0
    return deviance(theirs, (theirs + ours) * share) + deviance(ours, (theirs + ours) * (1 - share))
  })
  return most >= -Math.log(alpha) - 1e-9
}

/** The likelihood ratio of the observed split against the expected one; its sum over versions is at least 0. */
function deviance(observed: number, expected: number): number {
  return observed === 0 ? 0 : observed * Math.log(observed / expected)
}
