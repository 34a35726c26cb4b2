/** Sends requests that no caller waits for to a version's instances, and compares what they answer. */
import type { Trial, TrialReport } from '../core/trial.ts'

export interface Trials {
  /**
   * Resolves with what happened, whatever happened; bounded in time by the trial and by limits. Asking again for one that
   * runs joins it; running one again is harmless.
   */
  run(request: { endpoint: string; trial: Trial }): Promise<TrialReport>
}
