/** Traffic by the batch, single requests through the real accumulator, and the whole control plane decide alike. */
import { describe, expect, it } from 'vitest'
import type { SimulationJob } from '../../../src/core/simulate/job.ts'
import { type Run, simulateRun } from '../../../src/core/simulate/run.ts'
import { mannWhitney } from '../../../src/stats/fixed/mann-whitney.ts'
import { requestTraffic } from '../../support/request-traffic.ts'
import { type Asked, jobOf, runsOf } from '../../support/simulations.ts'
import { createWorld, sound } from '../../support/world.ts'

const steps = [
  { weight: '20%', for: '2m', 'at-most': '20m' },
  { weight: '50%', for: '5m', 'at-most': '20m' },
]
const brief = { horizon: '30m', traffic: { 'requests-per-second': 8 }, feedback: { share: '80%', delay: '20s' } }
const release = { guardrails: { 'error-rate': { margin: '1pp' }, accuracy: { margin: '2pp' }, 'latency-p99': { margin: '50%' } } }

function singly(job: SimulationJob, count: number): Run[] {
  const one = (seed: number) => simulateRun({ ...job, traffic: own => requestTraffic(job, own) }, seed)
  return Array.from({ length: count }, (_, index) => one(10_000 + index))
}

/** Of two samples of one distribution the ranks differ by less than this in all but one of ten thousand. */
const rare = 1e-4

function expectAlike(a: readonly Run[], b: readonly Run[], of: (run: Run) => number): void {
  const test = mannWhitney({ candidate: a.map(of), stable: b.map(of), alpha: 0.05 })
  if (test.ok) expect(test.pValue).toBeGreaterThan(rare)
}

describe('traffic by the batch agrees with single requests', () => {
  it.each<[string, Asked]>([
    ['a candidate with more errors', { stages: [{ canary: { steps } }], release, scenario: brief, candidate: { 'error-rate': '6%' } }],
    ['units that come again', { stages: [{ canary: { steps } }], release, scenario: { ...brief, units: { regulars: 400, returning: '70%' } } }],
  ])('on %s', async (_, asked) => {
    const job = await jobOf(asked)
    const [drawn, single] = [runsOf(job, 60), singly(job, 30)]
    const back = (runs: readonly Run[]) => runs.filter(({ end }) => end === 'rolled-back').length / runs.length
    expect(Math.abs(back(drawn) - back(single))).toBeLessThan(0.4)
    expectAlike(drawn, single, ({ decidedMs }) => decidedMs)
    expectAlike(drawn, single, ({ exposedRequests }) => exposedRequests)
    expectAlike(drawn, single, ({ exposedUnits }) => exposedUnits)
  })
})
