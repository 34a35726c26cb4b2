/** Several strategies in one release, in virtual time through the real control plane. */
import { describe, expect, it } from 'vitest'
import { isTerminal } from '../../src/core/state.ts'
import { type Behaviour, createWorld, sound } from '../support/world.ts'

const shadow = { shadow: { until: { pairs: 800 }, goal: { metric: 'accuracy', 'no-worse-than': '3pp' } } }
const canary = { canary: { steps: ['10%', '50%'], 'min-requests': 100 } }
const abTest = {
  abTest: {
    split: '50%',
    goal: { metric: 'pleased', improve: 'increase', 'minimum-effect': '50%' },
    'at-most': '10m',
  },
}
const bandit = { bandit: { arms: ['v1', 'v2', 'v3'], reward: { metric: 'pleased' }, update: '10s', 'at-most': '10m' } }
const rolling = { rolling: { 'min-requests': 50 } }
const blueGreen = { blueGreen: { watch: '20s', keep: '30s' } }

const better = { wrongRate: 0.05, rewardRate: 0.3 }
const guardrails = { 'error-rate': { margin: '3pp' }, accuracy: { margin: '5pp' } }

async function run(stages: readonly object[], candidate: Partial<Behaviour>, restartEachMs: number | null = null) {
  const world = await createWorld({
    versions: { v1: sound, v2: { ...sound, ...candidate }, v3: { ...sound, rewardRate: 0.05 } },
    requestsPerSecond: 60,
  })
  await world.pass(5_000)
  const id = await world.release({ guardrails, stages })
  for (let kill = 0; restartEachMs !== null && kill < 12 && !isTerminal(world.state(id)); kill++) {
    await world.pass(restartEachMs)
    await world.restart()
  }
  await world.until(() => isTerminal(world.state(id)), 25 * 60_000)
  const story = world.controller.timeline(id).map(({ text }) => text)
  return { world, story, phase: world.state(id).phase, endpoint: world.controller.state().endpoints['digits'] }
}

describe('stages in one release', () => {
  it.each([
    ['shadow, canary, A/B test', [shadow, canary, abTest]],
    ['canary, rolling', [canary, rolling]],
    ['shadow, blue-green', [shadow, blueGreen]],
    ['bandit, canary', [bandit, canary]],
  ])('%s: a better candidate passes them all, one after another', async (_, stages) => {
    const { phase, story, endpoint, world } = await run(stages, better)
    expect(phase.kind, JSON.stringify(story)).toBe('promoted')
    expect(endpoint).toMatchObject({ stable: 'v2', table: { weights: { v2: 1_000_000 } }, activeRelease: null })
    expect(endpoint?.table.mirrors).toBeUndefined()
    expect(world.counts.unserved).toBe(0)
    expect(world.complaints).toEqual([])
  })

  it('a wrong candidate ends in the first stage, before anybody met it', async () => {
    const { phase, world } = await run([shadow, canary, abTest], { wrongRate: 0.7 })
    expect(phase.kind).toBe('rolled-back')
    expect(world.answered['v2']).toBeUndefined()
  })

  it('one that nobody likes better ends in the last, and everybody is back', async () => {
    const { phase, endpoint } = await run([shadow, canary, abTest], { wrongRate: 0.05 })
    expect(phase).toMatchObject({ kind: 'rolled-back', cause: 'kept' })
    expect(endpoint?.table.weights).toEqual({ v1: 1_000_000 })
  })

  it('end the same when the server is killed in every one of them', async () => {
    const { phase, story } = await run([shadow, canary, abTest], better, 7_000)
    expect(phase.kind, JSON.stringify(story)).toBe('promoted')
  })
})
