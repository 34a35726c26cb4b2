import { describe, expect, it } from 'vitest'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { limits } from '../../src/core/limits.ts'
import type { StagePlan } from '../../src/core/stage-plans.ts'
import { thrownBy } from '../support/thrown.ts'

const release = (bandit: object) => ({ kind: 'Release', endpoint: 'digits', to: 'v2', stages: [{ bandit }] })

function compiled(bandit: object): StagePlan | undefined {
  const resource = compileResource(validateResource(release(bandit)))
  if (resource.kind !== 'Release') throw new Error('a release became something else')
  return resource.plan.stages[0]
}

describe('a bandit stage', () => {
  it('has defaults', () => {
    expect(compiled({})).toEqual({
      kind: 'bandit',
      arms: [],
      reward: { metric: 'reward', spec: null, better: null, family: null, lower: 0, upper: 1 },
      policy: { kind: 'thompson' },
      updateMs: 900_000,
      floorPpm: 50_000,
      memory: { kind: 'all' },
      minRewards: 100,
      stop: { by: 'evidence', chance: 0.95, loss: null },
      ceilingMs: 7 * 24 * 3_600_000,
    })
  })

  it('says everything', () => {
    const bandit = {
      arms: ['v1', 'v2', 'v3'],
      reward: { metric: 'spent', better: 'lower', family: 'bounded', lower: -5, upper: 100 },
      policy: 'epsilon-greedy',
      epsilon: 0.2,
      update: '1h',
      floor: '2%',
      memory: { discount: 0.9 },
      'min-rewards': 20,
      stop: { by: 'posterior', chance: 0.9, loss: 0.01 },
      'at-most': '30d',
    }
    expect(compiled(bandit)).toMatchObject({
      reward: { metric: 'spent', better: 'lower', family: 'bounded', lower: -5, upper: 100 },
      policy: { kind: 'epsilon-greedy', epsilon: 0.2 },
      memory: { kind: 'discount', factor: 0.9 },
      stop: { by: 'posterior', chance: 0.9, loss: 0.01 },
    })
    const features = [{ name: 'age' }, { name: 'country', categories: ['de'] }]
    expect(compiled({ policy: 'lin-ts', scale: 0.5, features, explore: '30%' })).toMatchObject({
      policy: { kind: 'lin-ts', scale: 0.5 },
      context: {
        features: [
          { name: 'age', categories: null },
          { name: 'country', categories: ['de'] },
        ],
        explorePpm: 300_000,
      },
    })
    expect(compiled({ policy: 'lin-ucb', features })).toMatchObject({
      policy: { kind: 'lin-ucb', scale: 1, epsilon: 0.1 },
      context: { explorePpm: 200_000 },
    })
    expect(compiled({ memory: { window: 12 } })).toMatchObject({ memory: { kind: 'window', epochs: 12 } })
  })

  it.each([
    ['an arm that is named twice', { arms: ['v1', 'v2', 'v1'] }, 'arms[2]'],
    ['one arm', { arms: ['v1'] }, 'arms'],
    ['a floor over an even split', { arms: ['v1', 'v2', 'v3'], floor: '34%' }, 'floor'],
    ['a floor over an even split of stable and the candidate', { floor: '51%' }, 'floor'],
    ['features and a floor that keeps no arm', { policy: 'lin-ts', features: [{ name: 'a' }], floor: '0%' }, 'floor'],
    ['a range of rewards that have none', { reward: { upper: 5 } }, 'reward.family'],
    ['a range of yes or no', { reward: { family: 'bernoulli', lower: -1 } }, 'reward.family'],
    ['ucb1 without a range', { policy: 'ucb1' }, 'reward.family'],
    ['a range that is none', { reward: { family: 'bounded', lower: 2, upper: 1 } }, 'reward.upper'],
    ['two kinds of memory', { memory: { discount: 0.9, window: 3 } }, 'memory'],
    ['a chance that is none', { stop: { chance: 0.4 } }, 'stop.chance'],
    ['a policy that is none', { policy: 'softmax' }, 'policy'],
    ['an unknown key', { exploration: 1 }, 'exploration'],
    ['a choice by features without any', { policy: 'lin-ts' }, 'features'],
    ['features without a choice by them', { features: [{ name: 'age' }] }, 'features'],
    [
      'a feature that is named twice',
      { policy: 'lin-ucb', features: [{ name: 'a' }, { name: 'a' }] },
      'features[1].name',
    ],
    [
      'a category that is named twice',
      { policy: 'lin-ts', features: [{ name: 'a', categories: ['x', 'x'] }] },
      'features[0].categories',
    ],
    ['nothing to compare arms by', { policy: 'lin-ts', features: [{ name: 'a' }], explore: '0%' }, 'explore'],
  ])('is refused for %s', (_, bandit, path) => {
    const { code, problems } = thrownBy(() => compiled(bandit))
    expect(code).toBe('invalid-resource')
    expect(problems.map(one => one.path)).toEqual([`stages[0].bandit.${path}`])
  })

  it('is refused for more updates than its evidence can have epochs', () => {
    const most = limits.banditUpdatesMax
    expect(() => compiled({ update: '1m', 'at-most': `${most}m` })).not.toThrow()
    const { problems } = thrownBy(() => compiled({ update: '1m', 'at-most': `${most + 1}m` }))
    expect(problems).toMatchObject([{ path: 'stages[0].bandit.update', allowed: ['61s and longer'] }])
  })
})
