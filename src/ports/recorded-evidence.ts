/** The evidence of a release that is over, as it came in. */
import type { EndpointSpec } from '../core/endpoint.ts'
import type { EpochEvidence } from '../core/evidence.ts'
import type { StagePlan } from '../core/stage-plans.ts'
import type { ReleaseState } from '../core/state.ts'

export type RecordedQuery = {
  spec: EndpointSpec
  /** As it ended: its epochs say what is its evidence, its plan what is kept beside the endpoint's metrics. */
  release: ReleaseState
  /** Of another plan that is to be judged by it: what its metrics need besides. */
  stages: readonly StagePlan[]
  /** Moments at which it is looked at besides those of its own pace. */
  momentsMs: readonly number[]
}

export interface RecordedEvidence {
  /**
   * Reads the recorded predictions and outcomes of the release in the order in which they were committed, and hands over
   * evidence as it stood at moments in the order of time. Answers how many predictions there were, and whether the log
   * has let none of them go.
   */
  replay(
    query: RecordedQuery,
    look: (atMs: number, read: (epochs: readonly number[]) => readonly EpochEvidence[]) => void,
  ): Promise<{ predictions: number; isWhole: boolean }>
}
