/** Releases beside each other in one world or several: each is rehearsed at the door of releases, then run by the seed. */
import type { WireSimulation } from '../contract/wire/simulation.ts'
import type { ReleaseRequest } from '../controller/control-plane.ts'
import { rehearse } from '../controller/rehearsal.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { CutoverError } from '../core/errors.ts'
import type { Seeds } from '../core/simulate/job.ts'
import type { Scenario } from '../core/simulate/scenario.ts'
import { studyOf } from '../core/simulate/study.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { Simulations } from '../ports/simulations.ts'
import { studyView } from './simulation-view.ts'

/** `asked` compiles its document, and throws where the strategy cannot take it. */
export type Contender = { strategy: string; asked: () => ReleaseRequest }

export type Simulating = {
  spec: EndpointSpec
  to: string
  contenders: readonly Contender[]
  scenarios: readonly Scenario[]
  seeds: Seeds
  cautions: readonly string[]
}

export type SimulatingPorts = { simulations: Simulations; expressions: Expressions }

type Result = WireSimulation['results'][number]

/** With one release a refusal is thrown; of several those that cannot be simulated say why. */
export async function simulateAll(
  { spec, to, contenders, scenarios, seeds, cautions }: Simulating,
  { simulations, expressions }: SimulatingPorts,
  told: (what: { strategy: string; scenario: string; done: number }) => void = () => {},
): Promise<WireSimulation> {
  const isAlone = contenders.length === 1
  const results: Result[] = []
  for (const scenario of scenarios) {
    for (const { strategy, asked } of contenders) {
      const named = { strategy, scenario: scenario.name }
      try {
        const plan = await rehearse({ spec, request: asked(), scenario, expressions })
        const runs = await simulations.run({ spec, plan, scenario }, seeds, done => told({ ...named, done }))
        results.push({ ...named, refused: null, study: studyView(studyOf(plan, scenario, runs)) })
      } catch (error) {
        if (isAlone || !(error instanceof CutoverError) || error.code === 'internal') throw error
        results.push({ ...named, refused: whyNot(error), study: null })
      }
    }
  }
  return {
    endpoint: spec.name,
    from: spec.stable,
    to,
    seeds: { ...seeds },
    cautions: [...cautions],
    results,
  }
}

function whyNot({ message, problems }: CutoverError): string {
  const [first] = problems
  return first === undefined || message.includes(first.message) ? message : `${first.path} ${first.message}`
}
