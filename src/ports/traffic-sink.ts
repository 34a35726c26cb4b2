/** Where a traffic table takes effect. Applied whole or not at all; applying an older epoch than the current one does nothing. */
import type { EndpointSpec } from '../core/endpoint.ts'
import type { TrafficTable } from '../core/traffic.ts'

export type Route = { spec: EndpointSpec; table: TrafficTable }

export interface TrafficSink {
  /** In force everywhere once this returns, or once the promise that it returns resolves. */
  apply(route: Route): void | Promise<void>
  remove(endpoint: string): void
}
