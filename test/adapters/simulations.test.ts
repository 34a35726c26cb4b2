import { expect, it } from 'vitest'
import { createSimulations } from '../../src/adapters/simulations/threads.ts'
import { limits } from '../../src/core/limits.ts'
import { jobOf, runsOf } from '../support/simulations.ts'

/** Threads load the engine anew, on a machine that has other things to do. */
const patienceMs = 60_000

it(
  'gives the runs of the seeds in their order, however many threads there are',
  async () => {
    const job = await jobOf({ stages: [{ canary: { steps: ['50%'] } }], candidate: { 'error-rate': '8%' } })
    const expected = runsOf(job, 7, 3)
    const told: number[] = []
    const alone = await createSimulations({ threads: 1 }).run(job, { first: 3, count: 7 }, done => told.push(done))
    const beside = await createSimulations({ threads: 2 }).run(job, { first: 3, count: 7 })
    expect(alone).toEqual(expected)
    expect(beside).toEqual(expected)
    expect(told).toEqual([5, 7])
  },
  patienceMs,
)

it(
  'fails with the job, and leaves no thread behind',
  async () => {
    const job = await jobOf({ stages: [{ canary: {} }] })
    const broken = { ...job, scenario: { ...job.scenario, versions: {} } }
    await expect(createSimulations({ threads: 2 }).run(broken, { first: 1, count: 3 })).rejects.toMatchObject({
      code: 'internal',
    })
  },
  patienceMs,
)

it(
  'ends its threads when it is closed, however much is left to do, and begins nothing after that',
  async () => {
    const job = await jobOf({ stages: [{ canary: {} }] })
    const simulations = createSimulations({ threads: 1 })
    const seeds = { first: 1, count: limits.simulationSeedsMax }
    const begun = Promise.withResolvers<void>()
    const running = simulations.run(job, seeds, () => begun.resolve())
    const refused = expect(running).rejects.toMatchObject({ code: 'overloaded' })
    await begun.promise
    await simulations.close()
    await refused
    await expect(simulations.run(job, seeds)).rejects.toMatchObject({ code: 'overloaded' })
  },
  patienceMs,
)
