import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import type { WatchEvidence, Watched } from '../../src/core/monitor/evidence.ts'
import { lookAt } from '../../src/core/monitor/look.ts'
import type { MonitoringState } from '../../src/core/monitor/report.ts'
import type { DriftSpec, MonitorSpec } from '../../src/core/monitor/spec.ts'
import type { Outcome, Prediction } from '../../src/core/prediction.ts'
import { createWatchBook, type WatchBook } from '../../src/evidence/watch/watch-book.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { alpha, course, frequencies, noShift } from './drift-simulation.ts'

const drift: DriftSpec = {
  by: 'unit',
  reference: 100,
  window: 50,
  atMostMs: 10_000,
  alpha: 0.01,
  toleratedPsi: 0,
  onDrift: 'alert',
}
const monitor: MonitorSpec = {
  checks: [
    { metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 },
    { metric: 'latency-p90', event: { kind: 'slow', quantile: 0.9, maxMs: 100 }, rateMax: 0.1 },
    { metric: 'accuracy', event: { kind: 'wrong' }, rateMax: 0.1 },
  ],
  alpha: 0.01,
  window: 100,
  atMostMs: 10_000,
  onBreach: 'alert',
}

const known: MonitoringState = {
  ...{ version: 'v1', status: 'ok', alarms: [] },
  ...{ sinceMs: 0, sinceEpoch: 1, changedAtMs: 0 },
}
const nothingSeen: WatchEvidence = { version: 'v1', sinceMs: 0, streams: [], quality: null, limits: [] }

function watched(over: Partial<Watched> = {}): Watched {
  const age = { source: { from: 'pointer', pointer: '/age' }, type: 'number' } as const
  const since = { epoch: 1, isWithin: true }
  return {
    version: 'v1',
    sinceMs: 0,
    since,
    restarts: [],
    features: { age },
    answer: 'category',
    drift,
    monitor,
    ...over,
  }
}

function predictions(count: number, of: (n: number) => Partial<Prediction>, from = 0): Prediction[] {
  return Array.from({ length: count }, (_, index) => {
    const n = from + index
    return aPrediction({
      id: `p${n}`,
      unit: `u${n}`,
      atMs: 1 + n,
      answer: [n % 3],
      features: { age: n % 40 },
      ...of(n),
    })
  })
}

/** One comparison at each look: as many looks as there are streams. */
function read(book: WatchBook): WatchEvidence {
  for (let stream = 0; stream < 5; stream += 1) book.read('digits')
  const evidence = book.read('digits')
  if (evidence === null) throw new Error('nothing is watched')
  return evidence
}

function seen(all: readonly Prediction[], of: Watched = watched()): WatchEvidence {
  const book = createWatchBook({ watched: () => of })
  book.add({ fresh: all, joined: [] })
  return read(book)
}

describe('windows of a watched version', () => {
  it('are of what callers met: answers of the version to copies are not in them', () => {
    const all = predictions(210, () => ({}))
    const copies = all.map(one => ({ ...one, id: `${one.id}~v1`, shadowOf: one.id, failed: true, answer: ['other'] }))
    expect(seen(all.flatMap((one, n) => [one, copies[n] ?? one]))).toEqual(seen(all))
  })

  it('begin when the reference is complete, and end by their number', () => {
    const spans = seen(predictions(210, () => ({}))).streams.map(({ name, reference, current }) => ({
      name,
      reference,
      current,
    }))
    const complete = {
      reference: { predictions: 100, fromMs: 1, toMs: 100 },
      current: { predictions: 50, fromMs: 151, toMs: 200 },
    }
    expect(spans).toEqual([
      { name: 'age', ...complete },
      { name: 'prediction', ...complete },
    ])
  })

  it('end by the time of predictions, if there are enough to compare', () => {
    const slow = (n: number) => ({ atMs: n < 100 ? 1 + n : 1_000 + (n - 100) * 400 })
    // 10,000 ms after the first of the window is its 26th; it needs 30.
    expect(seen(predictions(130, slow)).streams[0]?.current).toBeNull()
    expect(seen(predictions(131, slow)).streams[0]?.current).toEqual({ predictions: 30, fromMs: 1_000, toMs: 12_600 })
  })

  it('are compared with what came in time where the reference does not fill', () => {
    const rare = (n: number) => ({ atMs: 1 + n * 100, unit: `u${n % 120}` })
    const span = (count: number) =>
      seen(predictions(count, rare), watched({ drift: { ...drift, reference: 500 } })).streams[0]
    expect(span(100)?.drift).toMatchObject({ reason: 'the reference has 100 of 500 predictions' })
    expect(span(101)?.drift).toMatchObject({ reason: 'the first window has 1 of 50 predictions' })
    // From 10,000 ms on there is no more of it, although 20 units have not come yet.
    expect(span(150)?.reference).toEqual({ predictions: 100, fromMs: 1, toMs: 9_901 })
    expect(span(150)?.current).toEqual({ predictions: 50, fromMs: 10_001, toMs: 14_901 })
  })

  it('say how far they are while there is nothing to compare', () => {
    const reason = (count: number) => {
      const result = seen(predictions(count, () => ({}))).streams[0]?.drift
      return result?.ok === false ? [result.kind, result.reason] : null
    }
    expect(reason(40)).toEqual(['insufficient', 'the reference has 40 of 100 predictions'])
    expect(reason(120)).toEqual(['insufficient', 'the first window has 20 of 50 predictions'])
  })

  it('count a unit once, however many requests it makes', () => {
    const busy = (n: number) => ({ unit: n % 10 === 0 ? `u${n}` : 'busy' })
    const of = (by: DriftSpec['by']) => seen(predictions(1_100, busy), watched({ drift: { ...drift, by } })).streams[0]
    expect(of('unit')?.reference).toEqual({ predictions: 100, fromMs: 1, toMs: 981 })
    expect(of('request')?.reference).toEqual({ predictions: 100, fromMs: 1, toMs: 100 })
    expect(of('unit')?.current).toBeNull()
    // The busy one counts again in the window.
    const more = seen(predictions(1_500, busy)).streams[0]?.current
    expect(more).toEqual({ predictions: 50, fromMs: 982, toMs: 1_461 + 10 })
  })

  it('count predictions of features only where the body was kept', () => {
    const evidence = seen(predictions(200, n => ({ features: n % 2 === 0 ? { age: n } : null })))
    expect(evidence.streams.map(({ reference }) => reference.predictions)).toEqual([100, 100])
    expect(evidence.streams.map(({ current }) => current?.predictions ?? 0)).toEqual([0, 50])
  })

  it('hold neither pinned predictions, nor those of other versions, nor those from before', () => {
    const others = [
      ...predictions(200, () => ({ pinned: true })),
      ...predictions(200, () => ({ assigned: 'v2', version: 'v2' })),
      ...predictions(200, n => ({ atMs: -n })),
      ...predictions(200, () => ({ status: 0 })),
    ]
    const evidence = seen(others)
    expect(evidence.streams.map(({ reference }) => reference.predictions)).toEqual([0, 0])
    expect(evidence.limits.map(({ stretch }) => stretch.trials)).toEqual([0, 0, 0])
  })

  it('take a predicted text for a category, and a number where it is read as it is for one', () => {
    const typeOf = (answer: string | number) =>
      seen(
        predictions(200, () => ({ answer: [answer] })),
        watched({ answer: 'number' }),
      ).streams.at(-1)?.type
    expect([typeOf('cat'), typeOf(2.5)]).toEqual(['category', 'number'])
  })
})

describe('drift', () => {
  it('of a number is found in the first window after the reference', () => {
    const evidence = seen(predictions(150, n => ({ features: { age: (n % 40) + (n < 100 ? 0 : 30) } })))
    const [age, answer] = evidence.streams
    expect(age?.drift).toMatchObject({ ok: true, verdict: 'fail' })
    expect(answer?.drift).toMatchObject({ ok: true, verdict: 'pass' })
  })

  it('of a number is told although some values are beyond all measure, in the reference or later', () => {
    const strange = [1e308, -1e308, Number.POSITIVE_INFINITY]
    const of = (n: number) => ({ features: { age: strange[n % 25] ?? n % 40 } })
    const drifting = (n: number) => ({ features: { age: strange[n % 25] ?? (n % 40) + (n < 100 ? 0 : 30) } })
    const found = [of, drifting].map(values => seen(predictions(150, values)).streams[0]?.drift)
    expect(found).toMatchObject([
      { ok: true, verdict: 'pass', referenceMissingShare: 0.12 },
      { ok: true, verdict: 'fail', currentMissingShare: 0.12 },
    ])
  })

  it('of predicted texts is that of their beginnings, which is all that is kept of them', () => {
    const text = (beginning: string) => (n: number) => ({ answer: [`${beginning.repeat(200)}${n}`] })
    const of = (later: string) =>
      seen([...predictions(100, text('a')), ...predictions(50, text(later), 100)]).streams.at(-1)?.drift
    expect([of('a'), of('b')]).toMatchObject([{ verdict: 'pass' }, { verdict: 'fail' }])
  })

  it('of accuracy is found by labels, and ends when a window keeps the rate', async () => {
    const labels = (from: number, count: number, wrongEvery: number) =>
      Array.from({ length: count }, (_, index) => ({ n: from + index, isWrong: (from + index) % wrongEvery === 0 }))
    const told = async (all: readonly { n: number; isWrong: boolean }[]) => {
      const log = createMemoryPredictionLog({ clock: createManualClock() })
      const book = createWatchBook({ watched: () => watched() })
      book.add(await log.appendPredictions(predictions(all.length, () => ({ answer: [1] }))))
      const outcomes = all.map(({ n, isWrong }) =>
        anOutcome({ id: `o${n}`, prediction: `p${n}`, label: isWrong ? 2 : 1 }),
      )
      book.add({ fresh: [], joined: (await log.appendOutcomes(outcomes)).joined })
      return read(book).quality
    }
    const good = labels(0, 200, 20)
    const bad = labels(200, 100, 2)
    const better = labels(300, 400, 20)
    expect((await told(good))?.isAlarmed).toBe(false)
    const fallen = await told([...good, ...bad])
    expect(fallen).toMatchObject({ isAlarmed: true, reference: { labelled: 100, wrong: 5 }, change: { ok: true } })
    expect((await told([...good, ...bad, ...better]))?.isAlarmed).toBe(false)
  })
})

it('of accuracy says nothing of numbers that no label ever equals', async () => {
  const log = createMemoryPredictionLog({ clock: createManualClock() })
  const book = createWatchBook({ watched: () => watched({ answer: 'number' }) })
  book.add(await log.appendPredictions(predictions(150, n => ({ answer: [n + 0.5] }))))
  const outcomes = Array.from({ length: 150 }, (_, n) => anOutcome({ id: `o${n}`, prediction: `p${n}`, label: n }))
  book.add({ fresh: [], joined: (await log.appendOutcomes(outcomes)).joined })
  expect(read(book).quality?.change).toEqual({
    ok: false,
    kind: 'insufficient',
    reason: 'all 100 labelled answers of the reference were wrong: none can become worse',
  })
})

describe('limits', () => {
  it('count errors of all kinds, slow answers after the warm-up, and a version that was not there', () => {
    const evidence = seen([
      ...predictions(40, n => ({ latencyMs: n % 2 === 0 ? 150 : 5 })),
      ...predictions(3, () => ({ status: 422 }), 40),
      ...predictions(2, () => ({ version: 'v0' }), 43),
    ])
    expect(evidence.limits.map(({ metric, window }) => [metric, window])).toEqual([
      ['error-rate', { trials: 45, events: 5 }],
      ['latency-p90', { trials: 20, events: 10 }],
      ['accuracy', { trials: 0, events: 0 }],
    ])
  })

  it('forget a breach when the window after it has passed', () => {
    const errors = (n: number) => ({ status: n < 100 && n % 2 === 0 ? 500 : 200, failed: n < 100 && n % 2 === 0 })
    const of = (count: number) => seen(predictions(count, errors)).limits[0]
    expect(of(100)).toEqual({
      metric: 'error-rate',
      window: { trials: 0, events: 0 },
      last: { trials: 100, events: 50 },
      stretch: { trials: 0, events: 0 },
      broken: { trials: 100, events: 50 },
    })
    expect(of(250)).toMatchObject({ last: { trials: 100, events: 0 }, stretch: { trials: 150, events: 0 } })
    expect(of(250)).not.toHaveProperty('broken')
  })

  const failing = (isFailed: boolean) => ({ status: isFailed ? 500 : 200, failed: isFailed })

  it('keep a small breach that only a stretch has shown, until a window keeps the limit', () => {
    // 6 % for ever, where 2 % may be: no window shows it.
    const errors = (n: number) => failing(n < 1_000 && n % 100 < 6)
    const verdicts = Array.from({ length: 12 }, (_, window) => {
      const { limits } = seen(predictions((window + 1) * 100, errors))
      return lookAt({ monitor }, known, { ...nothingSeen, limits: limits.slice(0, 1) }).limits[0]?.verdict
    })
    expect(verdicts).toEqual([...Array(3).fill('pass'), ...Array(7).fill('fail'), ...Array(2).fill('pass')])
  })

  it('keep a breach that began and ended its stretch between two looks', () => {
    const errors = (n: number) => failing(n % 100 < 6)
    expect(seen(predictions(450, errors)).limits[0]).toMatchObject({
      last: { trials: 100, events: 6 },
      broken: { trials: 400, events: 24 },
    })
  })

  it('keep a breach through windows of few trials, which count together', () => {
    const rare = (n: number) => ({ ...failing(n < 100 && n % 2 === 0), atMs: n < 100 ? 1 + n : 1_000 + n * 5_000 })
    const of = (count: number) => seen(predictions(count, rare)).limits[0]
    expect(of(199)).toMatchObject({ last: { trials: 2, events: 0 }, broken: { trials: 100, events: 50 } })
    expect(of(203)).not.toHaveProperty('broken')
  })

  it('end their windows by time', () => {
    const evidence = seen(predictions(10, n => ({ atMs: 1 + n * 2_000 })))
    expect(evidence.limits[0]).toMatchObject({ last: { trials: 5, events: 0 }, window: { trials: 5, events: 0 } })
  })

  it('count the first label of a row and no correction', async () => {
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    const book = createWatchBook({ watched: () => watched() })
    book.add(await log.appendPredictions([aPrediction({ answer: [3] })]))
    for (const [id, label] of [
      ['a', 4],
      ['b', 3],
    ] as const)
      book.add({ fresh: [], joined: (await log.appendOutcomes([anOutcome({ id, label })])).joined })
    expect(read(book).limits.at(-1)?.stretch).toEqual({ trials: 1, events: 1 })
  })
})

describe('a watch', () => {
  it('begins anew with another version or another time, and ends with nothing to watch', () => {
    let now: Watched | null = watched()
    const book = createWatchBook({ watched: () => now })
    book.add({ fresh: predictions(30, () => ({})), joined: [] })
    expect(book.read('digits')?.limits[0]?.window.trials).toBe(30)
    now = watched({ sinceMs: 10 })
    expect(book.read('digits')?.limits[0]?.window.trials).toBe(0)
    book.add({ fresh: predictions(30, () => ({})), joined: [] })
    expect(book.read('digits')?.limits[0]?.window.trials).toBe(20)
    now = null
    expect(book.read('digits')).toBeNull()
  })

  it('that began with an epoch sees all of that and of later ones, though the clock was put back since', async () => {
    const of = watched({ sinceMs: 1_000_000, since: { epoch: 3, isWithin: false } })
    const trialsOf = (epoch: number, watch: Watched) =>
      seen(
        predictions(30, () => ({ epoch }), 0),
        watch,
      ).limits[0]?.window.trials
    expect([2, 3, 4].map(epoch => trialsOf(epoch, of))).toEqual([0, 30, 30])
    const within = { ...of, since: { epoch: 3, isWithin: true } }
    expect([2, 3, 4].map(epoch => trialsOf(epoch, within))).toEqual([0, 0, 30])
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    const book = createWatchBook({ watched: () => of })
    book.add(await log.appendPredictions(predictions(30, () => ({ epoch: 3, answer: [1] }))))
    const { joined } = await log.appendOutcomes([anOutcome({ id: 'o1', prediction: 'p1', label: 1 })])
    book.add({ fresh: [], joined })
    expect(read(book).limits[2]?.window.trials).toBe(1)
  })

  it('counts nothing of the time in which the server had started again and the version had not', () => {
    let now = watched()
    const book = createWatchBook({ watched: () => now })
    const trials = () => read(book).limits[0]?.window.trials
    book.add({ fresh: predictions(10, () => ({})), joined: [] })
    now = watched({ restarts: [{ fromMs: 11, toMs: null }] })
    book.add({ fresh: predictions(10, () => ({ failed: true, status: 503 }), 10), joined: [] })
    expect(trials()).toBe(10)
    now = watched({ restarts: [{ fromMs: 11, toMs: 21 }] })
    book.add({ fresh: predictions(10, () => ({}), 20), joined: [] })
    expect(trials()).toBe(20)
  })

  it('ends its windows in time though the clock was put back within one', () => {
    const dayMs = 86_400_000
    const before = predictions(40, n => ({ atMs: dayMs + n, features: { age: 30 } }), 100)
    const after = predictions(80, n => ({ atMs: n * 1_000, features: { age: 30 } }), 140)
    const all = [...predictions(100, () => ({})), ...before, ...after]
    const evidence = seen(all, watched({ drift: { ...drift, window: 1_000 }, monitor: { ...monitor, window: 1_000 } }))
    expect(evidence.limits[0]?.last).not.toBeNull()
    expect(evidence.streams[0]?.current?.predictions).toBeLessThanOrEqual(50)
  })

  it('is let go with its endpoint, though nobody asks for it, once another is watched', () => {
    const gone = new Set<string>()
    const book = createWatchBook({ watched: name => (gone.has(name) ? null : watched()) })
    book.add({ fresh: predictions(30, () => ({})), joined: [] })
    gone.add('digits')
    book.add({ fresh: predictions(1, () => ({ endpoint: 'letters' }), 30), joined: [] })
    gone.clear()
    expect(book.read('digits')?.limits[0]?.window.trials).toBe(0)
  })

  it('compares one window at a look', () => {
    const book = createWatchBook({ watched: () => watched() })
    book.add({ fresh: predictions(150, () => ({})), joined: [] })
    const compared = () => book.read('digits')?.streams.filter(({ current }) => current !== null).length
    expect([compared(), compared(), compared()]).toEqual([1, 2, 2])
  })

  it('is the same when it is read again from the log, however commits were cut', async () => {
    const event = fc.record({
      age: fc.integer({ min: 0, max: 30 }),
      answer: fc.integer({ min: 0, max: 2 }),
      label: fc.option(fc.integer({ min: 0, max: 2 })),
      isKept: fc.boolean(),
      isFailed: fc.boolean(),
      version: fc.constantFrom('v1', 'v1', 'v1', 'v2'),
      unit: fc.nat(400),
      stepMs: fc.integer({ min: 0, max: 500 }),
      batch: fc.integer({ min: 1, max: 30 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 300, maxLength: 700, size: 'max' }), async events => {
        const log = createMemoryPredictionLog({ clock: createManualClock() })
        const live = createWatchBook({ watched: () => watched() })
        let atMs = 0
        const all = events.map(({ stepMs, ...one }, n) => {
          atMs += stepMs
          const { age, answer, isKept, isFailed, version } = one
          const unit = `u${one.unit}`
          const features = isKept ? { age } : null
          const status = isFailed ? 500 : 200
          const sent = { answer: isFailed ? null : [answer], features, status, failed: isFailed, assigned: version }
          return { ...one, made: aPrediction({ id: `p${n}`, unit, atMs, version, ...sent }) }
        })
        for (let at = 0; at < all.length; ) {
          const batch = all.slice(at, at + (all[at]?.batch ?? 1))
          at += batch.length
          live.add(await log.appendPredictions(batch.map(({ made }) => made)))
          const outcomes = batch.flatMap(({ made, label }): Outcome[] =>
            label === null ? [] : [anOutcome({ id: `o${made.id}`, prediction: made.id, label })],
          )
          live.add({ fresh: [], joined: (await log.appendOutcomes(outcomes)).joined })
        }
        const rebuilt = createWatchBook({ watched: () => watched() })
        await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 1 }] }, ({ predictions: fresh, joined }) =>
          rebuilt.add({ fresh, joined }),
        )
        expect(read(rebuilt)).toEqual(read(live))
      }),
      { numRuns: 30 },
    )
  })
})

describe('simulated traffic', () => {
  const runs = 16

  it('without drift raises an alarm at no more looks than alpha, looked at after every window', () => {
    const courses = Array.from({ length: runs }, (_, run) => course({ seed: run + 1, windows: 4, shift: noShift }))
    for (const { share, standardError } of frequencies(courses))
      expect(share).toBeLessThanOrEqual(alpha + 3 * standardError)
  })

  it('of units that come ten times each raises no more by unit, and by request at nearly every look', () => {
    const featureShare = (by: DriftSpec['by']) => {
      const visits = { requests: 10, by }
      const courses = Array.from({ length: 8 }, (_, run) =>
        course({ seed: run + 1, windows: 1, shift: noShift, visits }),
      )
      return frequencies(courses).find(({ kind }) => kind === 'feature')?.share
    }
    expect(featureShare('unit')).toBeLessThanOrEqual(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / 8))
    expect(featureShare('request')).toBeGreaterThan(0.8)
  })

  it('with a shift of a number by half a standard deviation is found at the first look', () => {
    const shift = { ...noShift, amount: 0.5 }
    const courses = Array.from({ length: 5 }, (_, run) => course({ seed: run + 1, windows: 1, shift }))
    expect(courses.map(({ firstAt }) => firstAt.feature)).toEqual([1, 1, 1, 1, 1])
  })
})
