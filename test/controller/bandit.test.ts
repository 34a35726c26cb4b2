import { beforeEach, describe, expect, it } from 'vitest'
import type { ReleaseRequest } from '../../src/controller/control-plane.ts'
import type { ContextFeature } from '../../src/core/bandit/context.ts'
import { CutoverError } from '../../src/core/errors.ts'
import type { BanditPlan } from '../../src/core/stage-plans.ts'
import { banditOf, banditPlan } from '../support/bandits.ts'
import { type ControlRig, controlRig } from '../support/control.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

const asked = { metric: 'reward', spec: null, better: null, family: null, lower: 0, upper: 1 }

function request(bandit: Partial<BanditPlan> = {}, over: Partial<ReleaseRequest> = {}): ReleaseRequest {
  const { planVersion: _version, from: _from, ...plan } = releasePlan()
  return { ...plan, stages: [banditPlan({ arms: ['v1', 'v2'], reward: asked, ...bandit })], ...over }
}

let rig: ControlRig
const spec = endpointSpec({
  features: {
    age: { source: { from: 'pointer', pointer: '/age' }, type: 'number' },
    country: { source: { from: 'pointer', pointer: '/country' }, type: 'category' },
  },
  metrics: {
    accuracy: { type: 'accuracy' },
    bought: { type: 'rate', of: { from: 'reported', name: 'bought' } },
    spent: { type: 'mean', of: { from: 'reported', name: 'spent' }, better: 'lower' },
    visits: { type: 'mean', of: { from: 'reward' }, unitLevel: true },
    share: { type: 'ratio', of: { from: 'reward' }, per: { from: 'reported', name: 'seen' } },
    slow: { type: 'quantile', of: { from: 'latency' }, quantile: 0.9 },
  },
})
beforeEach(async () => {
  rig = controlRig()
  await rig.controller.applyEndpoint({ spec, actor: 'test', dryRun: false })
})

const apply = (plan: ReleaseRequest, dryRun = false) =>
  rig.controller.applyRelease({ plan, actor: 'ann', dryRun, again: false })
const released = () => rig.controller.release('digits-1').release
const stage = () => released().plan.stages[0]

async function refusalOf(plan: ReleaseRequest): Promise<{ code: string; paths: string[] }> {
  try {
    await apply(plan)
  } catch (error) {
    if (error instanceof CutoverError) return { code: error.code, paths: error.problems.map(({ path }) => path) }
    throw error
  }
  throw new Error('nothing was refused')
}

describe('a bandit at the door', () => {
  it('gets its arms, and the definition of its reward, from the endpoint', async () => {
    await apply(request({ arms: [] }))
    expect(stage()).toMatchObject({
      arms: ['v1', 'v2'],
      reward: { spec: { type: 'mean', of: { from: 'reward' } }, better: 'higher', family: 'gaussian' },
    })
  })

  it.each([
    ['accuracy', 'higher', 'bernoulli'],
    ['bought', 'higher', 'bernoulli'],
    ['spent', 'lower', 'gaussian'],
  ])('takes %s for its reward, where better is %s, as %s', async (metric, better, family) => {
    await apply(request({ reward: { ...asked, metric } }))
    expect(stage()).toMatchObject({ reward: { metric, better, family, spec: spec.metrics[metric] } })
  })

  it.each([
    ['an arm that is no version', { arms: ['v1', 'v2', 'v9'] }, 'stages[0].bandit.arms[2]'],
    ['arms without the candidate', { arms: ['v1', 'v3'] }, 'stages[0].bandit.arms'],
    ['a reward that is not declared', { reward: { ...asked, metric: 'profit' } }, 'stages[0].bandit.reward.metric'],
    ['a reward that is no value of a row', { reward: { ...asked, metric: 'slow' } }, 'stages[0].bandit.reward.metric'],
  ])('refuses %s by its path', async (_, over, path) => {
    expect(await refusalOf(request(over))).toEqual({ code: 'invalid-resource', paths: [path] })
  })
})

describe('a bandit that chooses by features', () => {
  const policy = { kind: 'lin-ts', scale: 1 } as const
  const by = (features: readonly ContextFeature[], over: Partial<BanditPlan> = {}): Partial<BanditPlan> => ({
    policy,
    context: { features, explorePpm: 200_000 },
    ...over,
  })
  const age = { name: 'age', categories: null }
  const country = { name: 'country', categories: ['de', 'fr'] }
  const countries = { name: 'country', categories: Array.from({ length: 31 }, (_, index) => `c${index}`) }

  it('is admitted with features that the endpoint declares, which stay as they are meanwhile', async () => {
    await apply(request(by([age, country])))
    expect(stage()).toMatchObject({ context: { features: [age, country] } })
    const { features: _features, ...bare } = spec
    const change = rig.controller.applyEndpoint({ spec: bare, actor: 'test', dryRun: false })
    await expect(change).rejects.toMatchObject({ problems: [{ path: 'features' }] })
  })

  it.each([
    ['a feature that is not declared', by([{ name: 'height', categories: null }]), 'features[0].name'],
    ['categories of a number', by([{ name: 'age', categories: ['old'] }]), 'features[0].categories'],
    ['a category without its categories', by([age, { name: 'country', categories: null }]), 'features[1]'],
    ['more columns than a score has time for', by([age, countries]), 'features'],
    ['a reward by unit', by([age], { reward: { ...asked, metric: 'visits' } }), 'reward.metric'],
    ['a reward of two numbers', by([age], { reward: { ...asked, metric: 'share' } }), 'reward.metric'],
  ])('is refused for %s', async (_, over, path) => {
    expect(await refusalOf(request(over))).toEqual({ code: 'invalid-resource', paths: [`stages[0].bandit.${path}`] })
  })
})

describe('a document with other arms', () => {
  beforeEach(async () => {
    await apply(request())
  })

  it('takes an arm into the race that runs, once', async () => {
    const more = request({ arms: ['v1', 'v2', 'v3'] })
    expect((await apply(more, true)).change).toMatchObject({ action: 'updated', note: 'v3 joins' })
    expect(stage()).toMatchObject({ arms: ['v1', 'v2'] })
    expect((await apply(more)).change).toMatchObject({
      action: 'updated',
      resource: 'Release/digits-1',
      note: 'v3 joins',
    })
    expect(stage()).toMatchObject({ arms: ['v1', 'v2', 'v3'] })
    expect(rig.running.has('v3')).toBe(true)
    expect((await apply(more)).change.action).toBe('unchanged')
    rig.tick()
    expect(rig.routes.at(-1)?.table.weights['v3']).toBeGreaterThan(300_000)
    expect(rig.controller.timeline('digits-1').map(({ text }) => text)).toContain('v3 will join, by ann')
  })

  it('retires an arm, whose fleet ends; its name in a later document does not bring it back', async () => {
    await apply(request({ arms: ['v1', 'v2', 'v3'] }))
    rig.tick()
    const fewer = request()
    expect((await apply(fewer)).change).toMatchObject({ action: 'updated', note: 'v3 is retired' })
    expect(rig.routes.at(-1)?.table.weights['v3'] ?? 0).toBe(0)
    expect(rig.running.has('v3')).toBe(false)
    expect(banditOf(released())?.retired).toEqual({ v3: 'by ann' })
    expect((await apply(fewer)).change.action).toBe('unchanged')
    expect((await apply(request({ arms: ['v1', 'v2', 'v3'] }))).change.action).toBe('unchanged')
  })

  it('refuses an arm that is no version, and any other change', async () => {
    expect((await refusalOf(request({ arms: ['v1', 'v2', 'v9'] }))).code).toBe('invalid-resource')
    expect((await refusalOf(request({ floorPpm: 20_000 }))).code).toBe('release-conflict')
    expect((await refusalOf(request({ arms: ['v2', 'v3'] }))).code).toBe('release-conflict')
    expect((await refusalOf(request({}, { probationMs: 5 }))).code).toBe('release-conflict')
  })

  it('is refused where the arm would not fit the capacity', async () => {
    const small = { ...spec, name: 'small', capacity: { instances: 2 } }
    await rig.controller.applyEndpoint({ spec: small, actor: 'test', dryRun: false })
    await apply(request({}, { endpoint: 'small' }))
    expect((await refusalOf(request({ arms: ['v1', 'v2', 'v3'] }, { endpoint: 'small' }))).code).toBe(
      'preflight-refused',
    )
  })

  it('rolls the whole race back at any time, and ends all fleets but stable', async () => {
    await apply(request({ arms: ['v1', 'v2', 'v3'] }))
    rig.controller.operate({ release: 'digits-1', verb: 'abort', actor: 'ann', note: null })
    expect(released().phase.kind).toBe('rolled-back')
    expect([...rig.running]).toEqual(['v1'])
  })
})
