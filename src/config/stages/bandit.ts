/** A bandit stage as it will run. */
import type { StageResource } from '../../contract/stages/stage.ts'
import type { BanditPlan, BanditPolicy } from '../../core/stage-plans.ts'
import { durationMs, percentPpm } from '../quantities.ts'

type BanditResource = NonNullable<StageResource['bandit']>

/** What depends on the endpoint (its stable version, its metrics) is filled in when the release is admitted. */
export function compileBandit(bandit: BanditResource): BanditPlan {
  const { reward, stop } = bandit
  return {
    kind: 'bandit',
    arms: bandit.arms ?? [],
    reward: {
      metric: reward.metric,
      spec: null,
      better: reward.better ?? null,
      family: reward.family ?? null,
      lower: reward.lower,
      upper: reward.upper,
    },
    policy: policyOf(bandit),
    ...contextOf(bandit),
    updateMs: durationMs(bandit.update),
    floorPpm: percentPpm(bandit.floor),
    memory: memoryOf(bandit.memory),
    minRewards: bandit['min-rewards'],
    stop: { by: stop.by, chance: stop.chance, loss: stop.loss ?? null },
    ceilingMs: durationMs(bandit['at-most']),
  }
}

function policyOf({ policy, epsilon, scale }: BanditResource): BanditPolicy {
  switch (policy) {
    case 'epsilon-greedy':
      return { kind: policy, epsilon }
    case 'lin-ts':
      return { kind: policy, scale }
    case 'lin-ucb':
      return { kind: policy, scale, epsilon }
    default:
      return { kind: policy }
  }
}

function contextOf({ features, explore }: BanditResource): Pick<BanditPlan, 'context'> {
  if (features === undefined) return {}
  const known = features.map(({ name, categories }) => ({ name, categories: categories ?? null }))
  return { context: { features: known, explorePpm: percentPpm(explore) } }
}

function memoryOf({ discount, window }: BanditResource['memory']): BanditPlan['memory'] {
  if (discount !== undefined) return { kind: 'discount', factor: discount }
  return window === undefined ? { kind: 'all' } : { kind: 'window', epochs: window }
}
