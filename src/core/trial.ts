/** Requests that a version answers although no caller waits for them: smoke requests and recorded ones. Plain data. */
import type { Comparator, SmokeRequest } from './stage-plans.ts'

export type Trial =
  /** Each request is sent once; all must be answered as expected. */
  | { kind: 'smoke'; id: string; version: string; requests: readonly SmokeRequest[] }
  /** The newest recorded requests of `against` are answered by `version` too; `null` compares bytes of JSON. */
  | {
      kind: 'replay'
      id: string
      version: string
      against: string
      requests: number
      concurrencyMax: number
      comparator: Comparator | null
    }

/** One request that went wrong, or the answer that differed most. */
export type TrialExample = { prediction: string | null; reason: string; expected: string; answered: string }

export type TrialReport = {
  id: string
  version: string
  /** Requests sent, those answered without an error, and those compared and found alike. */
  sent: number
  answered: number
  compared: number
  agreed: number
  /** Empty if all went well; the first few otherwise. */
  examples: readonly TrialExample[]
  /** One sentence for a person; also where nothing could be sent. */
  reason: string
}
