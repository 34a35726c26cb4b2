/** How much traffic an endpoint has at present. */
export interface TrafficRate {
  /** Requests a second over the last minutes; null before it has been watched for long enough to tell. */
  perSecond(endpoint: string): number | null
}
