import { expect, it } from 'vitest'
import { judgementView } from '../../src/api/judgement-view.ts'
import { judgementText } from '../../src/cli/release-text.ts'
import { judgementSchema } from '../../src/contract/wire/judgement.ts'
import { judgement } from '../support/releases.ts'

const bandit = {
  arms: [
    { version: 'v1', rewards: 120, n: 110.5, mean: 0.1, variance: 0.09, chance: 0.02, loss: 0.05 },
    { version: 'v2', rewards: 900, n: 880.25, mean: 0.15, variance: 0.1275, chance: 0.98, loss: 0.0001 },
  ],
  weights: { v1: 30_000, v2: 970_000 },
  leader: 'v2',
  evidence: { log: 4.2, needed: 6.5 },
  ends: false,
}

it('a look at a bandit is shown with the numbers that its weights follow from', () => {
  const view = judgementView(judgement('pass', { bandit }))
  const { weights, ...rest } = bandit
  expect(judgementSchema.parse(view).bandit).toEqual({ ...rest, weightsPpm: weights, context: null })
  const text = judgementText(view)
  expect(text).toMatch(/ARM +REWARDS +N +MEAN +VARIANCE +CHANCE OF BEST +EXPECTED LOSS +WEIGHT/)
  expect(text).toMatch(/v2 \* +900 +880.25 +0.15 +0.1275 +98% +0.0001 +97%/)
  expect(text).toContain('log evidence that v2 is the best arm: 4.2 of 6.5')
  expect(judgementText(judgementView(judgement('pass', { bandit: { ...bandit, evidence: null } })))).toContain(
    'too few rewards yet',
  )
})

it('choosing by features is shown beside the leader alone, with the models that it goes by', () => {
  const model = (first: number) => ({ coefficients: [first, 0.5, 0], factor: [[1], [0, 1], [0, 0, 1]] })
  const context = {
    rewards: 500,
    chosen: { n: 480, mean: 0.3, variance: 0.2 },
    leader: { n: 100, mean: 0.25, variance: 0.19 },
    chance: 0.9,
    isBestArm: false,
    policy: {
      features: [{ name: 'age', categories: null }],
      explorePpm: 200_000,
      floorPpm: 0,
      fit: {
        rule: { kind: 'lin-ts' as const, width: 0.4 },
        columns: [{ centre: 41, scale: 12 }, null],
        arms: [
          { version: 'v1', ...model(-0.125) },
          { version: 'v2', ...model(0.25) },
        ],
      },
    },
  }
  const view = judgementView(judgement('pass', { bandit: { ...bandit, context } }))
  expect(judgementSchema.parse(view).bandit?.context).toMatchObject({
    chance: 0.9,
    columns: ['age', 'age missing'],
    fit: { width: 0.4, scales: [{ centre: 41, scale: 12 }, null], arms: [{ coefficients: [-0.125, 0.5, 0] }, {}] },
  })
  const text = judgementText(view)
  expect(text).toContain(
    'chosen by features: mean 0.3 (N 480) of 500 rewards, v2 alone 0.25 (N 100): better with chance 90%',
  )
  expect(text).toMatch(/constant +-0.125 +0.25/)
  const early = { ...context, chance: null, policy: { ...context.policy, fit: null } }
  expect(judgementText(judgementView(judgement('pass', { bandit: { ...bandit, context: early } })))).toContain(
    'v2 alone 0.25 (N 100): too few rewards yet',
  )
})

it('other judgements have none', () => {
  const view = judgementView(judgement('pass'))
  expect(view.bandit).toBeNull()
  expect(judgementText(view)).not.toContain('ARM')
})
