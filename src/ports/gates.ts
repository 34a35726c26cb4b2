/** Asks another system whether a release may go on. */
import type { Gate } from '../core/webhook.ts'

export type GateQuestion = {
  gate: Gate
  endpoint: string
  release: string
  from: string
  to: string
}

export type GateAnswer = { confirmed: boolean; reason: string }

export interface Gates {
  /** Asks again and again until there is a yes or a no, or `isWanted` says no more: then it resolves with null. */
  ask(question: GateQuestion, isWanted: () => boolean): Promise<GateAnswer | null>
}
