import { describe, expect, it } from 'vitest'
import { behaviourLike, compileScenario, validateScenario } from '../../src/config/compile-scenario.ts'
import { expectedRequests } from '../../src/core/simulate/scenario.ts'
import { lognormalQuantile } from '../../src/core/simulate/values.ts'
import { changed } from '../support/documents.ts'

const document = {
  kind: 'Scenario',
  name: 'plain',
  traffic: { 'requests-per-second': 10, swing: '50%', peak: 12, weekend: '50%', hour: 0 },
  feedback: { share: '80%', delay: '2h', of: { reward: { share: '10%' } } },
  versions: {
    v1: { 'error-rate': '1%', latency: { p50: '20ms', p99: '80ms' }, metrics: { conversion: { rate: '10%' } } },
    v2: { like: 'v1', 'error-rate': '2%', metrics: { revenue: { mean: 3, deviation: 2 } } },
  },
}

const metricOf = () => ['versions', 'v1', 'metrics', 'conversion']
const positivesOf = 'versions.v1.metrics.conversion.positives'

describe('a scenario', () => {
  const scenario = compileScenario(validateScenario(document))

  it('has what it says, what another version says, and defaults', () => {
    expect(scenario.versions['v2']).toMatchObject({
      errorRate: 0.02,
      readyAfterMs: 10_000,
      accuracy: null,
      metrics: { conversion: { kind: 'rate', rate: 0.1 }, revenue: { kind: 'value', mean: 3, shape: 'normal' } },
    })
    const { latency } = scenario.versions['v2'] ?? { latency: { median: 0, sigma: 0 } }
    expect(lognormalQuantile(latency, 0.5)).toBeCloseTo(20, 9)
    expect(lognormalQuantile(latency, 0.99)).toBeCloseTo(80, 9)
    expect(scenario.feedback).toMatchObject({
      any: { share: 0.8, medianMs: 7_200_000 },
      named: { reward: { share: 0.1, medianMs: 7_200_000 } },
    })
  })

  it('has its mean over a week, less at night and at the weekend, in whatever pieces time passes', () => {
    const hour = 3_600_000
    const week = 7 * 24 * hour
    expect(expectedRequests(scenario, 0, week)).toBeCloseTo((10 * week) / 1_000, 3)
    const day = expectedRequests(scenario, 0, 24 * hour)
    expect(expectedRequests(scenario, 5 * 24 * hour, 6 * 24 * hour)).toBeCloseTo(day / 2, 3)
    expect(expectedRequests(scenario, 12 * hour, 13 * hour) / expectedRequests(scenario, 0, hour)).toBeCloseTo(3, 9)
    let pieces = 0
    for (let at = 0; at < 24 * hour; at += 777_777)
      pieces += expectedRequests(scenario, at, Math.min(24 * hour, at + 777_777))
    expect(pieces).toBeCloseTo(day, 3)
  })

  it.each<[string, (string | number)[], unknown, string]>([
    ['an unknown key', ['speed'], 3, 'speed'],
    ['a version like one that is like another', ['versions', 'v3'], { like: 'v2' }, 'versions.v3.like'],
    [
      'two kinds of distribution',
      ['versions', 'v1', 'metrics', 'conversion', 'mean'],
      3,
      'versions.v1.metrics.conversion',
    ],
    [
      'half of a distribution',
      ['versions', 'v1', 'metrics', 'conversion'],
      { p50: 3 },
      'versions.v1.metrics.conversion.p99',
    ],
    ['an F1 of nobody knows how many', metricOf(), { precision: '80%', recall: '60%' }, positivesOf],
    ['an AUC of no positives', metricOf(), { auc: 0.9, positives: '0%' }, positivesOf],
    ['positives of a mean', metricOf(), { mean: 1, deviation: 1, positives: '10%' }, positivesOf],
    [
      'a precision with more rows called the class than there are',
      metricOf(),
      { precision: '10%', recall: '90%', positives: '50%' },
      'versions.v1.metrics.conversion.precision',
    ],
    [
      'a ragged table',
      metricOf(),
      {
        confusion: [
          [1, 2],
          [3, 4, 5],
        ],
      },
      'versions.v1.metrics.conversion.confusion',
    ],
    [
      'a table with rows of another length than it has rows',
      metricOf(),
      { confusion: Array.from({ length: 3 }, () => [1, 2]) },
      'versions.v1.metrics.conversion.confusion',
    ],
    [
      'a class that never is and is never called',
      metricOf(),
      {
        confusion: [
          [5, 0],
          [0, 0],
        ],
      },
      'versions.v1.metrics.conversion.confusion',
    ],
    ['a tail before the middle', ['versions', 'v1', 'latency', 'p99'], '5ms', 'versions.v1.latency.p99'],
    ['a wave and hours', ['traffic', 'hourly'], Array.from({ length: 24 }, () => 1), 'traffic.swing'],
    ['a day of 23 hours', ['traffic', 'hourly'], Array.from({ length: 23 }, () => 1), 'traffic.hourly'],
    ['no traffic', ['traffic', 'requests-per-second'], 0, 'traffic.requests-per-second'],
  ])('is refused for %s', (_, path, value, where) => {
    const problems = (() => {
      try {
        validateScenario(changed(document, path, value))
        return []
      } catch (error) {
        return (error as { problems: { path: string }[] }).problems.map(problem => problem.path)
      }
    })()
    expect(problems).toContain(where)
  })

  it('takes a version like one that was measured, but for what is said of it', () => {
    const [like] = Object.values(scenario.versions)
    if (like === undefined) throw new Error('no version')
    const candidate = behaviourLike(like, { accuracy: '91%', metrics: { conversion: { rate: '9%' } } })
    expect(candidate).toEqual({ ...like, accuracy: 0.91, metrics: { conversion: { kind: 'rate', rate: 0.09 } } })
  })
})
