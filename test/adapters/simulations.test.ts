import { expect, it } from 'vitest'
import { createSimulations } from '../../src/adapters/simulations/threads.ts'
import { jobOf, runsOf } from '../support/simulations.ts'

it('gives the runs of the seeds in their order, however many threads there are', async () => {
  const job = await jobOf({ stages: [{ canary: { steps: ['50%'] } }], candidate: { 'error-rate': '8%' } })
  const expected = runsOf(job, 12, 7)
  const told: number[] = []
  const alone = await createSimulations({ threads: 1 }).run(job, { first: 7, count: 12 }, done => told.push(done))
  const beside = await createSimulations({ threads: 3 }).run(job, { first: 7, count: 12 })
  expect(alone).toEqual(expected)
  expect(beside).toEqual(expected)
  expect(told).toEqual([5, 10, 12])
})

it('fails with the job, and leaves no thread behind', async () => {
  const job = await jobOf({ stages: [{ canary: {} }] })
  const broken = { ...job, scenario: { ...job.scenario, versions: {} } }
  await expect(createSimulations({ threads: 2 }).run(broken, { first: 1, count: 3 })).rejects.toMatchObject({
    code: 'internal',
  })
})
