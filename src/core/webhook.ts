/** Who is told what happens to an endpoint's releases, and who is asked before they go on. Plain data. */
import type { TimelineKind } from './timeline.ts'

/** Where a secret is found; the secret itself is in no log and no answer. */
export type SecretRef = { env: string }

export type Webhook = {
  url: string
  /** Entries of the timeline that are sent. */
  events: readonly TimelineKind[]
  /** What deliveries are signed with; null leaves them unsigned. */
  secret: SecretRef | null
}

export const gatePlaces = ['start', 'promotion'] as const
export type GatePlace = (typeof gatePlaces)[number]

/** Asked until it says yes (2xx) or no (403); anything else is asked again. */
export type Gate = { before: GatePlace; url: string; timeoutMs: number; secret: SecretRef | null }
