/** Every strategy against every kind of candidate, in virtual time through the real control plane. */
import { describe, expect, it } from 'vitest'
import { CutoverError } from '../../src/core/errors.ts'
import { type OperatorVerb, operatorVerbs } from '../../src/core/event.ts'
import { type StageKind, stageKinds } from '../../src/core/stage-plans.ts'
import { isTerminal } from '../../src/core/state.ts'
import { type Behaviour, createWorld, sound, type World } from '../support/world.ts'

/** A release file of each strategy, short enough to end within minutes. */
const files: Readonly<Record<StageKind, Readonly<Record<string, unknown>>>> = {
  recreate: { stages: [{ recreate: { hold: '10s' } }] },
  rolling: { stages: [{ rolling: { 'min-requests': 150 } }] },
  blueGreen: { stages: [{ blueGreen: { watch: '30s', keep: '1m' } }] },
  canary: { stages: [{ canary: { steps: ['10%', '50%'], 'min-requests': 100 } }] },
  shadow: { stages: [{ shadow: { until: { pairs: 1_500 }, goal: { metric: 'accuracy', 'no-worse-than': '3pp' } } }] },
  abTest: {
    stages: [
      {
        abTest: {
          split: '50%',
          goal: { metric: 'pleased', improve: 'increase', 'minimum-effect': '50%' },
          'at-most': '5m',
        },
      },
    ],
  },
  bandit: {
    stages: [{ bandit: { arms: ['v1', 'v2'], reward: { metric: 'pleased' }, update: '10s', 'at-most': '5m' } }],
  },
}

const guarded = {
  guardrails: {
    'error-rate': { margin: '3pp' },
    'latency-p90': { margin: '50%' },
    accuracy: { margin: '5pp' },
  },
}

type Outcome = {
  candidate: Partial<Behaviour>
  /** What happens while the release runs. */
  meanwhile?: (world: World) => void
  traffic?: number
  labelDelayMs?: number | null
}

const outcomes = {
  good: { candidate: { wrongRate: 0.05, rewardRate: 0.3 } },
  wrong: { candidate: { wrongRate: 0.7, rewardRate: 0.02 } },
  failing: { candidate: { errorRate: 0.6, rewardRate: 0.02 } },
  slow: { candidate: { latencyMs: 400, rewardRate: 0.02 } },
  'never ready': { candidate: { readyAfterMs: null } },
  crashing: { candidate: { rewardRate: 0.3 }, meanwhile: world => world.crash('v2') },
  'without traffic': { candidate: {}, traffic: 0 },
  'without labels': { candidate: { wrongRate: 0.05 }, labelDelayMs: null },
} as const satisfies Readonly<Record<string, Outcome>>

type End = 'promoted' | 'rolled-back' | 'waits'

/** Replacements without evidence of their own rest on fleets and guardrails; whatever judges waits for what it needs. */
const ends: Readonly<Record<StageKind, Readonly<Record<keyof typeof outcomes, End>>>> = {
  canary: {
    good: 'promoted',
    wrong: 'rolled-back',
    failing: 'rolled-back',
    slow: 'rolled-back',
    'never ready': 'rolled-back',
    crashing: 'rolled-back',
    'without traffic': 'waits',
    'without labels': 'waits',
  },
  recreate: {
    good: 'promoted',
    wrong: 'promoted',
    failing: 'promoted',
    slow: 'promoted',
    'never ready': 'rolled-back',
    crashing: 'rolled-back',
    'without traffic': 'promoted',
    'without labels': 'promoted',
  },
  rolling: {
    good: 'promoted',
    wrong: 'rolled-back',
    failing: 'rolled-back',
    slow: 'rolled-back',
    'never ready': 'rolled-back',
    crashing: 'rolled-back',
    'without traffic': 'waits',
    'without labels': 'waits',
  },
  blueGreen: {
    good: 'promoted',
    wrong: 'rolled-back',
    failing: 'rolled-back',
    slow: 'rolled-back',
    'never ready': 'rolled-back',
    crashing: 'rolled-back',
    'without traffic': 'waits',
    'without labels': 'waits',
  },
  shadow: {
    good: 'promoted',
    wrong: 'rolled-back',
    failing: 'rolled-back',
    slow: 'rolled-back',
    'never ready': 'rolled-back',
    crashing: 'rolled-back',
    'without traffic': 'waits',
    'without labels': 'waits',
  },
  abTest: {
    good: 'promoted',
    wrong: 'rolled-back',
    failing: 'rolled-back',
    slow: 'rolled-back',
    'never ready': 'rolled-back',
    crashing: 'rolled-back',
    'without traffic': 'rolled-back',
    'without labels': 'rolled-back',
  },
  bandit: {
    good: 'promoted',
    wrong: 'rolled-back',
    failing: 'rolled-back',
    slow: 'rolled-back',
    'never ready': 'rolled-back',
    crashing: 'rolled-back',
    'without traffic': 'rolled-back',
    'without labels': 'rolled-back',
  },
}

const atMostMs = 8 * 60_000

async function run(kind: StageKind, outcome: Outcome): Promise<{ world: World; id: string; end: End }> {
  const world = await createWorld({
    versions: { v1: sound, v2: { ...sound, ...outcome.candidate } },
    requestsPerSecond: outcome.traffic ?? 60,
    labelDelayMs: outcome.labelDelayMs === undefined ? 2_000 : outcome.labelDelayMs,
  })
  await world.pass(10_000)
  const id = await world.release({ ...guarded, ...files[kind], 'ready-timeout': '20s' })
  const phase = () => world.state(id).phase.kind
  if (outcome.meanwhile !== undefined) {
    await world.until(() => phase() !== 'starting', 60_000)
    await world.pass(3_000)
    outcome.meanwhile(world)
  }
  await world.until(() => isTerminal(world.state(id)), atMostMs)
  const end = phase()
  return { world, id, end: end === 'promoted' || end === 'rolled-back' ? end : 'waits' }
}

describe.each(stageKinds)('%s', kind => {
  it.each(Object.keys(outcomes) as (keyof typeof outcomes)[])('a candidate that is %s', async name => {
    const { world, id, end } = await run(kind, outcomes[name])
    expect(end, JSON.stringify(world.controller.timeline(id).map(({ text }) => text))).toBe(ends[kind][name])
    expect(world.complaints).toEqual([])
    expect(world.counts.unserved).toBe(0)
    const stable = world.controller.state().endpoints['digits']?.stable
    if (end !== 'waits') expect(stable).toBe(end === 'promoted' ? 'v2' : 'v1')
  })

  it('ends the same when the server is killed again and again', async () => {
    const world = await createWorld({
      versions: { v1: sound, v2: { ...sound, ...outcomes.good.candidate } },
      requestsPerSecond: 60,
    })
    await world.pass(10_000)
    const id = await world.release({ ...guarded, ...files[kind] })
    for (let kill = 0; kill < 8 && !isTerminal(world.state(id)); kill++) {
      await world.pass(4_500)
      await world.restart()
    }
    await world.until(() => isTerminal(world.state(id)), atMostMs)
    expect(world.state(id).phase.kind).toBe('promoted')
    expect(world.complaints).toEqual([])
  })

  it('goes back at any time when an operator says so', async () => {
    for (const afterMs of [0, 2_000, 15_000, 40_000]) {
      const world = await createWorld({
        versions: { v1: sound, v2: { ...sound, ...outcomes.good.candidate } },
        requestsPerSecond: 40,
      })
      await world.pass(2_000)
      const id = await world.release({ ...guarded, ...files[kind], probation: '10m' })
      await world.pass(afterMs)
      if (isTerminal(world.state(id))) continue
      world.controller.operate({ release: id, verb: 'rollback', actor: 'test', note: null })
      await world.until(() => isTerminal(world.state(id)), 120_000)
      expect(world.state(id).phase).toMatchObject({ kind: 'rolled-back', cause: 'operator' })
      expect(world.controller.state().endpoints['digits']?.table.weights).toEqual({ v1: 1_000_000 })
    }
  })

  it.each(operatorVerbs)('an operator says %s', async verb => {
    for (const afterMs of [3_000, 20_000]) {
      const world = await createWorld({
        versions: { v1: sound, v2: { ...sound, ...outcomes.good.candidate } },
        requestsPerSecond: 60,
      })
      await world.pass(5_000)
      const id = await world.release({ ...guarded, ...files[kind], probation: '1m' })
      await world.pass(afterMs)
      const wasAccepted = say(world, id, verb)
      const weights = world.controller.state().endpoints['digits']?.table.weights ?? {}
      expect(Object.values(weights).reduce((sum, ppm) => sum + ppm, 0)).toBe(1_000_000)
      if (verb === 'pause' && wasAccepted) {
        const paused = world.state(id).epochs.length
        await world.pass(60_000)
        // A comparison may still drop a version that breaks; a good one stays as it is.
        expect(world.state(id).epochs).toHaveLength(paused)
        expect(say(world, id, 'resume')).toBe(true)
      }
      await world.until(() => isTerminal(world.state(id)), atMostMs)
      const goesBack = wasAccepted && (verb === 'abort' || verb === 'rollback')
      const story = JSON.stringify(world.controller.timeline(id).map(({ text }) => text))
      expect(world.state(id).phase.kind, `${verb} after ${afterMs} ms: ${story}`).toBe(
        goesBack ? 'rolled-back' : 'promoted',
      )
      expect(world.complaints).toEqual([])
      expect(world.counts.unserved).toBe(0)
    }
  })
})

/** False where the release, as it stands, refuses the word. */
function say(world: World, release: string, verb: OperatorVerb): boolean {
  try {
    world.controller.operate({ release, verb, actor: 'test', note: null })
    return true
  } catch (error) {
    if (error instanceof CutoverError && error.code === 'release-state') return false
    throw error
  }
}
