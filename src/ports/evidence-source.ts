/** Evidence per epoch, read by the controller at every tick. Costs the same however many predictions there are. */
import type { EpochEvidence } from '../core/evidence.ts'

export interface EvidenceSource {
  /** The named epochs of an endpoint, in the order asked for. */
  read(query: { endpoint: string; epochs: readonly number[] }): readonly EpochEvidence[]
  /** Evidence older than this epoch is needed no more. */
  forget(query: { endpoint: string; beforeEpoch: number }): void
}
