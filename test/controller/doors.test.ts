/** What may come in while a release runs, and what several callers may ask for at once: nothing that no server could go on from. */
import { describe, expect, it } from 'vitest'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import type { ReleaseRequest } from '../../src/controller/control-plane.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { isTerminal } from '../../src/core/state.ts'
import { createWorld, sound, type World } from '../support/world.ts'

const hour = 3_600_000
const canary = { canary: { steps: ['10%'], 'min-requests': 100 } }
const bandit = { bandit: { reward: { metric: 'pleased' }, update: '10s', 'at-most': '10m' } }
const abTest = {
  abTest: {
    split: '50%',
    goal: { metric: 'pleased', improve: 'increase', 'minimum-effect': '50%' },
    'at-most': '10m',
  },
}
const shadow = { shadow: { until: { pairs: 100 }, goal: { metric: 'accuracy', 'no-worse-than': '20pp' } } }

function worldOf(candidate: object = {}): Promise<World> {
  return createWorld({ versions: { v1: sound, v2: { ...sound, ...candidate }, v3: sound } })
}

function asked(document: object): ReleaseRequest {
  const written = { kind: 'Release', endpoint: 'digits', to: 'v2', ...document }
  const resource = compileResource(validateResource(written))
  if (resource.kind !== 'Release') throw new Error('not a release')
  return resource.plan
}

const apply = (world: World, document: object, again = false) =>
  world.controller.applyRelease({ plan: asked(document), actor: 'test', dryRun: false, again })

/** The endpoint as it is, without some of its versions. */
function without(world: World, ...gone: readonly string[]): EndpointSpec {
  const { spec, stable } = world.controller.state().endpoints['digits'] ?? {}
  if (spec === undefined || stable === undefined) throw new Error('there is no endpoint')
  const versions = Object.fromEntries(Object.entries(spec.versions).filter(([name]) => !gone.includes(name)))
  return { ...spec, stable, versions }
}

const remove = (world: World, ...gone: readonly string[]) =>
  world.controller.applyEndpoint({ spec: without(world, ...gone), actor: 'test', dryRun: false })

describe('a version that does not run', () => {
  it('stays while a later stage of the release will need it', async () => {
    const world = await worldOf()
    const arms = { bandit: { ...bandit.bandit, arms: ['v1', 'v2', 'v3'] } }
    const id = await world.release({ stages: [canary, arms] })
    await expect(remove(world, 'v3')).rejects.toThrow(/versions.v3: release digits-1 goes on with it or back to it/)
    const entered = () => world.controller.state().endpoints['digits']?.table.weights['v3'] !== undefined
    expect(await world.until(entered, hour)).toBe(true)
    await world.restart()
    expect(world.state(id).phase.kind).toBe('running')
    expect(world.complaints).toEqual([])
  })

  it('stays while the release can go back to it, and may go when that has ended', async () => {
    const world = await worldOf()
    const id = await world.release({ stages: [{ recreate: {} }], probation: '1m' })
    await world.until(() => world.state(id).phase.kind === 'probation', hour)
    await expect(remove(world, 'v1')).rejects.toThrow(/versions.v1: release digits-1 goes on with it or back to it/)
    expect((await remove(world, 'v3')).action).toBe('updated')
    await world.until(() => isTerminal(world.state(id)), hour)
    expect((await remove(world, 'v1')).action).toBe('updated')
  })
})

describe('an endpoint under a release', () => {
  const changes: readonly [string, Partial<EndpointSpec>][] = [
    ['metrics', { metrics: {} }],
    ['prediction', { answer: { output: 'other', read: 'value' } }],
    ['unit', { unit: { from: 'header', name: 'x-other' } }],
  ]

  it.each(changes)('keeps its %s until that has ended', async (path, change) => {
    const world = await worldOf()
    const changed = () =>
      world.controller.applyEndpoint({ spec: { ...without(world), ...change }, actor: 'test', dryRun: false })
    const id = await world.release({ stages: [canary] })
    await expect(changed()).rejects.toThrow(new RegExp(`${path}: release ${id} .* when it has ended`))
    await world.until(() => isTerminal(world.state(id)), hour)
    expect((await changed()).action).toBe('updated')
  })
})

describe('two releases that are asked for at once', () => {
  const ask = async (how: object) => {
    const world = await worldOf()
    const both = [
      { stages: [canary], ...how },
      { stages: [canary], to: 'v3', ...how },
    ]
    const answers = await Promise.allSettled(both.map(document => apply(world, document, true)))
    const releases = Object.values(world.controller.state().releases)
    return { answers, told: releases.map(({ id, plan, phase }) => [id, plan.to, phase.kind]) }
  }

  it('are one that starts and one that is refused', async () => {
    const { answers, told } = await ask({})
    expect(answers[1]).toMatchObject({ status: 'rejected', reason: { code: 'release-conflict' } })
    expect(told).toEqual([['digits-1', 'v2', 'starting']])
  })

  it('are two where they say what is to happen, each under its own name', async () => {
    const queued = await ask({ 'on-conflict': 'queue' })
    expect(queued.answers).toMatchObject([{ value: { release: 'digits-1' } }, { value: { release: 'digits-2' } }])
    expect(queued.told).toEqual([
      ['digits-1', 'v2', 'starting'],
      ['digits-2', 'v3', 'queued'],
    ])
    expect((await ask({ 'on-conflict': 'replace' })).told).toEqual([
      ['digits-1', 'v2', 'rolled-back'],
      ['digits-2', 'v3', 'starting'],
    ])
  })

  it('never run a version that was removed at the same time', async () => {
    const world = await worldOf()
    const both = [apply(world, { stages: [canary], to: 'v3' }, true), remove(world, 'v3')]
    const [started, removed] = await Promise.allSettled(both)
    expect([started?.status, removed?.status].toSorted()).toEqual(['fulfilled', 'rejected'])
  })
})

describe('a document that is applied again', () => {
  const better = { wrongRate: 0.05, rewardRate: 0.3 }
  it.each([
    ['an A/B test', abTest],
    ['a bandit', bandit],
    ['a shadow', shadow],
    ['a roll', { rolling: {} }],
  ])('starts nothing in the probation of %s and after its promotion', async (_what, stage) => {
    const world = await worldOf(better)
    const document = { stages: [stage], probation: '1m' }
    const id = await world.release(document)
    await world.until(() => world.state(id).phase.kind === 'probation', hour)
    expect((await apply(world, document)).change).toMatchObject({ action: 'unchanged', note: /digits-1 .* under way/ })
    await world.until(() => isTerminal(world.state(id)), hour)
    for (const again of [false, true])
      expect((await apply(world, document, again)).change).toMatchObject({
        action: 'unchanged',
        note: 'v2 is stable already',
      })
  })
})

describe('a bandit that waits for its turn without naming its arms', () => {
  it.each([
    ['promoted', {}, ['v2', 'v3']],
    ['rolled-back', { errorRate: 0.9 }, ['v1', 'v3']],
  ])(
    'divides traffic among its candidate and what is stable by then: the one before was %s',
    async (end, candidate, arms) => {
      const world = await worldOf(candidate)
      const first = await world.release({ guardrails: { 'error-rate': { margin: '3pp' } }, stages: [canary] })
      const document = { to: 'v3', 'on-conflict': 'queue', stages: [bandit] }
      const { release } = await apply(world, document)
      expect((await apply(world, document)).change.note).toBe('release digits-2 of this document waits for its turn')
      await world.until(() => world.state(release ?? '').phase.kind === 'running', hour)
      expect(world.state(first).phase.kind).toBe(end)
      expect(Object.keys(world.controller.state().endpoints['digits']?.table.weights ?? {})).toEqual(arms)
      expect((await apply(world, document)).change.note).toBe('release digits-2 of this document is under way')
    },
  )
})
