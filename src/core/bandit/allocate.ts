/**
 * From what is known of each arm to the probability with which each is to be chosen, and to how sure one is of the best.
 * Everything is turned so that greater is better. Pure: a decision can be made again from its record.
 */
import { type ArmSummary, summarizeMeans, summarizeRates } from '../../stats/bandit/arm-summary.ts'
import type { Allocation } from '../../stats/bandit/arms.ts'
import { type BestArm, bernoulliBestArm, gaussianBestArm } from '../../stats/bandit/best-arm.ts'
import { epsilonGreedy } from '../../stats/bandit/epsilon-greedy.ts'
import { thompsonBeta } from '../../stats/bandit/thompson-beta.ts'
import { thompsonGaussian } from '../../stats/bandit/thompson-gaussian.ts'
import { topTwoBeta, topTwoGaussian } from '../../stats/bandit/top-two.ts'
import { ucb1 } from '../../stats/bandit/ucb1.ts'
import type { Result } from '../../stats/result.ts'
import type { Outcomes } from '../../stats/sequential/bernoulli-mixture.ts'
import type { Moments } from '../../stats/summaries/moments.ts'
import { assertNever } from '../errors.ts'
import type { ArmNumbers } from '../judge/judgement.ts'
import type { BanditPlan, BanditReward } from '../stage-plans.ts'
import { rangeOf } from './rewards.ts'

/** Yes-or-no outcomes, or moments of values: greater is better in both. */
type Turned = { rates: readonly Outcomes[] } | { means: readonly Moments[] }

export function allocate({ policy, reward }: BanditPlan, arms: readonly ArmNumbers[]): readonly number[] {
  const turned = turn(reward, arms)
  switch (policy.kind) {
    case 'thompson':
    // For requests whose features are not known.
    case 'lin-ts':
    case 'lin-ucb':
      return shares('rates' in turned ? thompsonBeta({ arms: turned.rates }) : thompsonGaussian({ arms: turned.means }))
    case 'top-two':
      return shares('rates' in turned ? topTwoBeta({ arms: turned.rates }) : topTwoGaussian({ arms: turned.means }))
    case 'ucb1':
      return shares(ucb1({ arms: momentsOf(turned) }))
    case 'epsilon-greedy':
      return shares(epsilonGreedy({ arms: momentsOf(turned), epsilon: policy.epsilon }))
    default:
      return assertNever(policy)
  }
}

/** Chances of being the best and expected losses, these in the unit of the reward. */
export function summarize(reward: BanditReward, arms: readonly ArmNumbers[]): ArmSummary {
  const turned = turn(reward, arms)
  if ('means' in turned) return answered(summarizeMeans({ arms: turned.means }))
  const summary = answered(summarizeRates({ arms: turned.rates }))
  return { ...summary, expectedLosses: summary.expectedLosses.map(loss => loss * widthOf(reward)) }
}

/** Whether the leader is the best, at an error of `alpha` however often one looks. */
export function bestArm({ reward, minRewards, stop }: BanditPlan, arms: readonly ArmNumbers[]): BestArm {
  const turned = turn(reward, arms)
  // With several challengers the argument must hold for all of them at once.
  const rule = { alpha: 1 - stop.chance, minimumPulls: Math.max(2, Math.min(minRewards, 10)), union: true }
  return answered(
    'rates' in turned
      ? bernoulliBestArm({ arms: turned.rates, ...rule })
      : gaussianBestArm({ arms: withUnseenSpread(turned.means), ...rule }),
  )
}

/**
 * Values that have all been equal so far would have no variance, and a race among such arms no end. At 95 % up to three of
 * n may be others that were not met yet (the rule of three); each is taken to lie as far off as the arm that is compared.
 */
function withUnseenSpread(arms: readonly Moments[]): readonly Moments[] {
  const means = arms.filter(({ n }) => n > 0).map(({ mean }) => mean)
  const best = Math.max(...means)
  const others = means.map(mean => best - mean).filter(distance => distance > 0)
  return arms.map(arm => {
    if (arm.n < 2 || !isConstant(arm)) return arm
    const distance = arm.mean < best ? best - arm.mean : others.length === 0 ? 0 : Math.min(...others)
    const share = Math.min(0.5, 3 / arm.n)
    return { ...arm, m2: (arm.n - 1) * share * (1 - share) * distance ** 2 }
  })
}

/** But for rounding. */
function isConstant({ n, mean, m2 }: Moments): boolean {
  return Math.sqrt(m2 / (n - 1)) <= 1e-12 * Math.abs(mean)
}

function turn(reward: BanditReward, arms: readonly ArmNumbers[]): Turned {
  const sign = reward.better === 'lower' ? -1 : 1
  if (reward.family === 'gaussian')
    return { means: arms.map(({ n, mean, variance }) => ({ n, mean: sign * mean, m2: variance * Math.max(0, n - 1) })) }
  return {
    rates: arms.map(({ n, mean }) => {
      const share = (mean - rangeOf(reward)[0]) / widthOf(reward)
      return { trials: n, events: n * Math.min(1, Math.max(0, sign < 0 ? 1 - share : share)) }
    }),
  }
}

function widthOf(reward: BanditReward): number {
  const [lower, upper] = rangeOf(reward)
  return upper - lower
}

function momentsOf(turned: Turned): readonly Moments[] {
  if ('means' in turned) return turned.means
  return turned.rates.map(({ events, trials }) => {
    const mean = trials > 0 ? events / trials : 0
    return { n: trials, mean, m2: trials * mean * (1 - mean) }
  })
}

function shares(allocation: Result<Allocation>): readonly number[] {
  return answered(allocation).probabilities
}

/** The numbers come from evidence that was checked: a refusal is a mistake of the program. */
function answered<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`a bandit's arms were refused: ${result.reason}`)
  return result
}
