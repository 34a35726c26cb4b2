/** Releases of a world in virtual time, judged again from what was recorded of them. */
import { describe, expect, it } from 'vitest'
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import type { ReleaseRequest } from '../../src/controller/control-plane.ts'
import { type Asked, type Rejudged, rejudge } from '../../src/controller/rejudging.ts'
import { isTerminal } from '../../src/core/state.ts'
import { createRecordedEvidence } from '../../src/evidence/recorded-evidence.ts'
import { createWorld, sound, type World } from '../support/world.ts'

const steps = [
  { weight: '20%', for: '60s' },
  { weight: '50%', for: '60s' },
]
const stages = [{ canary: { steps } }]

async function released(errorRate: number, margin: string): Promise<{ world: World; id: string }> {
  const world = await createWorld({ versions: { v1: sound, v2: { ...sound, errorRate } }, labelDelayMs: 2_000 })
  const id = await world.release({ stages, guardrails: { 'error-rate': { margin } } })
  expect(await world.until(() => isTerminal(world.state(id)), 20 * 60_000)).toBe(true)
  return { world, id }
}

function again({ world, id }: { world: World; id: string }, asked: Asked): Promise<Rejudged> {
  const evidence = createRecordedEvidence({ log: world.predictions, expressions: createExpressions() })
  return rejudge(id, asked, { control: world.controller, evidence })
}

function planOf(document: object): ReleaseRequest {
  const resource = compileResource(validateResource({ kind: 'Release', endpoint: 'digits', to: 'v2', ...document }))
  if (resource.kind !== 'Release') throw new Error('not a release')
  return resource.plan
}

describe('a release that is over', () => {
  it('is decided as it was by its own plan, at the same time', async () => {
    const broken = await released(0.2, '1pp')
    const { own, other, recorded, predictions } = await again(broken, {
      thresholds: { 'error-rate': { margin: 0.01 } },
    })
    expect(recorded.release.phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
    expect(own.decision.kind).toBe('as-recorded')
    expect(Math.abs((own.decision.atMs ?? 0) - recorded.decidedMs)).toBeLessThanOrEqual(2_000)
    expect(other.decision).toEqual(own.decision)
    expect(predictions).toBeGreaterThan(100)
  })

  it('would have gone back earlier under a smaller margin, and nothing is said of what came after', async () => {
    const promoted = await released(0.03, '20pp')
    const { own, other, recorded } = await again(promoted, { thresholds: { 'error-rate': { margin: 0.001 } } })
    expect(recorded.release.phase.kind).toBe('promoted')
    expect(own.decision.kind).toBe('as-recorded')
    expect(other.decision.kind).toBe('rolls-back')
    expect(other.decision.atMs).toBeLessThan(recorded.decidedMs)
    expect(other.checks).toMatchObject([{ metric: 'error-rate', margin: 0.001, firstFailMs: other.decision.atMs }])
  })

  it('would have gone on under a greater margin, as far as is known', async () => {
    const broken = await released(0.2, '1pp')
    const { other, recorded } = await again(broken, { thresholds: { 'error-rate': { margin: 0.5 } } })
    expect(other.decision).toMatchObject({ kind: 'goes-on', atMs: recorded.decidedMs })
  })

  it('would have waited longer, or gone on earlier, by other steps', async () => {
    const promoted = await released(sound.errorRate, '1pp')
    const guardrails = { 'error-rate': { margin: '1pp' } }
    const canary = (more: object, length: string) => ({
      request: planOf({
        guardrails,
        stages: [{ canary: { steps: steps.map(step => ({ ...step, for: length })), ...more } }],
      }),
    })
    const slow = await again(promoted, canary({ 'min-requests': 1_000_000 }, '60s'))
    expect(slow.other.decision.kind).toBe('waits-longer')
    const fast = await again(promoted, canary({}, '20s'))
    expect(fast.other.decision).toMatchObject({ kind: 'moves-earlier' })
    expect(fast.unknown).toEqual([])
  })

  it('is not judged again by what is left where the log has let its first predictions go', async () => {
    const promoted = await released(sound.errorRate, '1pp')
    const { predictions } = promoted.world
    const asked = { thresholds: { 'error-rate': { margin: 0.01 } } }
    const { epochs, startedAtMs } = promoted.world.state(promoted.id)
    await predictions.trim({ beforeMs: startedAtMs, needed: [] })
    expect((await again(promoted, asked)).predictions).toBeGreaterThan(100)
    await predictions.trim({ beforeMs: (epochs[0]?.sinceMs ?? 0) + 5_000, needed: [] })
    await expect(again(promoted, asked)).rejects.toMatchObject({
      code: 'release-state',
      message: expect.stringContaining('no longer kept'),
    })
  })

  it('says what recorded weights cannot tell of other stages', async () => {
    const promoted = await released(sound.errorRate, '1pp')
    const rolled = await again(promoted, { request: planOf({ stages: [{ rolling: {} }] }) })
    expect(rolled.unknown).toEqual([expect.stringContaining('are others than the recorded ones')])
    const weights = await again(promoted, { request: planOf({ stages: [{ canary: { steps: ['5%', '50%'] } }] }) })
    expect(weights.unknown).toEqual([expect.stringContaining('other weights')])
  })

  it('is refused where it is not over, not of this plan, or not looked at by such a check', async () => {
    const world = await createWorld({ versions: { v1: sound, v2: sound } })
    const id = await world.release({ stages })
    await world.pass(5_000)
    await expect(again({ world, id }, { thresholds: {} })).rejects.toMatchObject({ code: 'release-state' })
    await expect(again({ world, id: 'digits-9' }, { thresholds: {} })).rejects.toMatchObject({
      code: 'release-not-found',
    })
    await world.until(() => isTerminal(world.state(id)), 20 * 60_000)
    const other = { request: planOf({ to: 'v3', stages }) }
    await expect(again({ world, id }, other)).rejects.toMatchObject({ code: 'invalid-request' })
    const unknown = { thresholds: { speed: { margin: 1 } } }
    await expect(again({ world, id }, unknown)).rejects.toMatchObject({ problems: [{ path: 'thresholds.speed' }] })
  })
})
