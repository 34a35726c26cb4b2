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
  expect(judgementSchema.parse(view).bandit).toEqual({ ...rest, weightsPpm: weights })
  const text = judgementText(view)
  expect(text).toMatch(/ARM +REWARDS +N +MEAN +VARIANCE +CHANCE OF BEST +EXPECTED LOSS +WEIGHT/)
  expect(text).toMatch(/v2 \* +900 +880.25 +0.15 +0.1275 +98% +0.0001 +97%/)
  expect(text).toContain('log evidence that v2 is the best arm: 4.2 of 6.5')
  expect(judgementText(judgementView(judgement('pass', { bandit: { ...bandit, evidence: null } })))).toContain(
    'too few rewards yet',
  )
})

it('other judgements have none', () => {
  const view = judgementView(judgement('pass'))
  expect(view.bandit).toBeNull()
  expect(judgementText(view)).not.toContain('ARM')
})
