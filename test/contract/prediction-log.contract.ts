import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock, type ManualClock } from '../../src/adapters/clock/manual.ts'
import { PredictionPacker } from '../../src/adapters/packed-predictions/packer.ts'
import { limits } from '../../src/core/limits.ts'
import {
  type JoinedOutcome,
  type Outcome,
  type OutcomeValues,
  type Payload,
  type Prediction,
  valuesAfter,
} from '../../src/core/prediction.ts'
import { createIds } from '../../src/gateway/ids.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { type LogStep, runSteps, someSteps } from './prediction-log-steps.ts'
import { anOutcome, aPrediction, aShadow } from './samples.ts'

/** What every prediction log promises. `open` gives an empty one. */
export function predictionLogContract(name: string, open: (clock: Clock) => Promise<PredictionLog>): void {
  describe(`prediction log in ${name}`, () => {
    let log: PredictionLog
    let clock: ManualClock
    beforeEach(async () => {
      clock = createManualClock(1_700_000_000_000)
      log = await open(clock)
      onTestFinished(() => log.close())
    })

    describe('predictions', () => {
      test('new ids are fresh, in order; a repeated id changes nothing, within a batch and later', async () => {
        const [a, b, c] = ['a', 'b', 'c'].map(id => aPrediction({ id }))
        if (a === undefined || b === undefined || c === undefined) throw new Error('three samples')
        expect((await log.appendPredictions([a, b, { ...a, version: 'v9' }])).fresh).toEqual([a, b])
        expect((await log.appendPredictions([{ ...b, endpoint: 'other' }, c])).fresh).toEqual([c])
        const found = await log.find({ limit: 10 })
        expect(found.map(({ prediction }) => prediction)).toEqual([c, b, a])
      })

      test('a batch that comes again changes nothing, though a gateway made its ids, and what is new in it is fresh', async () => {
        const nextId = createIds(1_700_000_000_000)
        const all = Array.from({ length: 8 }, () => aPrediction({ id: nextId() }))
        const packed = (some: readonly Prediction[]) => {
          const packer = new PredictionPacker()
          for (const one of some) packer.add({ ...one, madeId: true }, one)
          return packer.take()
        }
        const [kept, unkept] = [all.slice(0, 5), all.slice(5)]
        await log.appendPredictions(packed(kept))
        expect((await log.appendPredictions(packed(kept), { again: true })).fresh).toEqual([])
        expect((await log.appendPredictions(packed(all), { again: true })).fresh).toEqual(unkept)
        const found = await log.find({ limit: 20 })
        expect(found.map(({ prediction }) => prediction)).toEqual(all.toReversed())
      })

      test('every field comes back as it was, with its bodies', async () => {
        const pooled = Buffer.from('{"a":1}')
        const prediction = aPrediction({
          release: 'digits-4',
          unit: 'Ada\u0000 \u{1f600}',
          version: 'v2',
          pinned: true,
          failed: true,
          atMs: 1_700_000_000_000.25,
          latencyMs: 0.1 + 0.2,
          propensity: 1e-6,
          answer: [3, '3', true, '', 1e300, 'ü'],
          features: { age: 41.5, country: 'ü', items: null },
          byContext: true,
          measures: { tokens: 12, cost: 1.25e-7, 'tokens-per-second': 0.1 + 0.2 },
          payload: { request: new Uint8Array(pooled), response: new Uint8Array(0) },
        })
        await log.appendPredictions([
          prediction,
          aPrediction({ id: 'p2', answer: null }),
          aPrediction({ id: 'p3', answer: [] }),
        ])
        const found = await log.find({ limit: 10 })
        expect(found.map(({ prediction }) => prediction.answer)).toEqual([[], null, prediction.answer])
        expect(found.at(-1)?.prediction).toEqual(prediction)
      })

      test('how a request was sent is kept beside its bodies', async () => {
        const headers = [['content-type', 'application/json']] as const
        const sent = { method: 'POST', path: '/v2/models/digits/infer', headers }
        const payload: Payload = { request: new Uint8Array([1]), response: new Uint8Array([2]), sent }
        await log.appendPredictions([aPrediction({ payload })])
        expect((await log.find({ limit: 1 }))[0]?.prediction.payload).toEqual(payload)
      })

      test('find brings those with bodies alone if asked to, the newest up to a bound of bytes', async () => {
        const big = { request: new Uint8Array(20 * 1024 * 1024), response: new Uint8Array(0) }
        const small = { request: new Uint8Array([1]), response: new Uint8Array([2]) }
        for (const [id, payload] of Object.entries({ a: small, b: big, c: big, d: big, e: null, f: small }))
          await log.appendPredictions([aPrediction({ id, payload, version: id === 'f' ? 'v2' : 'v1' })])
        const ids = async (version: string, limit: number) =>
          (await log.find({ endpoint: 'digits', version, withPayload: true, limit })).map(one => one.prediction.id)
        expect(await ids('v1', 10)).toEqual(['d', 'c', 'b', 'a'])
        expect(await ids('v1', 2)).toEqual(['d', 'c'])
        expect(await ids('v2', 10)).toEqual(['f'])
        const many = Array.from({ length: limits.pageMax + 5 }, (_, index) =>
          aPrediction({ id: `m${index}`, version: 'v3', payload: small }),
        )
        await log.appendPredictions(many)
        expect(await ids('v3', 10_000)).toHaveLength(many.length)
        await log.appendPredictions([aPrediction({ id: 'g', payload: big })])
        expect(await ids('v1', 10)).toEqual(['g', 'd', 'c'])
      })

      test("the batch stays the caller's: its bodies are still there afterwards", async () => {
        const payload = { request: new Uint8Array([1, 2]), response: new Uint8Array([3]) }
        await log.appendPredictions([aPrediction({ payload })])
        expect(payload).toEqual({ request: new Uint8Array([1, 2]), response: new Uint8Array([3]) })
      })

      test('find narrows by id, endpoint and version, newest first, up to the limit', async () => {
        const versions = ['v1', 'v2', 'v1', 'v2']
        const digits = versions.map((version, index) => aPrediction({ id: `d${index}`, version, assigned: version }))
        await log.appendPredictions([...digits, aPrediction({ id: 'x', endpoint: 'other' })])
        const ids = async (query: { endpoint?: string; version?: string; id?: string; limit?: number }) =>
          (await log.find({ limit: 10, ...query })).map(({ prediction }) => prediction.id)
        expect(await ids({})).toEqual(['x', 'd3', 'd2', 'd1', 'd0'])
        expect(await ids({ endpoint: 'digits' })).toEqual(['d3', 'd2', 'd1', 'd0'])
        expect(await ids({ endpoint: 'digits', version: 'v1' })).toEqual(['d2', 'd0'])
        expect(await ids({ version: 'v1' })).toEqual(['x', 'd2', 'd0'])
        expect(await ids({ id: 'd1' })).toEqual(['d1'])
        expect(await ids({ id: 'd1', endpoint: 'other' })).toEqual([])
        expect(await ids({ endpoint: 'digits', limit: 1 })).toEqual(['d3'])
        expect(await ids({ limit: 0 })).toEqual([])
      })

      test('find gives no more than a page', async () => {
        const many = Array.from({ length: limits.pageMax + 5 }, (_, index) => aPrediction({ id: `p${index}` }))
        await log.appendPredictions(many)
        expect(await log.find({ limit: 1e9 })).toHaveLength(limits.pageMax)
      })
    })

    describe('outcomes', () => {
      test('one of a known prediction is joined to what the prediction says', async () => {
        await log.appendPredictions([aPrediction({ epoch: 7, version: 'v2', assigned: 'v2', answer: [3, 5] })])
        const outcome = anOutcome({ row: 1, label: 4, reward: 0.5, metrics: { clicks: 2 } })
        const { receipts, joined } = await log.appendOutcomes([outcome])
        expect(receipts).toEqual([{ status: 'joined' }])
        const facts = {
          endpoint: 'digits',
          epoch: 7,
          release: null,
          version: 'v2',
          unit: 'ada',
          propensity: 0.95,
          latencyMs: 3.25,
          status: 200,
          predictedAtMs: 1_700_000_000_000,
        }
        expect(joined).toEqual([{ outcome, ...facts, counts: true, predicted: 5, scores: null, before: null }])
        expect((await log.find({ id: 'p1', limit: 1 }))[0]?.outcomes).toEqual([outcome])
      })

      test('one that comes first waits, and joins with its prediction', async () => {
        const outcomes = [
          anOutcome({ id: 'o1', label: 1 }),
          anOutcome({ id: 'o2', label: 2 }),
          anOutcome({ id: 'o3', prediction: 'p2' }),
        ]
        expect((await log.appendOutcomes(outcomes)).receipts).toEqual(Array(3).fill({ status: 'pending' }))
        const { joined } = await log.appendPredictions([aPrediction({ id: 'p2' }), aPrediction({ id: 'p1' })])
        expect(joined.map(({ outcome }) => outcome.id)).toEqual(['o3', 'o1', 'o2'])
        expect((await log.appendPredictions([aPrediction({ id: 'p4' })])).joined).toEqual([])
      })

      test('one whose sender may speak of other endpoints alone never joins, and takes nobody an id', async () => {
        const statuses = async (outcomes: readonly Outcome[]) =>
          (await log.appendOutcomes(outcomes)).receipts.map(({ status }) => status)
        const early = anOutcome({ id: 'early', prediction: 'p2', endpoints: ['other'] })
        await log.appendPredictions([aPrediction()])
        expect(await statuses([anOutcome({ endpoints: ['other'] }), early])).toEqual(['pending', 'pending'])
        expect((await log.appendPredictions([aPrediction({ id: 'p2' })])).joined).toEqual([])
        const { endpoints: _, ...late } = early
        expect(await statuses([anOutcome(), late])).toEqual(['joined', 'joined'])
      })

      test('one whose sender may speak of its endpoint joins like any other, early and late', async () => {
        const endpoints = ['other', aPrediction().endpoint]
        const early = anOutcome({ id: 'early', prediction: 'p2' })
        await log.appendPredictions([aPrediction()])
        const late = await log.appendOutcomes([
          { ...anOutcome(), endpoints },
          { ...early, endpoints },
        ])
        const { joined } = await log.appendPredictions([aPrediction({ id: 'p2' })])
        expect([...late.joined, ...joined].map(({ outcome }) => outcome)).toEqual([anOutcome(), early])
      })

      test('the same id again is a duplicate: in the batch, later, while it waits and after it joined', async () => {
        const statuses = async (outcomes: readonly Outcome[]) =>
          (await log.appendOutcomes(outcomes)).receipts.map(({ status }) => status)
        const outcome = anOutcome()
        expect(await statuses([outcome, outcome])).toEqual(['pending', 'duplicate'])
        expect(await statuses([outcome])).toEqual(['duplicate'])
        expect((await log.appendPredictions([aPrediction()])).joined).toHaveLength(1)
        expect(await statuses([outcome, anOutcome({ id: 'o2' }), anOutcome({ id: 'o2', label: 9 })])).toEqual([
          'duplicate',
          'joined',
          'duplicate',
        ])
      })

      test('an id that was used for another prediction is a duplicate too', async () => {
        await log.appendPredictions([aPrediction(), aPrediction({ id: 'p2' })])
        const { receipts } = await log.appendOutcomes([anOutcome(), anOutcome({ prediction: 'p2' })])
        expect(receipts).toEqual([{ status: 'joined' }, { status: 'duplicate' }])
        const waiting = [anOutcome({ id: 'w', prediction: 'p3' }), anOutcome({ id: 'w', prediction: 'p4' })]
        expect((await log.appendOutcomes(waiting)).receipts).toEqual([{ status: 'pending' }, { status: 'duplicate' }])
      })

      test('an id of who may speak of some endpoints alone counts for its prediction, and is taken from nobody', async () => {
        await log.appendPredictions([aPrediction(), aPrediction({ id: 'p2' })])
        const ofOthers = { endpoints: ['prices'] }
        const guessed = anOutcome({ id: 'ticket-1', prediction: 'nothing-there', ...ofOthers })
        expect((await log.appendOutcomes([guessed, guessed])).receipts).toEqual([
          { status: 'pending' },
          { status: 'duplicate' },
        ])
        const own = { endpoints: ['digits'] }
        const said = [anOutcome({ id: 'ticket-1', ...own }), anOutcome({ id: 'ticket-1', prediction: 'p2', ...own })]
        const { receipts, joined } = await log.appendOutcomes([...said, ...said])
        expect(receipts.map(({ status }) => status)).toEqual(['joined', 'joined', 'duplicate', 'duplicate'])
        expect(joined.map(({ outcome }) => outcome.id)).toEqual(['ticket-1', 'ticket-1'])
        expect((await log.find({ id: 'p2', limit: 1 }))[0]?.outcomes).toMatchObject([{ id: 'ticket-1' }])
        // Nor from who may speak of all, whose word stands whoever says it again.
        const ofAll = anOutcome({ id: 'ticket-2' })
        expect((await log.appendOutcomes([{ ...guessed, id: 'ticket-2' }, ofAll])).receipts[1]).toEqual({
          status: 'joined',
        })
        expect((await log.appendOutcomes([{ ...ofAll, ...own }])).receipts).toEqual([{ status: 'duplicate' }])
      })

      test('features and measures, and whether features chose the version, come with what is joined and with a replay', async () => {
        const features = { age: 41.5, country: 'de', items: null }
        const measures = { tokens: 12, cost: 1.25e-7 }
        await log.appendPredictions([aPrediction({ features, byContext: true, measures }), aPrediction({ id: 'p2' })])
        const { joined } = await log.appendOutcomes([anOutcome(), anOutcome({ id: 'o2', prediction: 'p2' })])
        expect(joined[0]).toMatchObject({ features, byContext: true, measures })
        expect(Object.keys(joined[1] ?? {})).not.toContain('measures')
        expect(Object.keys(joined[1] ?? {})).not.toContain('features')
        expect(Object.keys(joined[1] ?? {})).not.toContain('byContext')
        const replayed: unknown[] = []
        await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }] }, batch => replayed.push(...batch.joined))
        expect(replayed).toEqual(joined)
      })

      test('a ranking, its truth and the scores of its row come back as they were', async () => {
        const scores = [
          [0.1, 0.2],
          [1e-300, 0.1 + 0.2],
        ]
        await log.appendPredictions([aPrediction({ answer: ['a', [3, '3', 'ü"']], scores })])
        const outcome = anOutcome({ row: 1, label: ['3', true, 0.1 + 0.2] })
        const { joined } = await log.appendOutcomes([outcome])
        expect(joined).toMatchObject([{ outcome, predicted: [3, '3', 'ü"'], scores: scores[1] }])
        expect((await replayed(log, 'digits', 0)).at(-1)).toEqual(joined[0])
      })

      test('values of one row gather over outcomes, in one batch and over several', async () => {
        await log.appendPredictions([aPrediction()])
        const first = await log.appendOutcomes([
          anOutcome({ id: 'a', label: null, metrics: { clicks: 1, stays: 2 } }),
          anOutcome({ id: 'b', label: null, reward: 0.5, metrics: { clicks: 3 } }),
        ])
        const second = await log.appendOutcomes([anOutcome({ id: 'c', label: 7 }), anOutcome({ id: 'd', label: 8 })])
        const known = [...first.joined, ...second.joined].map(({ before }) => before)
        expect(known).toEqual([
          null,
          { label: null, reward: null, metrics: { clicks: 1, stays: 2 } },
          { label: null, reward: 0.5, metrics: { clicks: 3, stays: 2 } },
          { label: 7, reward: 0.5, metrics: { clicks: 3, stays: 2 } },
        ])
      })

      test.each([
        { what: 'pinned by the caller', parts: { pinned: true } },
        { what: 'answered by another version than was chosen', parts: { assigned: 'v2' } },
      ])('one of a prediction $what does not count', async ({ parts }) => {
        await log.appendPredictions([aPrediction(parts)])
        expect((await log.appendOutcomes([anOutcome()])).joined[0]?.counts).toBe(false)
      })

      test('a row that the answer does not have, or an unread answer, has no predicted value', async () => {
        await log.appendPredictions([aPrediction({ answer: ['cat'] }), aPrediction({ id: 'p2', answer: null })])
        const { joined } = await log.appendOutcomes([
          anOutcome({ id: 'o1', row: 1 }),
          anOutcome({ id: 'o2', prediction: 'p2' }),
          anOutcome({ id: 'o3', row: 0 }),
        ])
        expect(joined.map(({ predicted }) => predicted)).toEqual([null, null, 'cat'])
      })

      test('a later outcome of the same row says what was known before it', async () => {
        await log.appendPredictions([aPrediction({ answer: [1, 2] })])
        const first = await log.appendOutcomes([
          anOutcome({ id: 'a', label: 3 }),
          anOutcome({ id: 'b', row: 1, label: 4 }),
        ])
        const second = await log.appendOutcomes([
          anOutcome({ id: 'c', label: '3' }),
          anOutcome({ id: 'd', label: null, reward: 1 }),
          anOutcome({ id: 'e', label: false }),
        ])
        const known = [...first.joined, ...second.joined].map(({ before }) => before)
        const none = { reward: null, metrics: {} }
        expect(known).toEqual([
          null,
          null,
          { ...none, label: 3 },
          { ...none, label: '3' },
          { ...none, label: '3', reward: 1 },
        ])
      })

      test('corrections that came before their prediction keep their order', async () => {
        await log.appendOutcomes([anOutcome({ id: 'a', label: false }), anOutcome({ id: 'b', label: 'x' })])
        const { joined } = await log.appendPredictions([aPrediction()])
        expect(joined.map(({ before }) => before)).toEqual([null, { label: false, reward: null, metrics: {} }])
      })

      test('one that waited too long is let go, by an append some time later, and its id is forgotten', async () => {
        await log.appendOutcomes([anOutcome({ id: 'old' })])
        clock.advance(limits.orphanOutcomeMs)
        expect((await log.appendOutcomes([anOutcome({ id: 'young' })])).receipts).toEqual([{ status: 'pending' }])
        clock.advance(3600_000)
        const { joined } = await log.appendPredictions([aPrediction()])
        expect(joined.map(({ outcome }) => outcome.id)).toEqual(['young'])
        expect((await log.appendOutcomes([anOutcome({ id: 'old' })])).receipts).toEqual([{ status: 'joined' }])
      })

      test('one waits for its prediction as long as was promised', async () => {
        await log.appendOutcomes([anOutcome()])
        clock.advance(limits.orphanOutcomeMs)
        expect((await log.appendPredictions([aPrediction()])).joined).toHaveLength(1)
      })

      test('a joined one is never let go', async () => {
        await log.appendPredictions([aPrediction()])
        await log.appendOutcomes([anOutcome()])
        clock.advance(10 * limits.orphanOutcomeMs)
        await log.appendOutcomes([])
        expect((await log.find({ id: 'p1', limit: 1 }))[0]?.outcomes).toHaveLength(1)
      })
    })

    describe('shadows', () => {
      const ids = ({ joined }: { joined: readonly JoinedOutcome[] }) =>
        joined.map(({ outcome, version }) => `${outcome.id} ${version}`)

      test('an outcome joins every shadow of the prediction it names, right after it, for one receipt', async () => {
        await log.appendPredictions([
          aPrediction(),
          aPrediction({ id: 'p2' }),
          aShadow('v2'),
          aShadow('v3', { answer: null }),
        ])
        const outcomes = [anOutcome({ id: 'a', label: 7 }), anOutcome({ id: 'b', prediction: 'p2' })]
        const appended = await log.appendOutcomes([...outcomes, anOutcome({ id: 'c', label: 8 })])
        expect(appended.receipts).toEqual(Array(3).fill({ status: 'joined' }))
        expect(ids(appended)).toEqual(['a v1', 'a v2', 'a v3', 'b v1', 'c v1', 'c v2', 'c v3'])
        const facts = {
          shadowOf: 'p1',
          version: 'v2',
          predicted: 5,
          latencyMs: 9.5,
          status: 201,
          epoch: 1,
          counts: true,
        }
        expect(appended.joined[1]).toMatchObject({ ...facts, outcome: outcomes[0], before: null })
        expect(appended.joined[2]).toMatchObject({ shadowOf: 'p1', predicted: null })
        expect(appended.joined[0]).not.toHaveProperty('shadowOf')
        expect(appended.joined.slice(4).map(({ before }) => before?.label)).toEqual([7, 7, 7])
      })

      test('a shadow that comes late joins all that its champion has, once and with what was known before each', async () => {
        await log.appendOutcomes([anOutcome({ id: 'a', label: 1 })])
        await log.appendPredictions([aPrediction()])
        await log.appendOutcomes([anOutcome({ id: 'b', label: 2 }), anOutcome({ id: 'c', row: 1 })])
        const late = await log.appendPredictions([aShadow('v3'), aShadow('v2')])
        expect(ids(late)).toEqual(['a v3', 'b v3', 'c v3', 'a v2', 'b v2', 'c v2'])
        expect(late.joined.map(({ before }) => before?.label)).toEqual([
          undefined,
          1,
          undefined,
          undefined,
          1,
          undefined,
        ])
        expect(await log.appendPredictions([aShadow('v2')])).toMatchObject({ fresh: [], joined: [] })
        expect(ids(await log.appendOutcomes([anOutcome({ id: 'd' })]))).toEqual(['d v1', 'd v3', 'd v2'])
      })

      test.each([
        { order: 'before its champion', batches: [[aShadow('v2')], [aPrediction()]] },
        { order: 'with it', batches: [[aPrediction(), aShadow('v2')]] },
        { order: 'with it and before it', batches: [[aShadow('v2'), aPrediction()]] },
      ])('outcomes that waited for the champion join a shadow that came $order', async ({ batches }) => {
        await log.appendOutcomes([anOutcome({ id: 'a' }), anOutcome({ id: 'b' })])
        const joined: string[] = []
        for (const batch of batches) joined.push(...ids(await log.appendPredictions(batch)))
        expect(joined).toEqual(['a v1', 'a v2', 'b v1', 'b v2'])
      })

      test('a shadow that comes late joins what its champion has, though that one comes with it once more', async () => {
        await log.appendPredictions([aPrediction()])
        await log.appendOutcomes([anOutcome({ id: 'a' })])
        const late = await log.appendPredictions([aPrediction(), aShadow('v2'), aPrediction({ id: 'p2' })])
        expect(ids(late)).toEqual(['a v2'])
      })

      test('an outcome that names a shadow waits in vain, before the shadow comes and after', async () => {
        const [before, after] = ['a', 'b'].map(id => anOutcome({ id, prediction: 'p1~v2' }))
        if (before === undefined || after === undefined) throw new Error('two samples')
        expect((await log.appendOutcomes([before])).receipts).toEqual([{ status: 'pending' }])
        expect((await log.appendPredictions([aPrediction(), aShadow('v2')])).joined).toEqual([])
        expect(await log.appendOutcomes([after, before])).toMatchObject({
          receipts: [{ status: 'pending' }, { status: 'duplicate' }],
          joined: [],
        })
      })

      test('they are found like others, or left out, and have the outcomes of their champion', async () => {
        const payload = { request: new Uint8Array([1]), response: new Uint8Array([2]) }
        const shadow = aShadow('v2', { payload })
        await log.appendPredictions([aPrediction(), shadow])
        const outcome = anOutcome()
        await log.appendOutcomes([outcome])
        const found = await log.find({ limit: 9 })
        expect(found.map(({ prediction }) => prediction)).toEqual([shadow, aPrediction()])
        expect(found.map(({ outcomes }) => outcomes)).toEqual([[outcome], [outcome]])
        const champions = await log.find({ limit: 1, shadows: false })
        expect(champions.map(({ prediction }) => prediction.id)).toEqual(['p1'])
      })
    })

    describe('whatever comes in whatever order', () => {
      test('outcomes in any order, repeated and early or late, give the same joined content', async () => {
        await fc.assert(
          fc.asyncProperty(someSteps({ labelsPerRow: 1 }), fc.infiniteStream(fc.nat()), async (steps, random) => {
            const other = shuffled(steps, random)
            const [first, second] = [await runSteps(log, clock, steps), await runSteps(log, clock, other)]
            expect(content(second.joined)).toEqual(content(first.joined))
            expect(new Set(first.joined.map(joinKey)).size).toBe(first.joined.length)
          }),
          { numRuns: 30 },
        )
      })

      test('taking back what was known before each outcome leaves the last values of every row', async () => {
        await fc.assert(
          fc.asyncProperty(someSteps({ labelsPerRow: 'any' }), async steps => {
            const { joined } = await runSteps(log, clock, steps)
            const rows = new Map<string, OutcomeValues>()
            for (const { outcome, before, shadowOf, version } of joined) {
              const key = `${outcome.prediction} ${outcome.row} ${shadowOf === undefined ? '' : version}`
              expect(before).toEqual(rows.get(key) ?? null)
              rows.set(key, valuesAfter({ outcome, before }))
            }
          }),
          { numRuns: 30 },
        )
      })

      test('every shadow joins the outcomes of its champion, in their order, with what was known before each', async () => {
        await fc.assert(
          fc.asyncProperty(someSteps({ labelsPerRow: 'any' }), async steps => {
            const { committed, joined } = await runSteps(log, clock, steps)
            const of = (prediction: string, challenger: string | null) =>
              joined
                .filter(one => (one.shadowOf === undefined ? null : one.version) === challenger)
                .filter(({ outcome }) => outcome.prediction === prediction)
                .map(({ outcome, before }) => ({ outcome, before }))
            for (const item of committed) {
              if ('outcome' in item || item.shadowOf === undefined) continue
              expect(of(item.shadowOf, item.version)).toEqual(of(item.shadowOf, null))
            }
          }),
          { numRuns: 30 },
        )
      })

      test('a replay is the sequence that the appends gave back', async () => {
        await fc.assert(
          fc.asyncProperty(someSteps({ labelsPerRow: 'any' }), fc.nat(3), async (steps, fromEpoch) => {
            const run = await runSteps(log, clock, steps)
            for (const endpoint of run.endpoints) {
              const live = run.committed.filter(item => isOf(item, endpoint, fromEpoch))
              expect(await replayed(log, endpoint, fromEpoch)).toEqual(live)
            }
          }),
          { numRuns: 30 },
        )
      })
    })

    test('a replay of several tails is one sequence, in the order of commit', async () => {
      const at = (endpoint: string, epoch: number) => aPrediction({ id: `${endpoint}-${epoch}`, endpoint, epoch })
      const first = await log.appendPredictions([at('a', 1), at('b', 1), at('c', 1)])
      const labels = await log.appendOutcomes(
        ['a-1', 'b-1', 'c-1'].map(id => anOutcome({ id: `of ${id}`, prediction: id })),
      )
      const second = await log.appendPredictions([at('b', 2), at('c', 2), at('a', 2)])
      const tails = [
        { endpoint: 'a', fromEpoch: 2 },
        { endpoint: 'b', fromEpoch: 1 },
        { endpoint: 'never met', fromEpoch: 0 },
      ]
      const items: (Prediction | JoinedOutcome)[] = []
      const { upToSeq } = await log.replay({ tails }, ({ predictions, joined }) =>
        items.push(...predictions, ...joined),
      )
      expect(items).toEqual([first.fresh[1], labels.joined[1], second.fresh[0], second.fresh[2]])
      expect(upToSeq).toBe(second.upToSeq)
      expect((await log.replay({ tails: [] }, () => expect.unreachable())).upToSeq).toBe(upToSeq)
    })

    test('a replay joins outcomes with their predictions, whether these lie close together or all over the log', async () => {
      const ids = Array.from({ length: 70 }, (_, place) => `p${place}`)
      const committed: (Prediction | JoinedOutcome)[] = []
      for (const id of ids) committed.push(...(await log.appendPredictions([aPrediction({ id })])).fresh)
      for (const some of [[0, 69], ids.keys(), [30, 31], [69, 1]]) {
        const labels = [...some].map(place =>
          anOutcome({ id: `${committed.length}-${place}`, prediction: `p${place}` }),
        )
        committed.push(...(await log.appendOutcomes(labels)).joined)
        // As if these outcomes were a window of a long log.
        const told: JoinedOutcome[] = []
        const tails = [{ endpoint: 'digits', fromEpoch: 0 }]
        await log.replay({ tails, newest: labels.length }, ({ joined }) => told.push(...joined))
        expect(told).toEqual(committed.slice(-labels.length))
      }
      expect(await replayed(log, 'digits', 0)).toEqual(committed)
    })

    test('a replay tells what was committed when it was asked for, and nothing that comes meanwhile', async () => {
      await log.appendPredictions([aPrediction({ id: 'a' })])
      const items = replayed(log, 'digits', 0)
      await log.appendPredictions([aPrediction({ id: 'b' })])
      expect(await items).toEqual([aPrediction({ id: 'a' })])
    })

    test('a replay of the newest commits leaves out what came before, of whatever endpoint', async () => {
      await log.appendPredictions([aPrediction({ id: 'a' }), aPrediction({ id: 'b' })])
      await log.appendPredictions([aPrediction({ id: 'other', endpoint: 'other' })])
      await log.appendOutcomes([anOutcome({ id: 'of a', prediction: 'a' })])
      const newest = async (count: number) => {
        const ids: string[] = []
        await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }], newest: count }, ({ predictions, joined }) =>
          ids.push(...predictions.map(({ id }) => id), ...joined.map(({ outcome }) => outcome.id)),
        )
        return ids
      }
      expect(await newest(1)).toEqual(['of a'])
      expect(await newest(3)).toEqual(['b', 'of a'])
      expect(await newest(100)).toEqual(['a', 'b', 'of a'])
    })

    test('a replay says how far it went, and another goes on from there with what was committed since', async () => {
      const { upToSeq: first } = await log.appendPredictions([aPrediction({ id: 'a' }), aPrediction({ id: 'b' })])
      const { upToSeq: second } = await log.appendOutcomes([anOutcome({ id: 'of a', prediction: 'a' })])
      const told: string[] = []
      const replay = (afterSeq: number) =>
        log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }], afterSeq }, ({ predictions, joined }) =>
          told.push(...predictions.map(({ id }) => id), ...joined.map(({ outcome }) => outcome.id)),
        )
      expect((await replay(first)).upToSeq).toBe(second)
      expect(told.splice(0)).toEqual(['of a'])
      const { upToSeq: third } = await log.appendPredictions([aPrediction({ id: 'c' }), aPrediction({ id: 'a' })])
      const { upToSeq: same } = await log.appendPredictions([aPrediction({ id: 'a' })])
      expect([third > second, same]).toEqual([true, third])
      expect((await replay(second)).upToSeq).toBe(third)
      expect(told.splice(0)).toEqual(['c'])
      await replay(third)
      expect(told).toEqual([])
    })

    test('a replay brings no payloads', async () => {
      const payload = { request: new Uint8Array([1]), response: new Uint8Array([2]) }
      await log.appendPredictions([aPrediction({ payload })])
      expect(await replayed(log, 'digits', 0)).toEqual([aPrediction({ payload: null })])
    })

    test('appends that are not awaited are committed in the order they were made', async () => {
      const first = log.appendOutcomes([anOutcome({ id: 'early' })])
      const second = log.appendPredictions([aPrediction()])
      const third = log.appendOutcomes([anOutcome({ id: 'late', label: 8 })])
      expect((await first).receipts).toEqual([{ status: 'pending' }])
      expect((await second).joined.map(({ outcome }) => outcome.id)).toEqual(['early'])
      expect((await third).joined.map(({ before }) => before?.label)).toEqual([3])
    })

    test('a closed log refuses everything with store-failed', async () => {
      await log.close()
      await log.close()
      const refused = { code: 'store-failed' }
      await expect(log.appendPredictions([aPrediction()])).rejects.toMatchObject(refused)
      await expect(log.appendOutcomes([anOutcome()])).rejects.toMatchObject(refused)
      await expect(log.find({ limit: 1 })).rejects.toMatchObject(refused)
      await expect(replayed(log, 'digits', 0)).rejects.toMatchObject(refused)
    })
  })
}

/** A replay, one item after the other. */
async function replayed(
  log: PredictionLog,
  endpoint: string,
  fromEpoch: number,
): Promise<(Prediction | JoinedOutcome)[]> {
  const items: (Prediction | JoinedOutcome)[] = []
  await log.replay({ tails: [{ endpoint, fromEpoch }] }, ({ predictions, joined }) =>
    items.push(...predictions, ...joined),
  )
  return items
}

function isOf(item: Prediction | JoinedOutcome, endpoint: string, fromEpoch: number): boolean {
  return item.endpoint === endpoint && item.epoch >= fromEpoch
}

/** By outcome; the runs' own names for predictions and outcomes are taken off. */
function content(joined: readonly JoinedOutcome[]) {
  const plain = (text: string) => text.slice(text.indexOf('/') + 1)
  return joined
    .map(item => ({
      ...item,
      endpoint: plain(item.endpoint),
      outcome: { ...item.outcome, id: plain(item.outcome.id), prediction: plain(item.outcome.prediction) },
    }))
    .map(item => (item.shadowOf === undefined ? item : { ...item, shadowOf: plain(item.shadowOf) }))
    .sort((a, b) => (joinKey(a) < joinKey(b) ? -1 : 1))
}

/** No two joins have the same: an outcome comes once for what it names, and once for each of its shadows. */
function joinKey({ outcome, shadowOf, version }: JoinedOutcome): string {
  return shadowOf === undefined ? outcome.id : `${outcome.id} ${version}`
}

/** The same appends in another order, and a third of the outcomes once more. */
function shuffled(steps: readonly LogStep[], random: fc.Stream<number>): LogStep[] {
  const repeated = steps.filter((step, index) => step.kind === 'outcomes' && index % 3 === 0)
  const keyed = [...steps, ...repeated].map(step => ({ step, key: random.next().value ?? 0 }))
  return keyed.sort((a, b) => a.key - b.key).map(({ step }) => step)
}
