/** Releases to simulate, from documents as people write them. */
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { compileScenario, validateScenario } from '../../src/config/compile-scenario.ts'
import { rehearse } from '../../src/controller/rehearsal.ts'
import { type SimulationJob, simulateJob } from '../../src/core/simulate/job.ts'
import type { Run } from '../../src/core/simulate/run.ts'
import { type Study, studyOf } from '../../src/core/simulate/study.ts'
import type { Simulations } from '../../src/ports/simulations.ts'

type Document = Readonly<Record<string, unknown>>

const version = { command: ['serve', '{port}'], cwd: '/', instances: 2 }

export type Asked = {
  /** The stages of the release. */
  stages: readonly Document[]
  /** What v2 does differently. */
  candidate?: Document
  /** More of the documents. */
  release?: Document
  endpoint?: Document
  scenario?: Document
}

const plain = {
  'ready-after': '5s',
  'error-rate': '1%',
  latency: { p50: '20ms', p99: '80ms' },
  accuracy: '92%',
  agreement: '98%',
  metrics: { converted: { rate: '10%' }, revenue: { mean: 3, deviation: 6, shape: 'gamma' } },
}

export async function jobOf({ stages, candidate, release, endpoint, scenario }: Asked): Promise<SimulationJob> {
  const served = compileResource(
    validateResource({
      kind: 'Endpoint',
      name: 'digits',
      stable: 'v1',
      versions: { v1: version, v2: version },
      prediction: { output: 'label' },
      metrics: {
        accuracy: { type: 'accuracy' },
        converted: { type: 'rate', of: 'converted', better: 'higher' },
        revenue: { type: 'mean', of: 'revenue' },
      },
      ...endpoint,
    }),
  )
  const asked = compileResource(validateResource({ kind: 'Release', endpoint: 'digits', to: 'v2', stages, ...release }))
  if (served.kind !== 'Endpoint' || asked.kind !== 'Release') throw new Error('not what they are')
  const world = compileScenario(
    validateScenario({
      kind: 'Scenario',
      name: 'plain',
      traffic: { 'requests-per-second': 20 },
      versions: { v1: plain, v2: { like: 'v1', ...candidate } },
      ...scenario,
    }),
  )
  const { spec } = served
  const plan = await rehearse({ spec, request: asked.plan, scenario: world, expressions: createExpressions() })
  return { spec, plan, scenario: world }
}

/** Without threads, which take longer to start than a few runs. */
export const inProcess: Simulations = { run: async (job, { first, count }) => runsOf(job, count, first) }

export function runsOf(job: SimulationJob, count: number, first = 1): Run[] {
  return Array.from({ length: count }, (_, index) => simulateJob(job, first + index))
}

export async function studied(asked: Asked, seeds: number): Promise<Study> {
  const job = await jobOf(asked)
  return studyOf(job.plan, job.scenario, runsOf(job, seeds))
}
