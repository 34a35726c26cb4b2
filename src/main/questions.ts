/** What the control API asks of what was recorded, and of releases that nobody starts. */
import type { ApiDependencies } from '../api/context.ts'
import { behaviourLike, compileScenario } from '../config/compile-scenario.ts'
import { withStrategy } from '../config/strategies.ts'
import { createRecordedEvidence } from '../evidence/recorded-evidence.ts'
import { createRecordedTraffics } from '../evidence/recorded-traffic.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { Simulations } from '../ports/simulations.ts'

type Questions = Pick<ApiDependencies, 'recorded' | 'simulations' | 'expressions' | 'rehearsals'>

export function createQuestions({
  log,
  expressions,
  simulations,
}: {
  log: Pick<PredictionLog, 'replay'>
  expressions: Expressions
  simulations: Simulations
}): Questions {
  return {
    recorded: {
      evidence: createRecordedEvidence({ log, expressions }),
      traffic: createRecordedTraffics({ log, expressions }),
    },
    simulations,
    expressions,
    rehearsals: { scenario: compileScenario, withStrategy, behaviour: behaviourLike },
  }
}
