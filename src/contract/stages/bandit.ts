/** The bandit stage as people write it. */
import { z } from 'zod'
import { duration, lasting, name, object, percent } from '../resource-parts.ts'
import { asObject, isObject, type Loose, type Report, withRule } from '../resource-rules.ts'
import { parseDurationMs, parsePercentPpm } from '../units.ts'

export const banditPolicies = ['thompson', 'ucb1', 'epsilon-greedy', 'top-two', 'lin-ts', 'lin-ucb'] as const
export const rewardFamilies = ['bernoulli', 'gaussian', 'bounded'] as const

const rangeDefault = { lower: 0, upper: 1 } as const

const reward = object({
  metric: name.default('reward').meta({
    description: 'What an arm earns: `reward` as feedback reports it, or a metric that the endpoint declares.',
  }),
  better: z.enum(['higher', 'lower']).optional().meta({ description: 'By default the direction of the metric.' }),
  family: z.enum(rewardFamilies).optional().meta({
    description:
      'Of one reward: yes or no (bernoulli), any number (gaussian), a number between lower and upper (bounded). By default bernoulli for metrics that say yes or no, else gaussian.',
  }),
  lower: z.number().default(rangeDefault.lower).meta({ description: 'Of bounded rewards.' }),
  upper: z.number().default(rangeDefault.upper).meta({ description: 'Of bounded rewards.' }),
})

const memory = object({
  discount: z.number().gt(0).lt(1).optional().meta({
    description: 'Each period of constant weights counts by this factor less than the next one: 0.98.',
  }),
  window: z.int().min(1).optional().meta({ description: 'Only so many of the newest periods count.' }),
})

const stop = object({
  by: z.enum(['evidence', 'posterior']).default('evidence').meta({
    description:
      'evidence bounds the chance of ending with a wrong arm, however often one looks; posterior is the probability of being the best, and does not.',
  }),
  chance: z.number().gt(0.5).lt(1).default(0.95).meta({ description: 'How sure the best arm must be.' }),
  loss: z.number().gt(0).optional().meta({
    description: 'The race also ends once its leader is expected to lose at most this much, in the unit of the reward.',
  }),
})

const contextFeature = object({
  name: name.meta({ description: 'A feature that the endpoint declares.' }),
  categories: z.array(z.string().min(1)).min(1).max(31).optional().meta({
    description: 'Of a feature of type category: those that count for themselves; all others count as one.',
  }),
})

const banditShape = object({
  arms: z.array(name).min(2).max(20).optional().meta({
    description: 'The versions that share the traffic; by default stable and the candidate. Stable need not be one.',
  }),
  reward: reward.prefault({}).meta({ description: 'What is to be earned.' }),
  policy: z.enum(banditPolicies).default('thompson').meta({
    description: 'How the traffic follows the rewards; top-two finds the best arm with the fewest requests.',
  }),
  epsilon: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.1)
    .meta({ description: 'What epsilon-greedy, and lin-ucb, spread over all arms.' }),
  features: z.array(contextFeature).min(1).max(32).optional().meta({
    description: 'Of lin-ts and lin-ucb: features of the endpoint by which a version is chosen, request by request.',
  }),
  scale: z.number().gt(0).max(10).default(1).meta({
    description: 'Of lin-ts and lin-ucb: how many deviations of what an arm promises it is explored by.',
  }),
  explore: percent.default('20%').meta({
    description:
      'Of lin-ts and lin-ucb: units whose version does not depend on their features; arms are compared by these.',
  }),
  update: duration.default('15m').meta({ description: 'Weights change no more often than this.' }),
  floor: percent.default('5%').meta({ description: 'The least share of an arm that is in the race.' }),
  memory: memory
    .prefault({})
    .meta({ description: 'What is forgotten; by default nothing. At most one of discount, window.' }),
  'min-rewards': z.int().min(2).default(100).meta({
    description: 'Rewards that an arm needs before its weight leaves the even split.',
  }),
  stop: stop.prefault({}).meta({ description: 'When the race ends with its leader.' }),
  'at-most': lasting.default('7d').meta({ description: 'Without a best arm by then stable is kept.' }),
})

export const banditStage = withRule(banditShape, banditRule).meta({
  id: 'Bandit',
  description: 'Two or more arms; traffic follows the rewards, until the best arm is known.',
})

/** As `limits.banditUpdatesMax`: each update is an epoch of evidence. */
const updatesMax = 1_000
const wholePpm = 1_000_000
const exploreLeastPpm = 10_000

function banditRule(bandit: Loose, report: Report): void {
  const { reward: earned, policy } = bandit
  armsRule(bandit, report)
  const { lower, upper, family } = asObject(earned)
  if (typeof lower === 'number' && typeof upper === 'number') rangeRule(lower, upper, family, report)
  if (policy === 'ucb1' && family !== 'bernoulli' && family !== 'bounded')
    report(['reward', 'family'], 'ucb1 needs to know the range of rewards', 'bernoulli, bounded')
  const { discount, window } = asObject(bandit['memory'])
  if (discount !== undefined && window !== undefined)
    report(['memory'], 'takes at most one of discount, window; both are given', 'discount, window')
  updatesRule(bandit, report)
  contextRule(bandit, report)
}

function rangeRule(lower: number, upper: number, family: unknown, report: Report): void {
  if (family !== 'bounded' && (lower !== rangeDefault.lower || upper !== rangeDefault.upper))
    report(['reward', 'family'], 'is not bounded, and only bounded rewards have lower and upper', 'bounded')
  if (lower >= upper) report(['reward', 'upper'], 'must be greater than lower', `above ${lower}`)
}

function armsRule({ arms, floor, features }: Loose, report: Report): void {
  const named = Array.isArray(arms) ? arms : null
  named?.forEach((arm, index) => {
    if (named.indexOf(arm) !== index) report(['arms', index], 'names an arm twice')
  })
  // Stable and the candidate, where none are named.
  const count = arms === undefined ? 2 : named?.length
  const floorPpm = typeof floor === 'string' ? parsePercentPpm(floor) : null
  if (floorPpm === null || count === undefined) return
  if (floorPpm * count > wholePpm)
    report(['floor'], `is more than an even split of ${count} arms`, `up to ${Math.floor(100 / count)}%`)
  if (floorPpm === 0 && features !== undefined)
    report(['floor'], 'lets weights leave an arm to nobody, and features can then choose it for nobody', 'above 0%')
}

function contextRule({ policy, features, explore }: Loose, report: Report): void {
  const isLinear = policy === 'lin-ts' || policy === 'lin-ucb'
  if (isLinear && features === undefined) report(['features'], `is missing: ${policy} chooses by them`)
  if (!isLinear && features !== undefined)
    report(['features'], `are of lin-ts and lin-ucb; this policy is ${String(policy)}`, 'lin-ts, lin-ucb')
  const explorePpm = typeof explore === 'string' ? parsePercentPpm(explore) : null
  if (isLinear && explorePpm !== null && (explorePpm < exploreLeastPpm || explorePpm >= wholePpm))
    report(['explore'], 'leaves too little to compare arms by, or nothing to choose', '1% to below 100%')
  if (Array.isArray(features)) namesRule(features, report)
}

function namesRule(features: readonly unknown[], report: Report): void {
  const names = features.map(one => asObject(one)['name'])
  names.forEach((one, index) => {
    if (names.indexOf(one) !== index) report(['features', index, 'name'], 'names a feature twice')
  })
  features.forEach((one, index) => {
    const { categories } = asObject(one)
    if (!Array.isArray(categories) || new Set(categories).size === categories.length) return
    report(['features', index, 'categories'], 'names a category twice')
  })
}

function updatesRule(bandit: Loose, report: Report): void {
  if (!isObject(bandit)) return
  const { update, 'at-most': atMost } = bandit
  if (typeof update !== 'string' || typeof atMost !== 'string') return
  const [updateMs, ceilingMs] = [parseDurationMs(update), parseDurationMs(atMost)]
  if (updateMs === null || ceilingMs === null || ceilingMs <= updatesMax * updateMs) return
  const least = Math.ceil(ceilingMs / updatesMax / 1_000)
  report(['update'], `would change weights more than ${updatesMax} times within ${atMost}`, `${least}s and longer`)
}
