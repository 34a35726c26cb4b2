import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import type { Outcome, Prediction } from '../../src/core/prediction.ts'
import { createAccumulator } from '../../src/evidence/accumulator.ts'

function prediction(over: Partial<Prediction> = {}): Prediction {
  return {
    id: 'p1',
    endpoint: 'digits',
    epoch: 2,
    release: 'digits-1',
    unit: 'u1',
    assigned: 'v2',
    version: 'v2',
    propensity: 0.1,
    pinned: false,
    atMs: 0,
    latencyMs: 5,
    status: 200,
    failed: false,
    answer: [7],
    scores: null,
    features: null,
    payload: null,
    ...over,
  }
}

function outcome(over: Partial<Outcome> = {}): Outcome {
  return { id: 'o1', prediction: 'p1', row: 0, label: 7, reward: null, metrics: {}, atMs: 0, ...over }
}

async function evidenceOf(predictions: readonly Prediction[], outcomes: readonly Outcome[] = []) {
  const log = createMemoryPredictionLog({ clock: createManualClock() })
  const accumulator = createAccumulator({ definitions: () => null })
  accumulator.add(await log.appendPredictions(predictions))
  accumulator.add({ fresh: [], joined: (await log.appendOutcomes(outcomes)).joined })
  return accumulator.read({ endpoint: 'digits', epochs: [2] })[0]?.versions ?? {}
}

describe('evidence', () => {
  it('counts a request for the version that the table chose', async () => {
    expect((await evidenceOf([prediction()]))['v2']).toMatchObject({ requests: 1, errors: 0, newUnits: 1 })
  })

  it('counts a request that another version had to answer as an error of the one that was not there', async () => {
    const versions = await evidenceOf([prediction({ version: 'v1' })])
    expect(versions['v2']).toMatchObject({ requests: 1, errors: 1 })
    expect(versions['v1']).toBeUndefined()
  })

  it('counts every kind of error, refusals among them, and takes no latency from them', async () => {
    const statuses = [200, 400, 422, 429, 500, 503]
    const versions = await evidenceOf(
      statuses.map((status, index) => prediction({ id: `p${index}`, status, failed: status >= 500 })),
    )
    expect(versions['v2']).toMatchObject({ requests: 6, errors: 5, answered: 1 })
  })

  it('leaves the warm-up out of the latency, and nothing else', async () => {
    const answers = Array.from({ length: 25 }, (_, index) =>
      prediction({ id: `p${index}`, latencyMs: index < 20 ? 900 : 5 }),
    )
    const v2 = (await evidenceOf(answers))['v2']
    expect([v2?.requests, v2?.answered, v2?.latencyMs.count, v2?.latencyMs.max]).toEqual([25, 25, 5, 5])
  })

  it('leaves out pinned requests and callers that left', async () => {
    const versions = await evidenceOf([prediction({ pinned: true }), prediction({ id: 'p2', status: 0 })])
    expect(versions['v2']?.requests ?? 0).toBe(0)
  })

  it('counts a unit once per release, where it was met first', async () => {
    const versions = await evidenceOf([
      prediction(),
      prediction({ id: 'p2' }),
      prediction({ id: 'p3', assigned: 'v1', version: 'v1' }),
    ])
    expect(versions['v2']).toMatchObject({ newUnits: 1, unitsMet: 1 })
    expect(versions['v1']).toMatchObject({ newUnits: 0, unitsMet: 1 })
  })

  it('counts a unit that several versions served in one epoch, once, with the one that was first', async () => {
    const versions = await evidenceOf([
      prediction(),
      prediction({ id: 'p2', assigned: 'v1', version: 'v1' }),
      prediction({ id: 'p3' }),
      prediction({ id: 'p4', assigned: 'v3', version: 'v3' }),
      prediction({ id: 'p5', unit: 'u2', assigned: 'v1', version: 'v1' }),
    ])
    expect(versions['v2']).toMatchObject({ unitsServed: 1, unitsShared: 1 })
    expect(versions['v1']).toMatchObject({ unitsServed: 1, unitsShared: 0 })
    expect(versions['v3']).toMatchObject({ unitsServed: 0, unitsShared: 0 })
  })

  it('does not count a unit that moved when weights did, nor what was in flight then', async () => {
    const versions = await evidenceOf([
      prediction({ epoch: 1, assigned: 'v1', version: 'v1' }),
      prediction({ id: 'p2' }),
      prediction({ id: 'p3', epoch: 1, assigned: 'v1', version: 'v1' }),
      prediction({ id: 'p4' }),
    ])
    expect(versions).toEqual({ v2: expect.objectContaining({ unitsServed: 1, unitsShared: 0 }) })
  })

  it('takes 7, "7" and " 7" for the same label', async () => {
    const outcomes = [
      outcome(),
      outcome({ id: 'o2', label: '7', prediction: 'p2' }),
      outcome({ id: 'o3', label: ' 7', prediction: 'p3' }),
    ]
    const versions = await evidenceOf([prediction(), prediction({ id: 'p2' }), prediction({ id: 'p3' })], outcomes)
    expect(versions['v2']).toMatchObject({ labelled: 3, wrong: 0 })
  })

  it('lets a correction replace the earlier label', async () => {
    expect(
      (await evidenceOf([prediction()], [outcome({ label: 3 }), outcome({ id: 'o2', label: 7 })]))['v2'],
    ).toMatchObject({ labelled: 1, wrong: 0 })
    expect((await evidenceOf([prediction()], [outcome(), outcome({ id: 'o2', label: 3 })]))['v2']).toMatchObject({
      labelled: 1,
      wrong: 1,
    })
  })

  it('counts the age of a label from the answer, so that those of a slow version are no later than those of a fast one', async () => {
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    const accumulator = createAccumulator({ definitions: () => ({ metrics: [], labelWindowMs: 50 }) })
    const made = Array.from({ length: 200 }, (_, index) => {
      const [version, latencyMs] = index % 2 === 0 ? (['v1', 5] as const) : (['v2', 5_000] as const)
      return prediction({
        id: `p${index}`,
        unit: `u${index}`,
        assigned: version,
        version,
        latencyMs,
        atMs: index * 100,
      })
    })
    accumulator.add(await log.appendPredictions(made))
    const labels = made.map(({ id, atMs, latencyMs }) =>
      outcome({ id: `o-${id}`, prediction: id, atMs: atMs + latencyMs + 20 }),
    )
    accumulator.add({ fresh: [], joined: (await log.appendOutcomes(labels)).joined })
    const { v1, v2 } = accumulator.read({ endpoint: 'digits', epochs: [2] })[0]?.versions ?? {}
    for (const one of [v1, v2]) {
      expect(one?.matured).toBeGreaterThan(20)
      expect(one?.maturedLabelled).toBe(one?.matured)
    }
  })

  it('takes no label for missing that came moments later than most, where it learned how soon they come', async () => {
    const definitions = () => ({ metrics: [], labelWindowMs: null })
    const accumulator = createAccumulator({ definitions })
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    // Of v2 one in ten waits for a pause: by the age that 95 % of all labels have come by, it would look unlabelled.
    for (let second = 0; second < 60; second += 1) {
      const made = Array.from({ length: 40 }, (_, index) => {
        const version = index % 2 === 0 ? 'v1' : 'v2'
        return prediction({ id: `p${second}-${index}`, version, assigned: version, atMs: second * 1_000 + index * 20 })
      })
      accumulator.add(await log.appendPredictions(made))
      const labels = made.map(({ id, atMs }, index) =>
        outcome({ id: `o-${id}`, prediction: id, reward: 1, atMs: atMs + 5 + (index % 20 === 1 ? 60 : 3) }),
      )
      accumulator.add({ fresh: [], joined: (await log.appendOutcomes(labels)).joined })
    }
    const { v1, v2 } = accumulator.read({ endpoint: 'digits', epochs: [2] })[0]?.versions ?? {}
    for (const one of [v1, v2]) {
      expect(one?.matured).toBeGreaterThan(900)
      expect(one?.maturedLabelled).toBe(one?.matured)
      expect(one?.rewards?.matured).toBeGreaterThan(900)
      expect(one?.rewards?.labelled).toBe(one?.rewards?.matured)
    }
  })

  it('counts an answer that cannot be read as one without a label, and neither an error nor a caller that left', async () => {
    const answer = null
    const made = [
      { id: 'read' },
      ...[
        { id: 'unread', answer },
        { id: 'refused', answer, status: 422 },
        { id: 'left', answer, status: 0 },
      ],
      ...[
        { id: 'broken', answer, status: 0, failed: true },
        { id: 'newest', atMs: 1_000 },
      ],
    ].map(prediction)
    const accumulator = createAccumulator({ definitions: () => ({ metrics: [], labelWindowMs: 50 }) })
    const log = createMemoryPredictionLog({ clock: createManualClock() })
    accumulator.add(await log.appendPredictions(made))
    const labels = made.map(({ id }) => outcome({ id: `o-${id}`, prediction: id, atMs: 5 }))
    accumulator.add({ fresh: [], joined: (await log.appendOutcomes(labels)).joined })
    const [epoch] = accumulator.read({ endpoint: 'digits', epochs: [2] })
    expect(epoch?.versions['v2']).toMatchObject({ matured: 2, maturedLabelled: 1 })
  })

  it('judges the coverage of labels from the first prediction on where the window was known before the release', async () => {
    const day = 24 * 3_600_000
    const maturedOf = async (windowMs: number | null) => {
      const log = createMemoryPredictionLog({ clock: createManualClock() })
      const definitions = () => ({ metrics: [], labelWindowMs: null })
      const accumulator = createAccumulator({ definitions, learnedWindowMs: () => windowMs })
      const made = [0, 1, 2, 2 * day].map((atMs, index) => prediction({ id: `p${index}`, atMs }))
      accumulator.add(await log.appendPredictions(made))
      const { joined } = await log.appendOutcomes([outcome({ prediction: 'p0', atMs: 5 })])
      accumulator.add({ fresh: [], joined })
      const [epoch] = accumulator.read({ endpoint: 'digits', epochs: [2] })
      return [epoch?.versions['v2']?.matured, epoch?.versions['v2']?.maturedLabelled]
    }
    expect(await maturedOf(day)).toEqual([3, 1])
    expect(await maturedOf(null)).toEqual([0, 0])
  })

  const step = fc.oneof(
    fc.record({
      kind: fc.constant('prediction' as const),
      id: fc.nat({ max: 8 }),
      version: fc.constantFrom('v1', 'v2'),
      unit: fc.nat({ max: 4 }),
      failed: fc.boolean(),
      epoch: fc.constantFrom(2, 3),
      latencyMs: fc.double({ min: 0.1, max: 1e4, noNaN: true }),
    }),
    fc.record({
      kind: fc.constant('outcome' as const),
      id: fc.nat({ max: 12 }),
      prediction: fc.nat({ max: 8 }),
      label: fc.constantFrom(3, 7, null),
    }),
  )

  it('rebuilt from the log is the live evidence to the last digit: late, early, doubled, corrected, out of order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
        const log = createMemoryPredictionLog({ clock: createManualClock() })
        const live = createAccumulator({ definitions: () => null })
        for (const one of steps) {
          if (one.kind === 'prediction') {
            const { version, failed, epoch, latencyMs } = one
            live.add(
              await log.appendPredictions([
                prediction({
                  id: `p${one.id}`,
                  unit: `u${one.unit}`,
                  assigned: version,
                  version,
                  failed,
                  epoch,
                  latencyMs,
                }),
              ]),
            )
          } else {
            const { joined } = await log.appendOutcomes([
              outcome({ id: `o${one.id}`, prediction: `p${one.prediction}`, label: one.label }),
            ])
            live.add({ fresh: [], joined })
          }
        }
        const rebuilt = createAccumulator({ definitions: () => null })
        await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 2 }] }, ({ predictions, joined }) =>
          rebuilt.add({ fresh: predictions, joined }),
        )
        const query = { endpoint: 'digits', epochs: [2, 3] }
        expect(JSON.stringify(rebuilt.read(query))).toBe(JSON.stringify(live.read(query)))
      }),
    )
  })
})

describe('a control that was not there', () => {
  it('counts its units and nothing against the version that stood in for it', async () => {
    const away = { assigned: 'v1~control', version: 'v1', status: 500, failed: true }
    const versions = await evidenceOf([
      prediction(away),
      prediction({ ...away, id: 'p2', unit: 'u2', version: 'v1~control' }),
    ])
    expect(versions['v1~control']).toMatchObject({ requests: 1, errors: 1, newUnits: 2 })
    expect(versions['v1']).toBeUndefined()
  })
})
