/**
 * One look at a bandit: what each arm earned, and whether any of them does harm. Arms are compared with stable, or with the
 * leader where stable is no arm; each check's chance of a false alarm is split over the comparisons.
 */
import { compareCoverage, type MaturedCounts } from '../../stats/delay/coverage.ts'
import { banditNumbers } from '../bandit/numbers.ts'
import { isReported, rangeOf, rewardsOf } from '../bandit/rewards.ts'
import { type EpochEvidence, emptyVersionEvidence, type VersionEvidence } from '../evidence.ts'
import type { Readings } from '../external-metric.ts'
import type { BanditPlan } from '../stage-plans.ts'
import type { ReleaseState } from '../state.ts'
import { standing } from '../strategies/bandit.ts'
import { type BanditState, racing } from '../strategies/bandit-state.ts'
import type { Contest } from './judge.ts'
import {
  type ArmJudgement,
  type BanditNumbers,
  type CheckResult,
  isBreachedSignal,
  type Judgement,
  judgementVersion,
} from './judgement.ts'
import { type Pair, pairUp, type Sides, weightedEpochs } from './pairs.ts'
import { coverage, coverageStrata } from './validity.ts'
import { percent, plain, sum } from './words.ts'

type Compare = (release: ReleaseState, evidence: readonly EpochEvidence[], contest: Contest) => Judgement

export function judgeBandit(
  release: ReleaseState,
  evidence: readonly EpochEvidence[],
  look: { plan: BanditPlan; state: BanditState; stageIndex: number; readings: Readings; compare: Compare },
): Judgement {
  const { plan, state, stageIndex } = look
  const race = racing(plan, state)
  const own = release.epochs.filter(one => (one.stageIndex ?? 0) === stageIndex)
  const byEpoch = new Map(evidence.map(one => [one.epoch, one]))
  const epochs = own.flatMap(({ epoch }) => byEpoch.get(epoch) ?? [])
  const numbers = banditNumbers(plan, race, epochs)
  const judged = judgeArms(release, evidence, { ...look, numbers, race })
  return together(release, { numbers, judged, epochs, race, outside: outsideRange(plan, race, epochs) })
}

type Judged = { version: string; judgement: Judgement }

function judgeArms(
  release: ReleaseState,
  evidence: readonly EpochEvidence[],
  look: {
    plan: BanditPlan
    stageIndex: number
    readings: Readings
    compare: Compare
    numbers: BanditNumbers
    race: readonly string[]
  },
): Judged[] {
  const contests = contestsOf(release.plan.from, look.numbers, look.race)
  const { plan } = release
  const { goals = [] } = plan
  const shared = <Check extends { alpha: number }>(check: Check): Check => ({
    ...check,
    alpha: check.alpha / contests.length,
  })
  const split: ReleaseState = {
    ...release,
    plan: {
      ...plan,
      sampleRatioAlpha: plan.sampleRatioAlpha / contests.length,
      ...(plan.coverageAlpha !== undefined && { coverageAlpha: plan.coverageAlpha / contests.length }),
    },
  }
  return contests.map(sides => {
    const judgement = look.compare(split, evidence, {
      sides,
      guardrails: plan.guardrails.map(shared),
      signals: plan.signals.map(shared),
      goals: goals.map(shared),
      readings: look.readings,
      stageIndex: look.stageIndex,
      manyEpochs: true,
    })
    return { version: sides.candidate, judgement: watched(judgement, coverageOf(split, evidence, { ...look, sides })) }
  })
}

/** Every arm against stable; without stable in the race against the leader, which is held against the next best. */
function contestsOf(stable: string, { arms, leader }: BanditNumbers, race: readonly string[]): Sides[] {
  if (race.includes(stable)) return race.filter(version => version !== stable).map(candidate => ({ candidate, stable }))
  const rival = arms
    .filter(({ version }) => version !== leader)
    .toSorted((a, b) => (b.chance ?? 0) - (a.chance ?? 0))[0]
  if (rival === undefined) return []
  return race.map(candidate => ({ candidate, stable: candidate === leader ? rival.version : leader }))
}

type Alarm = { isFinal: boolean; reason: string }

/**
 * Rewards that come for different shares of two arms' predictions are no fair sample of what the arms earn. Of predictions
 * that are old enough this is final; of young ones it says that rewards come at another pace so far.
 */
function coverageOf(
  { plan, epochs }: ReleaseState,
  evidence: readonly EpochEvidence[],
  { sides, plan: { reward }, stageIndex }: { sides: Sides; plan: BanditPlan; stageIndex: number },
): Alarm | null {
  const { coverageAlpha: alpha } = plan
  if (alpha === undefined || reward.spec === null || !isReported(reward.spec)) return null
  const pairs = pairUp(weightedEpochs({ plan, epochs }, stageIndex), evidence, sides)
  const matured = differing(pairs, alpha, one => one.rewards ?? noneMatured)
  if (matured !== null) return { isFinal: true, reason: unfair('the matured predictions', sides, matured) }
  if (reward.spec.unitLevel === true) return null
  const young = differing(pairs, alpha, one => ({
    matured: one.answered,
    labelled: Math.min(one.answered, rewardsOf(reward, one).n),
  }))
  return young === null ? null : { isFinal: false, reason: unfair('all predictions so far', sides, young) }
}

type Shares = { candidate: number | null; stable: number | null }

/** The shares that came, where they differ. */
function differing(pairs: readonly Pair[], alpha: number, of: (one: VersionEvidence) => MaturedCounts): Shares | null {
  const shares = {
    candidate: coverage(pairs.map(pair => of(pair.candidate))),
    stable: coverage(pairs.map(pair => of(pair.stable))),
  }
  if (!(shares.candidate || shares.stable)) return null
  const result = compareCoverage({ strata: coverageStrata(pairs, true, of), alpha })
  return result.ok && result.alarm ? shares : null
}

function unfair(of: string, sides: Sides, { candidate, stable }: Shares): string {
  return `rewards came for ${percent(candidate)} of ${of} of ${sides.candidate} and ${percent(stable)} of those of ${sides.stable}: they are no fair sample`
}

const noneMatured = { matured: 0, labelled: 0 }

/** A guardrail does not need rewards: an arm that fails is retired all the same. One that may be flattered does not win yet. */
function watched(judgement: Judgement, alarm: Alarm | null): Judgement {
  if (alarm === null || judgement.verdict === 'fail' || judgement.verdict === 'invalid') return judgement
  const { reason } = alarm
  if (!alarm.isFinal) return { ...judgement, verdict: 'insufficient', reason }
  return { ...judgement, verdict: 'invalid', reason, validity: { ...judgement.validity, verdict: 'invalid', reason } }
}

/** Rewards that the plan said cannot be, by their mean in an epoch. */
function outsideRange(
  { reward }: BanditPlan,
  race: readonly string[],
  epochs: readonly EpochEvidence[],
): string | null {
  if (reward.family === 'gaussian') return null
  const [lower, upper] = rangeOf(reward)
  for (const { epoch, versions } of epochs) {
    for (const version of race) {
      const { n, mean } = rewardsOf(reward, versions[version])
      if (n === 0 || (mean >= lower - rounding && mean <= upper + rounding)) continue
      return `rewards of ${version} average ${plain(mean)} in epoch ${epoch}, but are said to be ${reward.family}, from ${lower} to ${upper}`
    }
  }
  return null
}

const rounding = 1e-9

function together(
  { plan }: ReleaseState,
  look: {
    numbers: BanditNumbers
    judged: readonly Judged[]
    epochs: readonly EpochEvidence[]
    race: readonly string[]
    outside: string | null
  },
): Judgement {
  const { numbers, judged, epochs, race, outside } = look
  const arms = Object.fromEntries(judged.map(({ version, judgement }) => [version, armJudgement(judgement)]))
  const failing = judged.find(({ judgement }) => judgement.verdict === 'fail')
  const invalid = judged.find(({ judgement }) => judgement.verdict === 'invalid')
  // An arm that fails is retired first; what is invalid is called at the next look.
  const stopped = failing === undefined ? (outside ?? invalid?.judgement.reason ?? null) : null
  const exposed = race.filter(version => version !== plan.from)
  const last = epochs.at(-1)?.versions ?? {}
  const of = (versions: EpochEvidence['versions'], version: string) => versions[version] ?? emptyVersionEvidence()
  return {
    version: judgementVersion,
    verdict: stopped === null ? 'pass' : 'invalid',
    reason: stopped ?? failing?.judgement.reason ?? standing(numbers, { arms }),
    validity: (invalid ?? judged[0])?.judgement.validity ?? nothingCompared,
    checks: failing === undefined ? judged.flatMap(({ judgement }) => judgement.checks.filter(isBreachedSignal)) : [],
    arms,
    bandit: numbers,
    stepRequests: sum(exposed, version => requestsOf(last, version)),
    exposedRequests: sum(epochs, ({ versions }) => sum(exposed, version => requestsOf(versions, version))),
    exposedUnits: sum(epochs, ({ versions }) => sum(exposed, version => of(versions, version).unitsMet)),
  }
}

/** By chance or by features. */
function requestsOf(versions: EpochEvidence['versions'], version: string): number {
  const { requests, byContext = 0 } = versions[version] ?? emptyVersionEvidence()
  return requests + byContext
}

const nothingCompared = {
  verdict: 'pass' as const,
  reason: 'one arm is left: nothing is compared',
  logEvidence: null,
  observed: [],
  expected: [],
}

function armJudgement({ verdict, reason, goal, validity, checks, exposedRequests }: Judgement): ArmJudgement {
  const shown = checks.map(withoutStrata)
  return { verdict, reason, ...(goal !== undefined && { goal }), validity, checks: shown, requests: exposedRequests }
}

/** What holds the release; the other checks stand with their arms. */
/** A race has many epochs and writes down many looks: the counts by epoch are kept where they decided something. */
function withoutStrata(check: CheckResult): CheckResult {
  return check.verdict === 'fail' ? check : { ...check, strata: [] }
}
