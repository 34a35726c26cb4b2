/** The numbers that a bandit decides by, from the evidence of its stage's epochs. */
import { type ArmStratum, stratifiedArms } from '../../stats/bandit/stratified-arms.ts'
import type { EpochEvidence } from '../evidence.ts'
import type { ArmNumbers, BanditNumbers, ContextNumbers } from '../judge/judgement.ts'
import type { BanditPlan } from '../stage-plans.ts'
import { bestArm, summarize } from './allocate.ts'
import { fitContext } from './context-fit.ts'
import { nextWeights } from './next-weights.ts'
import { chosenByContext } from './regression.ts'
import { rewardsOf } from './rewards.ts'

/**
 * Arms are compared within epochs, in which all of them met the same callers at the same time with rewards of the same
 * age, so that neither a base rate that drifts nor rewards that come late favour an arm whose weight has just risen.
 */
export function banditNumbers(
  plan: BanditPlan,
  race: readonly string[],
  epochs: readonly EpochEvidence[],
): BanditNumbers {
  const strata = epochs.map(
    ({ versions }, index): ArmStratum => ({
      arms: race.map(version => rewardsOf(plan.reward, versions[version])),
      weight: remembered(plan.memory, epochs.length - 1 - index),
    }),
  )
  const numbers = asIfOne(strata, race.length)
  const rewards = race.map((_, arm) => strata.reduce((sum, { arms }) => sum + (arms[arm]?.n ?? 0), 0))
  const isKnown = rewards.map(count => count >= plan.minRewards)
  const { chances, losses } = beliefs(plan, numbers, isKnown)
  const arms = race.map((version, arm) => ({
    version,
    rewards: rewards[arm] ?? 0,
    ...(numbers[arm] ?? { n: 0, mean: 0, variance: 0 }),
    chance: chances[arm] ?? null,
    loss: losses[arm] ?? null,
  }))
  const leader = leaderOf(arms)
  const end = endOf(plan, numbers, { isKnown: !isKnown.includes(false), arm: leader, ...arms[leader] })
  const best = { arms, weights: nextWeights(plan, { arms }), leader: race[leader] ?? '' }
  if (plan.context === undefined) return { ...best, ...end }
  const context = contextNumbers(plan, { race, leader: best.leader, isBestArm: end.ends }, epochs)
  return { ...best, ...end, ends: context.ends, context: context.numbers }
}

/**
 * Choosing by features against the leader for everybody: which of the two a unit gets is a matter of chance alone, so they
 * are compared like two arms. The race ends early only where features are shown, or sure enough, to add nothing.
 */
function contextNumbers(
  plan: BanditPlan,
  { race, leader, isBestArm }: { race: readonly string[]; leader: string; isBestArm: boolean },
  epochs: readonly EpochEvidence[],
): { ends: boolean; numbers: ContextNumbers } {
  const { explorePpm, features } = plan.context ?? { explorePpm: 0, features: [] }
  const weights = epochs.map((_, index) => remembered(plan.memory, epochs.length - 1 - index))
  const sides = [leader, chosenByContext]
  const strata = epochs.map(
    ({ versions }, index): ArmStratum => ({
      arms: sides.map(version => rewardsOf(plan.reward, versions[version])),
      weight: weights[index] ?? 0,
    }),
  )
  const [alone = noNumbers, chosen = noNumbers] = asIfOne(strata, 2)
  const rewards = strata.reduce((sum, { arms }) => sum + (arms[1]?.n ?? 0), 0)
  const isKnown = rewards >= plan.minRewards && alone.n > 0 && chosen.n > 0
  const summary = isKnown ? summarize(plan.reward, [alone, chosen]) : null
  const rows = epochs.map(({ versions }, index) => ({
    arms: race.map(version => versions[version]?.context),
    weight: weights[index] ?? 0,
  }))
  const [chance = null, loss = null] = [summary?.probabilitiesBest[0], summary?.expectedLosses[0]]
  const addsNothing = race.length < 2 || endOf(plan, [alone, chosen], { arm: 0, isKnown, chance, loss }).ends
  return {
    ends: isBestArm && addsNothing,
    numbers: {
      rewards,
      chosen,
      leader: alone,
      chance: summary?.probabilitiesBest[1] ?? null,
      isBestArm,
      policy: { features, explorePpm, floorPpm: plan.floorPpm, fit: fitContext(plan, race, rows) },
    },
  }
}

const noNumbers = { n: 0, mean: 0, variance: 0 }

/** Among the arms that have enough rewards; nothing is believed of the others. */
function beliefs(plan: BanditPlan, numbers: readonly ArmNumbers[], isKnown: readonly boolean[]) {
  const known = numbers.filter((_, arm) => isKnown[arm])
  const summary = known.length === 0 ? null : summarize(plan.reward, known)
  let next = -1
  const place = isKnown.map(isOne => {
    if (isOne) next += 1
    return isOne ? next : null
  })
  const spread = (values: readonly number[] | undefined) =>
    place.map(at => (at === null ? null : (values?.[at] ?? null)))
  return { chances: spread(summary?.probabilitiesBest), losses: spread(summary?.expectedLosses) }
}

/** The arm that is expected to lose least; before anything is believed, the one that is known best. */
function leaderOf(arms: BanditNumbers['arms']): number {
  const losses = arms.map(({ loss }) => loss ?? Number.POSITIVE_INFINITY)
  const least = Math.min(...losses)
  if (Number.isFinite(least)) return losses.indexOf(least)
  const counts = arms.map(({ rewards }) => rewards)
  return counts.indexOf(Math.max(...counts))
}

type Leader = { arm: number; isKnown: boolean; chance?: number | null; loss?: number | null }

function endOf(
  plan: BanditPlan,
  numbers: readonly ArmNumbers[],
  { arm, isKnown, chance, loss }: Leader,
): Pick<BanditNumbers, 'evidence' | 'ends'> {
  if (numbers.length < 2) return { evidence: null, ends: true }
  const best = bestArm(plan, numbers)
  const isReady = isKnown && best.waitingFor.length === 0
  const { by, chance: needed, loss: tolerated } = plan.stop
  const isShown = by === 'evidence' ? best.stop && best.leader === arm : (chance ?? 0) >= needed
  const isCheap = tolerated !== null && loss !== null && loss !== undefined && loss <= tolerated
  return {
    evidence: isReady ? { log: best.evidence, needed: best.threshold } : null,
    ends: isKnown && (isShown || isCheap),
  }
}

/** What an epoch still counts for, `age` epochs before the running one. */
function remembered(memory: BanditPlan['memory'], age: number): number {
  if (memory.kind === 'all') return 1
  return memory.kind === 'window' ? Number(age < memory.epochs) : memory.factor ** age
}

function asIfOne(strata: readonly ArmStratum[], size: number): ArmNumbers[] {
  const arms = stratifiedArms({ strata: [{ arms: Array.from({ length: size }, () => none), weight: 1 }, ...strata] })
  if (!arms.ok) throw new Error(`the rewards of a bandit were refused: ${arms.reason}`)
  return arms.arms.map(({ n, mean, m2 }) => ({ n, mean, variance: n > 1 ? m2 / (n - 1) : 0 }))
}

const none = { n: 0, mean: 0, m2: 0 }
