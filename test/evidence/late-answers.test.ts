/** A request that is in flight when a release begins is recorded after the first ones of that release, as of the release before. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import type { Regression } from '../../src/core/bandit/regression.ts'
import { builtinRewardSpec, type MetricSpec } from '../../src/core/metrics/spec.ts'
import type { Pairing } from '../../src/core/pairing.ts'
import { type Outcome, type Prediction, shadowIdOf } from '../../src/core/prediction.ts'
import { type ControlState, emptyState } from '../../src/core/state.ts'
import { soleTable } from '../../src/core/traffic.ts'
import { type AccumulatorOptions, createAccumulator } from '../../src/evidence/accumulator.ts'
import { EvidenceFeed } from '../../src/evidence/feed.ts'
import type { MetricDefinitions } from '../../src/evidence/metric-book.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

/** Two releases, with only a stable version before and between them. */
const releaseOf: Readonly<Record<number, string>> = { 2: 'digits-1', 3: 'digits-1', 5: 'digits-2', 6: 'digits-2' }
const epochs = [1, 2, 3, 4, 5, 6]
/** Of the newest release. */
const running = { release: 'digits-2', firstEpoch: 5, epochs: [5, 6] }

const startMs = 1_700_000_000_000
const specs: Readonly<Record<string, MetricSpec>> = {
  reward: builtinRewardSpec,
  spent: { type: 'mean', of: { from: 'reported', name: 'spent' }, better: 'higher' },
  'spent-by-unit': { type: 'mean', of: { from: 'reported', name: 'spent' }, unitLevel: true, covariate: 'before' },
  visits: { type: 'count', of: { from: 'reported', name: 'spent' }, unitLevel: true },
  failing: { type: 'rate', of: { from: 'error' }, unitLevel: true, better: 'lower' },
}
const definitions: MetricDefinitions = {
  labelWindowMs: 60_000,
  metrics: Object.entries(specs).map(([name, spec]) => ({ name, spec, expression: null })),
}

const pairing = (firstEpoch: number): Pairing => ({
  champion: 'v1',
  comparator: { kind: 'label' },
  examples: 3,
  firstEpoch,
})
const regression = (epoch: number): Regression => ({
  features: [{ name: 'age', categories: null }],
  metric: 'reward',
  spec: builtinRewardSpec,
  epoch,
})
const firstOf = (release: string): number => (release === running.release ? running.firstEpoch : 2)
const options: AccumulatorOptions = {
  definitions: () => definitions,
  pairing: ({ release }) => pairing(firstOf(release)),
  regression: ({ release }) => regression(firstOf(release)),
}

function inEpoch(epoch: number, over: Partial<Prediction> = {}): Prediction {
  return aPrediction({ epoch, release: releaseOf[epoch] ?? null, ...over })
}

type Step = { predictions: Prediction[] } | { outcomes: Outcome[] }

/** All that a server keeps in memory: earlier epochs are forgotten when the newest release begins. */
async function livedThrough(steps: readonly Step[]) {
  const log = createMemoryPredictionLog({ clock: createManualClock() })
  const evidence = createAccumulator(options)
  let hasBegun = false
  for (const step of steps) {
    if ('outcomes' in step) {
      evidence.add({ fresh: [], joined: (await log.appendOutcomes(step.outcomes)).joined })
      continue
    }
    if (!hasBegun && step.predictions.some(({ epoch }) => epoch >= running.firstEpoch)) {
      evidence.forget({ endpoint: 'digits', beforeEpoch: running.firstEpoch - 1 })
      hasBegun = true
    }
    evidence.add(await log.appendPredictions(step.predictions))
  }
  return { log, evidence }
}

/** `watchedSince`: the epoch from which the stable version is watched, so that the log is read from there. */
function stateAfter(watchedSince: number | null): ControlState {
  const spec = endpointSpec()
  const monitoring = { version: 'v1', sinceMs: startMs, status: 'ok', alarms: [], changedAtMs: startMs } as const
  return {
    ...emptyState,
    endpoints: {
      digits: {
        spec,
        stable: 'v1',
        table: soleTable({ endpoint: 'digits', version: 'v1', epoch: running.firstEpoch, salt: 'digits' }),
        appliedEpoch: running.firstEpoch,
        fleets: {},
        activeRelease: running.release,
        releaseCount: 2,
        ...(watchedSince !== null && { monitoring: { ...monitoring, sinceEpoch: watchedSince } }),
      },
    },
    releases: {
      [running.release]: {
        id: running.release,
        plan: releasePlan(),
        actor: 'ada',
        startedAtMs: startMs,
        phase: { kind: 'starting', sinceMs: startMs },
        epochs: running.epochs.map(epoch => ({ epoch, candidatePpm: 500_000, sinceMs: startMs })),
        exposedFromMs: startMs,
        exposedToMs: null,
      },
    },
  }
}

type Evidence = ReturnType<typeof createAccumulator>

/** Sketches as their numbers. */
const read = (evidence: Evidence): unknown =>
  JSON.parse(JSON.stringify(evidence.read({ endpoint: 'digits', epochs: running.epochs })))

async function afterRestart(log: Awaited<ReturnType<typeof livedThrough>>['log'], watchedSince: number | null) {
  const evidence = createAccumulator(options)
  const tell = evidence.add
  await new EvidenceFeed({ predictions: log, evidence, tell, tellLive: tell }).rebuild(() => stateAfter(watchedSince))
  return evidence
}

const rarely = fc.nat(9).map(number => number === 0)
const facts = fc.record({
  epoch: fc.constantFrom(...epochs),
  unit: fc.nat(5),
  assigned: fc.constantFrom('v1', 'v2'),
  /** Whether the stable version stood in for it. */
  isAway: rarely,
  pinned: rarely,
  byContext: rarely,
  failed: rarely,
  isCopied: fc.boolean(),
  atMs: fc.nat(300_000),
  latencyMs: fc.nat(100_000),
})
type Facts = typeof facts extends fc.Arbitrary<infer One> ? One : never

function predictionsOf(
  { unit, isAway, byContext, failed, isCopied, atMs, ...others }: Facts,
  number: number,
): Prediction[] {
  const { epoch, assigned } = others
  const id = `p${number}`
  const one = inEpoch(epoch, {
    ...others,
    id,
    unit: `u${unit}`,
    version: isAway ? 'v1' : assigned,
    ...(byContext && { byContext }),
    failed,
    status: failed ? 500 : 200,
    atMs: startMs + atMs,
    features: { age: unit },
  })
  const copy = { id: shadowIdOf(id, 'v9'), shadowOf: id, assigned: 'v9', version: 'v9', unit: one.unit, atMs: one.atMs }
  return isCopied ? [one, inEpoch(epoch, copy)] : [one]
}

const value = fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { nil: null })
const anyOutcome = fc.record({
  number: fc.nat(59),
  label: fc.constantFrom(3, 7, null),
  reward: value,
  spent: value,
  before: value,
  atMs: fc.nat(400_000),
})

/** Predictions of all epochs in any order, and outcomes of any of them between. */
const anySteps: fc.Arbitrary<Step[]> = fc
  .tuple(fc.array(facts, { maxLength: 60 }), fc.array(fc.tuple(fc.nat(), anyOutcome), { maxLength: 60 }))
  .map(([all, outcomes]) => {
    const steps: Step[] = all.map((one, number) => ({ predictions: predictionsOf(one, number) }))
    for (const [index, [at, { number, spent, before, atMs, ...values }]] of outcomes.entries()) {
      const metrics = { ...(spent !== null && { spent }), ...(before !== null && { before }) }
      const told = { ...values, id: `o${index}`, prediction: `p${number}`, metrics, atMs: startMs + atMs }
      steps.splice(at % (steps.length + 1), 0, { outcomes: [anOutcome(told)] })
    }
    return steps
  })

describe('answers that were in flight when a release began', () => {
  it('leave its evidence as it is after a restart, to the last digit, in whatever order all of them come', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, fc.constantFrom(null, 1, 2, 3, 4), async (steps, watchedSince) => {
        const { log, evidence } = await livedThrough(steps)
        expect(read(await afterRestart(log, watchedSince))).toEqual(read(evidence))
      }),
      { numRuns: 200 },
    )
  })

  /** Ten units that come six times each and buy something each time; `late` comes after every tenth request. */
  const visitsWith = (late: (number: number) => Step[]): Step[] =>
    Array.from({ length: 60 }, (_, number): Step[] => {
      const version = number % 10 < 5 ? 'v1' : 'v2'
      const atMs = startMs + number * 5_000
      const id = `p${number}`
      return [
        { predictions: [inEpoch(5, { id, unit: `u${number % 10}`, assigned: version, version, atMs })] },
        { outcomes: [anOutcome({ id: `o${number}`, prediction: id, metrics: { spent: 9 }, atMs: atMs + 10 })] },
        ...(number % 10 === 9 ? late(number) : []),
      ]
    }).flat()

  it.each([
    ['the release before', 3],
    ['the stable version before it', 4],
  ])('of %s count no unit twice, and no metric or label goes', async (_of, epoch) => {
    const steps = visitsWith(number => [
      { predictions: [inEpoch(epoch, { id: `late${number}`, unit: `u${number % 7}` })] },
      { outcomes: [anOutcome({ id: `of-late${number}`, prediction: `late${number}`, metrics: { spent: 1 } })] },
    ])
    const { evidence } = await livedThrough(steps)
    const { v1, v2 } = evidence.read({ endpoint: 'digits', epochs: [5] })[0]?.versions ?? {}
    for (const one of [v1, v2]) {
      expect(one).toMatchObject({ requests: 30, newUnits: 5, unitsMet: 5, unitsServed: 5, labelled: 30 })
      expect(one?.metrics['spent-by-unit']).toMatchObject({ moments: { n: 5 } })
      // Those of the last minute are too young.
      expect([one?.matured, one?.maturedLabelled]).toEqual([expect.toSatisfy(n => n >= 20), one?.matured])
      expect([one?.rewards?.matured, one?.rewards?.labelled]).toEqual([one?.matured, one?.matured])
    }
    expect(read(evidence)).toEqual(read((await livedThrough(visitsWith(() => []))).evidence))
  })

  it('of an earlier epoch of the same release count in that epoch', async () => {
    const { evidence } = await livedThrough([
      { predictions: [inEpoch(6, { id: 'p1', unit: 'u1' })] },
      { predictions: [inEpoch(5, { id: 'p2', unit: 'u2' }), inEpoch(6, { id: 'p3', unit: 'u1' })] },
    ])
    const [fifth, sixth] = evidence.read({ endpoint: 'digits', epochs: running.epochs })
    expect(fifth?.versions['v1']).toMatchObject({ requests: 1, newUnits: 1 })
    expect(sixth?.versions['v1']).toMatchObject({ requests: 2, newUnits: 1 })
  })

  it('have their units counted anew where these come again to the newer release', async () => {
    const { evidence } = await livedThrough([
      { predictions: [inEpoch(3, { id: 'p1', unit: 'u1' }), inEpoch(4, { id: 'p2', unit: 'u1' })] },
      { predictions: [inEpoch(5, { id: 'p3', unit: 'u1' })] },
    ])
    expect(evidence.read({ endpoint: 'digits', epochs: [5] })[0]?.versions['v1']).toMatchObject({ newUnits: 1 })
  })

  it('leave nothing in epochs that are forgotten, nor do outcomes of what was answered in time', async () => {
    const { evidence } = await livedThrough([
      { predictions: [inEpoch(3, { id: 'p1' })] },
      { predictions: [inEpoch(5, { id: 'p2' })] },
      { predictions: [inEpoch(3, { id: 'p3' })] },
      { outcomes: [anOutcome({ id: 'o1', prediction: 'p1' }), anOutcome({ id: 'o3', prediction: 'p3' })] },
    ])
    expect(evidence.read({ endpoint: 'digits', epochs: [3] })).toEqual([{ epoch: 3, versions: {} }])
  })

  it('of one endpoint are nothing to another', async () => {
    const { evidence } = await livedThrough([
      { predictions: [inEpoch(5, { id: 'p1' })] },
      { predictions: [inEpoch(2, { id: 'p2', endpoint: 'faces', release: 'faces-1' })] },
    ])
    expect(evidence.read({ endpoint: 'faces', epochs: [2] })[0]?.versions['v1']).toMatchObject({ newUnits: 1 })
  })
})
