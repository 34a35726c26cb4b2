/** A canary with a control of equal age, in virtual time through the real control plane. */
import { describe, expect, it } from 'vitest'
import { isTerminal } from '../../src/core/state.ts'
import { createWorld, sound, type World } from '../support/world.ts'

const hour = 3_600_000
const stage = (control: 'stable' | 'equal') => ({
  guardrails: { 'error-rate': { margin: '3pp' }, 'latency-p90': { margin: '50%' } },
  stages: [{ canary: { steps: ['20%', '40%'], 'min-requests': 100, control } }],
})

/** Whatever has just been started is slow: its caches are cold, for the candidate and for the control alike. */
async function coldWorld(): Promise<World> {
  const world = await createWorld({ versions: { v1: sound, v2: { ...sound, latencyMs: 60 } } })
  world.behave('v1~control', { latencyMs: 60 })
  return world
}

async function ended(world: World, id: string): Promise<string> {
  await world.until(() => isTerminal(world.state(id)), hour)
  return world.state(id).phase.kind
}

describe('a candidate that is slow for its youth alone', () => {
  it('is taken back when it is compared with an old fleet, and promoted beside a control as young as itself', async () => {
    const plain = await coldWorld()
    expect(await ended(plain, await plain.release(stage('stable')))).toBe('rolled-back')
    const controlled = await coldWorld()
    expect(await ended(controlled, await controlled.release(stage('equal')))).toBe('promoted')
    expect(controlled.complaints).toEqual([])
  })
})

describe('a canary with a control', () => {
  it('still takes a broken candidate back', async () => {
    const world = await createWorld({ versions: { v1: sound, v2: { ...sound, errorRate: 0.4 } } })
    expect(await ended(world, await world.release(stage('equal')))).toBe('rolled-back')
  })

  it('goes on where it stood after a restart, its control among the fleets', async () => {
    const world = await coldWorld()
    const id = await world.release(stage('equal'))
    await world.until(() => (world.answered['v1~control'] ?? 0) > 200, hour)
    const before = world.state(id)
    await world.restart()
    expect(world.state(id)).toMatchObject(before)
    expect(await ended(world, id)).toBe('promoted')
    expect(world.controller.instances('digits', 'v1~control')).toEqual([])
    expect(world.complaints).toEqual([])
  })
})
