import { describe, expect, test } from 'vitest'
import { klUcb } from '../../src/stats/bandit/kl-ucb.ts'
import { thompsonBeta } from '../../src/stats/bandit/thompson-beta.ts'
import reference from '../reference/bandit_regret.json' with { type: 'json' }
import { meanRegret, type Policy, regretOf } from './bandit-simulation.ts'

const rates = [0.04, 0.05, 0.06]
const thompson: Policy = { name: 'Thompson', updateEvery: 100, allocate: arms => thompsonBeta({ arms }) }

describe('regret in simulated rounds', () => {
  // The bench does the same over 100,000 rounds with more runs.
  test.each([
    { rounds: 1000, updateEvery: 25, runs: 40 },
    { rounds: 10_000, updateEvery: 250, runs: 30 },
  ])('of Thompson sampling is within 15 % of what numpy draws, in $rounds rounds', ({ rounds, updateEvery, runs }) => {
    const expected = reference.thompson.find(known => known.rounds === rounds)?.mean ?? 0
    const world = { rounds, stretches: [rates], delay: 0 }
    const { mean } = meanRegret({ policy: { ...thompson, updateEvery }, world, runs })
    expect(Math.abs(mean / expected - 1)).toBeLessThan(0.15)
  })

  test('of an even split is the mean gap; of Thompson sampling less, though rewards are known late', () => {
    const even: Policy = {
      name: 'even',
      updateEvery: 1e9,
      allocate: () => ({ ok: true, probabilities: [1, 1, 1].map(x => x / 3) }),
    }
    const world = { rounds: 9000, stretches: [rates], delay: 500 }
    const { mean, standardError } = meanRegret({ policy: even, world, runs: 10 })
    expect(Math.abs(mean - 90)).toBeLessThan(5 * standardError)
    expect(meanRegret({ policy: thompson, world, runs: 5 }).mean).toBeLessThan(60)
  })

  test('after a change is less with forgetting', () => {
    const policy: Policy = { name: 'KL-UCB', updateEvery: 20, allocate: arms => klUcb({ arms }) }
    const world = {
      rounds: 20_000,
      stretches: [
        [0.2, 0.5],
        [0.5, 0.2],
      ],
      delay: 0,
    }
    const plain = meanRegret({ policy, world, runs: 4 }).mean
    const forgetting = meanRegret({ policy: { ...policy, halfLife: 1000 }, world, runs: 4 }).mean
    expect(forgetting).toBeLessThan(0.6 * plain)
  })

  test('repeats itself from one seed', () => {
    const world = { rounds: 2000, stretches: [rates], delay: 100 }
    expect(regretOf({ policy: thompson, world, seed: 5 })).toBe(regretOf({ policy: thompson, world, seed: 5 }))
  })
})
