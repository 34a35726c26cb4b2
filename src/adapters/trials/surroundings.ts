import type { EndpointSpec } from '../../core/endpoint.ts'
import type { FleetView } from '../../ports/backend.ts'
import type { PredictionLog } from '../../ports/prediction-log.ts'

/** What a trial has at hand. */
export type TrialSurroundings = {
  fleets: FleetView
  predictions: Pick<PredictionLog, 'find'>
  spec: EndpointSpec
  /** Aborts when the trial must end. */
  signal: AbortSignal
}
