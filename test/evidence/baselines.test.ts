import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import type { GoalCheck } from '../../src/core/metric-check.ts'
import { byUnit } from '../../src/core/metrics/by-unit.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import { createBaselines } from '../../src/evidence/baselines.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { improvement } from '../support/ab-tests.ts'

const hour = 3_600_000

/** 30 units of two requests each within two hours, a third of them on v2; of unit u the values are u and u + 2. */
async function recorded(over: { pinned?: boolean } = {}) {
  const log = createMemoryPredictionLog({ clock: createManualClock() })
  const predictions = Array.from({ length: 60 }, (_, index) => {
    const unit = Math.floor(index / 2)
    const version = unit < 20 ? 'v1' : 'v2'
    return aPrediction({
      ...over,
      id: `p${index}`,
      unit: `u${unit}`,
      assigned: version,
      version,
      epoch: unit < 10 ? 1 : 2,
      release: unit < 10 ? null : 'digits-1',
      status: index % 20 === 0 ? 500 : 200,
      atMs: (index * 2 * hour) / 59,
    })
  })
  await log.appendPredictions(predictions)
  await log.appendOutcomes(
    predictions.map(({ id }, index) =>
      anOutcome({ id, prediction: id, label: null, metrics: { value: Math.floor(index / 2) + 2 * (index % 2) } }),
    ),
  )
  return createBaselines({ log, expressions: createExpressions() })
}

const mean: MetricSpec = { type: 'mean', of: { from: 'reported', name: 'value' } }
const ofMean = improvement({
  metric: 'value',
  minEvents: 10,
  measure: { kind: 'metric', spec: mean, scale: 'relative' },
})
const read = async (goal: GoalCheck, version = 'v1') => (await recorded()).read({ endpoint: 'digits', version, goal })

describe('a baseline', () => {
  it('is of units of the one version, over all epochs and releases, as a test would count them', async () => {
    // Units 0 to 19 with means 1 to 20.
    expect(await read(byUnit(ofMean, { value: mean }))).toEqual({
      known: true,
      baseline: {
        n: 20,
        mean: expect.closeTo(10.5, 12),
        variance: expect.closeTo((20 * 21) / 12, 10),
        perDay: expect.closeTo(30 * 12, 9),
      },
    })
  })

  it('is of rows where the goal is', async () => {
    expect(await read(ofMean)).toMatchObject({ baseline: { n: 40, mean: expect.closeTo(10.5, 12) } })
    const errors = improvement({ metric: 'error-rate', minEvents: 10, measure: { kind: 'error-rate' } })
    expect(await read(errors)).toMatchObject({ baseline: { n: 40, mean: 2 / 40 } })
  })

  it('that rests on too little is not known, and says so', async () => {
    expect(await read({ ...ofMean, minEvents: 41 })).toEqual({
      known: false,
      reason: 'v1 has 40 recorded values of value; 41 are needed to plan with',
    })
    expect(await read(ofMean, 'v9')).toMatchObject({ known: false, reason: expect.stringContaining('v9 has 0') })
  })

  it('leaves out what callers pinned', async () => {
    const baselines = await recorded({ pinned: true })
    expect(await baselines.read({ endpoint: 'digits', version: 'v1', goal: ofMean })).toMatchObject({ known: false })
  })
})
