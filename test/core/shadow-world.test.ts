/** Stages with challengers through the real control plane, in virtual time. */
import { describe, expect, it } from 'vitest'
import { CutoverError, type Problem } from '../../src/core/errors.ts'
import { isTerminal } from '../../src/core/state.ts'
import { type Behaviour, createWorld, sound, type World } from '../support/world.ts'

const plain = { protocol: 'http', prediction: undefined, metrics: {} }

async function worldOf(
  candidates: { v2?: Partial<Behaviour>; v3?: Partial<Behaviour> },
  endpoint: Readonly<Record<string, unknown>> = {},
): Promise<World> {
  const versions = { v1: sound, v2: { ...sound, ...candidates.v2 }, v3: { ...sound, ...candidates.v3 } }
  const world = await createWorld({ versions, requestsPerSecond: 60, endpoint })
  await world.pass(2_000)
  return world
}

/** How a release with this one stage ends. */
async function endOf(world: World, shadow: Readonly<Record<string, unknown>>) {
  const id = await world.release({ stages: [{ shadow }] })
  await world.until(() => isTerminal(world.state(id)), 10 * 60_000)
  const story = world.controller.timeline(id).map(({ text }) => text)
  return { release: world.state(id), story, stable: world.controller.state().endpoints['digits']?.stable }
}

async function refused(world: World, document: Readonly<Record<string, unknown>>): Promise<readonly Problem[]> {
  try {
    await world.release(document)
  } catch (error) {
    if (error instanceof CutoverError) return error.problems
    throw error
  }
  throw new Error('not refused')
}

describe('challengers', () => {
  it('of two that are better the best goes on, by the labels of the same requests', async () => {
    const world = await worldOf({ v2: { wrongRate: 0.05 }, v3: { wrongRate: 0.01 } })
    const goal = { metric: 'accuracy', improve: 'increase' }
    const { release, stable } = await endOf(world, { challengers: ['v2', 'v3'], until: { pairs: 5_000 }, goal })
    expect([release.phase.kind, stable]).toEqual(['promoted', 'v3'])
    expect(Object.keys(world.answered)).not.toContain('v2')
  })

  it('one that is broken is dropped, and the other goes on', async () => {
    const world = await worldOf({ v2: { errorRate: 0.5 }, v3: { wrongRate: 0.05 } })
    const goal = { metric: 'accuracy', 'no-worse-than': '3pp' }
    const { story, stable } = await endOf(world, { challengers: ['v2', 'v3'], until: { pairs: 1_500 }, goal })
    expect(stable).toBe('v3')
    expect(story.find(text => text.startsWith('dropped: v2: error-rate'))).toMatch(/v3 goes on with copies/)
  })

  it('by default must answer alike: nonsense in time does not pass', async () => {
    const careful = { wrongRate: 0.02 }
    const versions = { v1: { ...sound, ...careful }, v2: { ...sound, ...careful } }
    const alike = await createWorld({ versions, requestsPerSecond: 60 })
    await alike.pass(2_000)
    expect((await endOf(alike, {})).release.phase.kind).toBe('promoted')
    const { release } = await endOf(await worldOf({ v2: { wrongRate: 0.9 } }), {})
    expect(release.phase).toMatchObject({ kind: 'rolled-back', cause: 'guardrail', reason: /90.00 % must: refuted/ })
  })

  it('answer recorded requests by one instance, and get the whole fleet when they pass', async () => {
    const careful = { wrongRate: 0.01 }
    const world = await createWorld({
      versions: { v1: { ...sound, ...careful }, v2: { ...sound, ...careful } },
      requestsPerSecond: 60,
      instances: 3,
    })
    await world.pass(2_000)
    const { story, stable } = await endOf(world, { mode: 'replay', until: { pairs: 800 } })
    expect(stable).toBe('v2')
    expect(story).toContain('v2 answers recorded requests')
    expect(story).toContain('v2 has passed; its whole fleet is made ready')
  })
})

describe('a stage with challengers is refused', () => {
  const replay = { shadow: { mode: 'replay' } }
  it.each([
    ['for versions that there are not', {}, [{ shadow: { challengers: ['v9'] } }], 'stages[0].shadow.challengers'],
    ['for the champion itself', {}, [{ shadow: { challengers: ['v1'] } }], 'stages[0].shadow.challengers'],
    [
      'for a goal that pairs cannot tell',
      {},
      [{ shadow: { goal: { metric: 'pleased', improve: 'increase' } } }, { canary: {} }],
      'stages[0].shadow.goal.metric',
    ],
    ['for a replay without bodies', { 'payload-sample': '0%' }, [replay], 'stages[0].shadow'],
    [
      'for shapes without bodies',
      { 'payload-sample': '0%' },
      [{ shadow: { compare: 'shape', agreement: '90%' } }],
      'stages[0].shadow',
    ],
    ['for labels that are not read', plain, [{ shadow: { compare: 'label' } }], 'stages[0].shadow.compare'],
    ['for scores that are not read', {}, [{ shadow: { compare: { cosine: 0.9 } } }], 'stages[0].shadow.compare'],
  ])('%s', async (_, endpoint, stages, path) => {
    const problems = await refused(await worldOf({}, endpoint), { stages })
    expect(problems.map(problem => problem.path)).toEqual([path])
  })

  it('where it is the last and a guardrail cannot be told by pairs; before a canary it can', async () => {
    const guardrails = { pleased: { margin: '1pp' } }
    const world = await worldOf({})
    const problems = await refused(world, { guardrails, stages: [{ shadow: {} }] })
    expect(problems[0]).toMatchObject({ path: 'guardrails.pleased', message: expect.stringContaining('a later stage') })
    expect(await world.release({ guardrails, stages: [{ shadow: {} }, { canary: {} }] })).toBe('digits-1')
  })
})

it.each([
  [{}, { kind: 'label' }],
  [{ metrics: { error: { type: 'mae' } } }, { kind: 'number', absolute: 0, relative: 0.01 }],
  [
    { prediction: { output: 'items', read: 'ranking' }, metrics: {} },
    { kind: 'ranking', persistence: 0.9, least: 0.9 },
  ],
  [plain, { kind: 'shape' }],
])('answers of an endpoint with %j are compared by %j', async (endpoint, comparator) => {
  const world = await worldOf({}, endpoint)
  const id = await world.release({ stages: [{ shadow: {} }] })
  expect(world.state(id).plan.stages[0]).toMatchObject({ comparator })
})
