/** What was sent to whom and what became of it. */
export type DeliveryState = 'waiting' | 'delivered' | 'dead'

export type Delivery = {
  /** The same in every attempt: receivers tell repetitions by it. */
  id: string
  endpoint: string
  webhook: string
  /** Null where it tells of a version that no release has made stable. */
  release: string | null
  event: string
  url: string
  state: DeliveryState
  attempts: number
  createdAtMs: number
  /** Of a waiting one: not before then. */
  nextAtMs: number
  /** What the last attempt met; empty before the first. */
  detail: string
}

export interface Deliveries {
  /** The newest first. */
  list(query: { endpoint?: string; state?: DeliveryState; limit: number }): readonly Delivery[]
}
