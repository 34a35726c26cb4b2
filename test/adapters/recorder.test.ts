import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import { createRecorder, type Drop, type RecorderOptions } from '../../src/adapters/recorder/recorder.ts'
import { CutoverError } from '../../src/core/errors.ts'
import { limits } from '../../src/core/limits.ts'
import type { JoinedOutcome, Prediction } from '../../src/core/prediction.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import type { RawPrediction } from '../../src/ports/recorder.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { tempFolder } from './temp-folder.ts'

const flushMs = 200

/** A recorder on a clock of its own, and what came of it. */
function startRecorder(parts: Partial<RecorderOptions> & { log?: PredictionLog } = {}) {
  const clock = createManualClock()
  const log = parts.log ?? createMemoryPredictionLog({ clock })
  const committed: (Prediction | JoinedOutcome)[] = []
  const drops: Drop[] = []
  const recorder = createRecorder({
    clock,
    flushMs,
    batchMax: 100,
    queueMax: 1_000,
    onCommitted: ({ fresh, joined }) => committed.push(...fresh, ...joined),
    onDropped: drop => drops.push(drop),
    ...parts,
    log,
  })
  onTestFinished(() => recorder.close())
  const ids = () => committed.map(item => ('outcome' in item ? item.outcome.id : item.id))
  const queueIsEmpty = async () => {
    while (recorder.stats().queued > 0) await nextTurn()
  }
  return { recorder, clock, log, committed, drops, ids, queueIsEmpty }
}

function raw(id: string, parts: Partial<RawPrediction> = {}): RawPrediction {
  const { answer: _, ...prediction } = aPrediction({ id })
  return { ...prediction, raw: null, ...parts }
}

function rawAnswer(text: string): RawPrediction['raw'] {
  const body = new TextEncoder().encode(text)
  return { body, contentType: 'application/json', rule: { output: '/label', read: 'value' }, protocol: 'http' }
}

/** A log whose appends of predictions wait until they are let through, or fail. */
function gatedLog(log: PredictionLog) {
  const gates: { open: () => void; fail: (error: Error) => void }[] = []
  const gated: PredictionLog = {
    appendPredictions: async batch => {
      await new Promise<void>((open, fail) => gates.push({ open, fail }))
      return log.appendPredictions(batch)
    },
    appendOutcomes: batch => log.appendOutcomes(batch),
    find: query => log.find(query),
    replay: (query, each) => log.replay(query, each),
    trim: trim => log.trim(trim),
    close: () => log.close(),
  }
  const gate = async (index: number) => {
    for (;;) {
      const found = gates[index]
      if (found !== undefined) return found
      await nextTurn()
    }
  }
  return { gated, gates, gate }
}

describe('predictions', () => {
  test('are written when the flush interval has passed, with the answer read', async () => {
    const { recorder, clock, committed, queueIsEmpty } = startRecorder()
    recorder.record(raw('a', { raw: rawAnswer('{"label":"cat"}') }))
    recorder.record(raw('b', { raw: rawAnswer('oops') }))
    recorder.record(raw('c'))
    clock.advance(flushMs - 1)
    await nextTurn()
    expect(recorder.stats()).toMatchObject({ recorded: 0, dropped: 0, queued: 3 })
    clock.advance(1)
    await queueIsEmpty()
    expect(committed).toEqual([
      aPrediction({ id: 'a', answer: ['cat'] }),
      aPrediction({ id: 'b', answer: null }),
      aPrediction({ id: 'c', answer: null }),
    ])
    expect(recorder.stats()).toMatchObject({ recorded: 3, dropped: 0, queued: 0 })
  })

  test('are written before that when there are enough for a batch, but not within the call', async () => {
    const { recorder, ids, queueIsEmpty } = startRecorder({ batchMax: 2 })
    for (const id of ['a', 'b', 'c']) recorder.record(raw(id))
    await Promise.resolve()
    expect(ids()).toEqual([])
    while (recorder.stats().queued > 1) await nextTurn()
    expect(ids()).toEqual(['a', 'b'])
    await recorder.close()
    await queueIsEmpty()
    expect(ids()).toEqual(['a', 'b', 'c'])
  })

  test('one batch is written at a time; what gathers meanwhile follows in batches', async () => {
    const { gated, gates, gate } = gatedLog(createMemoryPredictionLog({ clock: createManualClock() }))
    const { recorder, ids, clock, queueIsEmpty } = startRecorder({ log: gated, batchMax: 2 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) recorder.record(raw(id))
    const first = await gate(0)
    clock.advance(10 * flushMs)
    await nextTurn()
    expect(gates).toHaveLength(1)
    first.open()
    ;(await gate(1)).open()
    while (recorder.stats().queued > 1) await nextTurn()
    expect(ids()).toEqual(['a', 'b', 'c', 'd'])
    clock.advance(flushMs)
    ;(await gate(2)).open()
    await queueIsEmpty()
    expect(ids()).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('are dropped and counted when the queue is full: the newest, never an older one', async () => {
    const { recorder, clock, ids, drops, queueIsEmpty } = startRecorder({ queueMax: 3 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) recorder.record(raw(id))
    expect(recorder.stats()).toMatchObject({ recorded: 0, dropped: 2, queued: 3 })
    expect(drops).toEqual([])
    clock.advance(flushMs)
    await queueIsEmpty()
    expect(ids()).toEqual(['a', 'b', 'c'])
    expect(drops).toEqual([{ count: 2, cause: 'queue-full', error: null }])
    recorder.record(raw('f'))
    expect(recorder.stats()).toMatchObject({ recorded: 3, dropped: 2, queued: 1 })
  })

  test('of shadows are kept beside the others, and dropped first: they take no more than half of the queue', async () => {
    const { recorder, clock, ids, committed, queueIsEmpty } = startRecorder({ queueMax: 4 })
    const shadow = (id: string) => raw(id, { shadowOf: 'a', version: 'v2', assigned: 'v2' })
    for (const one of [raw('a'), shadow('b'), shadow('c'), raw('d'), raw('e'), raw('f')]) recorder.record(one)
    expect(recorder.stats()).toMatchObject({ recorded: 0, dropped: 2, queued: 4 })
    clock.advance(flushMs)
    await queueIsEmpty()
    expect(ids()).toEqual(['a', 'b', 'd', 'e'])
    expect(committed[1]).toMatchObject({ shadowOf: 'a', version: 'v2' })
  })

  test('the batch that is being written still counts as queued', async () => {
    const { gated, gate } = gatedLog(createMemoryPredictionLog({ clock: createManualClock() }))
    const { recorder, queueIsEmpty } = startRecorder({ log: gated, batchMax: 2, queueMax: 2 })
    for (const id of ['a', 'b']) recorder.record(raw(id))
    const writing = await gate(0)
    recorder.record(raw('c'))
    expect(recorder.stats()).toMatchObject({ recorded: 0, dropped: 1, queued: 2 })
    writing.open()
    await queueIsEmpty()
  })

  test('are dropped when answers and payloads would hold more memory than allowed', async () => {
    const { recorder, clock, ids, queueIsEmpty } = startRecorder({ queueBytesMax: 100 })
    const payload = { request: new Uint8Array(30), response: new Uint8Array(30) }
    recorder.record(raw('a', { payload }))
    recorder.record(raw('b', { raw: rawAnswer(`{"label":"${'x'.repeat(40)}"}`) }))
    recorder.record(raw('c'))
    clock.advance(flushMs)
    await queueIsEmpty()
    expect(ids()).toEqual(['a', 'c'])
    recorder.record(raw('d', { payload }))
    expect(recorder.stats()).toMatchObject({ recorded: 2, dropped: 1, queued: 1 })
  })

  test('that come after the end are dropped, counted and told: nothing is lost in silence', async () => {
    const { recorder, drops } = startRecorder()
    await recorder.close()
    recorder.record(raw('late'))
    expect(recorder.stats()).toMatchObject({ recorded: 0, dropped: 1, queued: 0 })
    expect(drops).toEqual([{ count: 1, cause: 'closed', error: null }])
  })

  test('that the store refuses are dropped, counted and reported, and the next batch goes on', async () => {
    const { gated, gate } = gatedLog(createMemoryPredictionLog({ clock: createManualClock() }))
    const { recorder, ids, drops, queueIsEmpty } = startRecorder({ log: gated, batchMax: 2 })
    for (const id of ['a', 'b', 'c', 'd']) recorder.record(raw(id))
    const error = new CutoverError('store-failed', 'the disk is full')
    ;(await gate(0)).fail(error)
    ;(await gate(1)).open()
    await queueIsEmpty()
    expect(ids()).toEqual(['c', 'd'])
    expect(drops).toEqual([{ count: 2, cause: 'store-failed', error }])
    expect(recorder.stats()).toMatchObject({ recorded: 2, dropped: 2, queued: 0 })
  })

  test('carry the declared features of the requests whose bodies were kept', async () => {
    const { recorder, clock, committed, queueIsEmpty } = startRecorder()
    const features = { age: { source: { from: 'pointer', pointer: '/age' }, type: 'number' } } as const
    const asked = { features, encoding: 'identity', jsonBytes: null }
    const payloadOf = (request: Uint8Array) => ({ request, response: new Uint8Array() })
    const plain = Buffer.from('{"age":41}')
    const bomb = gzipSync(Buffer.alloc(limits.payloadBytesMax + 1, 32))
    recorder.record(raw('plain', { payload: payloadOf(plain), asked }))
    recorder.record(raw('packed', { payload: payloadOf(gzipSync(plain)), asked: { ...asked, encoding: 'gzip' } }))
    recorder.record(raw('not-kept', { asked }))
    recorder.record(raw('not-asked', { payload: payloadOf(plain) }))
    recorder.record(raw('broken', { payload: payloadOf(Buffer.from('{"age":')), asked }))
    recorder.record(raw('wrong', { payload: payloadOf(Buffer.from('{"age":"old"}')), asked }))
    recorder.record(raw('unknown', { payload: payloadOf(plain), asked: { ...asked, encoding: 'compress' } }))
    recorder.record(raw('bomb', { payload: payloadOf(bomb), asked: { ...asked, encoding: 'gzip' } }))
    clock.advance(flushMs)
    await queueIsEmpty()
    const read = committed.map(one => ('id' in one ? [one.id, one.features] : null))
    expect(Object.fromEntries(read.filter(entry => entry !== null))).toEqual({
      plain: { age: 41 },
      packed: { age: 41 },
      'not-kept': null,
      'not-asked': null,
      broken: null,
      wrong: { age: null },
      unknown: null,
      bomb: null,
    })
    expect(recorder.stats().featuresMalformed).toBe(4)
  })

  test('great answers are read in slices: other work gets its turn in between', async () => {
    const { recorder, clock, queueIsEmpty } = startRecorder()
    const label = 'x'.repeat(70_000)
    for (let index = 0; index < 20; index += 1)
      recorder.record(raw(`p${index}`, { raw: rawAnswer(`{"label":"${label}"}`) }))
    clock.advance(flushMs)
    let turns = 0
    while (recorder.stats().recorded === 0) {
      turns += 1
      await nextTurn()
    }
    expect(turns).toBeGreaterThan(15)
    await queueIsEmpty()
  })
})

describe('feedback', () => {
  test('that overtakes its prediction waits for it and is joined, once', async () => {
    const { recorder, clock, committed, ids, queueIsEmpty } = startRecorder()
    recorder.record(raw('p1', { raw: rawAnswer('{"label":3}') }))
    const outcome = anOutcome()
    expect(await recorder.feedback([outcome])).toEqual([{ status: 'pending' }])
    expect(await recorder.feedback([outcome])).toEqual([{ status: 'duplicate' }])
    expect(ids()).toEqual([])
    clock.advance(flushMs)
    await queueIsEmpty()
    expect(ids()).toEqual(['p1', 'o1'])
    expect(committed[1]).toMatchObject({ outcome, predicted: 3, version: 'v1', counts: true })
  })

  test('is accepted while predictions queue behind a slow append', async () => {
    const { gated, gate } = gatedLog(createMemoryPredictionLog({ clock: createManualClock() }))
    const { recorder, ids, queueIsEmpty } = startRecorder({ log: gated, batchMax: 1 })
    recorder.record(raw('p1'))
    const slow = await gate(0)
    expect(await recorder.feedback([anOutcome()])).toEqual([{ status: 'pending' }])
    slow.open()
    await queueIsEmpty()
    expect(ids()).toEqual(['p1', 'o1'])
  })

  test('of several callers shares appends; everybody gets the receipts of their own', async () => {
    const memory = createMemoryPredictionLog({ clock: createManualClock() })
    const sizes: number[] = []
    const log: PredictionLog = {
      ...gatedLog(memory).gated,
      appendOutcomes: batch => {
        sizes.push(batch.length)
        return memory.appendOutcomes(batch)
      },
    }
    const { recorder } = startRecorder({ log })
    await memory.appendPredictions([aPrediction()])
    const calls = Array.from({ length: 5 }, (_, caller) =>
      recorder.feedback([anOutcome({ id: `a${caller}` }), anOutcome({ id: 'same', prediction: 'unknown' })]),
    )
    const receipts = (await Promise.all([...calls, recorder.feedback([])])).map(list =>
      list.map(({ status }) => status),
    )
    expect(receipts).toEqual([['joined', 'pending'], ...Array(4).fill(['joined', 'duplicate']), []])
    expect(sizes).toEqual([2, 8])
  })

  test('is grouped up to the size of one request', async () => {
    const { recorder } = startRecorder()
    const many = (prefix: string) =>
      Array.from({ length: limits.feedbackItemsMax - 1 }, (_, index) => anOutcome({ id: `${prefix}${index}` }))
    const receipts = await Promise.all(['a', 'b', 'c'].map(prefix => recorder.feedback(many(prefix))))
    expect(receipts.map(({ length }) => length)).toEqual(Array(3).fill(limits.feedbackItemsMax - 1))
  })

  test('may follow at once upon the receipt of the one before', async () => {
    const { recorder } = startRecorder()
    for (let index = 0; index < 50; index += 1) {
      const statuses = await recorder
        .feedback([anOutcome({ id: `o${index}` })])
        .then(() => recorder.feedback([anOutcome({ id: `o${index}` })]))
      expect(statuses).toEqual([{ status: 'duplicate' }])
    }
  })

  test('that the store refuses is refused to every caller, and the next is tried again', async () => {
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    await log.close()
    const { recorder, ids } = startRecorder({ log })
    const calls = [recorder.feedback([anOutcome()]), recorder.feedback([anOutcome({ id: 'o2' })])]
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'store-failed' })
    await expect(recorder.feedback([anOutcome()])).rejects.toMatchObject({ code: 'store-failed' })
    expect(ids()).toEqual([])
  })
})

test('closing writes all that was taken and takes nothing more', async () => {
  const { recorder, ids, log } = startRecorder({ batchMax: 2 })
  for (const id of ['a', 'b', 'c', 'd', 'e']) recorder.record(raw(id))
  const feedback = recorder.feedback([anOutcome({ prediction: 'e' })])
  await recorder.close()
  expect(await feedback).toEqual([{ status: 'pending' }])
  expect(ids()).toEqual(['a', 'b', 'c', 'd', 'e', 'o1'])
  recorder.record(raw('f'))
  expect(recorder.stats()).toMatchObject({ recorded: 5, dropped: 1, queued: 0 })
  await expect(recorder.feedback([anOutcome()])).rejects.toMatchObject({ code: 'store-failed' })
  expect(await log.find({ limit: 10 })).toHaveLength(5)
  await recorder.close()
})

test('what was told as committed is what a replay of the store tells, in the same order', async () => {
  const log = await openSqlitePredictionLog({ file: join(tempFolder(), 'predictions.db'), clock: createManualClock() })
  onTestFinished(() => log.close())
  const { recorder, committed } = startRecorder({ log, batchMax: 7 })
  const receipts: Promise<unknown>[] = []
  for (let index = 0; index < 300; index += 1) {
    recorder.record(raw(`p${index}`))
    for (const [copy, of] of [index, index - 20, index + 5, index].entries()) {
      receipts.push(recorder.feedback([anOutcome({ id: `o${index}.${copy}`, prediction: `p${of}`, label: index })]))
    }
    if (index % 10 === 0) await nextTurn()
  }
  await Promise.all(receipts)
  await recorder.close()
  const replayed: (Prediction | JoinedOutcome)[] = []
  await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }] }, ({ predictions, joined }) =>
    replayed.push(...predictions, ...joined),
  )
  expect(replayed).toEqual(committed)
  expect(committed.length).toBeGreaterThan(1_000)
})
