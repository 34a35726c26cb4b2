import { describe, expect, it } from 'vitest'
import { judgementView } from '../../src/api/judgement-view.ts'
import { planView } from '../../src/api/plan-view.ts'
import { judgementSchema } from '../../src/contract/wire/judgement.ts'
import { planSchema } from '../../src/contract/wire/plan.ts'
import type { ReleaseRequest } from '../../src/controller/control-plane.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import type { AbTestPlan } from '../../src/core/stage-plans.ts'
import { abTestPlan, improvement, served, two, units } from '../support/ab-tests.ts'
import { type ControlRig, controlRig } from '../support/control.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

const reported: MetricSpec = { type: 'mean', of: { from: 'reported', name: 'converted' } }
const declared = improvement({ measure: { kind: 'declared', scale: 'relative' } })
const known = { known: true, baseline: { n: 5_000, mean: 0.1, variance: 0.09, perDay: 10_000 } } as const

function request(stage: Partial<AbTestPlan> = {}): ReleaseRequest {
  const { planVersion: _version, from: _from, ...plan } = releasePlan()
  return { ...plan, guardrails: [], goals: [], stages: [abTestPlan({ goal: declared, ...stage })] }
}

async function withEndpoint(conversion: MetricSpec = reported): Promise<ControlRig> {
  const rig = controlRig()
  const spec = endpointSpec({ metrics: { accuracy: { type: 'accuracy' }, conversion } })
  await rig.controller.applyEndpoint({ spec, actor: 'test', dryRun: false })
  return rig
}

const apply = (rig: ControlRig, plan: ReleaseRequest, again = true) =>
  rig.controller.applyRelease({ plan, actor: 'test', dryRun: false, again })

function stageOf(rig: ControlRig): AbTestPlan {
  const stage = rig.controller.release('digits-1').release.plan.stages[0]
  if (stage?.kind !== 'abTest') throw new Error('an A/B test was expected')
  return stage
}

describe('admission of an A/B test', () => {
  it('writes the hypothesis into the plan from what was known before, and tells it first of all', async () => {
    const rig = await withEndpoint()
    rig.baseline.answer = known
    await apply(rig, request())
    const { needed, days } = stageOf(rig).hypothesis ?? {}
    expect(needed?.['v1']).toBe(needed?.['v2'])
    expect(days).toBeCloseTo((needed?.['v1'] ?? 0) / 5_000, 9)
    const told = rig.controller.timeline('digits-1').filter(({ text }) => text.startsWith('hypothesis:'))
    expect(told.map(({ text }) => text)).toEqual([
      expect.stringContaining(`about ${Math.ceil(days ?? 0)} days at present traffic`),
    ])
  })

  it('says why the sample is not known where nothing was recorded', async () => {
    const rig = await withEndpoint()
    await apply(rig, request())
    expect(stageOf(rig).hypothesis).toMatchObject({ needed: null, unknown: 'nothing was recorded' })
    expect(rig.controller.timeline('digits-1').map(({ text }) => text)).toContainEqual(
      expect.stringContaining('the needed sample is not known: nothing was recorded'),
    )
  })

  it('analyses its goal by unit, unless the metric says that it is of rows', async () => {
    const silent = await withEndpoint()
    await apply(silent, request())
    expect(stageOf(silent).goal.measure).toMatchObject({ evidence: 'conversion by unit', spec: { unitLevel: true } })
    const rows = await withEndpoint({ ...reported, unitLevel: false })
    await apply(rows, request())
    expect(stageOf(rows).goal.measure).toEqual({
      kind: 'metric',
      spec: { ...reported, unitLevel: false },
      scale: 'relative',
    })
  })

  it('takes the same document for the same release, whatever has become known meanwhile', async () => {
    const rig = await withEndpoint()
    await apply(rig, request())
    rig.baseline.answer = known
    expect((await apply(rig, request(), false)).change).toMatchObject({
      action: 'unchanged',
      resource: 'Release/digits-1',
    })
  })

  it.each([
    ['a variant that is not there', { variants: ['v2', 'v9'] }, 'stages[0].abTest.variants', 'no such version'],
    [
      'the stable version as a variant',
      { variants: ['v2', 'v1'] },
      'stages[0].abTest.variants',
      'which is the control',
    ],
    [
      'a metric that is not declared',
      { goal: { ...declared, metric: 'clicks' } },
      'stages[0].abTest.goal',
      'declares no such metric',
    ],
    [
      'an improvement in the wrong direction',
      { goal: { ...declared, goal: { kind: 'improve', direction: 'decrease', minimumEffect: 0.02 } } },
      'stages[0].abTest.goal.improve',
      'better is higher',
    ],
  ] as const)('refuses %s', async (_, stage, path, message) => {
    const rig = await withEndpoint()
    await expect(apply(rig, request(stage as Partial<AbTestPlan>))).rejects.toMatchObject({
      code: 'invalid-resource',
      problems: [{ path, message: expect.stringContaining(message) }],
    })
    expect(rig.controller.state().releases).toEqual({})
  })
})

describe('an A/B test that runs', () => {
  it('ships on what a look shows, with the numbers of every variant in its story and on the wire', async () => {
    const rig = await withEndpoint({ ...reported, unitLevel: true })
    await apply(rig, request({ ...two }))
    const epoch = rig.controller.state().endpoints['digits']?.table.epoch ?? 0
    const seen = (mean: number, n: number) => served(units(n, mean))
    rig.evidence.set(epoch, { v1: seen(0.1, 50_000), v2: seen(0.1, 20_000), v3: seen(0.13, 30_000) })
    rig.tick()
    expect(rig.controller.release('digits-1').release).toMatchObject({ candidate: 'v3', phase: { kind: 'promoted' } })
    const promoting = rig.controller.timeline('digits-1').find(({ kind }) => kind === 'promoting')
    expect(promoting?.text).toMatch(/^v3 takes all traffic/)
    const judgement = promoting?.judgement
    if (judgement == null) throw new Error('a look was expected')
    const view = judgementSchema.parse(judgementView(judgement))
    expect(Object.keys(view.arms ?? {})).toEqual(['v2', 'v3'])
    expect(view.arms?.['v3']?.checks[0]).toMatchObject({ role: 'goal', verdict: 'pass', alpha: 0.025 })
    const plan = planSchema.parse(planView(rig.controller.release('digits-1').release.plan))
    expect(plan.stages[0]).toMatchObject({
      kind: 'abTest',
      variants: ['v2', 'v3'],
      goal: { metric: 'conversion', minimumEffect: 0.02, kind: 'improve' },
      text: expect.stringMatching(/^hypothesis: /),
    })
  })
})
