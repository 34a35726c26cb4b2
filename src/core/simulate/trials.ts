/** What a version does with requests that no caller waits for: smoke requests and recorded ones, drawn by the batch. */
import { drawBinomial } from '../../stats/numerics/draws.ts'
import type { Random } from '../../stats/numerics/random.ts'
import type { Trial, TrialReport } from '../trial.ts'
import { agreementOf } from './pair-sums.ts'
import type { Scenario } from './scenario.ts'

/** As many recorded requests are there as are asked for. */
export function tried(trial: Trial, { versions }: Scenario, random: Random): TrialReport {
  const own = versions[trial.version]
  const champion = trial.kind === 'replay' ? versions[trial.against] : own
  if (own === undefined || champion === undefined) throw new Error(`the scenario says nothing of ${trial.version}`)
  const sent = trial.kind === 'smoke' ? trial.requests.length : trial.requests
  const answered = drawBinomial(random, sent, 1 - own.errorRate)
  const alike = trial.kind === 'smoke' ? 1 : agreementOf({ champion, challenger: own })
  const agreed = drawBinomial(random, answered, alike)
  // A recorded answer without one now is not alike.
  const compared = trial.kind === 'smoke' ? answered : sent
  const reason = `${answered} of ${sent} answered, ${agreed} alike`
  return { id: trial.id, version: trial.version, sent, answered, compared, agreed, examples: [], reason }
}
