/** What both doors of admission have in common: what they look at, and how they refuse. */
import { CutoverError, type Problem } from '../../core/errors.ts'
import type { ControlState } from '../../core/state.ts'
import type { Baselines } from '../../ports/baselines.ts'
import type { Deployer } from '../../ports/deployer.ts'
import type { Expressions } from '../../ports/expressions.ts'
import type { TrafficRate } from '../../ports/traffic-rate.ts'

/** The state is asked for again after every wait: it may have moved meanwhile. */
export type Surroundings = {
  state: () => ControlState
  deployer: Deployer
  expressions: Expressions
  rate: TrafficRate
  baselines: Baselines
  /** By which age most labels of an endpoint have come; null while that is not known. */
  labelDelayMs: (endpoint: string) => number | null
}

export function refuse(
  problems: readonly Problem[],
  code: 'invalid-resource' | 'preflight-refused',
  detail: string,
): void {
  if (problems.length === 0) return
  const immutable = problems.every(problem => problem.message.startsWith('a version cannot change'))
  throw new CutoverError(
    immutable ? 'version-immutable' : code,
    `${detail}: ${problems.map(one => `${one.path}: ${one.message}`).join('; ')}`,
    problems,
  )
}
