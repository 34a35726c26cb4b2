/** What holds of simulated releases whatever the seed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { simulateJob } from '../../../src/core/simulate/job.ts'
import { type Asked, jobOf, runsOf, studied } from '../../support/simulations.ts'

const steps = [
  { weight: '5%', for: '10m' },
  { weight: '50%', for: '10m' },
]
const canary = { canary: { steps } }
const guardrails = { 'error-rate': { margin: '1pp' }, 'latency-p99': { margin: '20%' }, accuracy: { margin: '2pp' } }
const guarded: Asked = { stages: [canary], release: { guardrails } }
const goal = { metric: 'converted', improve: 'increase', 'minimum-effect': '2pp' }

describe('a simulated release', () => {
  it('is the same for the same seed, and another one for another', async () => {
    const job = await jobOf({ ...guarded, candidate: { 'error-rate': '2%' } })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), seed => {
        expect(simulateJob(job, seed)).toEqual(simulateJob(job, seed))
      }),
      { numRuns: 3 },
    )
    const exposed = runsOf(job, 20).map(({ exposedRequests }) => exposedRequests)
    expect(new Set(exposed).size).toBeGreaterThan(10)
  })

  it('never promotes a broken candidate by a guarded canary', async () => {
    const study = await studied({ ...guarded, candidate: { 'error-rate': '12%' } }, 200)
    expect(study.truths).toEqual({ v2: 'worse' })
    expect(study.misses).toMatchObject({ runs: 0, of: 200 })
    expect(study.ends['rolled-back'].runs).toBe(200)
    expect(study.falseAlarms).toBeNull()
  })

  it('sounds no more false alarms at an equal candidate than its checks allow', async () => {
    const study = await studied(guarded, 60)
    expect(study.truths).toEqual({ v2: 'fine' })
    expect(study.misses).toBeNull()
    // Three guardrails at 1 % each: more than 8 of 60 would not come once in a thousand times.
    expect(study.falseAlarms?.runs).toBeLessThanOrEqual(8)
    expect(study.ends.promoted.share).toBeGreaterThan(0.9)
  })

  it('decides no later with more traffic', async () => {
    const median = async (perSecond: number): Promise<number> => {
      const traffic = { 'requests-per-second': perSecond }
      const study = await studied({ ...guarded, candidate: { 'error-rate': '4%' }, scenario: { traffic } }, 40)
      return study.decidedMs?.p50 ?? Number.POSITIVE_INFINITY
    }
    const [little, some, much] = [await median(2), await median(8), await median(32)]
    expect(little).toBeGreaterThan(some)
    expect(some).toBeGreaterThan(much)
  })

  it('finds a worse candidate by labels that come late, by times and by a declared mean too', async () => {
    const feedback = { share: '80%', delay: '5m' }
    const worse = { scenario: { feedback }, ...guarded }
    const causes = async (asked: Asked) => (await studied(asked, 10)).reasons.map(({ cause }) => cause)
    expect(await causes({ ...worse, candidate: { accuracy: '75%' } })).toEqual(['guardrail accuracy'])
    const slow = { latency: { p50: '40ms', p99: '200ms' } }
    expect(await causes({ ...worse, candidate: slow })).toEqual(['guardrail latency-p99'])
    const poor = { metrics: { revenue: { mean: 2, deviation: 4, shape: 'gamma' } } }
    const mean = { ...worse, release: { guardrails: { ...guardrails, revenue: { margin: '5%' } } } }
    expect(await causes({ ...mean, candidate: poor })).toEqual(['guardrail revenue'])
  })

  it.each<[string, Asked]>([
    ['recreate', { stages: [{ recreate: {} }] }],
    ['rolling', { stages: [{ rolling: {} }] }],
    ['blueGreen', { stages: [{ blueGreen: { watch: '10m' } }] }],
    ['canary with a control', { stages: [{ canary: { steps, control: 'equal' } }] }],
    ['shadow, then canary', { stages: [{ shadow: { until: { pairs: 500 } } }, canary] }],
    ['abTest', { stages: [{ abTest: { goal } }], candidate: { metrics: { converted: { rate: '14%' } } } }],
    [
      'bandit',
      {
        stages: [{ bandit: { reward: { metric: 'converted' }, update: '10m', 'at-most': '12h' } }],
        candidate: { metrics: { converted: { rate: '20%' } } },
      },
    ],
  ])('comes to a promotion by %s', async (_, asked) => {
    const { ends, promoted } = await studied(asked, 10)
    expect(ends.promoted.runs).toBeGreaterThanOrEqual(9)
    expect(Object.keys(promoted)).toEqual(['v2'])
  })

  it('keeps stable where a test or a race shows nothing', async () => {
    const short = { horizon: '3d' }
    const test = await studied({ stages: [{ abTest: { goal, 'at-most': '6h' } }], scenario: short }, 10)
    expect(test.ends.kept.runs).toBeGreaterThanOrEqual(8)
    const race = { bandit: { reward: { metric: 'converted' }, update: '30m', 'at-most': '4h' } }
    const raced = await studied({ stages: [race], scenario: short }, 4)
    expect(raced.ends.kept.runs).toBeGreaterThanOrEqual(3)
  })

  it('goes back where the candidate never comes up, and exposes nobody', async () => {
    const { ends, exposedUnits, reasons } = await studied({ ...guarded, candidate: { 'ready-after': 'never' } }, 3)
    expect([ends['rolled-back'].runs, exposedUnits.max, reasons[0]?.cause]).toEqual([3, 0, 'never-ready'])
  })

  it('waits for an approval as long as somebody takes to give it', async () => {
    const asks: Asked = { stages: [{ canary: { steps, approval: true } }] }
    const prompt = await studied({ ...asks, scenario: { 'approve-after': '2h' } }, 3)
    expect(prompt.decidedMs?.p50).toBeGreaterThan(2 * 3_600_000)
    const never = await studied({ ...asks, scenario: { 'approve-after': 'never', horizon: '1d' } }, 3)
    expect(never.ends.waiting.runs).toBe(3)
  })

  it('costs both fleets for as long as both run', async () => {
    const [run] = runsOf(await jobOf(guarded), 1)
    const hours = (run?.decidedMs ?? 0) / 3_600_000
    expect(run?.beyondStable).toBeGreaterThan(1.9 * hours)
    expect(run?.beyondStable).toBeLessThan(2.2 * hours)
  })
})

describe('a scenario that cannot be simulated is refused for', () => {
  it.each<[string, Asked, string]>([
    [
      'a metric that nobody described',
      {
        ...guarded,
        candidate: {},
        release: { guardrails: { revenue: { margin: '5%' } } },
        scenario: { versions: { v1: {}, v2: {} } },
      },
      'versions.v1.metrics.revenue',
    ],
    [
      'a version that nobody described',
      { ...guarded, scenario: { versions: { v1: { accuracy: '90%' } } } },
      'versions.v2',
    ],
    [
      'a metric of many rows together',
      {
        stages: [canary],
        endpoint: { metrics: { explained: { type: 'r2' } } },
        release: { guardrails: { explained: { margin: 0.02 } } },
      },
      'metrics.explained',
    ],
    [
      'answers to compare without an agreement',
      { stages: [{ shadow: {} }, canary], scenario: { versions: { v1: {}, v2: {} } } },
      'versions.v2.agreement',
    ],
  ])('%s', async (_, asked, path) => {
    const refused = await jobOf(asked).then(
      () => null,
      (error: { problems: { path: string }[] }) => error.problems.map(problem => problem.path),
    )
    expect(refused).toContain(path)
  })
})
