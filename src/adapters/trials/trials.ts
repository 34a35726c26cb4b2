/**
 * Trials on real instances: smoke requests and recorded ones, sent past the gateway, so that nothing of them is recorded
 * or counted as traffic. A trial that runs is joined by whoever asks for it again.
 */
import type { EndpointSpec } from '../../core/endpoint.ts'
import { assertNever } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Trial, TrialReport } from '../../core/trial.ts'
import type { Trials } from '../../ports/trials.ts'
import { within } from '../within.ts'
import { replay } from './replay.ts'
import { smoke } from './smoke.ts'
import type { TrialSurroundings } from './surroundings.ts'
import { TrialTally } from './tally.ts'

export type TrialsOptions = Pick<TrialSurroundings, 'fleets' | 'predictions'> & {
  /** What the endpoint is now; undefined if it is gone. */
  specOf(endpoint: string): EndpointSpec | undefined
  /** How long a trial may take; `limits.trialTimeoutMs` if it is left out. */
  timeoutMs?: number
}

/** `close` breaks off what runs: what is reported then says nothing of a version. */
export function createTrials(options: TrialsOptions): Trials & { close(): Promise<void> } {
  const { timeoutMs = limits.trialTimeoutMs } = options
  const running = new Map<string, Promise<TrialReport>>()
  const closing = new AbortController()

  const begin = async (endpoint: string, trial: Trial): Promise<TrialReport> => {
    const spec = options.specOf(endpoint)
    if (spec === undefined) return new TrialTally(trial).report(`there is no endpoint ${endpoint} any more`)
    const signal = within(timeoutMs, closing.signal)
    try {
      return await runTrial(trial, { ...options, spec, signal })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return new TrialTally(trial).report(`the trial broke off: ${reason}`)
    }
  }

  return {
    run: ({ endpoint, trial }) => {
      const key = `${endpoint} ${trial.id}`
      const known = running.get(key)
      if (known !== undefined) return known
      const begun = begin(endpoint, trial).finally(() => running.delete(key))
      running.set(key, begun)
      return begun
    },
    close: async () => {
      closing.abort()
      await Promise.all(running.values())
    },
  }
}

function runTrial(trial: Trial, around: TrialSurroundings): Promise<TrialReport> {
  switch (trial.kind) {
    case 'smoke':
      return smoke(trial, around)
    case 'replay':
      return replay(trial, around)
    default:
      return assertNever(trial)
  }
}
