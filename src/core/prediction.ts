/** What a version answered, and what became known about it later. */
import type { Measures } from './measures.ts'

/** A label, predicted or true. Compared after `labelText`: 3 and "3" are the same label. */
export type Label = string | number | boolean

/** What a version said in one row: a label, or for rankings the items, best first. */
export type Answer = Label | readonly Label[]

/** What is true of one row: a label, or for rankings the items that are relevant. */
export type Truth = Label | readonly Label[]

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
  /** The caller, a rule or the scope of the table chose the version: kept, but no evidence. */
  pinned: boolean
  atMs: number
  /** From the last byte of the request to the last byte of the answer. */
  latencyMs: number
  /** HTTP status that the caller got; 0 if the caller left first. */
  status: number
  /** The model server failed: no answer, a broken one, or a status of 500 and above. */
  failed: boolean
  /** One predicted value per row of the request; null if none could be read. */
  answer: readonly Answer[] | null
  /** The scores of the classes, row by row; null where no metric needs them or they could not be read. */
  scores: readonly (readonly number[])[] | null
  /** Declared features of the request by name, of requests whose bodies are kept or that are chosen for by features; null for the others. */
  features: Readonly<Record<string, Feature>> | null
  /** For the share of units whose payloads are kept. */
  payload: Payload | null
  /** Of a challenger's answer to a copy of a request: the id of the champion's prediction, which the caller got. */
  shadowOf?: string
  /** The features of the request chose the version: what it met is no sample of all callers. */
  byContext?: true
  /** Tokens, times and cost of an answer in OpenAI's style; left out where nothing was measured. */
  measures?: Measures
}

/** Bodies, and how the request was sent: left out where that is not kept, as it never was in rows written earlier. */
export type Payload = { request: Uint8Array; response: Uint8Array; sent?: SentHead }

/**
 * What is needed to send a recorded request again. `path` is as the model server got it, without a query: that may hold
 * a key. Of the headers only those of `replayedHeaders` are kept, so no credential is among them.
 */
export type SentHead = { method: string; path: string; headers: readonly (readonly [name: string, value: string])[] }

export function payloadBytes({ payload }: Pick<Prediction, 'payload'>): number {
  return payload === null ? 0 : payload.request.byteLength + payload.response.byteLength
}

/** Lower-case names of the headers that say how a body is to be read. */
export const replayedHeaders: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-encoding',
  'content-type',
  'inference-header-content-length',
])

/** A feature's value: a number, a category, or null where the request has none. */
export type Feature = number | string | null

export type Outcome = {
  /** Makes the outcome idempotent: the same id again changes nothing. */
  id: string
  /** The id that the caller got, so never that of a shadow. */
  prediction: string
  /** The row of a batched prediction; 0 by default. */
  row: number
  label: Truth | null
  reward: number | null
  metrics: Readonly<Record<string, number>>
  atMs: number
  /** Of whose predictions it may be, where its sender may speak of these endpoints alone. What is joined has it no more. */
  endpoints?: readonly string[]
}

/**
 * By what an outcome is known again. From who may speak of some endpoints alone an id counts for its prediction alone: ids such
 * as `ticket-4711` can be guessed, and must not be taken for what others will say. No id has a line end.
 */
export function outcomeKey({ id, prediction, endpoints }: Pick<Outcome, 'id' | 'prediction' | 'endpoints'>): string {
  return endpoints === undefined ? id : `${id}\n${prediction}`
}

export function idOfOutcomeKey(key: string): string {
  const end = key.indexOf('\n')
  return end === -1 ? key : key.slice(0, end)
}

/** Whether it may be joined to a prediction of the endpoint. */
export function mayBeOf({ endpoints }: Pick<Outcome, 'endpoints'>, endpoint: string): boolean {
  return endpoints === undefined || endpoints.includes(endpoint)
}

/** What is told of it once it is joined. */
export function withoutSender(outcome: Outcome): Outcome {
  if (outcome.endpoints === undefined) return outcome
  const { endpoints: _, ...told } = outcome
  return told
}

/** What is known of one row of a prediction so far: of several values of one thing the one that was joined last. */
export type OutcomeValues = Pick<Outcome, 'label' | 'reward' | 'metrics'>

/** An outcome with the row of the prediction it belongs to: what evidence is made of. */
export type JoinedOutcome = {
  outcome: Outcome
  endpoint: string
  epoch: number
  release: string | null
  version: string
  unit: string
  propensity: number
  latencyMs: number
  status: number
  /** Not evidence when the caller pinned the version or another one answered in its place. */
  counts: boolean
  /** The row's predicted value and scores; null if the answer has none. */
  predicted: Answer | null
  scores: readonly number[] | null
  predictedAtMs: number
  /**
   * What was known of the row before this outcome, null if nothing was. Who has counted it takes it back and counts
   * `valuesAfter` instead: so a correction leaves no trace of what it corrects.
   */
  before: OutcomeValues | null
  /**
   * Of a shadow: the outcome is the champion's, as is `before`; what answered is the challenger. It comes once for every
   * outcome of the champion, after the champion's own.
   */
  shadowOf?: string
  /** As of the prediction; left out where it has none. */
  features?: Readonly<Record<string, Feature>>
  byContext?: true
  measures?: Measures
}

/** What a prediction tells to the outcomes that belong to it. */
export type JoinFacts = Omit<Prediction, 'id' | 'failed' | 'payload'>

/** What became of an outcome that was sent. `pending` waits for its prediction. */
export type OutcomeReceipt = { status: 'joined' | 'pending' | 'duplicate' }

/** What there is of an endpoint from an epoch on: predictions, and what became known of them. */
export type Tail = { endpoint: string; fromEpoch: number }

export function isOfAny(tails: readonly Tail[], { endpoint, epoch }: Pick<Prediction, 'endpoint' | 'epoch'>): boolean {
  return tails.some(tail => tail.endpoint === endpoint && epoch >= tail.fromEpoch)
}

/** The id of what a challenger answered to the copy of a request. */
export function shadowIdOf(prediction: string, challenger: string): string {
  return `${prediction}~${challenger}`
}

/** The other way round. */
export function championIdOf(shadow: string, challenger: string): string {
  return shadow.slice(0, shadow.length - shadowIdOf('', challenger).length)
}

/**
 * From then on a prediction waits for what becomes known of it. Counted from the request, every later value of a slow
 * version would look late, and where values come fast that is all that its labels would be judged by.
 */
export function answeredAtMs({ atMs, latencyMs }: Pick<Prediction, 'atMs' | 'latencyMs'>): number {
  return atMs + latencyMs
}

/** The text under which two labels are compared. */
export function labelText(label: Label): string {
  return typeof label === 'string' ? label.trim() : String(label)
}

/** `before` is what was known of the same row before, null if nothing was. */
export function joinOutcome(outcome: Outcome, prediction: JoinFacts, before: OutcomeValues | null): JoinedOutcome {
  const { endpoint, epoch, release, version, assigned, unit, propensity, latencyMs, status, pinned, atMs } = prediction
  const { shadowOf, features, byContext, measures } = prediction
  return {
    outcome,
    endpoint,
    epoch,
    release,
    version,
    unit,
    propensity,
    latencyMs,
    status,
    counts: !pinned && version === assigned,
    predicted: prediction.answer?.[outcome.row] ?? null,
    scores: prediction.scores?.[outcome.row] ?? null,
    predictedAtMs: atMs,
    before,
    ...(shadowOf !== undefined && { shadowOf }),
    ...(features !== null && { features }),
    ...(byContext === true && { byContext }),
    ...(measures !== undefined && { measures }),
  }
}

/** What is known of the row once this outcome is joined. */
export function valuesAfter({ outcome, before }: Pick<JoinedOutcome, 'outcome' | 'before'>): OutcomeValues {
  const { label, reward, metrics } = outcome
  if (before === null) return { label, reward, metrics }
  return {
    label: label ?? before.label,
    reward: reward ?? before.reward,
    metrics: { ...before.metrics, ...metrics },
  }
}
