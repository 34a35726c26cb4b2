/** Requests that a version answers although no caller waits for them: smoke requests and recorded ones. Plain data. */
import type { Comparator, SmokeRequest } from './stage-plans.ts'

export type Trial =
  /** Each request is sent once; all must be answered as expected. */
  | { kind: 'smoke'; id: string; version: string; requests: readonly SmokeRequest[] }
  /**
   * The newest recorded requests of `against` are answered by `version` too. Without a comparator the values are compared
   * that the endpoint reads from an answer, or the whole answer where it reads none.
   */
  | {
      kind: 'replay'
      id: string
      version: string
      against: string
      requests: number
      /** Only requests with these methods, under these path prefixes (null: any path), are sent again. */
      methods: readonly string[]
      paths: readonly string[] | null
      concurrencyMax: number
      comparator: Comparator | null
    }

/** One request that went wrong, or the answer that differed most. */
export type TrialExample = { prediction: string | null; reason: string; expected: string; answered: string }

export type TrialReport = {
  id: string
  version: string
  sent: number
  /** Those answered without an error. */
  answered: number
  /** Those of which it can be said whether they are alike: an error where there was an answer before is not. */
  compared: number
  agreed: number
  /** Of those answered, from the request to the end of the answer; left out without any. */
  latencyMs?: { p50: number; p95: number; p99: number }
  /** Empty if all went well; the first few otherwise. */
  examples: readonly TrialExample[]
  /** One sentence for a person; also where nothing could be sent. */
  reason: string
}
