/** Traffic by the batch, single requests through the real accumulator, and the whole control plane decide alike. */
import { describe, expect, it } from 'vitest'
import type { SimulationJob } from '../../../src/core/simulate/job.ts'
import { type Run, simulateRun } from '../../../src/core/simulate/run.ts'
import { isTerminal } from '../../../src/core/state.ts'
import { mannWhitney } from '../../../src/stats/fixed/mann-whitney.ts'
import { requestTraffic } from '../../support/request-traffic.ts'
import { type Asked, jobOf, runsOf } from '../../support/simulations.ts'
import { createWorld, sound } from '../../support/world.ts'

const steps = [
  { weight: '20%', for: '1m', 'at-most': '20m' },
  { weight: '50%', for: '2m', 'at-most': '20m' },
]
const brief = { horizon: '30m', traffic: { 'requests-per-second': 8 }, feedback: { share: '80%', delay: '20s' } }
const release = {
  guardrails: { 'error-rate': { margin: '1pp' }, accuracy: { margin: '2pp' }, 'latency-p99': { margin: '50%' } },
}

const quick = { 'error-rate': { margin: '1pp' } }

function singly(job: SimulationJob, count: number): Run[] {
  const one = (seed: number) => simulateRun({ ...job, traffic: own => requestTraffic(job, own) }, seed)
  return Array.from({ length: count }, (_, index) => one(10_000 + index))
}

/** Thousands of single requests, on a machine that has other things to do. */
const patienceMs = 120_000

/** Of two samples of one distribution the ranks differ by less than this in all but one of ten thousand. */
const rare = 1e-4

function expectAlike(a: readonly Run[], b: readonly Run[], of: (run: Run) => number): void {
  const test = mannWhitney({ candidate: a.map(of), stable: b.map(of), alpha: 0.05 })
  if (test.ok) expect(test.pValue).toBeGreaterThan(rare)
}

describe('traffic by the batch agrees with single requests', () => {
  it.each<[string, Asked]>([
    [
      'a candidate with more errors',
      { stages: [{ canary: { steps } }], release, scenario: brief, candidate: { 'error-rate': '6%' } },
    ],
    [
      'units that come again',
      { stages: [{ canary: { steps } }], release, scenario: { ...brief, units: { regulars: 400, returning: '70%' } } },
    ],
  ])(
    'on %s',
    async (_, asked) => {
      const job = await jobOf(asked)
      const [drawn, single] = [runsOf(job, 30), singly(job, 12)]
      const back = (runs: readonly Run[]) => runs.filter(({ end }) => end === 'rolled-back').length / runs.length
      expect(Math.abs(back(drawn) - back(single))).toBeLessThan(0.5)
      expectAlike(drawn, single, ({ decidedMs }) => decidedMs)
      expectAlike(drawn, single, ({ exposedRequests }) => exposedRequests)
      expectAlike(drawn, single, ({ exposedUnits }) => exposedUnits)
    },
    patienceMs,
  )
})

/** Users of `test/support/world.ts` come 100 times a second, and the controller looks twice a second. */
describe('a simulated release agrees with the control plane in virtual time', () => {
  it.each([
    ['is broken', 0.08],
    ['is like stable', sound.errorRate],
  ])(
    'where the candidate %s',
    async (_, errorRate) => {
      const ends: { promoted: boolean; decidedMs: number }[] = []
      for (let seed = 1; seed <= 4; seed += 1) {
        const world = await createWorld({
          versions: { v1: sound, v2: { ...sound, errorRate } },
          seed,
          labelDelayMs: null,
        })
        const id = await world.release({ stages: [{ canary: { steps } }], guardrails: quick })
        await world.until(() => isTerminal(world.state(id)), 30 * 60_000)
        const { phase, startedAtMs } = world.state(id)
        const atMs = phase.kind === 'promoted' || phase.kind === 'rolled-back' ? phase.atMs : Number.POSITIVE_INFINITY
        ends.push({ promoted: phase.kind === 'promoted', decidedMs: atMs - startedAtMs })
      }
      const versions = {
        v1: { 'ready-after': '1s', 'error-rate': '0.2%', latency: { p50: '20ms', p99: '24ms' } },
        v2: { like: 'v1', 'error-rate': `${errorRate * 100}%` },
      }
      const asked = { stages: [{ canary: { steps } }], release: { guardrails: quick } }
      const scenario = {
        ...{ horizon: '30m', versions, traffic: { 'requests-per-second': 100 } },
        units: { regulars: 2_000, returning: '100%' },
      }
      const runs = runsOf(await jobOf({ ...asked, scenario }), 20)
      expect(new Set(runs.map(({ end }) => end === 'promoted'))).toEqual(new Set(ends.map(({ promoted }) => promoted)))
      const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
      const [simulated, lived] = [median(runs.map(run => run.decidedMs)), median(ends.map(end => end.decidedMs))]
      // A simulation looks after every tenth of the time that has passed, the controller at every tick.
      expect(simulated).toBeGreaterThan(lived * 0.6 - 3_000)
      expect(simulated).toBeLessThan(lived * 1.6 + 3_000)
    },
    patienceMs,
  )
})
