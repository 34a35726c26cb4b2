/** What a version answered, and what became known about it later. */

/** A label, predicted or true. Compared after `labelText`: 3 and "3" are the same label. */
export type Label = string | number | boolean

export type Prediction = {
  /** Unique in the endpoint's history; a caller's own id or one that the gateway made. */
  id: string
  endpoint: string
  epoch: number
  release: string | null
  unit: string
  /** The version that the table chose. */
  assigned: string
  /** The version that answered; differs from `assigned` only when that had no ready instance. */
  version: string
  /** The probability with which `assigned` was chosen. */
  propensity: number
  /** The caller chose the version itself: kept, but no evidence. */
  pinned: boolean
  atMs: number
  /** From the last byte of the request to the last byte of the answer. */
  latencyMs: number
  /** HTTP status that the caller got; 0 if the caller left first. */
  status: number
  /** The model server failed: no answer, a broken one, or a status of 500 and above. */
  failed: boolean
  /** One predicted value per row of the request; null if none could be read. */
  answer: readonly Label[] | null
  /** Bodies, for the share of units whose payloads are kept. */
  payload: { request: Uint8Array; response: Uint8Array } | null
}

export type Outcome = {
  /** Makes the outcome idempotent: the same id again changes nothing. */
  id: string
  prediction: string
  /** The row of a batched prediction; 0 by default. */
  row: number
  label: Label | null
  reward: number | null
  metrics: Readonly<Record<string, number>>
  atMs: number
}

/** An outcome with the prediction it belongs to: what evidence is made of. */
export type JoinedOutcome = {
  outcome: Outcome
  endpoint: string
  epoch: number
  version: string
  unit: string
  /** Not evidence when the caller pinned the version or another one answered in its place. */
  counts: boolean
  predicted: Label | null
  predictedAtMs: number
  /**
   * The label that this outcome corrects: of several labels of one prediction and row the one joined last is the true
   * one. Who has counted the older label takes it back. Null if the outcome brings no label, or the first.
   */
  replaces: { label: Label } | null
}

/** What a prediction tells to the outcomes that belong to it. */
export type JoinFacts = Pick<
  Prediction,
  'endpoint' | 'epoch' | 'version' | 'assigned' | 'unit' | 'pinned' | 'atMs' | 'answer'
>

/** What became of an outcome that was sent. `pending` waits for its prediction. */
export type OutcomeReceipt = { status: 'joined' | 'pending' | 'duplicate' }

/** The text under which two labels are compared. */
export function labelText(label: Label): string {
  return typeof label === 'string' ? label.trim() : String(label)
}

/** `replaced` is the label that was joined last to the same prediction and row before, null if there was none. */
export function joinOutcome(outcome: Outcome, prediction: JoinFacts, replaced: Label | null): JoinedOutcome {
  const { endpoint, epoch, version, assigned, unit, pinned, atMs, answer } = prediction
  return {
    outcome,
    endpoint,
    epoch,
    version,
    unit,
    counts: !pinned && version === assigned,
    predicted: answer?.[outcome.row] ?? null,
    predictedAtMs: atMs,
    replaces: outcome.label === null || replaced === null ? null : { label: replaced },
  }
}
