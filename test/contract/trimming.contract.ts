import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import type { JoinedOutcome, Prediction } from '../../src/core/prediction.ts'
import type { Trim } from '../../src/core/retention.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { anOutcome, aPrediction, aShadow } from './samples.ts'

/** What every prediction log promises of what it lets go. `open` gives an empty one. */
export function trimmingContract(
  name: string,
  open: (clock: Clock) => Promise<PredictionLog>,
  { histories = 60 } = {},
): void {
  describe(`a prediction log in ${name} that is trimmed`, () => {
    let log: PredictionLog
    beforeEach(async () => {
      log = await open(createManualClock(1_700_000_000_000))
      onTestFinished(() => log.close())
    })

    /** A batch of its own for each, so that none is a neighbour of another one. */
    const append = async (...predictions: readonly Partial<Prediction>[]): Promise<void> => {
      for (const parts of predictions) await log.appendPredictions([aPrediction(parts)])
    }
    const ids = async () => (await log.find({ limit: 1_000 })).map(({ prediction }) => prediction.id).reverse()

    test('lets go of what is older, with bodies and outcomes, and of nothing else', async () => {
      const payload = { request: new Uint8Array([1]), response: new Uint8Array([2]) }
      await append({ id: 'old', atMs: 10, payload }, { id: 'at the time', atMs: 20 }, { id: 'new', atMs: 30, payload })
      await log.appendOutcomes([
        anOutcome({ id: 'of old', prediction: 'old' }),
        anOutcome({ id: 'of new', prediction: 'new' }),
      ])
      expect(await log.trim({ beforeMs: 20, needed: [] })).toEqual({ predictions: 1, isDone: true })
      expect(await ids()).toEqual(['at the time', 'new'])
      expect(await log.find({ id: 'old', limit: 1 })).toEqual([])
      expect((await log.find({ withPayload: true, limit: 9 })).map(({ prediction }) => prediction.id)).toEqual(['new'])
      expect((await log.find({ id: 'new', limit: 1 }))[0]?.outcomes.map(({ id }) => id)).toEqual(['of new'])
    })

    test('has the ids of what it let go free again, and of nothing else', async () => {
      await append({ id: 'old', atMs: 10 }, { id: 'new', atMs: 30 })
      const outcomes = ['old', 'new'].map(prediction => anOutcome({ id: `of ${prediction}`, prediction }))
      await log.appendOutcomes(outcomes)
      await log.trim({ beforeMs: 20, needed: [] })
      const again = await log.appendOutcomes(outcomes)
      expect(again.receipts).toEqual([{ status: 'pending' }, { status: 'duplicate' }])
      const { fresh, joined } = await log.appendPredictions([
        aPrediction({ id: 'old', atMs: 40 }),
        aPrediction({ id: 'new', atMs: 40 }),
      ])
      expect(fresh.map(({ id }) => id)).toEqual(['old'])
      expect(joined.map(({ outcome }) => outcome.id)).toEqual(['of old'])
    })

    test('keeps what is needed, and all that came after its first one', async () => {
      await append(
        { id: 'a', atMs: 1, epoch: 4 },
        { id: 'b', atMs: 1, epoch: 9, endpoint: 'other' },
        { id: 'c', atMs: 1, epoch: 5 },
        { id: 'd', atMs: 1, epoch: 4 },
        { id: 'e', atMs: 1, epoch: 4 },
      )
      const needed = [{ endpoint: 'digits', fromEpoch: 5 }]
      expect(await log.trim({ beforeMs: 20, needed })).toEqual({ predictions: 2, isDone: true })
      expect(await ids()).toEqual(['c', 'd', 'e'])
    })

    test('keeps the newest whatever its age, so that their order goes on', async () => {
      await append({ id: 'a', atMs: 1 }, { id: 'b', atMs: 1 })
      await log.trim({ beforeMs: 20, needed: [] })
      expect(await ids()).toEqual(['b'])
      expect(await log.trim({ beforeMs: 20, needed: [] })).toEqual({ predictions: 0, isDone: true })
    })

    test('says of a replay whether it was asked for something that is gone', async () => {
      await append({ id: 'a', atMs: 1, epoch: 1 }, { id: 'b', atMs: 1, epoch: 2 }, { id: 'c', atMs: 30, epoch: 2 })
      await log.trim({ beforeMs: 20, needed: [] })
      await append({ id: 'd', atMs: 40, epoch: 3 })
      const isWhole = async (endpoint: string, fromEpoch: number) =>
        (await log.replay({ tails: [{ endpoint, fromEpoch }] }, () => {})).isWhole
      expect(await isWhole('digits', 1)).toBe(false)
      expect(await isWhole('digits', 2)).toBe(false)
      expect(await isWhole('digits', 3)).toBe(true)
      expect(await isWhole('other', 0)).toBe(true)
    })

    test('of shadows and their champions each goes by its own age, and what is left is joined', async () => {
      await log.appendPredictions([aPrediction({ atMs: 1 })])
      await log.appendPredictions([aShadow('v8', { atMs: 30 })])
      await log.appendPredictions([aPrediction({ id: 'p2', atMs: 30 })])
      await log.trim({ beforeMs: 20, needed: [] })
      expect((await log.appendOutcomes([anOutcome()])).receipts).toEqual([{ status: 'pending' }])
      expect((await log.appendOutcomes([anOutcome({ id: 'o2', prediction: 'p2' })])).joined).toHaveLength(1)
    })

    test('what is left is the end of what was committed, without anything that is younger or needed gone', async () => {
      await fc.assert(
        fc.asyncProperty(someBatches, fc.array(someTrim, { minLength: 1, maxLength: 4 }), async (batches, trims) => {
          const log = await open(createManualClock(1_700_000_000_000))
          const committed: (Prediction | JoinedOutcome)[] = []
          for (const [index, batch] of batches.entries()) {
            const predictions = batch.map((one, place) => predictionOf(`${index}.${place}`, one))
            const appended = await log.appendPredictions(predictions)
            const outcomes = predictions.map(({ id }) => anOutcome({ id: `of ${id}`, prediction: id }))
            const { joined } = await log.appendOutcomes(outcomes)
            committed.push(...appended.fresh, ...appended.joined, ...joined)
          }
          for (const trim of trims) await trimAll(log, trim)
          const predictions = committed.filter((item): item is Prediction => !('outcome' in item))
          const found = await log.find({ limit: 1_000 })
          const left = new Set(found.map(({ prediction }) => prediction.id))
          const gone = predictions.filter(({ id }) => !left.has(id))
          expect(predictions.slice(gone.length).map(({ id }) => id)).toEqual([...left].reverse())
          // Each was free to go in one of the trims.
          for (const one of gone) expect(trims.some(trim => isFree(one, trim))).toBe(true)
          for (const endpoint of ['digits', 'prices']) {
            const items: (Prediction | JoinedOutcome)[] = []
            await log.replay({ tails: [{ endpoint, fromEpoch: 1 }] }, batch =>
              items.push(...batch.predictions, ...batch.joined),
            )
            const stays = (item: Prediction | JoinedOutcome) =>
              left.has('outcome' in item ? item.outcome.prediction : item.id)
            expect(items).toEqual(
              committed.filter(item => item.endpoint === endpoint && item.epoch >= 1 && stays(item)),
            )
          }
          const late = predictions.map(({ id }) => anOutcome({ id: `late of ${id}`, prediction: id }))
          const { receipts } = await log.appendOutcomes(late)
          expect(receipts.map(({ status }) => status === 'joined')).toEqual(predictions.map(({ id }) => left.has(id)))
          await log.close()
        }),
        { numRuns: histories },
      )
    })
  })
}

const someBatches = fc.array(
  fc.array(fc.record({ atMs: fc.nat(9), epoch: fc.nat(3), isOfPrices: fc.boolean() }), { minLength: 1, maxLength: 5 }),
  { minLength: 1, maxLength: 8 },
)

const someTrim = fc.record({
  beforeMs: fc.nat(12),
  needed: fc.array(fc.record({ endpoint: fc.constantFrom('digits', 'prices'), fromEpoch: fc.nat(4) }), {
    maxLength: 2,
  }),
})

type Some = { atMs: number; epoch: number; isOfPrices: boolean }

function predictionOf(id: string, { atMs, epoch, isOfPrices }: Some): Prediction {
  return aPrediction({ id, endpoint: isOfPrices ? 'prices' : 'digits', atMs, epoch })
}

function isFree({ atMs, endpoint, epoch }: Prediction, { beforeMs, needed }: Trim): boolean {
  return atMs < beforeMs && !needed.some(one => one.endpoint === endpoint && epoch >= one.fromEpoch)
}

async function trimAll(log: PredictionLog, trim: Trim): Promise<void> {
  for (let isDone = false; !isDone; ) isDone = (await log.trim(trim)).isDone
}
