import { expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { byUnit, unitMetricsOf } from '../../src/core/metrics/by-unit.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import { createAccumulator } from '../../src/evidence/accumulator.ts'
import { compileDefinitions } from '../../src/evidence/metric-book.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { abTestPlan, improvement } from '../support/ab-tests.ts'
import { canaryPlan, endpointSpec } from '../support/releases.ts'

const clicks: MetricSpec = { type: 'rate', of: { from: 'reported', name: 'clicked' } }
const goal = improvement({ metric: 'clicks', measure: { kind: 'metric', spec: clicks, scale: 'absolute' } })

it('the goal of a test is kept by unit beside the same metric by row, which guardrails go on to use', async () => {
  const plan = abTestPlan({ goal: byUnit(goal, { clicks }) })
  const spec = endpointSpec({ metrics: { clicks } })
  const definitions = compileDefinitions(spec, createExpressions(), unitMetricsOf([canaryPlan(), plan]))
  const log = createMemoryPredictionLog({ clock: createManualClock() })
  const evidence = createAccumulator({ definitions: () => definitions })
  const row = (id: string, unit: string) =>
    aPrediction({ id, unit, release: 'digits-1', epoch: 2, assigned: 'v2', version: 'v2' })
  evidence.add(await log.appendPredictions([row('a', 'ada'), row('b', 'ada'), row('c', 'bob')]))
  const clicked = { id: 'o', prediction: 'b', label: null, metrics: { clicked: 1 } }
  evidence.add({ fresh: [], joined: (await log.appendOutcomes([anOutcome(clicked)])).joined })
  const metrics = evidence.read({ endpoint: 'digits', epochs: [2] })[0]?.versions['v2']?.metrics
  expect(metrics).toMatchObject({
    clicks: { form: 'counts', trials: 1, events: 0 },
    'clicks by unit': { form: 'moments', moments: { n: 2, mean: [0.5] } },
  })
})

it('a goal stays as it is where the metric says so, or cannot be by unit', () => {
  const declared = { ...clicks, unitLevel: false }
  expect(byUnit(goal, { clicks: declared })).toBe(goal)
  const recall: MetricSpec = { type: 'recall', class: 7 }
  const ofRecall = improvement({ metric: 'recall', measure: { kind: 'metric', spec: recall, scale: 'absolute' } })
  expect(byUnit(ofRecall, { recall })).toBe(ofRecall)
  expect(unitMetricsOf([canaryPlan(), abTestPlan({ goal })])).toEqual({})
})
