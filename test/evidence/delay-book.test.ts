import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import type { SignalReport } from '../../src/core/label-delays.ts'
import { limits } from '../../src/core/limits.ts'
import type { Outcome, Prediction } from '../../src/core/prediction.ts'
import { awaitedBy, createDelayBook, type DelayBook } from '../../src/evidence/delay-book.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { endpointSpec } from '../support/releases.ts'

const second = 1_000
const reported = (name: string) => ({ from: 'reported', name }) as const
const spec = endpointSpec({
  metrics: {
    accuracy: { type: 'accuracy' },
    revenue: { type: 'ratio', of: reported('revenue'), per: { from: 'reward' } },
    speed: { type: 'mean', of: { from: 'latency' } },
    profit: { type: 'expression', expression: 'outcome.reward - outcome.metrics.cost + prediction.latencyMs' },
  },
})

/** Predictions ten a second, through the releases given. */
function predictions(count: number, of: (n: number) => Partial<Prediction> = () => ({})): Prediction[] {
  return Array.from({ length: count }, (_, n) => aPrediction({ id: `p${n}`, atMs: n * 100, ...of(n) }))
}

async function book(all: readonly Prediction[], outcomes: readonly Outcome[], over: Partial<typeof spec> = {}) {
  const log = createMemoryPredictionLog({ clock: createManualClock() })
  const delays = createDelayBook({ awaited: awaitedBy(() => ({ ...spec, ...over })) })
  delays.add(await log.appendPredictions(all))
  delays.add({ fresh: [], joined: (await log.appendOutcomes(outcomes)).joined })
  return { log, delays }
}

const labelAfter = (n: number, delayMs: number, over: Partial<Outcome> = {}) =>
  anOutcome({ id: `o${n}`, prediction: `p${n}`, atMs: n * 100 + delayMs, ...over })

function signal(delays: DelayBook, name: string): SignalReport {
  const found = delays.read('digits').find(one => one.name === name)
  if (found === undefined) throw new Error(`nothing is known of ${name}`)
  return found
}

describe('the delays of an endpoint', () => {
  it('are kept for the label, the reward and every reported value that a metric waits for', () => {
    expect(awaitedBy(() => spec)('digits')?.signals).toEqual([
      { name: 'label', metrics: ['accuracy'] },
      { name: 'metrics.revenue', metrics: ['revenue'] },
      { name: 'reward', metrics: ['revenue', 'profit'] },
      { name: 'metrics.cost', metrics: ['profit'] },
    ])
    expect(awaitedBy(() => undefined)('digits')).toBeNull()
  })

  it('are let go with it, though nobody asks for them, once another one is met', () => {
    const gone = new Set<string>()
    const delays = createDelayBook({ awaited: name => (gone.has(name) ? null : awaitedBy(() => spec)(name)) })
    delays.add({ fresh: predictions(10), joined: [] })
    gone.add('digits')
    delays.add({ fresh: predictions(1, () => ({ endpoint: 'letters' })), joined: [] })
    gone.clear()
    expect(delays.read('digits')).toEqual([])
  })

  it('are learned anew once a clock that was years ahead has been put back', async () => {
    const yearsMs = 10 * 365 * 86_400 * second
    const ahead = [aPrediction({ id: 'ahead', atMs: yearsMs })]
    const outcomes = predictions(1_000).map((_, n) => labelAfter(n, second))
    const late = anOutcome({ id: 'late', prediction: 'ahead', atMs: 5 * second })
    const { delays } = await book([...ahead, ...predictions(1_000)], [late, ...outcomes])
    const { delays: right } = await book(predictions(1_000), outcomes)
    expect(signal(delays, 'label')).toEqual(signal(right, 'label'))
    expect(signal(delays, 'label').maturity).toMatchObject({ known: true })
  })

  it('are learned for each of them apart', async () => {
    const outcomes = predictions(1_000).flatMap((_, n) => [
      labelAfter(n, second),
      labelAfter(n, 20 * second, { id: `r${n}`, label: null, reward: 1 }),
    ])
    const { delays } = await book(predictions(2_000), outcomes)
    expect(signal(delays, 'label').delay?.p50Ms).toBe(second)
    expect(signal(delays, 'reward').delay?.p50Ms).toBeGreaterThanOrEqual(20 * second)
    expect(signal(delays, 'metrics.cost').delay).toBeNull()
  })

  it('are of what callers met: what shadows share of outcomes is not counted twice', async () => {
    const all = predictions(100)
    const copies = all.map(one => ({ ...one, id: `${one.id}~v9`, shadowOf: one.id, version: 'v9', assigned: 'v9' }))
    const outcomes = all.map((_, n) => labelAfter(n, second))
    const [plain, copied] = [await book(all, outcomes), await book([...all, ...copies], outcomes)]
    expect(copied.delays.read('digits')).toEqual(plain.delays.read('digits'))
  })

  it('count young predictions as not known yet, not as unlabelled', async () => {
    // Every prediction gets its label after 20 s, and half of them are younger than that.
    const labelled = predictions(200).map((_, n) => labelAfter(n, 20 * second))
    const { delays } = await book(predictions(400), labelled, { labelWindowMs: 25 * second })
    const { maturity, versions } = signal(delays, 'label')
    expect(maturity).toMatchObject({ known: true, source: 'declared', ageMs: 25 * second })
    const [v1] = versions
    expect(v1).toMatchObject({ predicted: 400, arrived: 200 })
    expect(v1?.matured).toBeGreaterThan(100)
    expect(v1?.maturedArrived).toBe(v1?.matured)
  })

  it('go on through releases, and tell the coverage of each version', async () => {
    const all = predictions(3_000, n => {
      const version = n < 1_500 || n % 2 === 0 ? 'v1' : 'v2'
      return { version, assigned: version, release: n < 1_500 ? 'digits-1' : 'digits-2', epoch: n < 1_500 ? 1 : 2 }
    })
    const outcomes = all.flatMap(({ version }, n) => (version === 'v2' && n % 4 === 1 ? [] : [labelAfter(n, second)]))
    const { delays } = await book(all, outcomes)
    const { maturity, versions } = signal(delays, 'label')
    expect(maturity).toMatchObject({ known: true, source: 'learned' })
    const coverage = versions.map(({ version, matured, maturedArrived }) => [version, maturedArrived / matured])
    expect(coverage).toEqual([
      ['v1', 1],
      ['v2', expect.closeTo(0.5, 1)],
    ])
    expect(versions[0]?.predicted).toBe(2_250)
  })

  it('hold neither corrections, nor later rows, nor pinned predictions', async () => {
    const all = [
      ...predictions(2),
      aPrediction({ id: 'pinned', pinned: true }),
      aPrediction({ id: 'elsewhere', assigned: 'v2' }),
    ]
    const outcomes = [
      labelAfter(0, second),
      labelAfter(0, 9 * second, { id: 'correction', label: 4 }),
      labelAfter(1, second, { row: 1 }),
      labelAfter(0, second, { id: 'x', prediction: 'pinned' }),
    ]
    const { delays } = await book(all, outcomes)
    expect(signal(delays, 'label').versions).toMatchObject([{ version: 'v1', predicted: 2, arrived: 1 }])
  })

  it('of labels are of predictions that have a predicted value', async () => {
    const { delays } = await book(
      predictions(10, n => ({ answer: n < 5 ? [3] : null })),
      [],
    )
    expect(signal(delays, 'label').versions[0]?.predicted).toBe(5)
    expect(signal(delays, 'reward').versions[0]?.predicted).toBe(10)
  })

  it('of versions that are gone make room for new ones', () => {
    const delays = createDelayBook({ awaited: awaitedBy(() => spec) })
    const count = limits.versionsPerEndpointMax + 1
    const names = ['v1', ...Array.from({ length: count }, (_, n) => `old-${n}`)]
    for (const [n, version] of names.entries())
      delays.add({ fresh: [aPrediction({ id: `p${n}`, version, assigned: version })], joined: [] })
    const followed = signal(delays, 'label').versions.map(({ version }) => version)
    expect(followed.length).toBeLessThanOrEqual(limits.versionsPerEndpointMax)
    expect(followed).toContain('v1')
    expect(followed).toContain(names.at(-1))
  })

  it('are nothing for an endpoint that is not known', () => {
    const delays = createDelayBook({ awaited: () => null })
    delays.add({ fresh: predictions(3), joined: [] })
    expect(delays.read('digits')).toEqual([])
  })

  it('are the same when they are read again from the log', async () => {
    const one = fc.record({
      delayMs: fc.integer({ min: 0, max: 60_000 }),
      kind: fc.constantFrom('label', 'reward', 'none'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 50, maxLength: 300 }), async all => {
        const outcomes = all.flatMap(({ delayMs, kind }, n) => {
          if (kind === 'none') return []
          return [labelAfter(n, delayMs, kind === 'reward' ? { label: null, reward: 1 } : {})]
        })
        const { log, delays } = await book(predictions(all.length), outcomes)
        const rebuilt = createDelayBook({ awaited: awaitedBy(() => spec) })
        await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 1 }] }, ({ predictions: fresh, joined }) =>
          rebuilt.add({ fresh, joined }),
        )
        expect(rebuilt.read('digits')).toEqual(delays.read('digits'))
        for (const { versions } of delays.read('digits'))
          for (const { predicted, arrived, matured, maturedArrived, cohorts } of versions) {
            expect(maturedArrived).toBeLessThanOrEqual(Math.min(matured, arrived))
            expect(cohorts.reduce((sum, cohort) => sum + cohort.predicted, 0)).toBe(predicted)
          }
      }),
      { numRuns: 25 },
    )
  })
})
