import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import type { Prediction } from '../../src/core/prediction.ts'
import type { Analytics, OffPolicyQuery, OffPolicyRow, SummaryQuery } from '../../src/ports/analytics.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { anOutcome, aPrediction, aShadow } from './samples.ts'

const noon = Date.UTC(2026, 0, 31, 12)
const hour = 3_600_000

/** What every implementation of analytics promises. `open` gives one over an empty log; the log is closed by the suite. */
export function analyticsContract(
  name: string,
  open: (clock: Clock) => Promise<{ log: PredictionLog; analytics: Analytics }>,
): void {
  describe(`analytics in ${name}`, () => {
    let log: PredictionLog
    let analytics: Analytics
    beforeEach(async () => {
      ;({ log, analytics } = await open(createManualClock(noon)))
      onTestFinished(async () => {
        await analytics.close()
        await log.close()
      })
    })

    /** Predictions p0, p1, ... at noon, unless their parts say otherwise. */
    const append = (...parts: Partial<Prediction>[]) => {
      const numbered = parts.map((part, index) => {
        const version = part.version ?? part.assigned ?? 'v1'
        return aPrediction({ id: `p${index}`, atMs: noon, assigned: version, version, ...part })
      })
      return log.appendPredictions(numbered)
    }
    const summary = (query: Partial<SummaryQuery> = {}) =>
      analytics.summarise({ endpoint: 'digits', groupBy: [], ...query })
    const offPolicy = async (query: Partial<OffPolicyQuery> = {}) => {
      const rows: OffPolicyRow[] = []
      await analytics.offPolicyRows({ endpoint: 'digits', value: { kind: 'reward' }, ...query }, batch =>
        rows.push(...batch),
      )
      return rows.sort((a, b) =>
        a.version === b.version ? a.propensity - b.propensity : a.version < b.version ? -1 : 1,
      )
    }

    test('an endpoint, a release or a time that nothing was recorded of has no rows', async () => {
      expect(await summary()).toEqual([])
      expect(await offPolicy()).toEqual([])
      await append({ release: 'r1' })
      expect(await summary({ endpoint: 'other' })).toEqual([])
      expect(await summary({ release: 'r2' })).toEqual([])
      expect(await summary({ sinceMs: noon + 1 })).toEqual([])
      expect(await offPolicy({ endpoint: 'other' })).toEqual([])
    })

    test('a summary counts requests, errors, distinct units and times', async () => {
      await append(
        { unit: 'ada' },
        { unit: 'ada', status: 404, atMs: noon + 1.5 },
        { unit: 'bob', status: 200, failed: true },
        { unit: 'cyd', version: 'v2', assigned: 'v1' },
        { unit: 'dan', status: 399, atMs: noon - 7 },
        { endpoint: 'other' },
      )
      expect(await summary()).toMatchObject([
        { key: {}, requests: 5, errors: 3, units: 4, firstMs: noon - 7, lastMs: noon + 1.5 },
      ])
    })

    test('what the log lets go is in no answer, whether it was asked for before or not', async () => {
      const old = { atMs: noon - 100 }
      for (const [index, part] of [old, old, { ...old, release: 'r1' }, {}].entries())
        await log.appendPredictions([aPrediction({ id: `p${index}`, atMs: noon, ...part })])
      const labels = [0, 1, 3].map(index => anOutcome({ id: `o${index}`, prediction: `p${index}`, reward: index }))
      await log.appendOutcomes(labels)
      expect(await summary()).toMatchObject([{ requests: 4 }])
      await log.trim({ beforeMs: noon, needed: [] })
      expect(await summary()).toMatchObject([{ requests: 1, firstMs: noon, rewards: { sum: 3 } }])
      expect(await summary({ release: 'r1' })).toEqual([])
      expect(await offPolicy()).toMatchObject([{ predictions: 1, values: { n: 1 } }])
    })

    test('a caller that left is a unit and no request; one that failed with no status is an error', async () => {
      await append({ status: 0, unit: 'ada' }, { status: 0, failed: true, unit: 'bob' })
      expect(await summary()).toMatchObject([{ requests: 1, errors: 1, units: 2, latencyMs: null }])
    })

    test('what callers pinned is not counted, nor are outcomes that are no evidence', async () => {
      await append({ pinned: true }, { version: 'v2', assigned: 'v1' }, {})
      await log.appendOutcomes(
        ['p0', 'p1', 'p2'].map(prediction => anOutcome({ id: prediction, prediction, label: 9, reward: 1 })),
      )
      const counts = { requests: 2, errors: 1, labelled: 1, wrong: 1, rewards: { count: 1, sum: 1 } }
      expect(await summary()).toMatchObject([counts])
    })

    test('shadows and what they share of outcomes are no traffic', async () => {
      await append({ propensity: 0.5 })
      await log.appendPredictions([aShadow('v2', { id: 's', shadowOf: 'p0', unit: 'bob', atMs: noon })])
      await log.appendOutcomes([anOutcome({ prediction: 'p0', label: 3, reward: 1, metrics: { clicks: 2 } })])
      const counts = { requests: 1, units: 1, labelled: 1, wrong: 0, rewards: { count: 1, sum: 1 } }
      expect(await summary({ groupBy: ['version'] })).toMatchObject([{ key: { version: 'v1' }, ...counts }])
      for (const value of [{ kind: 'reward' }, { kind: 'metric', name: 'clicks' }] as const) {
        expect(await offPolicy({ value })).toMatchObject([{ version: 'v1', predictions: 1, values: { n: 1 } }])
      }
    })

    test('latencies are those of answers without error, by nearest rank, within 0.5 %', async () => {
      const latencies = [0.02, ...Array.from({ length: 98 }, (_, index) => 10 + index), 70_000]
      await append(
        ...latencies.map(latencyMs => ({ latencyMs })),
        { latencyMs: 1e6, status: 500 },
        { latencyMs: 1e6, status: 0 },
      )
      const [row] = await summary()
      expect(Math.abs((row?.latencyMs?.p50 ?? 0) / 58 - 1)).toBeLessThan(0.005)
      expect(Math.abs((row?.latencyMs?.p95 ?? 0) / 103 - 1)).toBeLessThan(0.005)
      expect(Math.abs((row?.latencyMs?.p99 ?? 0) / 107 - 1)).toBeLessThan(0.005)
    })

    test('groups are by any of the dimensions, in the order of their keys', async () => {
      const at = Date.UTC(2026, 0, 31, 23, 59, 59, 999)
      await append(
        { version: 'v2', epoch: 2, release: 'r1', atMs: at },
        { version: 'v1', epoch: 10, release: null, atMs: at + 1 },
        { version: 'v2', epoch: 10, release: 'r1', atMs: at + 1 },
      )
      const keys = async (...groupBy: SummaryQuery['groupBy']) =>
        (await summary({ groupBy })).map(({ key, requests }) => [...Object.values(key), requests])
      expect(await keys('version')).toEqual([
        ['v1', 1],
        ['v2', 2],
      ])
      expect(await keys('epoch')).toEqual([
        [2, 1],
        [10, 2],
      ])
      expect(await keys('release', 'version')).toEqual([
        [null, 'v1', 1],
        ['r1', 'v2', 2],
      ])
      expect(await keys('hour')).toEqual([
        [Date.UTC(2026, 0, 31, 23), 1],
        [Date.UTC(2026, 1, 1), 2],
      ])
      expect(await keys('day', 'epoch', 'day')).toEqual([
        [Date.UTC(2026, 0, 31), 2, 1],
        [Date.UTC(2026, 1, 1), 10, 2],
      ])
      expect((await summary({ groupBy: ['epoch', 'version'] }))[0]?.key).toEqual({ epoch: 2, version: 'v2' })
    })

    test('a range takes its beginning and not its end; outcomes belong to the time of their prediction', async () => {
      await append(...[0, 1, 2].map(hours => ({ atMs: noon + hours * hour, release: `r${hours}` })))
      await log.appendOutcomes(
        [0, 1, 2].map(index => anOutcome({ id: `o${index}`, prediction: `p${index}`, label: null, reward: index })),
      )
      const rewards = async (query: Partial<SummaryQuery>) => (await summary(query)).map(({ rewards }) => rewards.sum)
      expect(await rewards({ sinceMs: noon + hour, untilMs: noon + 2 * hour })).toEqual([1])
      expect(await rewards({ untilMs: noon + 2 * hour })).toEqual([1])
      expect(await rewards({ sinceMs: noon + hour })).toEqual([3])
      expect(await rewards({ release: 'r2' })).toEqual([2])
      expect(await rewards({ release: 'r2', untilMs: noon + hour })).toEqual([])
    })

    test('labels agree by their text; a ranking, an unread answer or another row is not labelled', async () => {
      await append({ answer: ['3', ['a', 'b'], 'cat', true] }, { answer: null })
      const labels = [3, 'a', ['cat'], 'false', 5]
      const outcomes = labels.map((label, row) => anOutcome({ id: `o${row}`, prediction: 'p0', row, label }))
      await log.appendOutcomes([...outcomes, anOutcome({ id: 'unread', prediction: 'p1' })])
      expect(await summary()).toMatchObject([{ labelled: 2, wrong: 1 }])
    })

    test('of what was corrected the last value counts, whether it came before a question or after', async () => {
      await append({ answer: [1, 2] })
      const correct = (id: string, parts: Parameters<typeof anOutcome>[0]) =>
        log.appendOutcomes([anOutcome({ id, prediction: 'p0', label: null, ...parts })])
      await correct('a', { label: 9, reward: 1e18 })
      await correct('b', { row: 1, label: 2, reward: 5, metrics: { clicks: 4, stays: 1 } })
      expect(await summary()).toMatchObject([{ labelled: 2, wrong: 1, rewards: { count: 2, sum: 1e18 } }])
      await correct('c', { label: 1 })
      await correct('d', { reward: 0.25 })
      await correct('e', { row: 1, label: 7, metrics: { clicks: 6 } })
      await correct('f', { row: 1, label: 8 })
      expect(await summary()).toMatchObject([{ labelled: 2, wrong: 1, rewards: { count: 2, sum: 5.25 } }])
      expect(await offPolicy({ value: { kind: 'metric', name: 'clicks' } })).toMatchObject([
        { values: { n: 1, mean: 6, m2: 0, min: 6, max: 6 } },
      ])
      expect(await offPolicy({ value: { kind: 'metric', name: 'stays' } })).toMatchObject([{ values: { mean: 1 } }])
      expect(await offPolicy({ value: { kind: 'correct' } })).toMatchObject([{ values: { n: 2, mean: 0.5, m2: 0.5 } }])
    })

    test('an outcome that waited for its prediction is counted once it is joined', async () => {
      await log.appendOutcomes([anOutcome({ prediction: 'p0', label: 4 })])
      expect(await summary()).toEqual([])
      await append({ answer: [3] })
      expect(await summary()).toMatchObject([{ labelled: 1, wrong: 1 }])
    })

    test('off-policy groups are by version and exact propensity, with and without values', async () => {
      await append(
        { propensity: 0.1 + 0.2 },
        { propensity: 0.3 },
        { propensity: 0.3, unit: 'bob' },
        { propensity: 0.3, version: 'v2' },
        { propensity: 0.3, pinned: true },
      )
      await log.appendOutcomes([
        anOutcome({ id: 'a', prediction: 'p1', reward: 1e9 + 1 }),
        anOutcome({ id: 'b', prediction: 'p2', reward: 1e9 }),
        anOutcome({ id: 'c', prediction: 'p4', reward: 7 }),
      ])
      const values = { n: 2, mean: 1e9 + 0.5, m2: 0.5, min: 1e9, max: 1e9 + 1 }
      expect(await offPolicy()).toEqual([
        { version: 'v1', propensity: 0.3, predictions: 2, values },
        { version: 'v1', propensity: 0.1 + 0.2, predictions: 1, values: null },
        { version: 'v2', propensity: 0.3, predictions: 1, values: null },
      ])
      expect(await offPolicy({ value: { kind: 'metric', name: 'none' } })).toMatchObject([
        { values: null },
        { values: null },
        { values: null },
      ])
    })

    test('values beyond any measure spoil no other group', async () => {
      await append({ version: 'v1' }, { version: 'v1' }, { version: 'v2' })
      const rewards = [1.7e308, -1e300, 2]
      await log.appendOutcomes(
        rewards.map((reward, index) => anOutcome({ id: `o${index}`, prediction: `p${index}`, reward })),
      )
      const [first, second] = await offPolicy()
      expect(first?.values).toMatchObject({ n: 2, m2: Number.POSITIVE_INFINITY, min: -1e300, max: 1.7e308 })
      expect(second?.values).toEqual({ n: 1, mean: 2, m2: 0, min: 2, max: 2 })
      expect((await summary({ groupBy: ['version'] }))[1]?.rewards).toEqual({ count: 1, sum: 2 })
    })

    test('many groups come in bounded batches, each once, and a reader that throws ends it', async () => {
      const many = Array.from({ length: 5_000 }, (_, index) => ({ propensity: (index + 1) / 5_000 }))
      await append(...many)
      const sizes: number[] = []
      const seen = new Set<number>()
      await analytics.offPolicyRows({ endpoint: 'digits', value: { kind: 'reward' } }, batch => {
        sizes.push(batch.length)
        for (const { propensity } of batch) seen.add(propensity)
      })
      expect(seen.size).toBe(5_000)
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(5_000)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(2_048)
      const reading = analytics.offPolicyRows({ endpoint: 'digits', value: { kind: 'reward' } }, () => {
        throw new Error('enough')
      })
      await expect(reading).rejects.toThrow('enough')
      expect(await summary()).toMatchObject([{ requests: 5_000 }])
    })

    test('questions asked at once are all answered, each with all that was committed', async () => {
      await append({}, {}, { id: 'p9' })
      const asked = [summary(), offPolicy(), summary({ groupBy: ['version'] })]
      const [total, groups, versions] = await Promise.all(asked)
      expect(total).toMatchObject([{ requests: 3 }])
      expect(groups).toMatchObject([{ predictions: 3 }])
      expect(versions).toMatchObject([{ key: { version: 'v1' }, requests: 3 }])
    })

    test('names in any script, with quotes and spaces, are groups of their own', async () => {
      const versions = ["v'1", 'v"2', 'ü \u{1f600}', 'v1', 'V1']
      await append(...versions.map(version => ({ version, release: version })))
      expect((await summary({ groupBy: ['version'] })).map(({ key }) => key.version)).toEqual(versions.toSorted())
      expect(await summary({ release: "v'1" })).toMatchObject([{ requests: 1 }])
    })
  })
}
