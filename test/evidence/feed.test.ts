import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import type { JoinedOutcome, Prediction } from '../../src/core/prediction.ts'
import type { ControlState } from '../../src/core/state.ts'
import { fold } from '../../src/core/step.ts'
import { EvidenceFeed } from '../../src/evidence/feed.ts'
import type { Committed } from '../../src/evidence/traffic.ts'
import type { PredictionLog, ReplayQuery } from '../../src/ports/prediction-log.ts'
import { tempFolder } from '../adapters/temp-folder.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { endpointSpec, happen } from '../support/releases.ts'

const monitor = {
  checks: [{ metric: 'error-rate', event: { kind: 'error' as const }, rateMax: 0.02 }],
  ...{ alpha: 0.01, window: 100, atMostMs: 60_000, onBreach: 'alert' as const },
}

/** `digits` and `prices` are watched since their first epoch; of `plain` nothing is to be read again. */
const state: ControlState = fold(
  [endpointSpec({ monitor }), endpointSpec({ name: 'prices', monitor }), endpointSpec({ name: 'plain' })].map(
    (spec, index) => ({ seq: index + 1, atMs: 1_000, event: happen.applied(spec) }),
  ),
)
const watchedEndpoints = ['digits', 'prices']

type Item = Prediction | JoinedOutcome
const nameOf = (item: Item) => ('outcome' in item ? item.outcome.id : item.id)

/** A log that a recorder writes to, and a feed that is told of it: what the books have met, by endpoint. */
function living(log: PredictionLog, over: { heldMax?: number; replay?: PredictionLog['replay'] } = {}) {
  const met = new Map<string, string[]>()
  const committed = new Map<string, string[]>()
  const note = (where: Map<string, string[]>, { fresh, joined }: Committed) => {
    for (const item of [...fresh, ...joined]) {
      const names = where.get(item.endpoint) ?? []
      names.push(nameOf(item))
      where.set(item.endpoint, names)
    }
  }
  const feed = new EvidenceFeed({
    predictions: { replay: over.replay ?? ((query, each) => log.replay(query, each)) },
    evidence: { forget: () => {} },
    tell: batch => note(met, batch),
    tellLive: batch => note(met, batch),
    ...(over.heldMax !== undefined && { heldMax: over.heldMax }),
  })
  let sent = 0
  const append = async (endpoints: readonly string[], isTold = true) => {
    const predictions = endpoints.map(endpoint => aPrediction({ id: `p${++sent}`, endpoint }))
    const first = await log.appendPredictions(predictions)
    if (isTold) feed.add(first)
    note(committed, first)
    const labels = predictions.map(({ id }) => anOutcome({ id: `of ${id}`, prediction: id }))
    const second = await log.appendOutcomes(labels)
    const joined = { fresh: [], joined: second.joined, upToSeq: second.upToSeq }
    if (isTold) feed.add(joined)
    note(committed, joined)
  }
  return { feed, met, committed, append }
}

/** A replay that leaves time for others between its batches. */
function slowly(log: PredictionLog): PredictionLog['replay'] {
  return async (query, each) => {
    const batches: Parameters<typeof each>[0][] = []
    const replayed = await log.replay(query, batch => batches.push(batch))
    for (const batch of batches) {
      await new Promise(resolve => setImmediate(resolve))
      each(batch)
    }
    return replayed
  }
}

/** The same, but of so many batches: then it fails, as a store may. */
function failing(log: PredictionLog, afterBatches: () => number): PredictionLog['replay'] {
  return (query, each) => {
    let left = afterBatches()
    return slowly(log)(query, batch => {
      if (left === 0) throw new Error('disk')
      left -= 1
      each(batch)
    })
  }
}

const inMemory = async () => createMemoryPredictionLog({ clock: createManualClock() })
const onDisk = () => openSqlitePredictionLog({ file: `${tempFolder()}/predictions.db`, clock: createManualClock() })

/** A history on disk costs a thread and a file. */
const logs: readonly [name: string, open: () => Promise<PredictionLog>, histories: number][] = [
  ['memory', inMemory, 200],
  ['SQLite', onDisk, 12],
]

describe.each(logs)('evidence that is read again from %s', (_, open, histories) => {
  it('meets each commit once and in order, whatever is committed meanwhile and however little may wait', async () => {
    const endpoint = fc.constantFrom('digits', 'prices', 'plain')
    const batches = (maxLength: number) => fc.array(fc.array(endpoint, { minLength: 1, maxLength: 4 }), { maxLength })
    await fc.assert(
      fc.asyncProperty(batches(8), batches(20), fc.nat(12), async (before, meanwhile, heldMax) => {
        const log = await open()
        const { feed, met, committed, append } = living(log, { heldMax, replay: slowly(log) })
        for (const one of before) await append(one, false)
        // Of what nothing rests on, the books have met only what came after.
        committed.delete('plain')
        const whole = feed.rebuild(() => state)
        for (const one of meanwhile) await append(one)
        await whole
        await append(['plain', 'prices', 'digits'])
        expect(Object.fromEntries(met)).toEqual(Object.fromEntries(committed))
        await log.close()
      }),
      { numRuns: histories },
    )
  })
})

describe.each(logs)('evidence that could not be read at first from %s', (_, open, histories) => {
  it('meets each commit once and in order all the same, wherever reading broke off', async () => {
    const endpoint = fc.constantFrom('digits', 'prices', 'plain')
    const batches = fc.array(fc.array(endpoint, { minLength: 1, maxLength: 4 }), { maxLength: 8 })
    const breaks = fc.array(fc.nat(4), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(batches, breaks, async (before, [first = 0, ...more]) => {
        const log = await open()
        const left = [first, ...more]
        const replay = failing(log, () => left.shift() ?? Number.POSITIVE_INFINITY)
        const { feed, met, committed, append } = living(log, { replay })
        for (const one of before) await append(one, false)
        committed.delete('plain')
        for (let reading = feed.rebuild(() => state); ; reading = feed.goOn(() => state)) {
          await append(['digits', 'plain'])
          if (
            await reading.then(
              () => true,
              () => false,
            )
          )
            break
          await append(['prices'])
        }
        await append(['plain', 'prices', 'digits'])
        expect(Object.fromEntries(met)).toEqual(Object.fromEntries(committed))
        await log.close()
      }),
      { numRuns: histories },
    )
  })
})

describe('evidence that is read again', () => {
  const opened = async () => {
    const log = await inMemory()
    onTestFinished(() => log.close())
    return log
  }

  it('is not whole until it has been read, and what nothing rests on always is', async () => {
    const log = await opened()
    const { feed, append } = living(log, { replay: slowly(log) })
    await append(['digits', 'prices'], false)
    const whole = feed.rebuild(() => state)
    expect([...watchedEndpoints, 'plain'].map(name => feed.isWhole(name))).toEqual([false, false, true])
    await whole
    expect(watchedEndpoints.map(name => feed.isWhole(name))).toEqual([true, true])
  })

  it('is read in one pass over the log, whatever the number of endpoints', async () => {
    const log = await opened()
    const queries: ReplayQuery[] = []
    const replay: PredictionLog['replay'] = (query, each) => {
      queries.push(query)
      return log.replay(query, each)
    }
    const { feed, met, committed, append } = living(log, { replay })
    for (let more = 0; more < 3; more += 1) await append(watchedEndpoints, false)
    await feed.rebuild(() => state)
    expect(queries.map(({ tails }) => tails.map(({ endpoint }) => endpoint))).toEqual([watchedEndpoints])
    expect(met).toEqual(committed)
  })

  it('keeps no more of what comes meanwhile than may wait, and reads the rest from the log', async () => {
    const log = await opened()
    let replays = 0
    const slow = slowly(log)
    const { feed, met, committed, append } = living(log, {
      heldMax: 3,
      replay: (query, each) => {
        replays += 1
        return slow(query, each)
      },
    })
    await append(['digits'], false)
    const whole = feed.rebuild(() => state)
    for (let more = 0; more < 10; more += 1) await append(['digits'])
    await whole
    expect(met).toEqual(committed)
    expect(replays).toBeGreaterThan(1)
  })

  it('that cannot be read stays what it is: nothing is judged by a part of it', async () => {
    const log = await opened()
    const { feed, met, append } = living(log, { replay: () => Promise.reject(new Error('disk')) })
    await append(['digits'], false)
    await expect(feed.rebuild(() => state)).rejects.toThrow('disk')
    await append(['digits', 'plain'])
    expect(feed.isWhole('digits')).toBe(false)
    expect(met.has('digits')).toBe(false)
    expect(met.get('plain')).toHaveLength(2)
  })
})
