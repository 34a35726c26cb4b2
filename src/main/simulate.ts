/** `cutover simulate` without a server: documents in, threads of this machine, numbers out. */
import { createExpressions } from '../adapters/expressions/cel.ts'
import { createSimulations } from '../adapters/simulations/threads.ts'
import { type Contender, simulateAll } from '../api/simulating.ts'
import type { SimulateRequest } from '../cli/invocation.ts'
import { compileResource, validateResource } from '../config/compile.ts'
import { compileScenario, validateScenario } from '../config/compile-scenario.ts'
import { withStrategy } from '../config/strategies.ts'
import type { WireSimulation } from '../contract/wire/simulation.ts'
import type { ReleaseRequest } from '../controller/control-plane.ts'
import { CutoverError } from '../core/errors.ts'
import type { Simulations } from '../ports/simulations.ts'

export async function simulate(
  request: SimulateRequest,
  simulations: Simulations = createSimulations(),
): Promise<WireSimulation> {
  const { endpoint, release, scenarios, compare, seeds, told } = request
  const spec = compiled(endpoint, 'Endpoint').spec
  const written = compiled(release, 'Release').plan
  const contenders = contendersOf(release, written, compare)
  const worlds = scenarios.map(one => compileScenario(validateScenario(one)))
  const ports = { simulations, expressions: createExpressions() }
  return simulateAll({ spec, to: written.to, contenders, scenarios: worlds, seeds, cautions: [] }, ports, told)
}

function contendersOf(release: unknown, written: ReleaseRequest, compare: SimulateRequest['compare']): Contender[] {
  if (compare.length === 0)
    return [{ strategy: written.stages.map(({ kind }) => kind).join(', '), asked: () => written }]
  return compare.map(kind => ({ strategy: kind, asked: () => compiled(withStrategy(release, kind), 'Release').plan }))
}

type Compiled = ReturnType<typeof compileResource>

function compiled<Kind extends Compiled['kind']>(document: unknown, kind: Kind): Extract<Compiled, { kind: Kind }> {
  const resource = compileResource(validateResource(document))
  if (resource.kind === kind) return resource as Extract<Compiled, { kind: Kind }>
  throw new CutoverError('invalid-resource', `the document is no ${kind}`)
}
