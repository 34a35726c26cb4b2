/** What the newest part of an endpoint's log looks like, as one period: what a world to simulate in is measured from. */
import type { EndpointSpec } from '../core/endpoint.ts'
import type { RecordedTraffic } from '../core/simulate/from-log.ts'

export interface RecordedTraffics {
  /** Of the newest recorded traffic alone, so that it costs the same however much there is; null where there is none. */
  measure(spec: EndpointSpec): Promise<RecordedTraffic | null>
}
