/** What the control API asks of what was recorded, and of releases that nobody starts. */
import { createSimulations } from '../adapters/simulations/threads.ts'
import type { ApiDependencies } from '../api/context.ts'
import { behaviourLike, compileScenario } from '../config/compile-scenario.ts'
import { withStrategy } from '../config/strategies.ts'
import { createRecordedEvidence } from '../evidence/recorded-evidence.ts'
import { createRecordedTraffics } from '../evidence/recorded-traffic.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'

type Questions = Pick<ApiDependencies, 'recorded' | 'simulations' | 'expressions' | 'rehearsals'>

export function createQuestions(log: Pick<PredictionLog, 'replay'>, expressions: Expressions): Questions {
  return {
    recorded: {
      evidence: createRecordedEvidence({ log, expressions }),
      traffic: createRecordedTraffics({ log, expressions }),
    },
    simulations: createSimulations(),
    expressions,
    rehearsals: { scenario: compileScenario, withStrategy, behaviour: behaviourLike },
  }
}
